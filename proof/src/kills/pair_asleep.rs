//! Rings of one producer and one consumer: a victim that sleeps in the kernel, killed there, or woken and killed on its way back.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::page::Page;
use super::pair::{Answer, Pair, is_whole};
use super::scenario::{Played, Scenario};
use super::victim::{Victim, pause};
use super::walk::Walk;

/// One side waits, parked; the other goes on.
pub(crate) struct Asleep<P: Pair> {
    name: String,
    producer: bool,
    /// It is killed behind some instruction after it was woken; else in its sleep.
    woken: bool,
    pair: PhantomData<fn() -> P>,
}

/// Either side.
pub(crate) fn scenarios<P: Pair>() -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    for (operation, producer) in [("push-waiting", true), ("pop-waiting", false)] {
        for (moment, woken) in [("asleep", false), ("woken", true)] {
            let state = if producer { "full" } else { "empty" };
            let name = format!("{}/{operation}-{moment}/{state}/awake", P::NAME);
            all.push(Box::new(Asleep::<P> { name, producer, woken, pair: PhantomData }));
        }
    }
    all
}

impl<P: Pair> Asleep<P> {
    fn live(&self, ring: &P::Ring, end: u64, moved: &AtomicU64) {
        // Relaxed: read by the parent, which has seen this process stop.
        if self.producer {
            let mut tx = P::producer(ring);
            pause();
            let answer = P::push_waiting(&mut tx, end);
            moved.store(u64::from(matches!(answer, Answer::Message(_))), Relaxed);
            pause();
        } else {
            let mut rx = P::consumer(ring);
            pause();
            let answer = P::pop_waiting(&mut rx);
            moved.store(u64::from(matches!(answer, Answer::Message(_))), Relaxed);
            pause();
        }
    }

    fn play_producer(&self, walk: &mut Walk<'_>) -> u64 {
        let (ring, moved) = (P::ring(), Page::<AtomicU64>::new().expect("a page of memory"));
        let mut rx = P::consumer(&ring);
        let mut tx = P::producer(&ring);
        let end = (0..).find(|number| !P::push(&mut tx, *number)).expect("it fills up");
        drop(tx);
        let mut victim = Victim::start(|| self.live(&ring, end, &moved));
        assert!(victim.fall_asleep(), "it has to wait");
        let mut next = 0;
        if self.woken {
            // As much as there is: a producer may want more room than one message's.
            while let Some(number) = P::pop(&mut rx) {
                assert_eq!(number, next);
                next += 1;
            }
            victim.wake_up();
            walk.lead(&mut victim);
        }
        victim.kill();
        let mut tx = P::producer(&ring);
        let published = P::published(&tx);
        while let Some(number) = P::pop(&mut rx) {
            assert_eq!(number, next, "in order, and each once");
            next += 1;
        }
        assert_eq!(next, published, "all that is published arrives");
        is_whole::<P>(&mut tx, &mut rx, &mut next);
        let progress = published - end;
        if walk.is_over() {
            assert_eq!(progress, moved.load(Relaxed), "the operation was over, and had answered");
        }
        progress
    }

    fn play_consumer(&self, walk: &mut Walk<'_>) -> u64 {
        let (ring, moved) = (P::ring(), Page::<AtomicU64>::new().expect("a page of memory"));
        let mut tx = P::producer(&ring);
        let mut victim = Victim::start(|| self.live(&ring, 0, &moved));
        assert!(victim.fall_asleep(), "it has to wait");
        if self.woken {
            assert!(P::push(&mut tx, 0));
            victim.wake_up();
            walk.lead(&mut victim);
        }
        victim.kill();
        let first = u64::from(self.woken);
        assert!(P::push(&mut tx, first) && P::push(&mut tx, first + 1), "there is room");
        let mut rx = P::consumer(&ring);
        let found: Vec<u64> = std::iter::from_fn(|| P::pop(&mut rx)).collect();
        let gone = (first + 2).checked_sub(found.len() as u64).expect("no more than was pushed");
        assert!(found.iter().copied().eq(gone..first + 2), "{found:?} after {gone}");
        is_whole::<P>(&mut tx, &mut rx, &mut (first + 2));
        if walk.is_over() {
            assert_eq!(gone, moved.load(Relaxed), "the operation was over, and had answered");
        }
        gone
    }
}

impl<P: Pair> Scenario for Asleep<P> {
    fn name(&self) -> &str {
        &self.name
    }

    fn sleeps(&self) -> bool {
        true
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let progress = if self.producer { self.play_producer(walk) } else { self.play_consumer(walk) };
        // Nobody waits for anybody here: there is no stall to be measured.
        Played { progress, stall: Duration::ZERO, kills: 1 }
    }
}
