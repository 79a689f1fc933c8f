//! The consumer's half of the ring of messages.

use super::geometry::Geometry;
use super::place::Place;
use super::{Corruption, LINE_BYTES, Memory};
use crate::protocol::freed;
use crate::sync::Ordering;

/// A published record, its length word loaded and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where its bytes lie: an offset in the ring.
    pub(crate) payload: u64,
    /// How many they are: no more than the largest message, and all of them in front of the slack's end.
    pub(crate) len: u64,
    /// The place behind it.
    pub(crate) next: Place,
}

/// The consumer's private state. Positions and offsets are its own and never come from the segment again.
pub(crate) struct Consumer<M: Memory> {
    memory: M,
    geometry: Geometry,
    /// The first place not yet consumed, which `consumed` says.
    head: Place,
    /// What it last stored in `released`.
    released: u64,
    /// How long the last message was, as far as that matters for a hint.
    last: u64,
}

impl<M: Memory> Consumer<M> {
    /// Goes on where the predecessor stopped, or at the beginning of a new ring.
    ///
    /// Only for the holder of the consumer's role.
    pub(crate) fn attach(memory: M, geometry: Geometry) -> Result<Self, Corruption> {
        // ORDER [attach-head]: Relaxed. Only consumers write it, and the role's lock orders them.
        let consumed = memory.consumed().load(Ordering::Relaxed);
        let head = geometry.place("consumed", consumed)?;
        // A predecessor that was killed between its two stores has kept room back.
        memory.released().store(consumed, Ordering::Release); // ORDER [release]
        Ok(Consumer { memory, geometry, head, released: consumed, last: 0 })
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

    /// The place of the first message.
    #[inline(always)]
    pub(crate) fn head(&self) -> Place {
        self.head
    }

    /// The record at `place`, which is `head` or was `next` of a record that has not been consumed; `None` if nothing is published there.
    ///
    /// Its bytes stay what they are until it is consumed.
    #[inline(always)]
    pub(crate) fn look(&mut self, place: Place) -> Result<Option<Record>, Corruption> {
        // ORDER [look]: Acquire, partner [publish]. The bytes, and the next length word, are read after this one; without it they
        // could be read before they were written.
        // SAFETY: the offset is a place's in a ring of this geometry.
        let word = unsafe { self.memory.word(place.offset()) }.load(Ordering::Acquire);
        match self.geometry.read(word, place, self.head.position())? {
            Some((len, next)) => {
                self.last = len.min(LINE_BYTES);
                Ok(Some(Record { payload: place.payload(), len, next }))
            }
            None => {
                // Running dry: whoever waits for room should have all that there is.
                self.release();
                // Should the next message be as long as the last, its bytes come together with its length, and not afterwards: 64
                // bytes there and back in 430 ns instead of 530, where one line takes 300.
                self.memory.hint_read(place.offset() + self.last);
                Ok(None)
            }
        }
    }

    /// Makes sure that what has been read of the ring from `head` on is what was published there: see `protocol::freed`.
    pub(crate) fn vouch(&self) -> Result<(), Corruption> {
        freed::vouch(self.memory.freed(), self.head.position())
    }

    /// The place behind the first message, which has `len` bytes by a look at it.
    #[inline(always)]
    pub(crate) fn behind_head(&self, len: u64) -> Place {
        self.head.next(len, self.geometry.data)
    }

    /// Consumes everything before `place`, which is `next` of a record that was looked at. True if room was given back.
    #[inline(always)]
    pub(crate) fn consume(&mut self, place: Place) -> bool {
        self.head = place;
        let head = place.position();
        // ORDER [consume]: Release, partners [see-consumed] and [attach-consumed]. The messages are read before they are
        // given up; without it a producer that acts on `consumed` could write into one that is being read.
        self.memory.consumed().store(head, Ordering::Release);
        let lagging = head.wrapping_sub(self.released) >= self.geometry.lag;
        if lagging {
            self.release();
        }
        lagging
    }

    /// Gives everything consumed back to the producer. Never before `consumed` says so: a successor starts there, and
    /// must find nothing written over.
    pub(crate) fn release(&mut self) {
        let head = self.head.position();
        if self.released != head {
            self.released = head;
            // ORDER [release]: Release, partner [see-released]: the messages are read before they are given back. It also
            // keeps the store of `consumed` before it, so that `released` never runs ahead for a successor.
            self.memory.released().store(head, Ordering::Release);
        }
    }

    /// True if nothing is published that is not consumed.
    pub(crate) fn is_empty(&mut self) -> Result<bool, Corruption> {
        Ok(self.look(self.head)?.is_none())
    }
}
