//! A victim that sleeps in the kernel: killed there, or chosen for a wake-up and killed on its way back.

use std::time::{Duration, Instant};

use super::super::clock::now;
use super::super::page::Page;
use super::super::scenario::{Played, Scenario};
use super::super::sleeper::Sleeper;
use super::super::victim::Victim;
use super::super::walk::Walk;
use super::act::{self, Act, Role, Said};
use super::ledger::Author;
use super::outlive::{Dead, Outcome, outlive};
use super::ring::{delivery, message};
use super::sleeping::{End, consumed, produced, sleeping_consumer, sleeping_producer};
use super::stage::{Fill, Setting, Stage};

/// So many wake-ups are given: one for each that sleeps.
const WAKES: u64 = 2;
/// After this time at the most everybody looks for the dead who waits; and a moment more.
const SLICE_AND_MORE: Duration = Duration::from_millis(75);

/// When it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// In its sleep.
    Asleep,
    /// When it has been woken: behind any instruction from there on. Then there is something for it, which another one must get.
    Woken,
}

/// One that waits, parked, and perhaps another one that does.
pub(super) struct InKernel {
    name: String,
    act: Act,
    moment: Moment,
    rival: bool,
    setting: Setting,
}

impl InKernel {
    pub(super) fn new(act: Act, moment: Moment, rival: bool) -> Self {
        let fill = if act.role == Role::Producer { Fill::Full } else { Fill::Empty };
        let setting = Setting { fill, ..Setting::PLAIN };
        let kind = if moment == Moment::Woken { "woken" } else { "asleep" };
        let others = if rival { "rival-asleep" } else { "awake" };
        let name = format!("mpmc/{}-{kind}/{}/{others}", act.name, setting.name());
        Self { name, act, moment, rival, setting }
    }

    /// Makes as much room, or as many messages, as there are sleepers.
    fn wake(&self, stage: &mut Stage) {
        let Stage { tx: Some(tx), rx: Some(rx), ledger, .. } = stage else { unreachable!("they are awake") };
        if self.act.role == Role::Producer {
            ledger.next_consumer();
            for _ in 0..WAKES {
                let found = rx.try_pop().expect("it was full");
                ledger.deliver(delivery(found, rx.redelivered()));
            }
        } else {
            for number in 0..WAKES {
                tx.try_push(message(Author::First, number)).expect("it was empty");
            }
            ledger.publish(Author::First, WAKES);
            ledger.first_may_be_taken();
        }
    }

    /// The one that is left goes on, and is told the end.
    fn hear(&self, stage: &mut Stage, rival: Sleeper, killed: Duration) -> Duration {
        let (begin, producer) = (Instant::now(), self.act.role == Role::Producer);
        while begin.elapsed() < SLICE_AND_MORE && rival.answers() < WAKES {
            std::thread::sleep(Duration::from_millis(1));
        }
        if producer {
            stage.rx = None;
        } else {
            stage.tx = None;
        }
        let (answers, stall) = rival.tell(killed, now());
        let end = if producer {
            produced(&answers, Author::Sleeper, &mut stage.ledger)
        } else {
            consumed(&answers, &mut stage.ledger)
        };
        assert_eq!(end, End::Closed, "the other side has closed");
        stall
    }
}

impl Scenario for InKernel {
    fn name(&self) -> &str {
        &self.name
    }

    fn sleeps(&self) -> bool {
        true
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let said = Page::<Said>::new().expect("a page of memory");
        let mut stage = Stage::new(&self.setting, self.act.role);
        let ring = stage.ring.clone();
        let mut victim = Victim::start(|| self.act.live(&ring, Author::Victim, &said));
        assert!(victim.fall_asleep(), "it has to wait");
        let rival = self.rival.then(|| {
            if self.act.role == Role::Producer {
                sleeping_producer(&ring, Author::Sleeper)
            } else {
                sleeping_consumer(&ring)
            }
        });
        if self.moment == Moment::Woken {
            self.wake(&mut stage);
            victim.wake_up();
            walk.lead(&mut victim);
        }
        let over = walk.is_over();
        let killed = now();
        victim.kill();
        if self.moment == Moment::Asleep {
            self.wake(&mut stage);
        }
        let mut stall = Duration::ZERO;
        if let Some(rival) = rival {
            stall = self.hear(&mut stage, rival, killed);
        }
        let said = over.then(|| (act::pushed(&said), act::taken(&said)));
        let dead = [Dead { act: self.act, author: Author::Victim, said }];
        let Outcome { tally, delivered, .. } = outlive(&self.setting, stage, &dead, killed, false);
        let progress = match (self.rival, self.act.pushes > 0) {
            // Who of the two is quicker differs from time to time.
            (true, _) => 0,
            (false, true) => delivered,
            (false, false) => tally.missing,
        };
        Played { progress, stall, kills: 1 }
    }
}
