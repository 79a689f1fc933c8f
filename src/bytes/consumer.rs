//! The consumer's handle.

mod slow;

use core::fmt;
use core::ptr::NonNull;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use super::Ring;
use super::error::PopIntoError;
use super::memory::Mapped;
use super::message::Message;
use super::pop_batch::PopBatch;
use crate::attachment;
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::outcome::{PopError, PopTimeoutError};
use crate::pair::{Attached, CONSUMER, PRODUCER, Peer, TryPopError};
use crate::protocol::bytes;
use crate::protocol::bytes::{Place, Record};
use crate::wait::Wait;

/// The one handle that pops messages from a ring. Made by [`Ring::consumer`].
///
/// `Send`, not `Clone`: there is one consumer at a time. Dropping it tells the producer so once the ring is full, and
/// frees the role for a successor. If the process is killed instead, a successor goes on at exactly the first message
/// that was not consumed, the one that was being read included.
///
/// As a [`Read`](std::io::Read) and [`BufRead`](std::io::BufRead) it is a stream of bytes: see [`bytes`](super#as-a-stream).
///
/// No method panics.
///
/// ```
/// use std::time::Duration;
/// use rondel::bytes::{self, PopTimeoutError, TryPopError};
///
/// let (mut tx, mut rx) = bytes::pair(4096)?;
/// assert!(matches!(rx.try_pop(), Err(TryPopError::Empty)));
/// assert!(matches!(rx.pop_timeout(Duration::from_millis(1)), Err(PopTimeoutError::Timeout)));
///
/// tx.push(b"one")?;
/// tx.push(b"two")?;
/// assert_eq!(rx.peek()?, b"one");
/// {
///     let message = rx.pop()?;
///     assert_eq!(message.len(), 3); // read it here, where it lies; a kill now would redeliver it
/// } // consumed
/// let mut buffer = [0; 64];
/// let len = rx.pop_into(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Consumer {
    ring: bytes::Consumer<Mapped>,
    attachment: Attached,
    /// The first message, if some of it has been read as a stream.
    begun: Option<Front>,
}

/// The first message of the ring, which lies at the consumer's head, or what is left of it.
///
/// Two words and no place: what is kept of a place in memory is loaded again two words at a time, which waits until all stores
/// before have reached the cache. With the place in here, messages of 64 bytes took twice as long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    /// How many bytes it has.
    whole: usize,
    /// How many of them have been read as a stream; no more than there are.
    pub(super) read: usize,
}

impl Front {
    #[inline(always)]
    fn of(record: Record) -> Front {
        Front { whole: record.len as usize, read: 0 }
    }

    /// How many bytes are left.
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.whole - self.read
    }
}

impl Consumer {
    /// Takes the consumer's role and finds the place to go on.
    pub(super) fn attach(ring: &Ring) -> Result<Self, SegmentError> {
        let mut attachment = Attached::take(ring.segment(), CONSUMER, PRODUCER)?;
        // SAFETY: the attachment, which the handle keeps as long as the memory, holds the segment.
        let memory = unsafe { Mapped::new(attachment.segment(), ring.geometry) };
        let memory = memory.ok_or_else(|| ring.too_short())?;
        let ring = bytes::Consumer::attach(memory, ring.geometry).map_err(SegmentError::Corrupted)?;
        attachment.announce();
        // A producer that waits for room may find some now.
        attachment.notify_fenced(ring.memory().space());
        Ok(Consumer { ring, attachment, begun: None })
    }

    /// Borrows the first message, if one is published.
    ///
    /// # Errors
    ///
    /// [`TryPopError::Empty`]; [`TryPopError::Closed`] when the ring is drained and the producer was dropped;
    /// [`TryPopError::Failed`]. A producer that was killed is not noticed here, for that takes a system call: see
    /// [`peer`](Self::peer), or use a blocking pop.
    ///
    /// In a `match` on the result the message lives to the end of the `match`, and the consumer is borrowed as long; with `let … else`, or
    /// the result in a variable of its own, it is free in the other branch.
    #[inline(always)]
    pub fn try_pop(&mut self) -> Result<Message<'_>, TryPopError> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.try_front()?,
        };
        Ok(Message::new(self, front))
    }

    /// Borrows the first message, waiting for one as long as it takes.
    ///
    /// # Errors
    ///
    /// When the ring is drained: [`PopError::Closed`] if the producer was dropped, [`PopError::Dead`] if its process
    /// ended without closing (noticed within 100 ms). If no producer was ever attached, it waits for one.
    /// [`PopError::Failed`] at any time. None of the first two is final: after a successor has attached, pop again.
    #[inline(always)]
    pub fn pop(&mut self) -> Result<Message<'_>, PopError> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.front()?,
        };
        Ok(Message::new(self, front))
    }

    /// Borrows the first message, waiting for one for `timeout` at most. A timeout beyond the end of time is none.
    ///
    /// # Errors
    ///
    /// [`PopTimeoutError::Timeout`], and those of [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<Message<'_>, PopTimeoutError> {
        let front = self.front_timeout(timeout)?;
        Ok(Message::new(self, front))
    }

    /// Borrows the first message, waiting for one until `deadline`. If that has passed, it looks once.
    ///
    /// # Errors
    ///
    /// [`PopTimeoutError::Timeout`], and those of [`pop`](Self::pop).
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<Message<'_>, PopTimeoutError> {
        let front = self.front_deadline(deadline)?;
        Ok(Message::new(self, front))
    }

    /// Looks at the first message, which stays in the ring, if one is published.
    ///
    /// # Errors
    ///
    /// As [`try_pop`](Self::try_pop).
    pub fn peek(&mut self) -> Result<&[u8], TryPopError> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.try_front()?,
        };
        Ok(self.slice(front))
    }

    /// Copies the first message into `buffer`, consumes it, and returns its length in bytes.
    ///
    /// The copy is the caller's alone: what is checked in it stays as it was checked, whatever the producer does.
    ///
    /// # Errors
    ///
    /// [`PopIntoError::TooShort`] if the buffer is shorter than the message, which stays; or as [`try_pop`](Self::try_pop).
    #[inline(always)]
    pub fn try_pop_into(&mut self, buffer: &mut [u8]) -> Result<usize, PopIntoError<TryPopError>> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.try_front().map_err(PopIntoError::Pop)?,
        };
        self.copy_out(front, buffer)
    }

    /// As [`try_pop_into`](Self::try_pop_into), waiting for a message as long as it takes.
    ///
    /// # Errors
    ///
    /// [`PopIntoError::TooShort`], or as [`pop`](Self::pop).
    #[inline(always)]
    pub fn pop_into(&mut self, buffer: &mut [u8]) -> Result<usize, PopIntoError<PopError>> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.front().map_err(PopIntoError::Pop)?,
        };
        self.copy_out(front, buffer)
    }

    /// As [`try_pop_into`](Self::try_pop_into), waiting for a message for `timeout` at most.
    ///
    /// # Errors
    ///
    /// [`PopIntoError::TooShort`], or as [`pop_timeout`](Self::pop_timeout).
    pub fn pop_into_timeout(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, PopIntoError<PopTimeoutError>> {
        let front = self.front_timeout(timeout).map_err(PopIntoError::Pop)?;
        self.copy_out(front, buffer)
    }

    /// As [`try_pop_into`](Self::try_pop_into), waiting for a message until `deadline`.
    ///
    /// # Errors
    ///
    /// [`PopIntoError::TooShort`], or as [`pop_deadline`](Self::pop_deadline).
    pub fn pop_into_deadline(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<usize, PopIntoError<PopTimeoutError>> {
        let front = self.front_deadline(deadline).map_err(PopIntoError::Pop)?;
        self.copy_out(front, buffer)
    }

    /// Borrows all messages that are ready, if any is.
    ///
    /// # Errors
    ///
    /// As [`try_pop`](Self::try_pop).
    pub fn try_pop_batch(&mut self) -> Result<PopBatch<'_>, TryPopError> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.try_front()?,
        };
        Ok(PopBatch::new(self, front))
    }

    /// Waits for a message as long as it takes, and borrows all that are ready: one at least.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    pub fn pop_batch(&mut self) -> Result<PopBatch<'_>, PopError> {
        let front = match self.front_at_once() {
            Some(front) => front,
            None => self.front()?,
        };
        Ok(PopBatch::new(self, front))
    }

    /// As [`pop_batch`](Self::pop_batch), waiting for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`pop_timeout`](Self::pop_timeout).
    pub fn pop_batch_timeout(&mut self, timeout: Duration) -> Result<PopBatch<'_>, PopTimeoutError> {
        let front = self.front_timeout(timeout)?;
        Ok(PopBatch::new(self, front))
    }

    /// As [`pop_batch`](Self::pop_batch), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`pop_deadline`](Self::pop_deadline).
    pub fn pop_batch_deadline(&mut self, deadline: Instant) -> Result<PopBatch<'_>, PopTimeoutError> {
        let front = self.front_deadline(deadline)?;
        Ok(PopBatch::new(self, front))
    }

    /// The bytes of unread records that always fit, as asked for at creation. A message's record has 8 bytes more than the
    /// message, rounded up to a multiple of 8.
    pub fn capacity(&self) -> usize {
        self.attachment.segment().capacity() as usize
    }

    /// The largest message that the ring takes, in bytes: a buffer of this length is never too short.
    pub fn largest(&self) -> usize {
        self.ring.geometry().largest as usize
    }

    /// True if nothing is published that is not consumed.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_empty(&mut self) -> Result<bool, Fault> {
        self.attachment.check()?;
        self.ring.is_empty().map_err(|corruption| self.fail(corruption))
    }

    /// Where the first message lies: bytes of the ring since it was made that this consumer and those before it have consumed, where a
    /// record at the ring's end counts less than its length.
    pub fn position(&self) -> u64 {
        self.ring.head().position()
    }

    /// What is known of the producer: not there yet, alive, closed or dead. One system call at most.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn peer(&mut self) -> Result<Peer, Fault> {
        self.attachment.check()?;
        self.attachment.peer().map_err(|fault| self.attachment.fail(fault))
    }

    /// Chooses how this handle waits when the ring is empty. The default is [`Wait::default`].
    pub fn set_wait(&mut self, wait: Wait) {
        self.attachment.wait = wait;
    }

    /// How this handle waits.
    pub fn wait_strategy(&self) -> Wait {
        self.attachment.wait
    }

    /// The ring that this handle belongs to.
    pub fn ring(&self) -> Ring {
        Ring::of(Arc::clone(self.attachment.segment()), self.ring.geometry())
    }

    /// Whether the handle can be used.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.attachment.check()
    }

    /// True if nothing stands in the way of the fast path.
    pub(super) fn is_open(&self) -> bool {
        self.attachment.is_open()
    }

    /// The place of the first message.
    pub(super) fn head(&self) -> Place {
        self.ring.head()
    }

    /// The record at `place`, which is `head` or lies behind another that was looked at, if one is published there.
    #[inline(always)]
    pub(super) fn look(&mut self, place: Place) -> Option<Record> {
        self.ring.look(place).ok()?
    }

    /// The bytes of a record that was looked at: `record.len` of them.
    #[inline(always)]
    pub(super) fn bytes_of(&self, record: Record) -> NonNull<u8> {
        // SAFETY: the record's bytes end before the slack does.
        unsafe { self.ring.memory().bytes(record.payload) }
    }

    /// The bytes of the first message: `front.len()` of them.
    #[inline(always)]
    pub(super) fn bytes(&self, front: Front) -> NonNull<u8> {
        // SAFETY: the message has been looked at, so its bytes end before the slack does; and `read` is no more than they are.
        unsafe { self.ring.memory().bytes(self.ring.head().payload() + front.read as u64) }
    }

    /// The bytes of the first message.
    fn slice(&mut self, front: Front) -> &[u8] {
        // SAFETY: `front.len()` bytes of the ring, mapped as long as `self`. They are published, and given back by nothing that can be
        // called while `self` is borrowed, so no producer that keeps to the protocol writes them.
        unsafe { core::slice::from_raw_parts(self.bytes(front).as_ptr(), front.len()) }
    }

    #[inline(always)]
    fn copy_out<E: From<Fault>>(&mut self, front: Front, buffer: &mut [u8]) -> Result<usize, PopIntoError<E>> {
        if !self.attachment.is_open() {
            return self.copy_out_slowly(front, buffer);
        }
        let len = self.copy(front, buffer)?;
        self.give_back_at_once(self.behind(front));
        Ok(len)
    }

    /// Copies the first message, which stays.
    #[inline(always)]
    fn copy<E>(&mut self, front: Front, buffer: &mut [u8]) -> Result<usize, PopIntoError<E>> {
        let len = front.len();
        let Some(buffer_here) = buffer.get_mut(..len) else {
            return Err(PopIntoError::TooShort { message: len, buffer: buffer.len() });
        };
        let bytes = self.bytes(front);
        // SAFETY: `len` bytes of the ring, published and not given back, so no producer that keeps to the protocol writes them; and as many of the
        // caller's. The two may overlap: where both ends are in one process, the buffer can be a reservation of this ring, and a forged
        // length can reach into that.
        unsafe { bytes.as_ptr().copy_to(buffer_here.as_mut_ptr(), len) };
        Ok(len)
    }

    /// The fast path, without a word on why there is nothing.
    #[inline(always)]
    fn front_at_once(&mut self) -> Option<Front> {
        if !self.attachment.is_open() || self.begun.is_some() {
            return None;
        }
        self.look(self.ring.head()).map(Front::of)
    }

    /// The place behind the first message.
    #[inline(always)]
    pub(super) fn behind(&self, front: Front) -> Place {
        self.ring.behind_head(front.whole as u64)
    }

    /// Consumes the first message, unless the handle has failed.
    #[inline(always)]
    pub(super) fn give_back(&mut self, front: Front) {
        self.give_back_to(self.behind(front));
    }

    /// Consumes everything before `place`, unless the handle has failed.
    #[inline(always)]
    pub(super) fn give_back_to(&mut self, place: Place) {
        if !self.attachment.is_open() {
            return self.give_back_slowly(place);
        }
        self.give_back_at_once(place);
    }

    /// The same for a handle whose gate is open.
    #[inline(always)]
    fn give_back_at_once(&mut self, place: Place) {
        self.begun = None;
        let released = self.ring.consume(place);
        // W2 and W3 of the proof in `protocol::event`; W1 was the store of `consumed` or `released`.
        if attachment::someone_sleeps(self.ring.memory().space()) {
            self.wake_producer(released);
        }
    }

    /// The producer sleeps. It is worth waking when room was given back, or the ring is empty; not for every message, for it would find room
    /// for one, fill it, and sleep again.
    #[cold]
    #[inline(never)]
    fn wake_producer(&mut self, released: bool) {
        if released || matches!(self.ring.is_empty(), Ok(true)) {
            attachment::wake(self.ring.memory().space());
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if self.attachment.check().is_ok() {
            self.ring.release();
        }
        self.attachment.close(self.ring.memory().space());
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("place", self.attachment.segment().place())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
