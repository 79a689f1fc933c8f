//! Several messages that are published by one store.

use std::io::IoSlice;

use super::error::TryPushError;
use super::producer::Producer;
use super::reservation::{Commit, Reservation};
use crate::fault::Fault;

/// Messages that are in the ring and not yet published. Made by [`Producer::batch`].
///
/// [`publish`](Self::publish) makes all of them the consumer's at once: it sees all or none, also if the process is killed.
/// A batch that is dropped is abandoned; one that is forgotten (`std::mem::forget`) is published with what is pushed next.
///
/// A batch has as much room as the ring. It never waits for more: publish what there is, and begin another.
///
/// ```
/// let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
/// let mut batch = tx.batch()?;
/// for line in "one\ntwo\nthree".lines() {
///     batch.try_push(line.as_bytes())?;
/// }
/// let mut reservation = batch.try_reserve(4)?;
/// reservation.copy_from_slice(b"four");
/// reservation.commit()?;
/// assert_eq!(batch.len(), 4);
/// batch.publish()?;
///
/// let mut words = Vec::new();
/// for message in &mut rx.try_pop_batch()? {
///     words.push(String::from_utf8_lossy(message).into_owned());
/// }
/// assert_eq!(words, ["one", "two", "three", "four"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is published before `publish`"]
pub struct PushBatch<'a> {
    producer: &'a mut Producer,
}

impl<'a> PushBatch<'a> {
    pub(super) fn new(producer: &'a mut Producer) -> Self {
        PushBatch { producer }
    }

    /// Room for a message of `len` bytes, to be written in place. Committing it adds it to the batch.
    ///
    /// # Errors
    ///
    /// As [`Producer::try_reserve`].
    #[inline(always)]
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_>, TryPushError> {
        self.producer.try_lend(len, Commit::Stage)
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// As [`Producer::try_push`]. The batch stays as it was.
    #[inline(always)]
    pub fn try_push(&mut self, message: &[u8]) -> Result<(), TryPushError> {
        let mut reservation = self.try_reserve(message.len())?;
        reservation.fill(message);
        Ok(reservation.commit()?)
    }

    /// Adds a message that is put together of several slices.
    ///
    /// # Errors
    ///
    /// As [`Producer::try_push`]. The batch stays as it was.
    pub fn try_push_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), TryPushError> {
        let mut reservation = self.try_reserve(total_len(slices))?;
        reservation.gather(slices);
        Ok(reservation.commit()?)
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.producer.staged()
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Publishes all of them by one store.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the process was forked since and this is the child, or the handle has failed. The batch is abandoned then.
    #[inline(always)]
    pub fn publish(self) -> Result<(), Fault> {
        self.producer.publish()
    }
}

impl Drop for PushBatch<'_> {
    fn drop(&mut self) {
        self.producer.abandon();
    }
}

/// How many bytes they have together; more than any message if that cannot be counted.
pub(super) fn total_len(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().fold(0, |sum, slice| slice.len().saturating_add(sum))
}
