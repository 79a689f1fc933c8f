//! Room in the ring, lent to be written in place.

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use core::{fmt, slice};
use std::io::IoSlice;

use super::error::CommitError;
use super::producer::Producer;
use crate::fault::Fault;

/// Messages of up to as many bytes are copied in word by word: a message that has just been made is still on its way to the cache, and a
/// processor can load from there what was stored whole, but not one wide value of several that were stored one by one. It would have to wait for those,
/// and they for every store before them, such as that of the last message into the ring. Atomic stores, so that the compiler
/// does not make wide ones of them again. Measured with 64 bytes, made and copied: 14 ns a message instead of 21.
const WORDWISE: usize = 128;

/// What becomes of a reservation that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// It is published at once.
    Publish,
    /// It is published with its batch.
    Stage,
}

/// The bytes of a message that is not published yet, where they lie in the ring.
///
/// Made by [`Producer::reserve`] and its siblings, and by [`PushBatch::try_reserve`](super::PushBatch::try_reserve). Write the message,
/// then [`commit`](Self::commit) it. A reservation that is dropped is abandoned: nothing is published, and the room is as free as
/// before. The same happens if the process is killed.
///
/// The bytes begin at a multiple of 8. What they hold at first is arbitrary: left over from earlier messages.
///
/// One that lives across a fork is the parent's. The child must not write to it, for it writes where the parent does; its `commit` is refused.
#[must_use = "nothing is published before `commit`"]
pub struct Reservation<'a> {
    producer: &'a mut Producer,
    bytes: NonNull<u8>,
    len: usize,
    commit: Commit,
}

impl<'a> Reservation<'a> {
    /// # Safety
    ///
    /// `bytes` are `len` bytes in ring and slack, at a multiple of 8, with room for them and what fills up the last word; and `producer` is the ring's.
    #[inline(always)]
    pub(super) unsafe fn new(producer: &'a mut Producer, bytes: NonNull<u8>, len: usize, commit: Commit) -> Self {
        Reservation { producer, bytes, len, commit }
    }

    /// Copies the message in, which is as long.
    #[inline(always)]
    pub(super) fn fill(&mut self, message: &[u8]) {
        if message.len() > WORDWISE {
            return self.copy_at(0, message);
        }
        let words = message.get(..self.len).unwrap_or(message).chunks_exact(size_of::<u64>());
        let rest = words.remainder();
        let mut place = self.bytes.cast::<AtomicU64>();
        for word in words {
            let value = u64::from_ne_bytes(word.try_into().unwrap_or_default());
            // SAFETY: in the ring, aligned to 8 bytes as every record is, and lent to `self` alone, as far as the message reaches.
            unsafe { place.as_ref() }.store(value, Ordering::Relaxed);
            // SAFETY: at most at the end of what is reserved.
            place = unsafe { place.add(1) };
        }
        if !rest.is_empty() {
            let value = rest.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)).to_le();
            // SAFETY: as above; the record is filled up to whole words.
            unsafe { place.as_ref() }.store(value, Ordering::Relaxed);
        }
    }

    /// Fills it with the bytes of the slices, one behind the other. They have as many together.
    pub(super) fn gather(&mut self, slices: &[IoSlice<'_>]) {
        let mut at = 0;
        for slice in slices {
            self.copy_at(at, slice);
            at += slice.len();
        }
    }

    /// Copies bytes in at an offset; as many as are reserved from there on, if those are fewer.
    fn copy_at(&mut self, at: usize, bytes: &[u8]) {
        let at = at.min(self.len);
        let len = bytes.len().min(self.len - at);
        // SAFETY: `at` is at most the `len` bytes that are reserved.
        let place = unsafe { self.bytes.add(at) };
        // SAFETY: `len` bytes, reserved from `at` on and lent to `self` alone, and as many of the caller's. The two may overlap: where both ends are in
        // one process, `bytes` can be a message of this ring, and its forged length can reach into what is reserved.
        unsafe { place.as_ptr().copy_from(bytes.as_ptr(), len) };
    }

    /// Publishes the message; of a batch: adds it to that.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the process was forked since and this is the child, or the handle has failed. The message is abandoned then.
    #[inline(always)]
    pub fn commit(self) -> Result<(), Fault> {
        self.producer.commit(self.len, self.commit)
    }

    /// The same with the first `len` bytes only. The rest of the room is free again.
    ///
    /// # Errors
    ///
    /// [`CommitError::TooLong`] if fewer bytes are reserved, and as [`commit`](Self::commit). The reservation is abandoned then.
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
    /// let mut reservation = tx.reserve(1500)?;
    /// reservation[..5].copy_from_slice(b"hello"); // say, as much as a socket had
    /// reservation.commit_len(5)?;
    /// assert_eq!(&*rx.pop()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn commit_len(self, len: usize) -> Result<(), CommitError> {
        if len > self.len {
            return Err(CommitError::TooLong { len, reserved: self.len });
        }
        Ok(self.producer.commit(len, self.commit)?)
    }
}

impl Deref for Reservation<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes of the ring (see `new`), mapped as long as the producer that `self` borrows. There is room for them,
        // so the consumer does not read them, and nobody else writes them: the one producer is borrowed.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.len) }
    }
}

impl DerefMut for Reservation<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.bytes.as_ptr(), self.len) }
    }
}

// SAFETY: the pointer is to shared memory, which belongs to no thread; it lives as long as the producer, which is `Send`.
unsafe impl Send for Reservation<'_> {}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("len", &self.len).finish_non_exhaustive()
    }
}
