//! One operation of such a ring: what the victim lives through, and who is there when it dies.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::history::Step;
use super::other::Other;
use super::outlive::Left;
use super::{Act, Pair, State};
use crate::kills::clock::now;
use crate::kills::page::Page;
use crate::kills::scenario::{Played, Scenario};
use crate::kills::victim::{Victim, fork, pause, wait};
use crate::kills::walk::Walk;

/// Who else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nobody: the victim has both roles, and dies with both.
    Alone,
    /// The other side is attached, and busy. A successor of the victim comes before it goes on …
    Awake,
    /// … or only when it has gone on as far as it can.
    AwakeFirst,
    /// The other side sleeps in the kernel: a consumer for want of messages, or a producer for want of room.
    Asleep,
    /// The victim attaches after one that has closed …
    AfterClosed,
    /// … or that was killed.
    AfterDead,
}

impl Company {
    /// All that make sense for what the victim does.
    pub(crate) fn of<P: Pair>(act: &Act<P>) -> &'static [Company] {
        if act.attaches() {
            &[Company::AfterClosed, Company::AfterDead, Company::Awake]
        } else {
            &[Company::Alone, Company::Awake, Company::AwakeFirst, Company::Asleep]
        }
    }

    fn name(self) -> &'static str {
        match self {
            Company::Alone => "alone",
            Company::Awake => "awake",
            Company::AwakeFirst => "awake-first",
            Company::Asleep => "asleep",
            Company::AfterClosed => "after-closed",
            Company::AfterDead => "after-dead",
        }
    }
}

/// One operation, from one state, in one company.
pub(crate) struct PairScenario<P: Pair> {
    name: String,
    pub(super) act: Act<P>,
    /// It takes place as a whole, or not at all.
    whole: bool,
    pub(super) company: Company,
    /// How many messages pass through the ring before its state is made, and all that happens before the operation.
    passed: u64,
    steps: Vec<Step>,
}

/// What is known of the ring in memory that survives the victim: the number of the first message that is not pushed yet, and how
/// many messages the operation has moved when it is over.
type Said = [AtomicU64; 2];

impl<P: Pair> PairScenario<P> {
    pub(crate) fn new(operation: &str, act: Act<P>, whole: bool, state: State, company: Company) -> Self {
        let name = format!("{}/{operation}/{}/{}", P::NAME, state.name(), company.name());
        let passed = state.passed::<P>(act.is_producers());
        Self { name, act, whole, company, passed, steps: state.steps::<P>(passed) }
    }

    /// The victim's life, if it has its role before its operation begins. With nobody else there it makes the state itself; otherwise
    /// it pauses when it has pushed its part of a step, or before it takes it. The last two pauses stand around the operation.
    fn live(&self, ring: &P::Ring, said: &Said) {
        if self.act.attaches() {
            pause();
            return self.attach(ring);
        }
        let alone = self.company == Company::Alone;
        let mut tx = (self.act.is_producers() || alone).then(|| P::producer(ring));
        let mut rx = (!self.act.is_producers() || alone).then(|| P::consumer(ring));
        // Relaxed: whoever writes stops before the other goes on.
        for step in &self.steps {
            if let Some(tx) = &mut tx {
                said[0].store(step.push::<P>(tx, said[0].load(Relaxed)), Relaxed);
            }
            if !alone {
                pause();
            }
            if let Some(rx) = &mut rx {
                step.pop::<P>(rx, said[0].load(Relaxed));
            }
        }
        let begin = said[0].load(Relaxed);
        if tx.is_none() || alone {
            pause();
        }
        let moved = match (self.act, &mut tx, &mut rx) {
            (Act::Push(push), Some(tx), _) => push(tx, begin),
            (Act::Pop(pop), _, Some(rx)) => pop(rx),
            (Act::CloseProducer, tx, _) => {
                drop(tx.take());
                0
            }
            (Act::CloseConsumer, _, rx) => {
                drop(rx.take());
                0
            }
            _ => unreachable!("the act is of a role that it has"),
        };
        said[1].store(moved, Relaxed);
        pause();
        // What it has is dropped by nobody: it is killed here.
        std::mem::forget((tx, rx));
    }

    fn attach(&self, ring: &P::Ring) {
        if self.act.is_producers() {
            let tx = P::producer(ring);
            pause();
            std::mem::forget(tx);
        } else {
            let rx = P::consumer(ring);
            pause();
            std::mem::forget(rx);
        }
    }

    /// For a victim that attaches: another one before it has had both roles, and has made the state. Whoever has the other role now.
    fn precede(&self, ring: &P::Ring, said: &Said) -> Other<P> {
        let make = || {
            let (mut tx, mut rx) = (P::producer(ring), P::consumer(ring));
            for step in &self.steps {
                said[0].store(step.push::<P>(&mut tx, said[0].load(Relaxed)), Relaxed);
                step.pop::<P>(&mut rx, said[0].load(Relaxed));
            }
            (tx, rx)
        };
        if self.company == Company::AfterDead {
            let status = wait(fork(|| std::mem::forget(make())));
            assert_eq!(status, 0, "it was to end without closing");
            return Other::Nobody;
        }
        let (tx, rx) = make();
        match self.company {
            Company::Awake if self.act.is_producers() => Other::Consumer(rx),
            Company::Awake => Other::Producer(tx),
            _ => Other::Nobody,
        }
    }

    /// Together with the victim, makes the state, unless it is there; the victim is left in front of its operation.
    fn lead_to_operation(&self, victim: &mut Victim<'_>, other: &mut Other<P>, said: &Said) {
        if self.act.attaches() {
            return;
        }
        for (number, step) in self.steps.iter().enumerate() {
            match other {
                Other::Consumer(rx) => {
                    if number > 0 {
                        victim.go_to_pause();
                    }
                    step.pop::<P>(rx, said[0].load(Relaxed));
                }
                Other::Producer(tx) => {
                    said[0].store(step.push::<P>(tx, said[0].load(Relaxed)), Relaxed);
                    victim.go_to_pause();
                }
                Other::Nobody | Other::Sleeper(_) => return,
            }
        }
    }

    fn first_other(&self, ring: &P::Ring, said: &Said) -> Other<P> {
        if self.act.attaches() {
            self.precede(ring, said)
        } else if self.company == Company::Alone {
            Other::Nobody
        } else if self.act.is_producers() {
            Other::Consumer(P::consumer(ring))
        } else {
            Other::Producer(P::producer(ring))
        }
    }
}

impl<P: Pair> Scenario for PairScenario<P> {
    fn name(&self) -> &str {
        &self.name
    }

    fn sleeps(&self) -> bool {
        self.company == Company::Asleep
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let ring = P::ring();
        let said = Page::<Said>::new().expect("a page of memory");
        let mut other = self.first_other(&ring, &said);
        let mut victim = Victim::start(|| self.live(&ring, &said));
        self.lead_to_operation(&mut victim, &mut other, &said);
        let pushed = said[0].load(Relaxed);
        let leave = self.steps.last().map_or(u64::MAX, |step| step.leave);
        let popped = self.passed.max(pushed.saturating_sub(leave));
        if self.company == Company::Asleep {
            other = other.put_to_sleep(&ring, pushed);
        }
        walk.lead(&mut victim);
        let over = walk.is_over();
        let killed = now();
        victim.kill();
        let moved = over.then(|| said[1].load(Relaxed));
        let left = Left { popped, pushed, killed, over };
        let (progress, stall) = if self.act.is_producers() {
            self.outlive_producer(&ring, other, left)
        } else {
            self.outlive_consumer(&ring, other, left)
        };
        if let Some(moved) = moved {
            assert_eq!(progress, moved, "the operation was over, and had answered how many it has moved");
        }
        Played { progress, stall, kills: 1 }
    }
}
