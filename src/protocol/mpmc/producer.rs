//! A producer's half: claim, write, publish.

use super::stamp::{Geometry, MAX_POSITION};
use super::{Corruption, Intent, Memory, ROUNDS};
use crate::sync::Ordering;

/// How often the length is taken again because the tail has moved.
const LOOKS: u32 = 64;

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
    /// The tail has moved on, or its slot has become free.
    Retry,
}

/// A producer's private state.
pub(crate) struct Producer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// Its line in the table.
    line: M::Line,
}

impl<M: Memory> Producer<M> {
    /// For the holder of the line, after [`lease`](super::lease).
    pub(crate) fn new(memory: M, geometry: Geometry, line: u32) -> Self {
        Producer { line: memory.line(line), memory, geometry }
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

    /// Publishes `element`, if there is room at once; returns the position.
    ///
    /// Reads nothing that consumers write but the slot: a look at the head costs them their line.
    #[inline(always)]
    pub(crate) fn push_at_once(&mut self, element: M::Element) -> Option<u64> {
        // ORDER [tail-guess]: Relaxed. A guess: if it is wrong, the compare-and-swap or the stamp says so.
        let mut p = self.memory.tail().load(Ordering::Relaxed);
        let mut lost = false;
        for _ in 0..ROUNDS {
            let slot = self.memory.slot(p);
            if !self.is_free(slot, p) {
                break;
            }
            match self.claim(p, 1) {
                Ok(()) => {
                    // SAFETY: position `p` is ours by the compare-and-swap, which gives each position to one claimant; its slot
                    // was free before, and nobody but the claimant publishes it.
                    unsafe { self.memory.write(slot, element) };
                    self.publish(slot, p);
                    self.memory.hint_ahead(p);
                    return Some(p);
                }
                Err(now) => p = now,
            }
            lost = true;
        }
        if lost {
            self.give_up();
        }
        None
    }

    /// Publishes as many of `elements` as there is room for behind one another at once, with one claim; returns the first position,
    /// and how many.
    pub(crate) fn push_slice_at_once(&mut self, elements: &[M::Element]) -> Option<(u64, u64)> {
        let wanted = (elements.len() as u64).min(self.geometry.slots()).min(Intent::MOST);
        let mut p = self.memory.tail().load(Ordering::Relaxed); // ORDER [tail-guess]
        for _ in 0..ROUNDS {
            let count = self.free_from(p, wanted);
            if count == 0 {
                break;
            }
            match self.claim(p, count) {
                Ok(()) => {
                    for (p, &element) in (0..count).map(|i| p.wrapping_add(i)).zip(elements) {
                        let slot = self.memory.slot(p);
                        // SAFETY: as in `push_at_once`, for each of the `count` positions claimed at once.
                        unsafe { self.memory.write(slot, element) };
                        self.publish(slot, p);
                    }
                    return Some((p, count));
                }
                Err(now) => p = now,
            }
        }
        self.give_up();
        None
    }

    /// Publishes `element`, or says why not.
    pub(crate) fn try_push(&mut self, element: M::Element) -> Result<Pushed, Corruption> {
        self.reasoned(|producer| producer.push_at_once(element).map(|p| (p, 1)))
    }

    /// Publishes as many of `elements` as there is room for behind one another, with one claim, or says why none.
    pub(crate) fn try_push_slice(&mut self, elements: &[M::Element]) -> Result<Pushed, Corruption> {
        self.reasoned(|producer| producer.push_slice_at_once(elements))
    }

    fn reasoned(&mut self, mut push: impl FnMut(&mut Self) -> Option<(u64, u64)>) -> Result<Pushed, Corruption> {
        for _ in 0..ROUNDS {
            if let Some((p, count)) = push(self) {
                return Ok(Pushed::At(p, count));
            }
            match self.refusal()? {
                Refusal::Retry => {}
                Refusal::Full => return Ok(Pushed::Full),
                Refusal::Pending => break,
            }
        }
        Ok(Pushed::Pending)
    }

    #[inline(always)]
    fn is_free(&self, slot: M::Slot, p: u64) -> bool {
        // ORDER [see-free]: Acquire, partners [free], [free-void] and [settle]. Whoever used the slot before has
        // done with it; without it our write could reach a slot that is still being read.
        self.memory.stamp(slot).load(Ordering::Acquire) == self.geometry.free(p)
    }

    /// How many slots are free from `p` on, `most` at most.
    fn free_from(&self, p: u64, most: u64) -> u64 {
        let free = |p| self.is_free(self.memory.slot(p), p);
        (0..most).take_while(|&i| free(p.wrapping_add(i))).count() as u64
    }

    /// Claims `count` positions from `p` on; in the error is where the tail is.
    #[inline(always)]
    fn claim(&mut self, p: u64, count: u64) -> Result<(), u64> {
        // ORDER [push-intent]: Release, partner [see-intent]. What the last intent covered is published before this one
        // replaces it; without it a recoverer could see the intent gone and the slot still free, and void what is being published.
        self.memory.pushing(self.line).store(Intent::range(p, count).word(), Ordering::Release);
        // ORDER [push-claim]: Release, partners [see-claimed], [see-tail] and [count-tail]: whoever sees the claim sees the intent, and
        // what we had seen. Without it a recoverer could find a claimed position in nobody's intent, and void it under the hands of its
        // owner. Relaxed on failure: a guess, as [tail-guess].
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

    /// Why the slot at the tail is not free.
    #[cold]
    #[inline(never)]
    fn refusal(&self) -> Result<Refusal, Corruption> {
        let tail = self.see_tail();
        // ORDER [see-head]: Acquire, partner [pop-claim]: a tail that is read after it is not older than this head.
        let head = self.memory.head().load(Ordering::Acquire);
        if head > tail {
            // Then the tail has moved on too.
            let tail = self.see_tail();
            return if head <= tail { Ok(Refusal::Retry) } else { Err(corrupted("head", 0, tail, head)) };
        }
        // Nobody claims a position before its slot was freed, so a head that is read after this tail cannot be farther back.
        let slots = self.geometry.slots();
        if tail - head > slots || tail > MAX_POSITION {
            return Err(corrupted("head", tail.saturating_sub(slots), tail.min(MAX_POSITION), head));
        }
        if tail - head == slots {
            // At the moment when the head was read, so many positions at least were claimed and not popped.
            return Ok(Refusal::Full);
        }
        // The slot is looked at after the tail, and the tail once more: only then is it the slot of the next push.
        let free = self.free_from(tail, 1) == 1;
        Ok(if free || self.see_tail() != tail { Refusal::Retry } else { Refusal::Pending })
    }

    fn see_tail(&self) -> u64 {
        // ORDER [see-tail]: Acquire, partner [push-claim]: with the claim is seen what its claimant had seen, the heads that
        // freed its slots among it. Without it the relation of the two could look impossible.
        self.memory.tail().load(Ordering::Acquire)
    }

    /// Leaves no intent of a claim that was lost: a recoverer would take it for one that was won.
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

/// Elements pushed or being pushed, and not claimed by a consumer, at some moment during the call; if the tail never rests, about so many.
pub(crate) fn len<M: Memory>(memory: &M, geometry: Geometry) -> Result<u64, Corruption> {
    // ORDER [count-tail]: Acquire, partner [push-claim]: a head that is read next is not older than this tail.
    let mut tail = memory.tail().load(Ordering::Acquire);
    let mut len = 0;
    for _ in 0..LOOKS {
        // ORDER [count-head]: Acquire, partner [pop-claim]: a tail that is read next is not older than this head.
        let head = memory.head().load(Ordering::Acquire);
        let again = memory.tail().load(Ordering::Acquire); // ORDER [count-tail]
        if head > again || again > MAX_POSITION {
            return Err(corrupted("tail", head.min(MAX_POSITION), MAX_POSITION, again));
        }
        if tail.saturating_sub(head) > geometry.slots() {
            return Err(corrupted("head", tail - geometry.slots(), tail, head));
        }
        len = tail.saturating_sub(head);
        if tail == again {
            // The tail was the same before and after the head was read, and so in between.
            break;
        }
        tail = again;
    }
    Ok(len)
}
