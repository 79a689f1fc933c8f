//! The judge: compares what was pushed with what was delivered, and says everything that no kill explains. A pure function of the
//! [`Evidence`].
//!
//! A message is *certain* if its push has returned, or if it must have been published because a later one was. Each certain message is
//! delivered once, or a consumer's death explains why not, and only these do:
//!
//! - In a pop of up to n messages that takes them out, up to n may have gone with the consumer, and nobody knows which. In a ring between two it is
//!   known where they are missing: right behind what that consumer was given before.
//! - Under a guard nothing may have gone. It comes again: marked in an mpmc ring, or is gone if the ring discards.
//! - Where the guard was being dropped, just these have gone, or come again.
//!
//! What an mpmc consumer had begun to pop when it was killed may also come again, marked, to another.

mod crowd;
mod fault;
mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use fault::Fault;

use super::evidence::{Delivery, Evidence, Hand, Life, Popped, Promise, Pushed, Remains, Stall, Wakes};
use super::letters::Id;

/// A sleeper that nobody wakes sleeps for a slice of 50 ms. The half of it, in the median, is far from both that and a wake-up.
const ASLEEP: Duration = Duration::from_millis(25);

/// So many faults of one episode are told. One that is wrong from some point on has millions.
const TOLD: usize = 20;

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) faults: Vec<Fault>,
    /// Messages that were delivered.
    pub(super) delivered: u64,
    /// Messages that were delivered for the second time because a consumer had died with them.
    pub(super) redelivered: u64,
    /// Messages that went with a consumer.
    pub(super) gone: u64,
    /// Messages of pushes under way at a kill that were published.
    pub(super) at_death: u64,
}

impl Verdict {
    fn find(&mut self, fault: Fault) {
        if self.faults.len() < TOLD {
            self.faults.push(fault);
        }
    }
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let journals = Journals::of(&evidence.lives);
    let sound = journals.deliveries_are_of_somebody(&mut verdict);
    // Who reads on from nonsense says only more of it.
    if sound {
        match evidence.promise {
            Promise::Total => line::judge(&journals, &mut verdict),
            Promise::Redelivers => crowd::judge(&journals, true, &mut verdict),
            Promise::Discards => crowd::judge(&journals, false, &mut verdict),
        }
    }
    remains(&evidence.remains, &mut verdict);
    for stall in &evidence.stalls {
        slow(stall, evidence.bound, &mut verdict);
    }
    for wakes in &evidence.wakes {
        asleep(wakes, &mut verdict);
    }
    verdict
}

/// The journals by side, in the order of the lives.
struct Journals<'a> {
    lives: &'a [Life],
    /// How often each message of each author was delivered: unmarked, and marked.
    counts: Vec<Vec<[u8; 2]>>,
}

impl<'a> Journals<'a> {
    fn of(lives: &'a [Life]) -> Self {
        let begun = |life: &Life| match life {
            Life::Producer(pushed) => vec![[0; 2]; pushed.begun as usize],
            Life::Consumer(_) => Vec::new(),
        };
        Journals { lives, counts: lives.iter().map(begun).collect() }
    }

    fn producers(&self) -> impl Iterator<Item = (u64, &'a Pushed)> + use<'a> {
        (0..).zip(self.lives).filter_map(|(author, life)| match life {
            Life::Producer(pushed) => Some((author, pushed)),
            Life::Consumer(_) => None,
        })
    }

    fn consumers(&self) -> impl Iterator<Item = (u64, &'a Popped)> + use<'a> {
        (0..).zip(self.lives).filter_map(|(life, of)| match of {
            Life::Consumer(popped) => Some((life, popped)),
            Life::Producer(_) => None,
        })
    }

    /// Whoever began to push it. `None` for what nobody did.
    fn pushed(&self, id: Id) -> Option<&'a Pushed> {
        match self.lives.get(id.author as usize) {
            Some(Life::Producer(pushed)) if id.number < pushed.begun => Some(pushed),
            _ => None,
        }
    }

    fn count(&self, id: Id) -> [u8; 2] {
        self.counts[id.author as usize][id.number as usize]
    }

    /// Counts the deliveries. False if there is one of a message that is torn, or that nobody pushed.
    fn deliveries_are_of_somebody(&self, verdict: &mut Verdict) -> bool {
        for (consumer, popped) in self.consumers() {
            for delivery in &popped.log {
                if !delivery.whole {
                    verdict.find(Fault::Torn { consumer });
                } else if self.pushed(delivery.id).is_none() {
                    verdict.find(Fault::FromNowhere { id: delivery.id, consumer });
                }
            }
        }
        verdict.faults.is_empty()
    }

    fn enter(&mut self, delivery: &Delivery) {
        let count =
            &mut self.counts[delivery.id.author as usize][delivery.id.number as usize][usize::from(delivery.again)];
        *count = count.saturating_add(1);
    }
}

fn remains(remains: &Remains, verdict: &mut Verdict) {
    let Remains { ref laps, places, taken, locked, files, descriptors, mappings, processes } = *remains;
    for (number, lap) in (1..).zip(laps) {
        if lap.room <= lap.capacity || lap.popped != lap.pushed {
            verdict.find(Fault::LeakedRoom { lap: number, of: *lap });
        }
    }
    if taken != places {
        verdict.find(Fault::LeakedPlace { places, taken });
    }
    if locked {
        verdict.find(Fault::LeakedLock);
    }
    for (what, count) in [("file", files), ("descriptor", descriptors), ("mapping", mappings), ("process", processes)] {
        if count > 0 {
            verdict.find(Fault::Left { what: what.into(), count });
        }
    }
}

fn slow(stall: &Stall, bound: Duration, verdict: &mut Verdict) {
    if stall.wall.saturating_sub(stall.machine) > bound {
        verdict.find(Fault::Stalled { side: stall.side, wall: stall.wall, machine: stall.machine });
    }
}

fn asleep(wakes: &Wakes, verdict: &mut Verdict) {
    let mut delays = wakes.delays.clone();
    delays.sort();
    if let Some(median) = delays.get(delays.len() / 2) {
        if *median > ASLEEP {
            verdict.find(Fault::NotWoken { side: wakes.side, median: *median });
        }
    }
}

/// What an ended consumer may have had without a note of it: taken out; or taken out or not yet.
fn unknown(hand: &Hand) -> (u64, u64) {
    match *hand {
        Hand::Taking(most) => (most, most),
        Hand::Reaching(most) => (0, most),
        Hand::Empty | Hand::Holding(_) | Hand::LettingGo(_) => (0, 0),
    }
}
