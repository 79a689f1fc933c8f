//! The consumer's handle.

mod slow;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::Pod;

use super::Ring;
use super::guard::PopGuard;
use super::iter::{Iter, TryIter};
use super::memory::Mapped;
use crate::attachment;
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::outcome::{PopError, PopTimeoutError};
use crate::pair::{Attached, CONSUMER, PRODUCER, Peer, TryPopError};
use crate::protocol::spsc;
use crate::protocol::spsc::Advanced;
use crate::wait::Wait;

/// The one handle that pops from a ring. Made by [`Ring::consumer`].
///
/// `Send`, not `Clone`: there is one consumer at a time. Dropping it tells the producer so once the ring is full, and
/// frees the role for a successor. If the process is killed instead, a successor goes on at exactly the first element
/// that was not consumed; with [`pop_guard`](Self::pop_guard) that includes the element that was being processed.
///
/// Elements are copied out: nobody gets a reference into memory that another process can write.
///
/// No method panics.
///
/// ```
/// use std::time::Duration;
/// use rondel::spsc::{self, PopTimeoutError, TryPopError};
///
/// let (mut tx, mut rx) = spsc::pair::<u32>(64)?;
/// assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
/// assert_eq!(rx.pop_timeout(Duration::from_millis(1)), Err(PopTimeoutError::Timeout));
/// tx.push_slice(&[1, 2, 3])?;
/// assert_eq!(rx.peek()?, 1);
/// assert_eq!(rx.pop()?, 1);
/// let mut rest = [0; 8];
/// assert_eq!(rx.try_pop_slice(&mut rest)?, 2);
/// assert_eq!(rest[..2], [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Consumer<T: Pod> {
    ring: spsc::Consumer<Mapped<T>>,
    attachment: Attached,
}

impl<T: Pod> Consumer<T> {
    /// Takes the consumer's role and finds the place to go on.
    pub(super) fn attach(ring: &Ring<T>) -> Result<Self, SegmentError> {
        let mut attachment = Attached::take(ring.segment(), CONSUMER, PRODUCER)?;
        // SAFETY: the attachment, which the handle keeps as long as the memory, holds the segment.
        let memory = unsafe { Mapped::new(attachment.segment(), ring.geometry) };
        let memory = memory.ok_or_else(|| ring.too_short())?;
        let ring = spsc::Consumer::attach(memory, ring.geometry).map_err(SegmentError::Corrupted)?;
        attachment.announce();
        // A producer that waits for room may find some now.
        attachment.notify_fenced(ring.memory().space());
        Ok(Consumer { ring, attachment })
    }

    /// Pops if something is published, without waiting.
    ///
    /// # Errors
    ///
    /// [`TryPopError::Empty`]; [`TryPopError::Closed`] when the ring is drained and the producer was dropped;
    /// [`TryPopError::Failed`]. A producer that was killed is not noticed here, for that takes a system call: see
    /// [`peer`](Self::peer), or use a blocking pop.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, TryPopError> {
        if !self.attachment.is_open() {
            return self.try_pop_slowly();
        }
        match self.ring.peek() {
            Ok(Some(element)) => {
                self.advance();
                Ok(element)
            }
            Ok(None) => self.try_pop_last(),
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    /// Pops, waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// When the ring is drained: [`PopError::Closed`] if the producer was dropped, [`PopError::Dead`] if its process
    /// ended without closing (noticed within 100 ms). If no producer was ever attached, it waits for one.
    /// [`PopError::Failed`] at any time. None of the first two is final: after a successor has attached, pop again.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        match self.pop_at_once() {
            Some(element) => Ok(element),
            None => self.pop_waiting(),
        }
    }

    /// Pops, waiting for `timeout` at most. A timeout beyond the end of time is none.
    ///
    /// # Errors
    ///
    /// [`PopTimeoutError::Timeout`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopTimeoutError> {
        match self.pop_at_once() {
            Some(element) => Ok(element),
            None => self.pop_until(Instant::now().checked_add(timeout)),
        }
    }

    /// Pops, waiting until `deadline`. If that has passed, it looks once.
    ///
    /// # Errors
    ///
    /// [`PopTimeoutError::Timeout`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopTimeoutError> {
        match self.pop_at_once() {
            Some(element) => Ok(element),
            None => self.pop_until(Some(deadline)),
        }
    }

    /// A copy of the first element, which stays in the ring.
    ///
    /// # Errors
    ///
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn peek(&mut self) -> Result<T, TryPopError> {
        if !self.attachment.is_open() {
            return self.peek_slowly();
        }
        match self.ring.peek() {
            Ok(Some(element)) => Ok(element),
            Ok(None) => self.peek_last(),
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    /// The first element under a guard: it is consumed when the guard is dropped, and not before. A consumer that is
    /// killed while it holds the guard leaves the element to its successor.
    ///
    /// # Errors
    ///
    /// As [`try_pop`](Self::try_pop).
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::spsc::pair::<u64>(8)?;
    /// tx.push(42)?;
    /// {
    ///     let element = rx.try_pop_guard()?;
    ///     assert_eq!(*element, 42); // process it here; a kill now would redeliver it
    /// } // consumed
    /// assert!(rx.is_empty()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_pop_guard(&mut self) -> Result<PopGuard<'_, T>, TryPopError> {
        let element = self.peek()?;
        Ok(PopGuard::new(self, element))
    }

    /// The first element under a guard (see [`try_pop_guard`](Self::try_pop_guard)), waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    pub fn pop_guard(&mut self) -> Result<PopGuard<'_, T>, PopError> {
        let element = self.peek_waiting()?;
        Ok(PopGuard::new(self, element))
    }

    /// The first element under a guard, waiting for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`pop_timeout`](Self::pop_timeout).
    pub fn pop_guard_timeout(&mut self, timeout: Duration) -> Result<PopGuard<'_, T>, PopTimeoutError> {
        let element = self.peek_until(Instant::now().checked_add(timeout))?;
        Ok(PopGuard::new(self, element))
    }

    /// The first element under a guard, waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`pop_deadline`](Self::pop_deadline).
    pub fn pop_guard_deadline(&mut self, deadline: Instant) -> Result<PopGuard<'_, T>, PopTimeoutError> {
        let element = self.peek_until(Some(deadline))?;
        Ok(PopGuard::new(self, element))
    }

    /// Fills `elements` from the beginning with what is published, and returns how many there were: 0 if the ring is
    /// empty. They are consumed all at once when the last is copied; a consumer that is killed before leaves them all.
    ///
    /// # Errors
    ///
    /// [`TryPopError::Closed`] when nothing is there and the producer was dropped; [`TryPopError::Failed`]. Never
    /// [`TryPopError::Empty`].
    pub fn try_pop_slice(&mut self, elements: &mut [T]) -> Result<usize, TryPopError> {
        self.attachment.check().map_err(TryPopError::Failed)?;
        let count = self.pop_slice_here(elements)?;
        if count > 0 || elements.is_empty() || !self.producer_has_closed()? {
            return Ok(count);
        }
        // Whatever was published before the close counts.
        match self.pop_slice_here(elements)? {
            0 => Err(TryPopError::Closed),
            count => Ok(count),
        }
    }

    /// Waits until something is published, then does as [`try_pop_slice`](Self::try_pop_slice): returns at least 1, unless
    /// `elements` is empty.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, elements: &mut [T]) -> Result<usize, PopError> {
        loop {
            match self.try_pop_slice(elements) {
                Ok(0) if !elements.is_empty() => {}
                Ok(count) => return Ok(count),
                Err(TryPopError::Closed) => return Err(PopError::Closed),
                Err(TryPopError::Failed(fault)) => return Err(PopError::Failed(fault)),
                Err(TryPopError::Empty) => {}
            }
            if let Some(Err(gone)) = self.wait_for_data(None) {
                return Err(gone.into());
            }
        }
    }

    /// As [`pop_slice`](Self::pop_slice), waiting for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`pop_timeout`](Self::pop_timeout).
    pub fn pop_slice_timeout(&mut self, elements: &mut [T], timeout: Duration) -> Result<usize, PopTimeoutError> {
        self.pop_slice_until(elements, Instant::now().checked_add(timeout))
    }

    /// As [`pop_slice`](Self::pop_slice), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`pop_deadline`](Self::pop_deadline).
    pub fn pop_slice_deadline(&mut self, elements: &mut [T], deadline: Instant) -> Result<usize, PopTimeoutError> {
        self.pop_slice_until(elements, Some(deadline))
    }

    /// An iterator that waits for elements and ends when the producer is gone, in whatever way, and the ring is drained.
    ///
    /// [`Iter::ended_by`] tells why it ended.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// An iterator over what is published, which ends when the ring is empty and never waits.
    pub fn try_iter(&mut self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// The number of unread elements that always fit, as asked for at creation.
    pub fn capacity(&self) -> usize {
        self.attachment.segment().capacity() as usize
    }

    /// How many elements are published and not consumed, at some moment during the call; it may exceed
    /// [`capacity`](Self::capacity). Looks at about log2(lines) lines.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn len(&mut self) -> Result<usize, Fault> {
        self.attachment.check()?;
        self.ring.len().map(|len| len as usize).map_err(|corruption| self.fail(corruption))
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

    /// True if at least [`capacity`](Self::capacity) elements are published and not consumed, so that the producer may
    /// be told that the ring is full.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_full(&mut self) -> Result<bool, Fault> {
        Ok(self.len()? >= self.capacity())
    }

    /// How many elements have been consumed since the ring was made, by this consumer and those before it.
    pub fn position(&self) -> u64 {
        self.ring.head()
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
    pub fn ring(&self) -> Ring<T> {
        Ring::of(Arc::clone(self.attachment.segment()), self.ring.geometry())
    }

    /// Consumes the element that was peeked at, unless the handle has failed.
    #[inline(always)]
    pub(super) fn consume(&mut self) {
        if self.attachment.is_open() { self.advance() } else { self.advance_slowly() }
    }

    /// The fast path, without a word on why there is nothing.
    #[inline(always)]
    fn pop_at_once(&mut self) -> Option<T> {
        if !self.attachment.is_open() {
            return None;
        }
        let element = self.ring.peek().ok()??;
        self.advance();
        Some(element)
    }

    #[inline(always)]
    fn advance(&mut self) {
        let advanced = self.ring.advance();
        self.notify(advanced);
    }

    /// W2 and W3 of the proof in `protocol::event`; W1 was the store of `consumed` or `released`.
    #[inline(always)]
    fn notify(&mut self, advanced: Advanced) {
        if advanced != Advanced::Within && attachment::someone_sleeps(self.ring.memory().space()) {
            self.wake_producer(advanced);
        }
    }

    /// The producer sleeps. It is worth waking when lines were given back, or the ring is empty; not at every line's
    /// end, for it would find a few slots, fill them, and sleep again.
    #[cold]
    #[inline(never)]
    fn wake_producer(&mut self, advanced: Advanced) {
        if advanced == Advanced::Released || matches!(self.ring.is_empty(), Ok(true)) {
            attachment::wake(self.ring.memory().space());
        }
    }
}

impl<T: Pod> Drop for Consumer<T> {
    fn drop(&mut self) {
        if self.attachment.check().is_ok() {
            self.ring.release();
        }
        self.attachment.close(self.ring.memory().space());
    }
}

impl<'a, T: Pod> IntoIterator for &'a mut Consumer<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Pod> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("place", self.attachment.segment().place())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
