//! The producer's handle.

mod slow;

use core::fmt;
use core::time::Duration;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::NoUninit;

use super::Ring;
use super::error::{PushError, PushTimeoutError, TooLong, TryPushError};
use super::memory::Mapped;
use super::push_batch::{PushBatch, total_len};
use super::reservation::{Commit, Reservation};
use crate::attachment;
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::pair::{Attached, CONSUMER, PRODUCER, Peer, WaitError};
use crate::protocol::bytes;
use crate::wait::Wait;

/// The one handle that pushes messages into a ring. Made by [`Ring::producer`].
///
/// `Send`, not `Clone`: there is one producer at a time. Dropping it closes the ring for the consumer once that has
/// drained it, and frees the role for a successor. If the process is killed instead, everything that was published
/// stays, the consumer learns of the death within 100 ms when it runs dry, and a successor goes on right behind the last
/// published message.
///
/// As a [`Write`](std::io::Write) it is a stream of bytes: see [`bytes`](super#as-a-stream).
///
/// No method panics.
///
/// ```
/// use rondel::bytes::{self, TryPushError};
///
/// let (mut tx, mut rx) = bytes::pair(64)?; // always room for 64 bytes of records: 8 and the message, rounded up to 8
/// tx.push(b"copied in")?;
///
/// let mut reservation = tx.reserve(16)?; // written where it will be read
/// reservation.copy_from_slice(b"written in place");
/// reservation.commit()?;
///
/// assert!(matches!(tx.try_push(&[0; 1000]), Err(TryPushError::TooLong(_))));
/// assert_eq!(&*rx.pop()?, b"copied in");
/// assert_eq!(&*rx.pop()?, b"written in place");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Producer {
    ring: bytes::Producer<Mapped>,
    attachment: Attached,
    /// Messages of the batch that is being gathered.
    staged: usize,
}

impl Producer {
    /// Takes the producer's role and finds the place to go on.
    pub(super) fn attach(ring: &Ring) -> Result<Self, SegmentError> {
        let mut attachment = Attached::take(ring.segment(), PRODUCER, CONSUMER)?;
        // SAFETY: the attachment, which the handle keeps as long as the memory, holds the segment.
        let memory = unsafe { Mapped::new(attachment.segment(), ring.geometry) };
        let memory = memory.ok_or_else(|| ring.too_short())?;
        let ring = bytes::Producer::attach(memory, ring.geometry).map_err(SegmentError::Corrupted)?;
        attachment.announce();
        Ok(Producer { ring, attachment, staged: 0 })
    }

    /// Lends room for a message of `len` bytes, to be written in place, if there is room.
    ///
    /// # When it reports full
    ///
    /// Only when the message does not fit beside those that are published and not consumed: see [`capacity`](Self::capacity). The
    /// ring has a little more room than that.
    ///
    /// # Errors
    ///
    /// [`TryPushError::TooLong`] if `len` exceeds [`largest`](Self::largest); [`TryPushError::Full`]; [`TryPushError::Closed`] when
    /// it is full and the consumer was dropped; [`TryPushError::Failed`]. A consumer that was killed is not noticed here, for
    /// that takes a system call: see [`peer`](Self::peer), or use a call that waits. Each refusal takes the line with the consumer's exact
    /// position away from it: a call that waits slows the consumer down less than a loop around this one.
    #[inline(always)]
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_>, TryPushError> {
        self.try_lend(len, Commit::Publish)
    }

    /// Lends room for a message of `len` bytes, waiting for it as long as it takes.
    ///
    /// # Errors
    ///
    /// [`PushError::TooLong`] at once. When there is no room: [`PushError::Closed`] if the consumer was dropped,
    /// [`PushError::Dead`] if its process ended without closing (noticed within 100 ms). If no consumer was ever attached, it waits
    /// for one. [`PushError::Failed`] at any time.
    ///
    /// # How soon it returns
    ///
    /// As long as it spins (see [`Wait`]), as soon as there is room. Asleep, it is woken when the consumer has given back an eighth of the
    /// capacity, at most 16 KiB, or everything: not for each message, for it would find room for one, fill it, and sleep again. Behind a
    /// consumer that takes less and then pauses, it finds the room within 50 ms.
    #[inline(always)]
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, PushError> {
        let payload = match self.room_at_once(len) {
            Some(payload) => payload,
            None => self.room(len)?,
        };
        // SAFETY: just answered for `len`.
        Ok(unsafe { self.lend(payload, len, Commit::Publish) })
    }

    /// Lends room for a message of `len` bytes, waiting for it for `timeout` at most. A timeout beyond the end of time is none.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`reserve`](Self::reserve).
    pub fn reserve_timeout(&mut self, len: usize, timeout: Duration) -> Result<Reservation<'_>, PushTimeoutError> {
        let payload = match self.room_at_once(len) {
            Some(payload) => payload,
            None => self.room_by(len, Instant::now().checked_add(timeout))?,
        };
        // SAFETY: just answered for `len`.
        Ok(unsafe { self.lend(payload, len, Commit::Publish) })
    }

    /// Lends room for a message of `len` bytes, waiting for it until `deadline`. If that has passed, it tries once.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`reserve`](Self::reserve).
    pub fn reserve_deadline(&mut self, len: usize, deadline: Instant) -> Result<Reservation<'_>, PushTimeoutError> {
        let payload = match self.room_at_once(len) {
            Some(payload) => payload,
            None => self.room_by(len, Some(deadline))?,
        };
        // SAFETY: just answered for `len`.
        Ok(unsafe { self.lend(payload, len, Commit::Publish) })
    }

    /// Pushes a message if there is room: one copy.
    ///
    /// # Errors
    ///
    /// As [`try_reserve`](Self::try_reserve).
    #[inline(always)]
    pub fn try_push(&mut self, message: &[u8]) -> Result<(), TryPushError> {
        let mut reservation = self.try_reserve(message.len())?;
        reservation.fill(message);
        Ok(reservation.commit()?)
    }

    /// Pushes a message, waiting for room as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    #[inline(always)]
    pub fn push(&mut self, message: &[u8]) -> Result<(), PushError> {
        let mut reservation = self.reserve(message.len())?;
        reservation.fill(message);
        Ok(reservation.commit()?)
    }

    /// Pushes a message, waiting for room for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`reserve_timeout`](Self::reserve_timeout).
    pub fn push_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), PushTimeoutError> {
        let mut reservation = self.reserve_timeout(message.len(), timeout)?;
        reservation.fill(message);
        Ok(reservation.commit()?)
    }

    /// Pushes a message, waiting for room until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`reserve_deadline`](Self::reserve_deadline).
    pub fn push_deadline(&mut self, message: &[u8], deadline: Instant) -> Result<(), PushTimeoutError> {
        let mut reservation = self.reserve_deadline(message.len(), deadline)?;
        reservation.fill(message);
        Ok(reservation.commit()?)
    }

    /// Pushes one message that is put together of several slices, if there is room.
    ///
    /// # Errors
    ///
    /// As [`try_reserve`](Self::try_reserve).
    pub fn try_push_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), TryPushError> {
        let mut reservation = self.try_reserve(total_len(slices))?;
        reservation.gather(slices);
        Ok(reservation.commit()?)
    }

    /// Pushes one message that is put together of several slices, waiting for room as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// use std::io::IoSlice;
    ///
    /// # let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
    /// tx.push_vectored(&[IoSlice::new(b"header: "), IoSlice::new(b"body")])?;
    /// assert_eq!(&*rx.pop()?, b"header: body");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), PushError> {
        let mut reservation = self.reserve(total_len(slices))?;
        reservation.gather(slices);
        Ok(reservation.commit()?)
    }

    /// Pushes a value of plain data as a message, if there is room. [`Message::as_pod`](super::Message::as_pod) reads it in place.
    ///
    /// # Errors
    ///
    /// As [`try_reserve`](Self::try_reserve).
    pub fn try_push_pod<T: NoUninit>(&mut self, value: &T) -> Result<(), TryPushError> {
        self.try_push(bytemuck::bytes_of(value))
    }

    /// Pushes a value of plain data as a message, waiting for room as long as it takes.
    /// [`Message::as_pod`](super::Message::as_pod) reads it in place.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    /// #[repr(C)]
    /// struct Trade {
    ///     price: f64,
    ///     quantity: u64,
    /// }
    ///
    /// # let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
    /// tx.push_pod(&Trade { price: 9.5, quantity: 100 })?;
    /// let message = rx.pop()?;
    /// let trade: &Trade = message.as_pod()?; // where it lies
    /// assert_eq!(trade.quantity, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_pod<T: NoUninit>(&mut self, value: &T) -> Result<(), PushError> {
        self.push(bytemuck::bytes_of(value))
    }

    /// Begins a batch: messages that are published together, by one store.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    #[inline(always)]
    pub fn batch(&mut self) -> Result<PushBatch<'_>, Fault> {
        self.attachment.check()?;
        Ok(PushBatch::new(self))
    }

    /// Waits until the consumer has consumed everything that was pushed: the rendezvous.
    ///
    /// A [`Message`](super::Message) is consumed when it is dropped, so this returns when everything has been processed. If
    /// no consumer is attached yet, it waits for one.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] or [`WaitError::Dead`] when messages are unread and their consumer is gone;
    /// [`WaitError::Failed`]. Never [`WaitError::Timeout`].
    pub fn wait_until_empty(&mut self) -> Result<(), WaitError> {
        loop {
            match self.wait_until_empty_by(None) {
                Err(WaitError::Timeout) => {}
                result => return result,
            }
        }
    }

    /// As [`wait_until_empty`](Self::wait_until_empty), for `timeout` at most.
    ///
    /// # Errors
    ///
    /// [`WaitError::Timeout`], and those of [`wait_until_empty`](Self::wait_until_empty).
    pub fn wait_until_empty_timeout(&mut self, timeout: Duration) -> Result<(), WaitError> {
        self.wait_until_empty_by(Instant::now().checked_add(timeout))
    }

    /// As [`wait_until_empty`](Self::wait_until_empty), until `deadline`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Timeout`], and those of [`wait_until_empty`](Self::wait_until_empty).
    pub fn wait_until_empty_deadline(&mut self, deadline: Instant) -> Result<(), WaitError> {
        self.wait_until_empty_by(Some(deadline))
    }

    /// The bytes of unread records that always fit, as asked for at creation. A message's record has 8 bytes more than the
    /// message, rounded up to a multiple of 8.
    pub fn capacity(&self) -> usize {
        self.attachment.segment().capacity() as usize
    }

    /// The largest message that the ring takes, in bytes.
    #[inline(always)]
    pub fn largest(&self) -> usize {
        self.ring.geometry().largest as usize
    }

    /// How many bytes of the ring are taken by records that are published and not consumed. Exact for what the consumer had
    /// consumed at the moment of the call. It may exceed [`capacity`](Self::capacity) a little, and a record at the ring's end counts
    /// less than its length.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn used(&mut self) -> Result<usize, Fault> {
        self.attachment.check()?;
        self.ring.used().map(|used| used as usize).map_err(|corruption| self.fail(corruption))
    }

    /// True if everything published has been consumed.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_empty(&mut self) -> Result<bool, Fault> {
        Ok(self.used()? == 0)
    }

    /// True if [`try_reserve`](Self::try_reserve) would refuse a message of `len` bytes.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_full(&mut self, len: usize) -> Result<bool, Fault> {
        self.attachment.check()?;
        if len > self.largest() {
            return Ok(true);
        }
        self.ring.see_consumed(len as u64).map(|room| !room).map_err(|corruption| self.fail(corruption))
    }

    /// Where the next message will be published: bytes of the ring since it was made, by this producer and those before it, where a record at
    /// the ring's end counts less than its length. It grows with every message, and a successor learns from it whether its predecessor's
    /// last push came about.
    pub fn position(&self) -> u64 {
        self.ring.position()
    }

    /// What is known of the consumer: not there yet, alive, closed or dead. One system call at most.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn peer(&mut self) -> Result<Peer, Fault> {
        self.attachment.check()?;
        self.attachment.peer().map_err(|fault| self.attachment.fail(fault))
    }

    /// Chooses how this handle waits for room. The default is [`Wait::default`].
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

    #[inline(always)]
    pub(super) fn try_lend(&mut self, len: usize, commit: Commit) -> Result<Reservation<'_>, TryPushError> {
        let payload = match self.room_at_once(len) {
            Some(payload) => payload,
            None => self.try_room_for(len, commit)?,
        };
        // SAFETY: just answered for `len`.
        Ok(unsafe { self.lend(payload, len, commit) })
    }

    /// # Safety
    ///
    /// `payload` is what one of the functions that look for room has answered for `len`, and nothing was pushed since.
    #[inline(always)]
    unsafe fn lend(&mut self, payload: u64, len: usize, commit: Commit) -> Reservation<'_> {
        // SAFETY: an offset in the ring, by the caller's word.
        let bytes = unsafe { self.ring.memory().bytes(payload) };
        // SAFETY: the protocol has found room for a record of `len` bytes there: for whole words from a multiple of 8 on. `len` is at most the
        // largest message, so they end before the slack does. The memory is this producer's.
        unsafe { Reservation::new(self, bytes, len, commit) }
    }

    /// The fast path, without a word on why there is no room.
    #[inline(always)]
    fn room_at_once(&mut self, len: usize) -> Option<u64> {
        if !self.attachment.is_open() || len > self.largest() {
            return None;
        }
        self.ring.reserve(len as u64).ok()?
    }

    fn check_len(&self, len: usize) -> Result<u64, TooLong> {
        if len > self.largest() { Err(TooLong { len, largest: self.largest() }) } else { Ok(len as u64) }
    }

    /// Completes the record of a reservation of which `len` bytes are to be kept.
    #[inline(always)]
    pub(super) fn commit(&mut self, len: usize, commit: Commit) -> Result<(), Fault> {
        self.attachment.check()?;
        self.ring.stage(len as u64);
        match commit {
            Commit::Publish => self.publish_staged(),
            Commit::Stage => self.staged += 1,
        }
        Ok(())
    }

    /// Publishes the batch.
    #[inline(always)]
    pub(super) fn publish(&mut self) -> Result<(), Fault> {
        self.attachment.check()?;
        self.publish_staged();
        Ok(())
    }

    /// W1 is the length word; W2 to W4 of the proof in `protocol::event`.
    #[inline(always)]
    fn publish_staged(&mut self) {
        self.ring.publish();
        self.staged = 0;
        if !self.attachment.is_open() {
            self.attachment.notify_fenced(self.ring.memory().data());
        } else if attachment::someone_sleeps(self.ring.memory().data()) {
            attachment::wake(self.ring.memory().data());
        }
    }

    /// Forgets the batch.
    pub(super) fn abandon(&mut self) {
        self.ring.abandon();
        self.staged = 0;
    }

    /// Messages of the batch.
    pub(super) fn staged(&self) -> usize {
        self.staged
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.attachment.close(self.ring.memory().data());
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("place", self.attachment.segment().place())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
