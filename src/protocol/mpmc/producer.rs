//! A producer's half: claim, write, publish.

use super::stamp::{Geometry, MAX_POSITION};
use super::{Corruption, Intent, Memory, ROUNDS};
use crate::sync::Ordering;

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Published, at this position and so many behind it.
    At(u64, u64),
    /// All slots are claimed by producers, and no consumer has claimed the oldest.
    Full,
    /// The next slot has been claimed by a consumer who has not freed it; or others were quicker all the time.
    Pending,
}

/// Why a slot could not be claimed.
enum Refusal {
    Full,
    Pending,
    /// The tail has moved on, to this position; or the slot has become free.
    Retry(u64),
}

/// A producer's private state.
pub(crate) struct Producer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// Its line in the table.
    line: u32,
}

impl<M: Memory> Producer<M> {
    /// For the holder of the line, after [`lease`](super::lease).
    pub(crate) fn new(memory: M, geometry: Geometry, line: u32) -> Self {
        Producer { memory, geometry, line }
    }

    /// The memory that it was given.
    #[inline(always)]
    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }

    /// The ring's shape.
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Publishes `element`, if there is room.
    #[inline(always)]
    pub(crate) fn try_push(&mut self, element: M::Element) -> Result<Pushed, Corruption> {
        // ORDER [tail-guess]: Relaxed. A guess: if it is wrong, the compare-and-swap or the stamp says so.
        let mut p = self.memory.tail().load(Ordering::Relaxed);
        for _ in 0..ROUNDS {
            let slot = self.memory.slot(p);
            // ORDER [see-free]: Acquire, partners [free], [free-void] and [discard]. Whoever used the slot before has
            // done with it; without it our write could reach a slot that is still being read.
            if self.memory.stamp(slot).load(Ordering::Acquire) != self.geometry.free(p) {
                match self.refusal(p)? {
                    Refusal::Retry(now) => p = now,
                    Refusal::Full => return Ok(Pushed::Full),
                    Refusal::Pending => return Ok(Pushed::Pending),
                }
                continue;
            }
            if let Err(now) = self.claim(p, 1) {
                p = now;
                continue;
            }
            // SAFETY: position `p` is ours by the compare-and-swap, which gives each position to one claimant; its slot
            // was free before, and nobody but the claimant publishes it.
            unsafe { self.memory.write(slot, element) };
            self.publish(slot, p);
            return Ok(Pushed::At(p, 1));
        }
        self.give_up();
        Ok(Pushed::Pending)
    }

    /// Publishes as many of `elements` as there is room for behind one another, with one claim.
    pub(crate) fn try_push_slice(&mut self, elements: &[M::Element]) -> Result<Pushed, Corruption> {
        let wanted = (elements.len() as u64).min(self.geometry.slots()).min(Intent::MOST);
        let mut p = self.memory.tail().load(Ordering::Relaxed); // ORDER [tail-guess]
        for _ in 0..ROUNDS {
            let count = self.free_from(p, wanted);
            if count == 0 {
                match self.refusal(p)? {
                    Refusal::Retry(now) => p = now,
                    Refusal::Full => return Ok(Pushed::Full),
                    Refusal::Pending => return Ok(Pushed::Pending),
                }
                continue;
            }
            if let Err(now) = self.claim(p, count) {
                p = now;
                continue;
            }
            for (p, &element) in (0..count).map(|i| p.wrapping_add(i)).zip(elements) {
                let slot = self.memory.slot(p);
                // SAFETY: as in `try_push`, for each of the `count` positions claimed at once.
                unsafe { self.memory.write(slot, element) };
                self.publish(slot, p);
            }
            return Ok(Pushed::At(p, count));
        }
        self.give_up();
        Ok(Pushed::Pending)
    }

    /// How many slots are free from `p` on, `most` at most.
    fn free_from(&self, p: u64, most: u64) -> u64 {
        let free = |p: u64| {
            let slot = self.memory.slot(p);
            self.memory.stamp(slot).load(Ordering::Acquire) == self.geometry.free(p) // ORDER [see-free]
        };
        (0..most).take_while(|&i| free(p.wrapping_add(i))).count() as u64
    }

    /// Claims `count` positions from `p` on; in the error is where the tail is.
    #[inline(always)]
    fn claim(&mut self, p: u64, count: u64) -> Result<(), u64> {
        // ORDER [push-intent]: Release, partner [see-intent]. What the last intent covered is published before this one
        // replaces it; without it a recoverer could see the intent gone and the slot still free, and void what is being published.
        self.memory.pushing(self.line).store(Intent::range(p, count).word(), Ordering::Release);
        // ORDER [push-claim]: Release, partner [see-tail]: whoever sees the claim sees the intent. Without it a
        // recoverer could find a claimed position in nobody's intent, and void it under the hands of its owner. Relaxed on failure: a
        // guess, as [tail-guess].
        let claimed =
            self.memory.tail().compare_exchange(p, p.wrapping_add(count), Ordering::Release, Ordering::Relaxed);
        claimed.map(drop)
    }

    #[inline(always)]
    fn publish(&self, slot: M::Slot, p: u64) {
        // ORDER [publish]: Release, partner [see-full]. The element is written before the stamp says so; without it a
        // consumer could read what was there before, or half of it.
        self.memory.stamp(slot).store(self.geometry.full(p), Ordering::Release);
    }

    /// The slot at `p` is not free in its lap. Whatever the answer is but [`Refusal::Retry`], no intent is left behind.
    #[cold]
    #[inline(never)]
    fn refusal(&mut self, p: u64) -> Result<Refusal, Corruption> {
        let tail = self.see_tail();
        if tail != p {
            return Ok(Refusal::Retry(tail));
        }
        // ORDER [see-head]: Acquire, partner [pop-claim]: a tail that is read after it is not older than this head.
        let head = self.memory.head().load(Ordering::Acquire);
        if head > p {
            // Then the tail has moved on too.
            let tail = self.see_tail();
            return if head <= tail { Ok(Refusal::Retry(tail)) } else { Err(corrupted("head", 0, tail, head)) };
        }
        // Nobody claims a position before its slot was freed, so a head that is read after this tail cannot be farther back.
        let slots = self.geometry.slots();
        if p - head > slots || p > MAX_POSITION {
            return Err(corrupted("head", p.saturating_sub(slots), p.min(MAX_POSITION), head));
        }
        if self.free_from(p, 1) == 1 {
            return Ok(Refusal::Retry(p));
        }
        self.give_up();
        Ok(if p - head == slots { Refusal::Full } else { Refusal::Pending })
    }

    fn see_tail(&self) -> u64 {
        // ORDER [see-tail]: Acquire, partner [push-claim]: with the claim is seen what its claimant had seen, the heads that
        // freed its slots among it. Without it the relation of the two could look impossible.
        self.memory.tail().load(Ordering::Acquire)
    }

    /// Leaves no intent of a claim that was lost: a recoverer would take it for one that was won.
    #[cold]
    fn give_up(&mut self) {
        Intent::clear(self.memory.pushing(self.line));
    }

    /// True if a push would find no room, or none yet. Exact, so that one may sleep on it.
    pub(crate) fn is_blocked(&self) -> bool {
        let mut p = self.see_tail();
        for _ in 0..ROUNDS {
            if self.free_from(p, 1) == 1 {
                return false;
            }
            // A slot that is not free because others have long been here says nothing of the one at the tail.
            let tail = self.see_tail();
            if tail == p {
                return true;
            }
            p = tail;
        }
        false
    }

    /// True if position `p` is published and not freed.
    pub(crate) fn is_published(&self, p: u64) -> bool {
        let slot = self.memory.slot(p);
        // ORDER [see-ready]: Acquire, though nothing is read: as [see-full].
        self.memory.stamp(slot).load(Ordering::Acquire) == self.geometry.full(p)
    }
}

fn corrupted(word: &'static str, least: u64, most: u64, found: u64) -> Corruption {
    Corruption { word, least, most, found }
}

/// Elements pushed or being pushed, and not claimed by a consumer, at some moment during the call.
pub(crate) fn len<M: Memory>(memory: &M, geometry: Geometry) -> Result<u64, Corruption> {
    // ORDER [count-head]: Acquire, partner [pop-claim]: the tail that is read next is not older than this head.
    let head = memory.head().load(Ordering::Acquire);
    // ORDER [count-tail]: Acquire, partner [push-claim]: the head that is read next is not older than this tail.
    let tail = memory.tail().load(Ordering::Acquire);
    if head > tail {
        return Err(corrupted("tail", head, MAX_POSITION, tail));
    }
    let again = memory.head().load(Ordering::Acquire); // ORDER [count-head]
    if again < head || tail.saturating_sub(again) > geometry.slots() {
        return Err(corrupted("head", head.max(tail.saturating_sub(geometry.slots())), tail, again));
    }
    // The head may have passed the tail that was read: then the ring was empty in between.
    Ok(tail.saturating_sub(again))
}
