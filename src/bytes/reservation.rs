//! Room in the ring, lent to be written in place.

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::{fmt, slice};
use std::io::IoSlice;

use super::error::CommitError;
use super::producer::Producer;
use crate::fault::Fault;

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
    /// `bytes` are `len` bytes in the ring, with room for them, and `producer` is the ring's.
    #[inline(always)]
    pub(super) unsafe fn new(producer: &'a mut Producer, bytes: NonNull<u8>, len: usize, commit: Commit) -> Self {
        Reservation { producer, bytes, len, commit }
    }

    /// Fills it with the bytes of the slices, one behind the other. They have as many together.
    pub(super) fn gather(&mut self, slices: &[IoSlice<'_>]) {
        let mut rest: &mut [u8] = self;
        for slice in slices {
            // Never shorter, for `rest` began as long as they are together.
            let Some((here, behind)) = rest.split_at_mut_checked(slice.len()) else { return };
            here.copy_from_slice(slice);
            rest = behind;
        }
    }

    /// Publishes the message; of a batch: adds it to that.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the process was forked since and this is the child, or the handle has failed. The message is abandoned then.
    #[inline]
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
    #[inline]
    pub fn commit_len(self, len: usize) -> Result<(), CommitError> {
        if len > self.len {
            return Err(CommitError::TooLong { len, reserved: self.len });
        }
        self.producer.commit(len, self.commit).map_err(CommitError::Failed)
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
