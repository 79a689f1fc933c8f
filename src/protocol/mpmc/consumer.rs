//! A consumer's half: claim, read, free.

use super::stamp::{Geometry, MAX_POSITION};
use super::{Corruption, Intent, Memory, ROUNDS};
use crate::sync::Ordering;

/// What became of a pop, or of the claim for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped<E> {
    /// Something, at this position.
    At(u64, E),
    /// Every position that a producer has claimed has been claimed by a consumer.
    Empty,
    /// The next position has been claimed by a producer who has not published it; or others were quicker all the time.
    Pending,
}

/// What was popped at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Slots that were freed, void ones included.
    pub(crate) positions: u64,
    /// Elements that were copied out.
    pub(crate) elements: usize,
}

/// Why a slot could not be claimed.
enum Refusal {
    Empty,
    Pending,
    /// The head has moved on, or its slot has changed.
    Retry,
}

/// A consumer's private state.
pub(crate) struct Consumer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// Its line in the table, and its number.
    line: M::Line,
    number: u32,
    /// Void slots freed since [`take_voids`](Self::take_voids).
    voids: u64,
}

impl<M: Memory> Consumer<M> {
    /// For the holder of the line, after [`lease`](super::lease).
    pub(crate) fn new(memory: M, geometry: Geometry, line: u32) -> Self {
        Consumer { line: memory.line(line), number: line, voids: 0, memory, geometry }
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

    /// Its line in the table.
    pub(super) fn line(&self) -> M::Line {
        self.line
    }

    /// The number of its line.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Claims the next element, if it is there at once, copies it out and frees its slot.
    #[inline(always)]
    pub(crate) fn pop_at_once(&mut self) -> Option<(u64, M::Element)> {
        let popped = self.claim_at_once();
        if let Some((p, _)) = popped {
            self.free(p);
            self.memory.hint_ahead(p);
        }
        popped
    }

    /// Claims the next element, if it is there at once, and copies it out. Its slot stays claimed until [`free`](Self::free): if
    /// this participant dies before, the element is another's.
    ///
    /// Reads nothing that producers write but the slot: a look at the tail costs them their line.
    #[inline(always)]
    pub(crate) fn claim_at_once(&mut self) -> Option<(u64, M::Element)> {
        // ORDER [head-guess]: Relaxed. A guess: if it is wrong, the compare-and-swap or the stamp says so.
        let mut p = self.memory.head().load(Ordering::Relaxed);
        let mut lost = false;
        for _ in 0..ROUNDS {
            let slot = self.memory.slot(p);
            if self.see(slot) != self.geometry.full(p) {
                break;
            }
            match self.claim(p, 1) {
                // SAFETY: position `p` is ours by the compare-and-swap, which gives each position to one claimant; it was
                // seen published before, and nobody but its claimant frees it.
                Ok(()) => return Some((p, unsafe { self.memory.read(slot) })),
                Err(now) => p = now,
            }
            lost = true;
        }
        if lost {
            self.give_up();
        }
        None
    }

    /// Claims as many elements as are published behind one another at once and fit, with one claim, copies them out, and frees
    /// their slots when all are copied. A consumer that is killed while it copies leaves all of them.
    pub(crate) fn pop_slice_at_once(&mut self, elements: &mut [M::Element]) -> Option<(u64, Batch)> {
        let mut p = self.memory.head().load(Ordering::Relaxed); // ORDER [head-guess]
        for _ in 0..ROUNDS {
            let (count, full) = self.published_from(p, elements.len() as u64);
            if full == 0 {
                break;
            }
            match self.claim(p, count) {
                Ok(()) => return Some((p, self.copy_and_free(p, count, elements))),
                Err(now) => p = now,
            }
        }
        self.give_up();
        None
    }

    fn copy_and_free(&mut self, p: u64, count: u64, elements: &mut [M::Element]) -> Batch {
        let mut popped = 0;
        for p in (0..count).map(|i| p.wrapping_add(i)) {
            let slot = self.memory.slot(p);
            // Full or void, as it was: nobody else changes it now.
            if self.see(slot) == self.geometry.full(p) {
                if let Some(place) = elements.get_mut(popped) {
                    // SAFETY: as in `claim_at_once`, for each of the `count` positions claimed at once that is published.
                    *place = unsafe { self.memory.read(slot) };
                    popped += 1;
                }
            }
        }
        (0..count).for_each(|i| self.free(p.wrapping_add(i)));
        Batch { positions: count, elements: popped }
    }

    /// Claims the next element and copies it out, or says why not.
    pub(crate) fn try_claim(&mut self) -> Result<Popped<M::Element>, Corruption> {
        self.reasoned(Self::claim_at_once)
    }

    /// As [`pop_slice_at_once`](Self::pop_slice_at_once), or says why not. `elements` is not empty.
    pub(crate) fn try_pop_slice(&mut self, elements: &mut [M::Element]) -> Result<Popped<Batch>, Corruption> {
        self.reasoned(|consumer| consumer.pop_slice_at_once(elements))
    }

    fn reasoned<E>(&mut self, mut pop: impl FnMut(&mut Self) -> Option<(u64, E)>) -> Result<Popped<E>, Corruption> {
        for _ in 0..ROUNDS {
            if let Some((p, element)) = pop(self) {
                return Ok(Popped::At(p, element));
            }
            match self.refusal()? {
                Refusal::Retry => {}
                Refusal::Empty => return Ok(Popped::Empty),
                Refusal::Pending => break,
            }
        }
        Ok(Popped::Pending)
    }

    /// How many positions from `p` on are published or void, up to `most` that are published; and how many are published.
    fn published_from(&self, p: u64, most: u64) -> (u64, u64) {
        let limit = self.geometry.slots().min(Intent::MOST);
        let (mut count, mut full) = (0, 0);
        while count < limit && full < most {
            let at = p.wrapping_add(count);
            let stamp = self.see(self.memory.slot(at));
            if stamp == self.geometry.full(at) {
                full += 1;
            } else if stamp != self.geometry.void(at) {
                break;
            }
            count += 1;
        }
        (count, full)
    }

    #[inline(always)]
    fn see(&self, slot: M::Slot) -> u64 {
        // ORDER [see-full]: Acquire, partners [publish] and [settle]. The element is read after the stamp; without it, it could be read
        // before it was written.
        self.memory.stamp(slot).load(Ordering::Acquire)
    }

    /// Claims `count` positions from `p` on; in the error is where the head is.
    #[inline(always)]
    fn claim(&mut self, p: u64, count: u64) -> Result<(), u64> {
        // ORDER [pop-intent]: Release, partner [see-intent]. What the last intent covered is freed before this one
        // replaces it; without it a recoverer could see the intent gone and the slot still full, and deliver the element again.
        self.memory.popping(self.line).store(Intent::range(p, count).word(), Ordering::Release);
        // ORDER [pop-claim]: Release, partners [see-claimed], [see-head] and [count-head]: whoever sees the claim sees the intent, and
        // what we had seen. Without it a recoverer could find a claimed position in nobody's intent, and deliver it a second time.
        // Relaxed on failure: a guess, as [head-guess].
        let claimed =
            self.memory.head().compare_exchange(p, p.wrapping_add(count), Ordering::Release, Ordering::Relaxed);
        claimed.map(drop)
    }

    /// Gives the slot of a position that this consumer holds back to the producers.
    #[inline(always)]
    pub(crate) fn free(&mut self, p: u64) {
        let slot = self.memory.slot(p);
        // ORDER [free]: Release, partner [see-free]. The element is read before the stamp says so; without it a producer
        // could write into a slot that is being read.
        self.memory.stamp(slot).store(self.geometry.free_again(p), Ordering::Release);
    }

    /// Why there is nothing at the head. If it is a void, that is freed.
    #[cold]
    #[inline(never)]
    fn refusal(&mut self) -> Result<Refusal, Corruption> {
        let head = self.see_head();
        // ORDER [see-tail]: Acquire, partner [push-claim]: the head that is read after it is not older than this tail.
        let tail = self.memory.tail().load(Ordering::Acquire);
        if tail < head {
            return Err(Corruption { word: "tail", least: head, most: MAX_POSITION, found: tail });
        }
        if tail == head {
            // At the moment when the tail was read, the head was not before it, and never is behind it.
            return Ok(Refusal::Empty);
        }
        let stamp = self.see(self.memory.slot(head));
        if self.see_head() != head || stamp == self.geometry.full(head) {
            return Ok(Refusal::Retry);
        }
        let slots = self.geometry.slots();
        if tail - head > slots || tail > MAX_POSITION {
            let most = head.saturating_add(slots).min(MAX_POSITION);
            return Err(Corruption { word: "tail", least: head, most, found: tail });
        }
        if stamp == self.geometry.void(head) {
            // Nothing will come here. It is claimed like anything else, and freed.
            match self.claim(head, 1) {
                Ok(()) => self.free_void(head),
                Err(_) => self.give_up(),
            }
            return Ok(Refusal::Retry);
        }
        Ok(Refusal::Pending)
    }

    fn see_head(&self) -> u64 {
        // ORDER [see-head]: Acquire, partner [pop-claim]: a tail that is read after it is not older than this head.
        self.memory.head().load(Ordering::Acquire)
    }

    /// How many void slots were freed since this was last asked: producers may wait for them, and nobody has told them.
    pub(crate) fn take_voids(&mut self) -> u64 {
        core::mem::take(&mut self.voids)
    }

    fn free_void(&mut self, p: u64) {
        self.voids += 1;
        let slot = self.memory.slot(p);
        // ORDER [free-void]: Release, partner [see-free]: the dead producer's writes, which [settle] ordered before us, come before those
        // of the next one.
        self.memory.stamp(slot).store(self.geometry.free_again(p), Ordering::Release);
    }

    /// Leaves no intent of a claim that was lost: a recoverer would take it for one that was won.
    fn give_up(&mut self) {
        Intent::clear(self.memory.popping(self.line));
    }

    /// True if a pop would find nothing, or nothing yet. Exact, so that one may sleep on it.
    pub(crate) fn is_blocked(&self) -> bool {
        let mut p = self.see_head();
        for _ in 0..ROUNDS {
            match self.published_from(p, 1) {
                (0, _) => {}
                // Nothing but voids. Who made the first one had seen its position claimed; if it is not, somebody has forged it, and a
                // pop, which asks the tail, finds nothing.
                // ORDER [see-tail]: the tail is not older than what [settle] had seen.
                (_, 0) if self.memory.tail().load(Ordering::Acquire) <= p => {}
                _ => return false,
            }
            // A slot that is empty because others have long been here says nothing of the one at the head.
            let head = self.see_head();
            if head == p {
                return true;
            }
            p = head;
        }
        false
    }

    /// True if the slot of position `p` is free for a producer.
    pub(crate) fn is_free(&self, p: u64) -> bool {
        let slot = self.memory.slot(p);
        // ORDER [see-ready]: Acquire, though nothing is written: as [see-free].
        self.memory.stamp(slot).load(Ordering::Acquire) == self.geometry.free(p)
    }
}
