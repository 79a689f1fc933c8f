//! The producer's half of the single-producer ring.

use super::geometry::{Geometry, MAX_POSITION};
use super::memory::Push;
use super::{Corruption, Memory};
use crate::protocol::freed;
use crate::sync::Ordering;

/// The producer's private state. Positions and indices are its own and never come from the segment again.
pub(crate) struct Producer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// The line that it stands on, its first position, and the one behind its last.
    line: M::Line,
    start: u64,
    end: u64,
    /// The next position to write; `end` when the line is complete and the next one has not been entered. The slot is
    /// not kept but computed: one counter to store at each push is measurably faster than two.
    tail: u64,
    /// The number of the line that it stands on, and where that lies.
    number: u64,
    index: u64,
    /// The first line that may still hold something unread, as far as the producer knows.
    limit: u64,
    /// The farthest position read from `released` or `consumed`.
    freed: u64,
}

impl<M: Memory> Producer<M> {
    /// Finds the place behind the last published element, in a new ring or after a predecessor.
    ///
    /// Only for the holder of the producer's role.
    pub(crate) fn attach(memory: M, geometry: Geometry) -> Result<Self, Corruption> {
        // ORDER [attach-consumed]: Acquire, partner [consume]: the slots before are no longer being read.
        let consumed = memory.consumed().load(Ordering::Acquire);
        if consumed > MAX_POSITION {
            return Err(Corruption { word: "consumed", least: 0, most: MAX_POSITION, found: consumed });
        }
        // A live consumer moves on while we walk. That does no harm: the lines from here on are written by
        // producers only, and we are the only one.
        let first = geometry.number(consumed);
        let mut tail = consumed;
        for number in first..first + geometry.lines {
            // ORDER [attach-stamp]: Relaxed. Only producers write stamps, and the role's lock, which fell with the
            // predecessor, orders its stores before us.
            let stamp = memory.stamp(memory.line(geometry.index(number))).load(Ordering::Relaxed);
            let least = consumed.max(geometry.start(number));
            match geometry.published(number, stamp) {
                Some(published) if published >= least => tail = published,
                _ => return Err(Corruption { word: "stamp", least, most: geometry.end(number), found: stamp }),
            }
            if tail < geometry.end(number) {
                break;
            }
        }
        freed::tell(memory.freed(), consumed);
        // On a line's edge the producer stands behind the line that it has completed, and enters the next when it
        // has something for it. A ring of which nothing was ever published has no such line.
        let number = if tail == 0 { 0 } else { geometry.number(tail - 1) };
        let index = geometry.index(number);
        Ok(Producer {
            line: memory.line(index),
            start: geometry.start(number),
            end: geometry.end(number),
            tail,
            number,
            index,
            limit: first + geometry.lines,
            freed: consumed,
            memory,
            geometry,
        })
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
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// Publishes `element`; `Ok(false)` if the ring is full.
    #[inline(always)]
    pub(crate) fn try_push(&mut self, element: M::Element) -> Result<bool, Corruption> {
        if self.tail == self.end && !self.enter_next(Push::One)? {
            return Ok(false);
        }
        // SAFETY: `start <= tail < end`, for `enter_next` has moved on if it was not, so the slot is below SLOTS; we hold
        // the producer's role; `tail` lies behind everything published, and its line was free when it was entered.
        unsafe { self.memory.write(self.line, self.tail - self.start, element) };
        self.publish(1);
        if self.tail == self.end {
            self.memory.hint_complete(self.line);
        }
        Ok(true)
    }

    /// Publishes as many of `elements` as fit, a line at a time, and returns how many.
    pub(crate) fn try_push_slice(&mut self, elements: &[M::Element]) -> Result<usize, Corruption> {
        let mut rest = elements;
        while !rest.is_empty() {
            if self.tail == self.end {
                match self.enter_next(Push::Batch) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(corruption) if rest.len() == elements.len() => return Err(corruption),
                    // What is published counts; the next call meets the fault again.
                    Err(_) => break,
                }
            }
            let count = rest.len().min((self.end - self.tail) as usize);
            let (batch, behind) = rest.split_at(count);
            // SAFETY: as in `try_push`; `tail + count <= end`.
            unsafe { self.memory.write_slice(self.line, self.tail - self.start, batch) };
            self.publish(count as u64);
            rest = behind;
        }
        Ok(elements.len() - rest.len())
    }

    /// Makes the next `count` slots, which have been written, the consumer's.
    #[inline(always)]
    fn publish(&mut self, count: u64) {
        self.tail += count;
        // ORDER [publish]: Release, partner [look]. The slots are written before the stamp says so; without it the
        // consumer could read a slot of the lap before, or half of an element.
        self.memory.stamp(self.line).store(self.tail, Ordering::Release);
    }

    /// Moves to the next line, if that is free.
    #[inline(always)]
    fn enter_next(&mut self, push: Push) -> Result<bool, Corruption> {
        if self.number + 1 >= self.limit && !self.see_released()? {
            return Ok(false);
        }
        self.number += 1;
        self.index = self.geometry.next_index(self.index);
        self.line = self.memory.line(self.index);
        self.start = self.end;
        self.end += M::SLOTS;
        // Only lines that are known to be free: asking for one that is still being read would take it from the reader.
        if self.number + M::AHEAD < self.limit {
            let ahead = self.index + M::AHEAD;
            let lines = self.geometry.lines;
            self.memory.hint_write(self.memory.line(if ahead < lines { ahead } else { ahead - lines }), push);
        }
        Ok(true)
    }

    /// Possibly full: looks at `released`. True if there is room.
    #[cold]
    #[inline(never)]
    fn see_released(&mut self) -> Result<bool, Corruption> {
        // ORDER [see-released]: Acquire, partner [release]. The consumer has read the slots before it gave them back;
        // without it our next write could reach a slot that is still being read.
        let released = self.memory.released().load(Ordering::Acquire);
        self.learn("released", released)
    }

    /// Really full? Looks at `consumed`, which is exact, at the price of taking its line from the consumer: for a
    /// producer that is about to refuse or to sleep. True if there is room.
    pub(crate) fn see_consumed(&mut self) -> Result<bool, Corruption> {
        let consumed = self.consumed();
        self.learn("consumed", consumed)
    }

    /// Notes that everything before `freed` may be written again.
    fn learn(&mut self, word: &'static str, freed: u64) -> Result<bool, Corruption> {
        if freed > self.tail {
            return Err(Corruption { word, least: 0, most: self.tail, found: freed });
        }
        // `released` may lag behind a `consumed` seen before; both only grow.
        self.freed = self.freed.max(freed);
        freed::tell(self.memory.freed(), self.freed);
        self.limit = self.geometry.number(self.freed) + self.geometry.lines;
        Ok(self.has_room())
    }

    /// True if there is room as far as the producer knows without looking.
    fn has_room(&self) -> bool {
        self.tail < self.end || self.number + 1 < self.limit
    }

    /// The consumer's exact position.
    fn consumed(&self) -> u64 {
        // ORDER [see-consumed]: Acquire, partner [consume]: as [see-released]. For `wait_until_empty` it also means
        // that whatever the consumer did before it consumed is seen.
        self.memory.consumed().load(Ordering::Acquire)
    }

    /// Elements published and not yet consumed.
    pub(crate) fn len(&self) -> Result<u64, Corruption> {
        let consumed = self.consumed();
        let least = self.tail.saturating_sub(self.geometry.lines * M::SLOTS);
        if consumed < least || consumed > self.tail {
            return Err(Corruption { word: "consumed", least, most: self.tail, found: consumed });
        }
        Ok(self.tail - consumed)
    }

    /// True if the next push would find no room.
    pub(crate) fn is_full(&mut self) -> Result<bool, Corruption> {
        Ok(!self.has_room() && !self.see_released()?)
    }
}
