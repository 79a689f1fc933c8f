//! The consumer's half of the single-producer ring.

use super::geometry::Geometry;
use super::{Corruption, Memory};
use crate::protocol::freed;
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
    /// The first position of that line, and the one behind its last. The slot of `head` is computed, as the producer's.
    start: u64,
    end: u64,
    /// The first position not yet consumed.
    head: u64,
    /// The positions before this are known to be published; in the line that it stands on.
    ready: u64,
    /// The number of the line that it stands on, and where that lies.
    number: u64,
    index: u64,
    /// What it last stored in `released`.
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
        let released = memory.released().load(Ordering::Relaxed); // ORDER [attach-head]
        geometry.check_positions(head, released)?;
        let number = geometry.number(head);
        let index = geometry.index(number);
        let mut consumer = Consumer {
            line: memory.line(index),
            start: geometry.start(number),
            end: geometry.end(number),
            head,
            ready: head,
            number,
            index,
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
        // SAFETY: `start <= head < ready <= end`, so the slot is below SLOTS and published; we hold the consumer's role;
        // the slot is given back only by `advance`.
        Ok(Some(unsafe { self.memory.read(self.line, self.head - self.start) }))
    }

    /// As [`peek`](Self::peek), and makes sure that the element is the one that was published there: see `protocol::freed`.
    pub(crate) fn peek_vouched(&mut self) -> Result<Option<M::Element>, Corruption> {
        let element = self.peek()?;
        if element.is_some() {
            freed::vouch(self.memory.freed(), self.head)?;
        }
        Ok(element)
    }

    /// Consumes the element that [`peek`](Self::peek) showed.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> Advanced {
        debug_assert!(self.head < self.ready);
        self.head += 1;
        self.store_consumed();
        // The end of a line is the end of what is known of it, for `ready` never lies beyond.
        if self.head == self.ready { self.catch_up() } else { Advanced::Within }
    }

    /// All that was known to be published is consumed.
    #[inline(always)]
    fn catch_up(&mut self) -> Advanced {
        if self.head == self.end {
            self.leave_line();
            if self.release_if_lagging() {
                return Advanced::Released;
            }
        }
        Advanced::CaughtUp
    }

    /// Copies out as many elements as are published and fit, and consumes them; returns how many, and what that meant
    /// for a producer that may be asleep.
    ///
    /// They are consumed by one store when all are copied, so a consumer that is killed in the middle leaves every
    /// one of them to its successor.
    pub(crate) fn pop_slice(&mut self, elements: &mut [M::Element]) -> Result<(usize, Advanced), Corruption> {
        self.pop_slice_if(elements, |_, _| Ok(()))
    }

    /// As [`pop_slice`](Self::pop_slice), and makes sure that the elements are those that were published there: see `protocol::freed`. If they
    /// are not, the consumer must not be used any more.
    pub(crate) fn pop_slice_vouched(&mut self, elements: &mut [M::Element]) -> Result<(usize, Advanced), Corruption> {
        self.pop_slice_if(elements, |memory, head| freed::vouch(memory.freed(), head))
    }

    /// Pops a slice, if `vouched` has nothing against it that is told where the elements begin.
    #[inline(always)]
    fn pop_slice_if(
        &mut self,
        elements: &mut [M::Element],
        vouched: impl FnOnce(&M, u64) -> Result<(), Corruption>,
    ) -> Result<(usize, Advanced), Corruption> {
        let first = self.head;
        let wanted = elements.len();
        let mut rest = elements;
        while !rest.is_empty() {
            if self.head == self.ready {
                match self.see() {
                    Ok(()) => {}
                    Err(stamp) if rest.len() == wanted => {
                        self.run_dry(stamp)?;
                        return Ok((0, Advanced::Within));
                    }
                    // Whatever the stamp is, what is copied is good; the next call judges it.
                    Err(_) => break,
                }
            }
            let count = rest.len().min((self.ready - self.head) as usize);
            let (batch, behind) = rest.split_at_mut(count);
            // SAFETY: as in `peek`, for `count` slots: `head + count <= ready`.
            unsafe { self.memory.read_slice(self.line, self.head - self.start, batch) };
            rest = behind;
            self.head += count as u64;
            if self.head == self.end {
                self.leave_line();
            }
        }
        if let Err(corruption) = vouched(&self.memory, first) {
            // They are not consumed, and that is what `head` says; the line that it is in is lost.
            self.head = first;
            return Err(corruption);
        }
        self.store_consumed();
        let advanced = match self.release_if_lagging() {
            true => Advanced::Released,
            false if self.head == self.ready => Advanced::CaughtUp,
            false => Advanced::Within,
        };
        Ok((wanted - rest.len(), advanced))
    }

    /// Looks whether more is published in the line of `head`, and makes the best of it if not.
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Corruption> {
        match self.see() {
            Ok(()) => Ok(true),
            Err(stamp) => self.run_dry(stamp),
        }
    }

    /// Looks at the stamp of the line of `head`. In the error is one that announces nothing new.
    #[inline(always)]
    fn see(&mut self) -> Result<(), u64> {
        // ORDER [look]: Acquire, partner [publish]. The slots are read after the stamp; without it they could be read
        // before they were written.
        let stamp = self.memory.stamp(self.line).load(Ordering::Acquire);
        // 1 to `end - head` elements more, in one comparison.
        if stamp.wrapping_sub(self.head + 1) < self.end - self.head {
            self.ready = stamp;
            return Ok(());
        }
        Err(stamp)
    }

    /// Nothing new: makes sure that the stamp is one that an empty place can bear, and gives everything back.
    #[cold]
    #[inline(never)]
    fn run_dry(&mut self, stamp: u64) -> Result<bool, Corruption> {
        let empty = if self.head == self.start { self.geometry.stale(self.start) } else { self.head };
        if stamp != empty {
            return Err(Corruption { word: "stamp", least: self.head, most: self.end, found: stamp });
        }
        self.release();
        self.memory.hint_read(self.line, self.head - self.start);
        Ok(false)
    }

    /// Stands on the next line.
    #[inline(always)]
    fn leave_line(&mut self) {
        self.start = self.end;
        self.end += M::SLOTS;
        self.number += 1;
        self.index = self.geometry.next_index(self.index);
        self.line = self.memory.line(self.index);
    }

    #[inline(always)]
    fn store_consumed(&mut self) {
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

    /// Gives everything consumed back to the producer. Never before `consumed` says so: a successor starts there, and
    /// must find nothing written over.
    pub(crate) fn release(&mut self) {
        if self.released != self.head {
            self.released = self.head;
            // ORDER [release]: Release, partner [see-released]: the slots are read before they are given back. It also
            // keeps the store of `consumed` before it, so that `released` never runs ahead for a successor.
            self.memory.released().store(self.head, Ordering::Release);
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
            // ORDER [count]: Relaxed. It is a number, no permission: the pop that follows looks for itself, and sees
            // this stamp or a later one, for one thread never reads a word backwards.
            let stamp = self.memory.stamp(line).load(Ordering::Relaxed);
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
