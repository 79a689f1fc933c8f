//! One victim.

use std::time::{Duration, Instant};

use rondel::mpmc::{OnConsumerDeath, Ring};

use super::super::clock::now;
use super::super::page::Page;
use super::super::scenario::{Played, Scenario};
use super::super::sleeper::Sleeper;
use super::super::victim::Victim;
use super::super::walk::Walk;
use super::act::{self, Act, Said};
use super::ledger::Author;
use super::outlive::{Dead, Outcome, outlive};
use super::ring::{Message, delivery, message};
use super::sleeping::{End, consumed, produced, sleeping_consumer, sleeping_producer};
use super::stage::{Setting, Stage};

/// After this time at the most everybody looks for the dead who waits; and a moment more.
const SLICE_AND_MORE: Duration = Duration::from_millis(75);

/// Longer than anything takes.
const NEVER: Duration = Duration::from_secs(30);

/// Who else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// Nobody: successors come.
    Alone,
    /// A producer and a consumer, who look for the dead at once.
    Awake,
    /// The other side sleeps, and nobody else is there: a consumer for want of messages, or a producer for want of room.
    Asleep,
    /// Two of the other side sleep; with them is a producer, or a consumer, who goes on after the kill, as if nothing had happened.
    TwoAsleep,
    /// Another consumer has taken all that the victim has left when it stopped, and sleeps, when the victim dies.
    RivalAsleep,
}

impl Company {
    fn name(self) -> &'static str {
        match self {
            Company::Alone => "alone",
            Company::Awake => "awake",
            Company::Asleep => "asleep",
            Company::TwoAsleep => "two-asleep",
            Company::RivalAsleep => "rival-asleep",
        }
    }
}

/// An operation, from a state, in a company.
pub(super) struct Single {
    name: String,
    act: Act,
    setting: Setting,
    company: Company,
}

impl Single {
    pub(super) fn new(act: Act, setting: Setting, company: Company) -> Self {
        let name = format!("mpmc/{}/{}/{}", act.name, setting.name(), company.name());
        Self { name, act, setting, company }
    }

    fn gather(&self, stage: &mut Stage) -> Vec<Sleeper> {
        let ring = stage.ring.clone();
        let producers = self.act.role == act::Role::Producer;
        match self.company {
            Company::Alone => (stage.tx, stage.rx) = (None, None),
            Company::Awake => {}
            Company::RivalAsleep => stage.rx = None,
            Company::Asleep => {
                (stage.tx, stage.rx) = (None, None);
                return vec![put_to_sleep(&ring, producers, Author::Sleeper)];
            }
            Company::TwoAsleep => {
                if producers {
                    stage.rx = None;
                } else {
                    stage.tx = None;
                }
                return vec![
                    put_to_sleep(&ring, producers, Author::Sleeper),
                    put_to_sleep(&ring, producers, Author::OtherSleeper),
                ];
            }
        }
        Vec::new()
    }

    /// Those who sleep go on, and are told the end; so that then nobody is left.
    fn wake(&self, stage: &mut Stage, sleepers: Vec<Sleeper>, killed: Duration, over: bool) -> Duration {
        let producers = self.act.role == act::Role::Producer;
        let mut let_go = killed;
        match self.company {
            Company::TwoAsleep if producers => {
                let mut tx = stage.tx.take().expect("who goes on");
                for number in 0..2 {
                    tx.push_timeout(message(Author::Sleeper, number), NEVER).expect("there will be room");
                }
                stage.ledger.publish(Author::Sleeper, 2);
            }
            Company::TwoAsleep => {
                let mut rx = stage.rx.take().expect("who goes on");
                // What is left for it, the dead one may hold: then it is for the sleepers to find that out.
                stage.ledger.next_consumer();
                for _ in 0..2 {
                    if let Ok(found) = rx.try_pop() {
                        stage.ledger.deliver(delivery(found, rx.redelivered()));
                    }
                }
            }
            Company::RivalAsleep => {
                let [rival] = &sleepers[..] else { unreachable!("one rival") };
                let (begin, answers) = (Instant::now(), rival.answers());
                while begin.elapsed() < SLICE_AND_MORE && rival.answers() == answers {
                    std::thread::sleep(Duration::from_millis(1));
                }
                stage.tx = None;
                let_go = now();
            }
            _ => {}
        }
        let mut stall = Duration::ZERO;
        for (sleeper, author) in sleepers.into_iter().zip([Author::Sleeper, Author::OtherSleeper]) {
            let (answers, stood) = sleeper.tell(killed, let_go);
            let end = if producers || self.company == Company::RivalAsleep {
                consumed(&answers, &mut stage.ledger)
            } else {
                produced(&answers, author, &mut stage.ledger)
            };
            self.check_end(end, over);
            stall = stall.max(stood);
        }
        stall
    }

    fn check_end(&self, end: End, over: bool) {
        if self.company == Company::RivalAsleep {
            assert_eq!(end, End::Closed, "the only producer has closed");
        } else if !self.act.closes {
            assert_eq!(end, End::Dead, "it was killed");
        } else if over {
            assert_eq!(end, End::Closed, "it had closed");
        }
    }
}

fn put_to_sleep(ring: &Ring<Message>, consumers: bool, author: Author) -> Sleeper {
    if consumers { sleeping_consumer(ring) } else { sleeping_producer(ring, author) }
}

impl Scenario for Single {
    fn name(&self) -> &str {
        &self.name
    }

    fn sleeps(&self) -> bool {
        !matches!(self.company, Company::Alone | Company::Awake)
    }

    fn is_whole(&self) -> bool {
        // What was claimed is discarded one by one, and what is left by two at once is nobody's operation.
        self.act.whole && self.setting.policy == OnConsumerDeath::Redeliver
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let said = Page::<Said>::new().expect("a page of memory");
        let mut stage = Stage::new(&self.setting, self.act.role);
        let ring = stage.ring.clone();
        let mut victim = Victim::start(|| self.act.live(&ring, Author::Victim, &said));
        let mut sleepers = self.gather(&mut stage);
        walk.lead(&mut victim);
        if self.company == Company::RivalAsleep {
            sleepers.push(sleeping_consumer(&ring));
        }
        let over = walk.is_over();
        let killed = now();
        victim.kill();
        let mut stall = Duration::ZERO;
        if !sleepers.is_empty() {
            stall = self.wake(&mut stage, sleepers, killed, over);
        }
        let dead = [Dead {
            act: self.act,
            author: Author::Victim,
            said: over.then(|| (act::pushed(&said), act::taken(&said))),
        }];
        let Outcome { tally, stall: since, delivered } = outlive(&self.setting, stage, &dead, killed, !self.sleeps());
        let stall = if self.sleeps() { stall } else { since };
        let progress = if self.act.pushes > 0 { delivered } else { tally.missing };
        Played { progress, stall, kills: 1 }
    }
}
