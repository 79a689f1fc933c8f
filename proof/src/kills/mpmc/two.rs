//! Two victims: the first is frozen in the middle of its operation, or dead there, when the second begins with its own and is killed.

use std::time::Duration;

use rondel::mpmc::{Consumer, Producer, Stuck, TryPopError, TryPushError};

use super::super::clock::now;
use super::super::page::Page;
use super::super::scenario::{Played, Scenario};
use super::super::victim::Victim;
use super::super::walk::Walk;
use super::act::{self, Act, Said};
use super::ledger::Author;
use super::outlive::{Dead, Outcome, outlive};
use super::ring::{Message, consumer, delivery, drain, message, producer};
use super::stage::{Setting, Stage};
use super::watch::Watch;

/// What becomes of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// It is stopped, and lives. When the second is dead, it goes on.
    Frozen,
    /// It is killed before the second begins.
    Dead,
}

/// Two operations that meet.
pub(super) struct Two {
    name: String,
    fate: First,
    first: Act,
    second: Act,
    setting: Setting,
    stride: u64,
}

impl Two {
    pub(super) fn new(fate: First, first: Act, second: Act, setting: Setting, stride: u64) -> Self {
        let kind = if fate == First::Frozen { "frozen" } else { "dead" };
        let name = format!("mpmc/{kind}-{}+{}/{}/awake", first.name, second.name, setting.name());
        Self { name, fate, first, second, setting, stride }
    }

    /// What is done while the first is frozen: nobody waits for it, and nobody robs it.
    fn go_on(&self, stage: &mut Stage, frozen: &Frozen) {
        let Stage { ring, tx: Some(tx), rx: Some(rx), ledger, .. } = stage else { unreachable!("they are awake") };
        let participants = ring.participants();
        if let Some(place) = frozen.place.filter(|_| !self.first.closes) {
            assert!(participants[place as usize].alive, "it is stopped, and lives");
        }
        rx.recover().expect("intact");
        ledger.next_consumer();
        let mut pushed = 0;
        // The second time there is something behind what the first may hold.
        for _ in 0..2 {
            loop {
                match rx.try_pop() {
                    Ok(found) => ledger.deliver(delivery(found, rx.redelivered())),
                    Err(TryPopError::Pending | TryPopError::Empty)
                        if rx.recover().expect("intact").to_redeliver > 0 => {}
                    Err(TryPopError::Pending) => {
                        frozen.holds(rx.stuck().expect("intact"));
                        break;
                    }
                    Err(TryPopError::Empty) => {
                        assert_eq!(ledger.delivered(Author::Sleeper), pushed, "empty, with messages in it");
                        break;
                    }
                    Err(refused) => panic!("{refused:?}"),
                }
            }
            for _ in 0..2 {
                match tx.try_push(message(Author::Sleeper, pushed)) {
                    Ok(()) => pushed += 1,
                    Err(TryPushError::Pending(_)) => frozen.holds(tx.stuck().expect("intact")),
                    // Behind a position that the first holds.
                    Err(TryPushError::Full(_)) => assert_eq!(rx.try_pop(), Err(TryPopError::Pending)),
                    Err(refused) => panic!("{refused:?}"),
                }
            }
        }
        ledger.publish(Author::Sleeper, pushed);
        if !self.setting.tight {
            drop::<(Producer<Message>, Consumer<Message>)>((producer(ring), consumer(ring)));
        }
    }
}

/// One that is stopped in the middle of an operation.
struct Frozen {
    /// Its place, if it had one before its operation.
    place: Option<u32>,
}

impl Frozen {
    /// Somebody waits: for this one, and for nobody else.
    fn holds(&self, stuck: Option<Stuck>) {
        let stuck = stuck.expect("somebody is waited for, and is named");
        assert!(self.place.is_none_or(|place| place == stuck.participant), "{stuck:?} is waited for");
    }
}

impl Scenario for Two {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_whole(&self) -> bool {
        // Where the first has already done a part of it, there is no whole.
        false
    }

    fn sleeps(&self) -> bool {
        // Who finds a place taken waits for a moment, and tries again.
        self.setting.tight
    }

    fn walkers(&self) -> usize {
        2
    }

    fn first_is_dead(&self) -> bool {
        self.fate == First::Dead
    }

    fn stride(&self) -> u64 {
        self.stride
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [first_walk, second_walk] = walks else { unreachable!("two victims") };
        let first_said = Page::<Said>::new().expect("a page of memory");
        let second_said = Page::<Said>::new().expect("a page of memory");
        let mut stage = Stage::new(&self.setting, self.second.role);
        let ring = stage.ring.clone();
        let mut first = Victim::start(|| self.first.live(&ring, Author::First, &first_said));
        // Both have their places before either begins.
        let mut second = Victim::start(|| self.second.live(&ring, Author::Victim, &second_said));
        if first_walk.is_survey() && self.fate == First::Dead {
            let mut watch = Watch::new(&ring);
            first_walk.lead_watched(&mut first, || watch.has_changed());
        } else {
            first_walk.lead(&mut first);
        }
        let first_over = first_walk.is_over();
        let mut first = match self.fate {
            First::Frozen => Some(first),
            First::Dead => {
                first.kill();
                None
            }
        };
        second_walk.lead(&mut second);
        let over = second_walk.is_over();
        let killed = now();
        second.kill();
        if self.second.takes > 0 {
            stage.ledger.first_may_be_taken();
        }
        let mut stall = Duration::ZERO;
        let mut dead = Vec::new();
        if let Some(mut frozen) = first.take() {
            self.go_on(&mut stage, &Frozen { place: act::place(&first_said) });
            stall = now().saturating_sub(killed);
            if !first_over {
                frozen.go_to_pause();
            }
            if !self.first.keeps {
                // It lives, and has nothing: whatever it had begun, and lost, it has taken back, so that nobody waits for it.
                let Stage { rx: Some(rx), ledger, .. } = &mut stage else { unreachable!("they are awake") };
                ledger.next_consumer();
                drain(rx, ledger);
            }
            frozen.finish();
            stage.ledger.publish(Author::First, act::pushed(&first_said));
            stage.ledger.next_consumer();
            act::taken(&first_said).into_iter().for_each(|found| stage.ledger.deliver(found));
        } else {
            let said = first_over.then(|| (act::pushed(&first_said), act::taken(&first_said)));
            dead.push(Dead { act: self.first, author: Author::First, said });
        }
        let said = over.then(|| (act::pushed(&second_said), act::taken(&second_said)));
        dead.push(Dead { act: self.second, author: Author::Victim, said });
        let kills = dead.len() as u64;
        let quiet = self.fate == First::Dead;
        let Outcome { tally, stall: since, delivered } = outlive(&self.setting, stage, &dead, killed, quiet);
        let progress = if self.second.pushes > 0 { delivered } else { tally.missing };
        Played { progress, stall: if quiet { since } else { stall }, kills }
    }
}
