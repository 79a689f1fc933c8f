//! Rings of one producer and one consumer: one of the two is frozen in the middle of its operation, the other is killed, and a successor
//! takes its place before the frozen one goes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::clock::now;
use super::page::Page;
use super::pair::{Pair, is_whole};
use super::scenario::{Played, Scenario};
use super::victim::{Victim, pause};
use super::walk::Walk;

/// Something that a producer does, from this message on; how many it has pushed.
pub(crate) type Push<P> = fn(&mut <P as Pair>::Producer, u64) -> u64;
/// Something that a consumer does; how many messages it has taken.
pub(crate) type Pop<P> = fn(&mut <P as Pair>::Consumer) -> u64;

/// How much the producer has pushed, and the consumer taken, each when it is over.
type Said = [AtomicU64; 2];

/// A push and a pop that meet.
pub(crate) struct PairOfVictims<P: Pair> {
    name: String,
    push: Push<P>,
    pop: Pop<P>,
    /// Messages in the ring before.
    fill: u64,
    /// The producer is frozen, and the consumer killed; or the other way round.
    producer_lives: bool,
    stride: u64,
}

/// Each of these pushes against each of these pops, either of them frozen, with an empty ring, with one message in it, with a full one.
pub(crate) fn scenarios<P: Pair>(
    pushes: &[(&str, Push<P>)],
    pops: &[(&str, Pop<P>)],
    stride: u64,
) -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    for &(push_name, push) in pushes {
        for &(pop_name, pop) in pops {
            for (state, fill) in [("empty", 0), ("one", 1), ("full", P::CAPACITY)] {
                for producer_lives in [true, false] {
                    let operation = if producer_lives {
                        format!("frozen-{push_name}+{pop_name}")
                    } else {
                        format!("frozen-{pop_name}+{push_name}")
                    };
                    let name = format!("{}/{operation}/{state}/successor", P::NAME);
                    all.push(Box::new(PairOfVictims::<P> { name, push, pop, fill, producer_lives, stride }));
                }
            }
        }
    }
    all
}

impl<P: Pair> PairOfVictims<P> {
    fn produce(&self, ring: &P::Ring, said: &Said) {
        let mut tx = P::producer(ring);
        pause();
        // Relaxed, here and below: read by the parent, which has seen this process stop.
        said[0].store((self.push)(&mut tx, self.fill), Relaxed);
        pause();
    }

    fn consume(&self, ring: &P::Ring, said: &Said) {
        let mut rx = P::consumer(ring);
        pause();
        said[1].store((self.pop)(&mut rx), Relaxed);
        pause();
    }

    /// The consumer is dead. Its successor pops what there is, and what the producer pushes when it goes on.
    fn outlive_consumer(&self, ring: &P::Ring, resume: impl FnOnce() -> u64, killed: Duration) -> (u64, Duration) {
        let mut rx = P::consumer(ring);
        let mut found: Vec<u64> = std::iter::from_fn(|| P::pop(&mut rx)).collect();
        let stall = now().saturating_sub(killed);
        let end = self.fill + resume();
        found.extend(std::iter::from_fn(|| P::pop(&mut rx)));
        let gone = end.checked_sub(found.len() as u64).expect("no more than was pushed");
        assert!(found.iter().copied().eq(gone..end), "{found:?} after {gone}, before {end}");
        let mut tx = P::producer(ring);
        assert_eq!(P::published(&tx), end);
        let mut next = end;
        is_whole::<P>(&mut tx, &mut rx, &mut next);
        (gone, stall)
    }

    /// The producer is dead. Its successor pushes behind what there is, while the consumer stands still, and it goes on with that.
    fn outlive_producer(&self, ring: &P::Ring, resume: impl FnOnce() -> u64, killed: Duration) -> (u64, Duration) {
        let mut tx = P::producer(ring);
        let begin = P::published(&tx);
        let progress = begin.checked_sub(self.fill).expect("nothing that was published is taken back");
        let end = (begin..begin + 2).find(|number| !P::push(&mut tx, *number)).unwrap_or(begin + 2);
        let stall = now().saturating_sub(killed);
        let taken = resume();
        let mut rx = P::consumer(ring);
        let found: Vec<u64> = std::iter::from_fn(|| P::pop(&mut rx)).collect();
        assert!(found.iter().copied().eq(taken..end), "{found:?} after {taken}, before {end}");
        let mut next = end;
        is_whole::<P>(&mut tx, &mut rx, &mut next);
        drop(tx);
        is_whole::<P>(&mut P::producer(ring), &mut rx, &mut next);
        (progress, stall)
    }
}

impl<P: Pair> Scenario for PairOfVictims<P> {
    fn name(&self) -> &str {
        &self.name
    }

    fn walkers(&self) -> usize {
        2
    }

    fn is_whole(&self) -> bool {
        // What the second finds, the first may have changed: there is more or less for it to do.
        false
    }

    fn stride(&self) -> u64 {
        self.stride
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [frozen_walk, killed_walk] = walks else { unreachable!("two victims") };
        let ring = P::ring();
        let said = Page::<Said>::new().expect("a page of memory");
        let mut tx = P::producer(&ring);
        (0..self.fill).for_each(|number| assert!(P::push(&mut tx, number), "a capacity always fits"));
        drop(tx);
        let producer = Victim::start(|| self.produce(&ring, &said));
        let consumer = Victim::start(|| self.consume(&ring, &said));
        let (mut frozen, mut other) = if self.producer_lives { (producer, consumer) } else { (consumer, producer) };
        frozen_walk.lead(&mut frozen);
        killed_walk.lead(&mut other);
        let killed = now();
        other.kill();
        let is_over = frozen_walk.is_over();
        let resume = || {
            if !is_over {
                frozen.go_to_pause();
            }
            frozen.finish();
            said[usize::from(!self.producer_lives)].load(Relaxed)
        };
        let (progress, stall) = if self.producer_lives {
            self.outlive_consumer(&ring, resume, killed)
        } else {
            self.outlive_producer(&ring, resume, killed)
        };
        if killed_walk.is_over() {
            let answered = said[usize::from(self.producer_lives)].load(Relaxed);
            assert_eq!(progress, answered, "the operation was over, and had answered");
        }
        Played { progress, stall, kills: 1 }
    }
}
