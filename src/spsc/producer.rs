//! The producer's handle.

use core::fmt;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::Pod;

use super::Ring;
use super::error::TryPushError;
use super::memory::Mapped;
use crate::attachment;
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::outcome::{PushError, PushSliceError, PushTimeoutError};
use crate::pair::{Attached, CONSUMER, Gone, Look, PRODUCER, Peer, WaitError, wait_for};
use crate::protocol::{Corruption, spsc};
use crate::wait::Wait;

/// The one handle that pushes into a ring. Made by [`Ring::producer`].
///
/// `Send`, not `Clone`: there is one producer at a time. Dropping it closes the ring for the consumer once that has
/// drained it, and frees the role for a successor. If the process is killed instead, everything that was published
/// stays, the consumer learns of the death within 100 ms when it runs dry, and a successor goes on right behind the last
/// published element.
///
/// No method panics.
///
/// ```
/// use rondel::spsc::{self, TryPushError};
///
/// let (mut tx, mut rx) = spsc::pair::<u32>(2)?;
/// tx.push(1)?;
/// tx.push(2)?; // two elements always fit
/// let refused = loop {
///     // More may fit (lines are filled to the end), until the ring says so and gives the element back.
///     if let Err(TryPushError::Full(element)) = tx.try_push(3) {
///         break element;
///     }
/// };
/// assert_eq!(refused, 3);
/// assert_eq!(rx.pop()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Producer<T: Pod> {
    ring: spsc::Producer<Mapped<T>>,
    attachment: Attached,
}

impl<T: Pod> Producer<T> {
    /// Takes the producer's role and finds the place to go on.
    pub(super) fn attach(ring: &Ring<T>) -> Result<Self, SegmentError> {
        let mut attachment = Attached::take(ring.segment(), PRODUCER, CONSUMER)?;
        // SAFETY: the attachment, which the handle keeps as long as the memory, holds the segment.
        let memory = unsafe { Mapped::new(attachment.segment(), ring.geometry) };
        let memory = memory.ok_or_else(|| ring.too_short())?;
        let ring = spsc::Producer::attach(memory, ring.geometry).map_err(SegmentError::Corrupted)?;
        attachment.announce();
        Ok(Producer { ring, attachment })
    }

    /// Pushes if there is room, without waiting: about as long as two stores.
    ///
    /// # When it reports full
    ///
    /// Only when at least [`capacity`](Self::capacity) elements are published and not consumed. It may accept somewhat
    /// more than that: the ring has whole lines, and some to spare: an eighth of its lines, 1 at least and 32 at most, and two.
    ///
    /// # Errors
    ///
    /// [`TryPushError::Full`]; [`TryPushError::Closed`] when it is full and the consumer was dropped;
    /// [`TryPushError::Failed`]. The element comes back in each. A consumer that was killed is not noticed here, for
    /// that takes a system call: see [`peer`](Self::peer), or use a blocking push.
    #[inline]
    pub fn try_push(&mut self, element: T) -> Result<(), TryPushError<T>> {
        if !self.attachment.is_open() {
            return self.try_push_slowly(element);
        }
        match self.ring.try_push(element) {
            Ok(true) => {
                // W1 was the stamp; W2 to W4 of the proof in `protocol::event`.
                if attachment::someone_sleeps(self.ring.memory().data()) {
                    attachment::wake(self.ring.memory().data());
                }
                Ok(())
            }
            Ok(false) => self.try_push_last(element),
            Err(corruption) => Err(TryPushError::Failed(element, self.fail(corruption))),
        }
    }

    /// Pushes, waiting for room as long as it takes.
    ///
    /// # Errors
    ///
    /// When the ring is full: [`PushError::Closed`] if the consumer was dropped, [`PushError::Dead`] if its process
    /// ended without closing (noticed within 100 ms). If no consumer was ever attached, it waits for one.
    /// [`PushError::Failed`] at any time. The element comes back in each.
    #[inline]
    pub fn push(&mut self, element: T) -> Result<(), PushError<T>> {
        match self.try_push(element) {
            Ok(()) => Ok(()),
            Err(refused) => self.push_waiting(element, refused),
        }
    }

    /// Pushes, waiting for room for `timeout` at most. A timeout beyond the end of time is none.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&mut self, element: T, timeout: Duration) -> Result<(), PushTimeoutError<T>> {
        match self.try_push(element) {
            Ok(()) => Ok(()),
            Err(refused) => self.push_until(element, refused, Instant::now().checked_add(timeout)),
        }
    }

    /// Pushes, waiting for room until `deadline`. If that has passed, it tries once.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, element: T, deadline: Instant) -> Result<(), PushTimeoutError<T>> {
        match self.try_push(element) {
            Ok(()) => Ok(()),
            Err(refused) => self.push_until(element, refused, Some(deadline)),
        }
    }

    /// Pushes as many elements from the beginning of `elements` as fit, and returns how many: 0 if the ring is full.
    /// Publishes once per line, which makes a batch several times as fast as single pushes.
    ///
    /// If the process is killed in the middle, the consumer finds the first elements, in whole lines.
    ///
    /// # Errors
    ///
    /// [`TryPushError::Closed`] when nothing fits and the consumer was dropped; [`TryPushError::Failed`]. Never
    /// [`TryPushError::Full`].
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::spsc::pair::<u64>(100)?;
    /// let elements: Vec<u64> = (0..100).collect();
    /// assert_eq!(tx.try_push_slice(&elements)?, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_push_slice(&mut self, elements: &[T]) -> Result<usize, TryPushError<()>> {
        self.attachment.check().map_err(|fault| TryPushError::Failed((), fault))?;
        let pushed = self.ring.try_push_slice(elements);
        if !self.attachment.is_open() {
            self.attachment.notify_fenced(self.ring.memory().data());
        } else if attachment::someone_sleeps(self.ring.memory().data()) {
            attachment::wake(self.ring.memory().data());
        }
        match pushed {
            Ok(0) if !elements.is_empty() => self.try_push_slice_last(elements),
            Ok(pushed) => Ok(pushed),
            Err(corruption) => Err(TryPushError::Failed((), self.fail(corruption))),
        }
    }

    /// Pushes all of `elements`, waiting for room as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), with the number of elements that were pushed; those stay pushed.
    pub fn push_slice(&mut self, elements: &[T]) -> Result<(), PushSliceError> {
        self.push_slice_until(elements, None)
    }

    /// Pushes all of `elements`, waiting for room for `timeout` at most, all in all.
    ///
    /// # Errors
    ///
    /// As [`push_timeout`](Self::push_timeout), with the number of elements that were pushed; those stay pushed.
    pub fn push_slice_timeout(&mut self, elements: &[T], timeout: Duration) -> Result<(), PushSliceError> {
        self.push_slice_until(elements, Instant::now().checked_add(timeout))
    }

    /// Pushes all of `elements`, waiting for room until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`push_deadline`](Self::push_deadline), with the number of elements that were pushed; those stay pushed.
    pub fn push_slice_deadline(&mut self, elements: &[T], deadline: Instant) -> Result<(), PushSliceError> {
        self.push_slice_until(elements, Some(deadline))
    }

    /// Waits until the consumer has consumed everything that was pushed: the rendezvous.
    ///
    /// An element under a [`PopGuard`](super::PopGuard) is consumed when the guard is dropped, so with guards this
    /// returns when everything has been processed. If no consumer is attached yet, it waits for one.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] or [`WaitError::Dead`] when elements are unread and their consumer is gone;
    /// [`WaitError::Failed`]. Never [`WaitError::Timeout`].
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::spsc::pair::<u64>(100)?;
    /// let consumer = std::thread::spawn(move || rx.iter().sum::<u64>());
    /// tx.push_slice(&[1, 2, 3])?;
    /// tx.wait_until_empty()?; // all three have been taken
    /// drop(tx); // ends the iterator
    /// assert_eq!(consumer.join().unwrap(), 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// The number of unread elements that always fit, as asked for at creation.
    pub fn capacity(&self) -> usize {
        self.attachment.segment().capacity() as usize
    }

    /// How many elements are published and not consumed. Exact for what the consumer had consumed at the moment of the
    /// call; it may exceed [`capacity`](Self::capacity).
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn len(&mut self) -> Result<usize, Fault> {
        self.attachment.check()?;
        self.ring.len().map(|len| len as usize).map_err(|corruption| self.fail(corruption))
    }

    /// True if everything published has been consumed.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_empty(&mut self) -> Result<bool, Fault> {
        Ok(self.len()? == 0)
    }

    /// True if [`try_push`](Self::try_push) would report full.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_full(&mut self) -> Result<bool, Fault> {
        self.attachment.check()?;
        let full = self.ring.is_full().and_then(|full| Ok(full && !self.ring.see_consumed()?));
        full.map_err(|corruption| self.fail(corruption))
    }

    /// How many elements have been published since the ring was made, by this producer and those before it: a successor
    /// learns from it where its predecessor stopped.
    pub fn position(&self) -> u64 {
        self.ring.tail()
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

    /// Chooses how this handle waits when the ring is full. The default is [`Wait::default`].
    pub fn set_wait(&mut self, wait: Wait) {
        self.attachment.wait = wait;
    }

    /// How this handle waits.
    pub fn wait_strategy(&self) -> Wait {
        self.attachment.wait
    }

    /// The ring that this handle belongs to.
    pub fn ring(&self) -> Ring<T> {
        Ring::of(Arc::clone(self.attachment.segment()), self.ring.geometry())
    }

    #[cold]
    fn fail(&mut self, corruption: Corruption) -> Fault {
        self.attachment.fail(corruption.into())
    }

    #[cold]
    #[inline(never)]
    fn try_push_slowly(&mut self, element: T) -> Result<(), TryPushError<T>> {
        if let Some(fault) = self.attachment.fault() {
            return Err(TryPushError::Failed(element, fault));
        }
        match self.ring.try_push(element) {
            Ok(true) => {
                self.attachment.notify_fenced(self.ring.memory().data());
                Ok(())
            }
            Ok(false) => self.try_push_last(element),
            Err(corruption) => Err(TryPushError::Failed(element, self.fail(corruption))),
        }
    }

    /// There was no room as far as `released` tells. Before that is said, `consumed` is asked, which is exact: a
    /// consumer may be held up, or have been killed, between the two. The consumer's phase is looked at first, for
    /// whatever it consumed before it closed counts.
    #[cold]
    fn try_push_last(&mut self, element: T) -> Result<(), TryPushError<T>> {
        let closed = match self.attachment.peer_has_closed() {
            Ok(closed) => closed,
            Err(fault) => return Err(TryPushError::Failed(element, self.attachment.fail(fault))),
        };
        match self.ring.see_consumed().and_then(|room| Ok(room && self.ring.try_push(element)?)) {
            Ok(true) => {
                self.attachment.notify_fenced(self.ring.memory().data());
                Ok(())
            }
            Ok(false) if closed => Err(TryPushError::Closed(element)),
            Ok(false) => Err(TryPushError::Full(element)),
            Err(corruption) => Err(TryPushError::Failed(element, self.fail(corruption))),
        }
    }

    /// As [`try_push_last`](Self::try_push_last), for a slice that is not empty.
    #[cold]
    fn try_push_slice_last(&mut self, elements: &[T]) -> Result<usize, TryPushError<()>> {
        let closed = match self.attachment.peer_has_closed() {
            Ok(closed) => closed,
            Err(fault) => return Err(TryPushError::Failed((), self.attachment.fail(fault))),
        };
        match self.ring.see_consumed().and_then(|_| self.ring.try_push_slice(elements)) {
            Ok(0) if closed => Err(TryPushError::Closed(())),
            Ok(pushed) => {
                self.attachment.notify_fenced(self.ring.memory().data());
                Ok(pushed)
            }
            Err(corruption) => Err(TryPushError::Failed((), self.fail(corruption))),
        }
    }

    #[cold]
    fn push_waiting(&mut self, element: T, mut refused: TryPushError<T>) -> Result<(), PushError<T>> {
        loop {
            match refused {
                TryPushError::Full(_) => {}
                TryPushError::Closed(element) => return Err(PushError::Closed(element)),
                TryPushError::Failed(element, fault) => return Err(PushError::Failed(element, fault)),
            }
            match self.wait_for_room(None) {
                Some(Err(Gone::Closed)) => return Err(PushError::Closed(element)),
                Some(Err(Gone::Dead)) => return Err(PushError::Dead(element)),
                Some(Err(Gone::Failed(fault))) => return Err(PushError::Failed(element, fault)),
                Some(Ok(())) | None => match self.try_push(element) {
                    Ok(()) => return Ok(()),
                    Err(again) => refused = again,
                },
            }
        }
    }

    #[cold]
    fn push_until(
        &mut self,
        element: T,
        mut refused: TryPushError<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PushTimeoutError<T>> {
        loop {
            match refused {
                TryPushError::Full(_) => {}
                TryPushError::Closed(element) => return Err(PushTimeoutError::Closed(element)),
                TryPushError::Failed(element, fault) => return Err(PushTimeoutError::Failed(element, fault)),
            }
            self.room_by(deadline).map_err(|cause| cause.with(element))?;
            match self.try_push(element) {
                Ok(()) => return Ok(()),
                Err(again) => refused = again,
            }
        }
    }

    fn push_slice_until(&mut self, elements: &[T], deadline: Option<Instant>) -> Result<(), PushSliceError> {
        let mut pushed = 0;
        while let Some(rest) = elements.get(pushed..).filter(|rest| !rest.is_empty()) {
            pushed += match self.try_push_slice(rest) {
                Ok(0) | Err(TryPushError::Full(())) => {
                    self.room_by(deadline).map_err(|cause| PushSliceError { pushed, cause })?;
                    0
                }
                Ok(count) => count,
                Err(TryPushError::Closed(())) => {
                    return Err(PushSliceError { pushed, cause: PushTimeoutError::Closed(()) });
                }
                Err(TryPushError::Failed((), fault)) => {
                    return Err(PushSliceError { pushed, cause: PushTimeoutError::Failed((), fault) });
                }
            };
        }
        Ok(())
    }

    fn room_by(&mut self, deadline: Option<Instant>) -> Result<(), PushTimeoutError<()>> {
        match self.wait_for_room(deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(Gone::Closed)) => Err(PushTimeoutError::Closed(())),
            Some(Err(Gone::Dead)) => Err(PushTimeoutError::Dead(())),
            Some(Err(Gone::Failed(fault))) => Err(PushTimeoutError::Failed((), fault)),
            None => Err(PushTimeoutError::Timeout(())),
        }
    }

    fn wait_for_room(&mut self, deadline: Option<Instant>) -> Option<Result<(), Gone>> {
        let Producer { ring, attachment } = self;
        wait_for(ring, attachment, deadline, space, |ring, look| match look {
            Look::Cheap => ring.is_full().map(|full| !full),
            Look::Exact => ring.see_consumed(),
        })
    }

    fn wait_until_empty_by(&mut self, deadline: Option<Instant>) -> Result<(), WaitError> {
        self.attachment.check().map_err(WaitError::Failed)?;
        let Producer { ring, attachment } = self;
        match wait_for(ring, attachment, deadline, space, |ring, _| ring.len().map(|len| len == 0)) {
            Some(Ok(())) => Ok(()),
            Some(Err(Gone::Closed)) => Err(WaitError::Closed),
            Some(Err(Gone::Dead)) => Err(WaitError::Dead),
            Some(Err(Gone::Failed(fault))) => Err(WaitError::Failed(fault)),
            None => Err(WaitError::Timeout),
        }
    }
}

/// What the producer sleeps on.
fn space<T: Pod>(ring: &spsc::Producer<Mapped<T>>) -> &AtomicU32 {
    ring.memory().space()
}

impl<T: Pod> Drop for Producer<T> {
    fn drop(&mut self) {
        self.attachment.close(self.ring.memory().data());
    }
}

impl<T: Pod> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("place", self.attachment.segment().place())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
