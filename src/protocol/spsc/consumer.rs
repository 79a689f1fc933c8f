//! The consumer's half of the single-producer ring.

use super::geometry::Geometry;
use super::{Corruption, Memory};
use crate::sync::Ordering;

/// What consuming meant for a producer that may be asleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advanced {
    /// Nothing that it waits for.
    Within,
    /// All that was known to be published is consumed: perhaps it waits for the ring to be empty.
    CaughtUp,
    /// Lines were given back.
    Released,
}

/// The consumer's private state. Positions and indices are its own and never come from the segment again.
pub(crate) struct Consumer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// The line that it stands on: always the one that holds `head`.
    line: M::Line,
    /// The slot of `head`, always below `SLOTS`.
    slot: u64,
    /// The first position not yet consumed.
    head: u64,
    /// The positions before this are known to be published; in the line that it stands on.
    ready: u64,
    /// The number of the line that it stands on, and where that lies.
    number: u64,
    index: u64,
    /// What it last stored in `consumed` and in `released`.
    stored: u64,
    released: u64,
    /// How far `released` may lag, in elements.
    lag: u64,
}

impl<M: Memory> Consumer<M> {
    /// Goes on where the predecessor stopped, or at the beginning of a new ring.
    ///
    /// Only for the holder of the consumer's role.
    pub(crate) fn attach(memory: M, geometry: Geometry) -> Result<Self, Corruption> {
        // ORDER [attach-head]: Relaxed. Only consumers write these two, and the role's lock orders them.
        let head = memory.consumed().load(Ordering::Relaxed);
        let released = memory.released().load(Ordering::Relaxed);
        geometry.check_positions(head, released)?;
        let number = geometry.number(head);
        let index = geometry.index(number);
        let mut consumer = Consumer {
            line: memory.line(index),
            slot: head - geometry.start(number),
            head,
            ready: head,
            number,
            index,
            stored: head,
            released,
            lag: geometry.lag * geometry.slots,
            memory,
            geometry,
        };
        // A predecessor that was killed between its two stores may have kept lines back.
        consumer.release();
        Ok(consumer)
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

    /// The position of the next element.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The first element not yet consumed, which stays where it is; `None` if nothing is published.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<Option<M::Element>, Corruption> {
        if self.head == self.ready && !self.look()? {
            return Ok(None);
        }
        // SAFETY: `slot < SLOTS`, for whoever raises it leaves the line at `SLOTS`; we hold the consumer's role;
        // `head < ready`, so the slot is published, and it is released only by `advance`.
        Ok(Some(unsafe { self.memory.read(self.line, self.slot) }))
    }

    /// Consumes the element that [`peek`](Self::peek) showed.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> Advanced {
        debug_assert!(self.head < self.ready);
        self.slot += 1;
        self.head += 1;
        self.store_consumed();
        if self.slot == M::SLOTS {
            self.leave_line();
            if self.release_if_lagging() {
                return Advanced::Released;
            }
        }
        if self.head == self.ready { Advanced::CaughtUp } else { Advanced::Within }
    }

    /// Copies out as many elements as are published and fit, and consumes them; returns how many, and what that meant
    /// for a producer that may be asleep.
    ///
    /// They are consumed by one store when all are copied, so a consumer that is killed in the middle leaves every
    /// one of them to its successor.
    pub(crate) fn pop_slice(&mut self, elements: &mut [M::Element]) -> Result<(usize, Advanced), Corruption> {
        let wanted = elements.len();
        let mut rest = elements;
        while !rest.is_empty() {
            if self.head == self.ready {
                match self.look() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(corruption) if rest.len() == wanted => return Err(corruption),
                    // What is copied is good; the next call meets the fault again.
                    Err(_) => break,
                }
            }
            let count = rest.len().min((self.ready - self.head) as usize);
            let (batch, behind) = rest.split_at_mut(count);
            // SAFETY: as in `peek`, for `count` slots from `slot` on: `ready` lies in this line or at its end, and
            // all of them lie before it.
            unsafe { self.memory.read_slice(self.line, self.slot, batch) };
            rest = behind;
            self.slot += count as u64;
            self.head += count as u64;
            if self.slot == M::SLOTS {
                self.leave_line();
            }
        }
        let count = wanted - rest.len();
        if count == 0 {
            return Ok((0, Advanced::Within));
        }
        self.store_consumed();
        let advanced = match self.release_if_lagging() {
            true => Advanced::Released,
            false if self.head == self.ready => Advanced::CaughtUp,
            false => Advanced::Within,
        };
        Ok((count, advanced))
    }

    /// Looks whether more is published in the line of `head`.
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Corruption> {
        // ORDER [look]: Acquire, partner [publish]. The slots are read after the stamp; without it they could be read
        // before they were written.
        let stamp = self.memory.stamp(self.line).load(Ordering::Acquire);
        // 1 to SLOTS - slot elements more, in one comparison.
        if stamp.wrapping_sub(self.head + 1) < M::SLOTS - self.slot {
            self.ready = stamp;
            return Ok(true);
        }
        self.run_dry(stamp)
    }

    /// Nothing new: makes sure that the stamp is one that an empty place can bear, and gives everything back.
    #[cold]
    #[inline(never)]
    fn run_dry(&mut self, stamp: u64) -> Result<bool, Corruption> {
        let geometry = self.geometry;
        if geometry.published(self.number, stamp) != Some(self.head) {
            let most = geometry.end(self.number);
            return Err(Corruption { word: "stamp", least: self.head, most, found: stamp });
        }
        self.release();
        Ok(false)
    }

    /// Stands on the next line.
    #[inline(always)]
    fn leave_line(&mut self) {
        self.slot = 0;
        self.number += 1;
        self.index = self.geometry.next_index(self.index);
        self.line = self.memory.line(self.index);
    }

    #[inline(always)]
    fn store_consumed(&mut self) {
        self.stored = self.head;
        // ORDER [consume]: Release, partners [see-consumed] and [attach-consumed]. The slots are read before they are
        // given up; without it a producer that acts on `consumed` could write into a slot that is being read.
        self.memory.consumed().store(self.head, Ordering::Release);
    }

    #[inline(always)]
    fn release_if_lagging(&mut self) -> bool {
        let lagging = self.head - self.released >= self.lag;
        if lagging {
            self.release();
        }
        lagging
    }

    /// Gives everything consumed back to the producer. Never before it is consumed: a successor starts at `consumed`,
    /// and must find nothing written over there.
    pub(crate) fn release(&mut self) {
        if self.released != self.stored {
            self.released = self.stored;
            // ORDER [release]: Release, partner [see-released]: the slots are read before they are given back. It also
            // keeps the store of `consumed` before it, so that `released` never runs ahead for a successor.
            self.memory.released().store(self.stored, Ordering::Release);
        }
    }

    /// True if nothing is published that is not consumed.
    pub(crate) fn is_empty(&mut self) -> Result<bool, Corruption> {
        Ok(self.head == self.ready && !self.look()?)
    }

    /// Elements published and not yet consumed, at some moment during the call.
    ///
    /// Complete lines come before incomplete ones, so the last complete one is found by halving: about log2(L) loads.
    pub(crate) fn len(&self) -> Result<u64, Corruption> {
        let geometry = self.geometry;
        let published = |number: u64| {
            let line = self.memory.line(geometry.index(number));
            // ORDER [count]: Acquire, partner [publish]: what is counted can be popped.
            let stamp = self.memory.stamp(line).load(Ordering::Acquire);
            geometry.published(number, stamp).filter(|&p| number != self.number || p >= self.head).ok_or(Corruption {
                word: "stamp",
                least: geometry.start(number).max(self.head),
                most: geometry.end(number),
                found: stamp,
            })
        };
        let mut tail = published(self.number)?;
        let (mut complete, mut incomplete) = (self.number, self.number + geometry.lines);
        if tail < geometry.end(self.number) {
            return Ok(tail - self.head);
        }
        while complete + 1 < incomplete {
            let middle = complete + (incomplete - complete) / 2;
            let end = published(middle)?;
            if end == geometry.end(middle) {
                complete = middle;
            } else {
                incomplete = middle;
            }
            // The last incomplete line may be looked at before the complete ones below it; and a line in which nothing is
            // published says nothing of those.
            if end > geometry.start(middle) {
                tail = tail.max(end);
            }
        }
        Ok(tail - self.head)
    }
}
