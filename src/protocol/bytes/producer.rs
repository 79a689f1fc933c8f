//! The producer's half of the ring of messages.

use super::geometry::Geometry;
use super::place::Place;
use super::record::{self, WORD_BYTES};
use super::{Corruption, LINE_BYTES, Memory};
use crate::protocol::freed;
use crate::sync::Ordering;

/// The producer's private state. Positions and offsets are its own and never come from the segment again.
pub(crate) struct Producer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// Where the next record is to be published. The word there is 0.
    tail: Place,
    /// Behind the records that are complete and not yet published; `tail` if there are none.
    staged: Place,
    /// The length word of the first of those, which publishes them all.
    first: u64,
    /// Positions before this may be written: `freed + D`.
    limit: u64,
    /// The farthest position read from `released` or `consumed`.
    freed: u64,
}

impl<M: Memory> Producer<M> {
    /// Finds the place behind the last published record, in a new ring or after a predecessor.
    ///
    /// Only for the holder of the producer's role.
    pub(crate) fn attach(memory: M, geometry: Geometry) -> Result<Self, Corruption> {
        // ORDER [attach-consumed]: Acquire, partner [consume]: the messages before are no longer being read.
        let consumed = memory.consumed().load(Ordering::Acquire);
        let mut tail = geometry.place("consumed", consumed)?;
        // A live consumer moves on while we walk. That does no harm: length words are written by producers only, and we are the
        // only one. Each step leads 8 bytes on at least, and `read` lets none lead farther than the ring is long.
        loop {
            // ORDER [attach-word]: Relaxed. Only producers write here, and the role's lock, which fell with the predecessor,
            // orders its stores before us.
            // SAFETY: the offset is a place's in a ring of this geometry.
            let word = unsafe { memory.word(tail.offset()) }.load(Ordering::Relaxed);
            match geometry.read(word, tail, consumed)? {
                Some((_, next)) => tail = next,
                None => break,
            }
        }
        freed::tell(memory.freed(), consumed);
        let limit = consumed + geometry.data;
        Ok(Producer { memory, geometry, tail, staged: tail, first: 0, limit, freed: consumed })
    }

    /// The memory that it was given.
    #[inline(always)]
    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }

    /// The ring's shape.
    #[inline(always)]
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The position of the next record to be published.
    pub(crate) fn position(&self) -> u64 {
        self.tail.position()
    }

    /// Where the bytes of the next message go, if there is room for `len`: they, and up to a multiple of 8, may be written until the
    /// next call of any function but those that take `&self`.
    ///
    /// `len` must be at most the largest message.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, len: u64) -> Result<Option<u64>, Corruption> {
        debug_assert!(len <= self.geometry.largest);
        if !self.has_room(len) && !self.see_released(len)? {
            return Ok(None);
        }
        if len > LINE_BYTES {
            self.memory.hint_write(self.staged.payload(), len);
        }
        Ok(Some(self.staged.payload()))
    }

    /// Completes the record whose bytes were written after [`reserve`](Self::reserve), which had found room for `len` bytes or
    /// more. It is not published before [`publish`](Self::publish).
    #[inline(always)]
    pub(crate) fn stage(&mut self, len: u64) {
        let word = record::tag(self.staged.position()) + len;
        if self.staged == self.tail {
            // Here must be 0 until all is complete.
            self.first = word;
        } else {
            // ORDER [stage]: Relaxed. [publish] comes after it, and nobody looks here before.
            // SAFETY: the offset is a place's in a ring of this geometry.
            unsafe { self.memory.word(self.staged.offset()) }.store(word, Ordering::Relaxed);
        }
        self.staged = self.staged.next(len, self.geometry.data);
    }

    /// Makes all complete records the consumer's, if there are any.
    #[inline(always)]
    pub(crate) fn publish(&mut self) {
        if self.staged == self.tail {
            return;
        }
        // ORDER [zero-ahead]: Relaxed. [publish] comes after it: who sees the records sees that nothing is published behind them. Without
        // this store the consumer would take what a message left here a lap ago for a length.
        // SAFETY: the offset is a place's in a ring of this geometry.
        unsafe { self.memory.word(self.staged.offset()) }.store(0, Ordering::Relaxed);
        // ORDER [publish]: Release, partner [look]. Bytes, lengths and the 0 are written before; without it the consumer could read what
        // lay there a lap ago.
        // SAFETY: the offset is a place's in a ring of this geometry.
        unsafe { self.memory.word(self.tail.offset()) }.store(self.first, Ordering::Release);
        let before = self.tail;
        self.tail = self.staged;
        self.hint_next_line(before);
    }

    /// Asks for the line behind the one that was entered, while nobody waits for it: a message that ends in it needs it for the word behind, before it can be
    /// published.
    ///
    /// Only after messages of which a line holds one or more. Measured: 8 bytes there and back in 345 ns instead of 430, and
    /// no fewer a second; but a third fewer of 64 bytes, for those the consumer reads the line at once.
    #[inline(always)]
    fn hint_next_line(&self, before: Place) {
        let entered = before.offset() / LINE_BYTES != self.tail.offset() / LINE_BYTES;
        let short = self.tail.position().wrapping_sub(before.position()) <= LINE_BYTES;
        // A line that is still being read is not to be taken from the reader.
        if entered && short && self.tail.position().wrapping_add(2 * LINE_BYTES) <= self.limit {
            self.memory.hint_write(self.tail.offset() + LINE_BYTES, 1);
        }
    }

    /// Forgets the complete records that are not published.
    pub(crate) fn abandon(&mut self) {
        self.staged = self.tail;
    }

    /// True if there is room for `len` bytes as far as the producer knows without looking.
    #[inline(always)]
    fn has_room(&self, len: u64) -> bool {
        self.staged.next(len, self.geometry.data).position().wrapping_add(WORD_BYTES) <= self.limit
    }

    /// Possibly full: looks at `released`. True if there is room for `len` bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn see_released(&mut self, len: u64) -> Result<bool, Corruption> {
        // ORDER [see-released]: Acquire, partner [release]. The consumer has read the messages before it gave them back;
        // without it our next write could reach one that is still being read.
        let released = self.memory.released().load(Ordering::Acquire);
        self.learn("released", released)?;
        Ok(self.has_room(len))
    }

    /// Really full? Looks at `consumed`, which is exact, at the price of taking its line from the consumer: for a
    /// producer that is about to refuse or to sleep. True if there is room for `len` bytes.
    pub(crate) fn see_consumed(&mut self, len: u64) -> Result<bool, Corruption> {
        let consumed = self.consumed();
        self.learn("consumed", consumed)?;
        Ok(self.has_room(len))
    }

    /// Notes that everything before `freed` may be written again.
    fn learn(&mut self, word: &'static str, freed: u64) -> Result<(), Corruption> {
        let tail = self.tail.position();
        if freed > tail {
            return Err(Corruption { word, least: 0, most: tail, found: freed });
        }
        // `released` may lag behind a `consumed` seen before; both only grow.
        self.freed = self.freed.max(freed);
        freed::tell(self.memory.freed(), self.freed);
        self.limit = self.freed.wrapping_add(self.geometry.data);
        Ok(())
    }

    /// The consumer's exact position.
    fn consumed(&self) -> u64 {
        // ORDER [see-consumed]: Acquire, partner [consume]: as [see-released]. For `wait_until_empty` it also means
        // that whatever the consumer did before it consumed is seen.
        self.memory.consumed().load(Ordering::Acquire)
    }

    /// Bytes of the ring that unread records take.
    pub(crate) fn used(&self) -> Result<u64, Corruption> {
        let (consumed, tail) = (self.consumed(), self.tail.position());
        let least = tail.saturating_sub(self.geometry.data);
        if consumed < least || consumed > tail {
            return Err(Corruption { word: "consumed", least, most: tail, found: consumed });
        }
        Ok(tail - consumed)
    }
}
