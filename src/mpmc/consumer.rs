//! A consumer's handle.

mod slow;

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use bytemuck::Pod;

use super::error::TryPopError;
use super::guard::PopGuard;
use super::iter::{Iter, TryIter};
use super::memory::Mapped;
use super::participant::Participant;
use super::{Recovery, Ring, Stuck};
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::outcome::{PopError, PopTimeoutError};
use crate::protocol::mpmc::{self, Inheritance, Orphan, Side};
use crate::wait::Wait;

/// One of the handles that pop from a ring. Made by [`Ring::consumer`], or by cloning.
///
/// `Send`; a clone is another participant. Dropping the last one tells the producers so once the ring is full, unless the ring was made
/// [otherwise](crate::Builder::ends_with_consumers). If the process is killed while it takes an element, another consumer gets that element
/// ([`redelivered`](Self::redelivered) says so), unless the ring was made to [discard](crate::Builder::on_consumer_death) it. With
/// [`pop_guard`](Self::pop_guard) that includes the time in which the element is processed; a plain pop has let go of it when it returns.
///
/// Elements are copied out: nobody gets a reference into memory that another process can write.
///
/// No method panics.
///
/// ```
/// use std::time::Duration;
/// use rondel::mpmc::{self, PopTimeoutError, TryPopError};
///
/// let (mut tx, mut rx) = mpmc::pair::<u32>(64)?;
/// assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
/// assert_eq!(rx.pop_timeout(Duration::from_millis(1)), Err(PopTimeoutError::Timeout));
/// tx.push_slice(&[1, 2, 3])?;
/// let mut other = rx.try_clone()?;
/// assert_eq!(other.pop()?, 1);
/// let mut rest = [0; 8];
/// assert_eq!(rx.try_pop_slice(&mut rest)?, 2);
/// assert_eq!(rest[..2], [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Consumer<T: Pod> {
    ring: mpmc::Consumer<Mapped<T>>,
    participant: Participant<T>,
    // What follows keeps the handle off its fast path while there is any of it.
    /// What the line's former holder had not freed.
    heritage: Option<Inheritance>,
    /// A dead consumer's message that was found and not yet taken over.
    orphan: Option<Orphan>,
    /// What is claimed and not freed.
    hand: Option<Hand>,
    /// The element delivered last had been claimed by a consumer that died.
    redelivered: bool,
    /// How often it was found empty, to look for the dead now and then.
    dry: u32,
}

/// A position that is held.
#[derive(Clone, Copy)]
enum Hand {
    Claimed(u64),
    TakenOver(u64),
}

impl<T: Pod> Consumer<T> {
    /// Leases a line in the ring's table.
    pub(super) fn attach(ring: &Ring<T>) -> Result<Self, SegmentError> {
        let (participant, heritage) = Participant::attach(ring, Side::Consumer)?;
        Ok(Self::of(participant, heritage))
    }

    fn of(participant: Participant<T>, heritage: Option<Inheritance>) -> Self {
        let ring = mpmc::Consumer::new(participant.memory(), participant.ring().geometry, participant.line());
        Consumer { ring, participant, heritage, orphan: None, hand: None, redelivered: false, dry: 0 }
    }

    /// Another consumer of the same ring, in this process.
    ///
    /// # Errors
    ///
    /// As [`Ring::consumer`].
    pub fn try_clone(&self) -> Result<Self, SegmentError> {
        let mut clone = Self::attach(self.participant.ring())?;
        clone.set_wait(self.wait_strategy());
        Ok(clone)
    }

    /// Pops if something is published, without waiting.
    ///
    /// # Errors
    ///
    /// [`TryPopError::Empty`] if every element that a producer has begun to push has been taken; [`TryPopError::Pending`] if the one that
    /// comes next is still being pushed; [`TryPopError::Closed`] when the ring is drained and the last producer was dropped;
    /// [`TryPopError::Failed`]. A participant that was killed is not noticed at once, for that takes a system call: a call that finds the
    /// ring pending, and one in 64 of those that find it empty, ask the kernel, at most every 25 ms.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, TryPopError> {
        match self.pop_at_once() {
            Some(element) => Ok(element),
            None => self.try_pop_slowly(),
        }
    }

    /// Pops, waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// When the ring is drained: [`PopError::Closed`] if the last producer was dropped, [`PopError::Dead`] if the last one's process
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

    /// The next element under a guard: its slot is freed when the guard is dropped, and not before. If the process is killed while it
    /// holds the guard, another consumer gets the element.
    ///
    /// A guard that is forgotten (`std::mem::forget`) counts as dropped at the next pop of this handle.
    ///
    /// # Errors
    ///
    /// As [`try_pop`](Self::try_pop).
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::mpmc::pair::<u64>(8)?;
    /// tx.push(42)?;
    /// {
    ///     let element = rx.try_pop_guard()?;
    ///     assert_eq!(*element, 42); // process it here; a kill now would redeliver it
    /// } // freed
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_pop_guard(&mut self) -> Result<PopGuard<'_, T>, TryPopError> {
        self.check_then_claim().map(|element| PopGuard::new(self, element))
    }

    /// The next element under a guard (see [`try_pop_guard`](Self::try_pop_guard)), waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    pub fn pop_guard(&mut self) -> Result<PopGuard<'_, T>, PopError> {
        self.waiting(None, false, Self::claim_for).map_err(without_timeout).map(|element| PopGuard::new(self, element))
    }

    /// The next element under a guard, waiting for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`pop_timeout`](Self::pop_timeout).
    pub fn pop_guard_timeout(&mut self, timeout: Duration) -> Result<PopGuard<'_, T>, PopTimeoutError> {
        let deadline = Instant::now().checked_add(timeout);
        self.waiting(deadline, false, Self::claim_for).map(|element| PopGuard::new(self, element))
    }

    /// The next element under a guard, waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`pop_deadline`](Self::pop_deadline).
    pub fn pop_guard_deadline(&mut self, deadline: Instant) -> Result<PopGuard<'_, T>, PopTimeoutError> {
        self.waiting(Some(deadline), false, Self::claim_for).map(|element| PopGuard::new(self, element))
    }

    /// Fills `elements` from the beginning with what is published without a gap, and returns how many there were: 0 if there is nothing, or
    /// nothing yet. They are claimed by one step, so that nobody else takes what is between them (up to 65 535 at a time), and let go of
    /// when the last is copied: a consumer that is killed before leaves them all to others.
    ///
    /// A dead consumer's message that is delivered again comes alone.
    ///
    /// # Errors
    ///
    /// [`TryPopError::Closed`] when nothing is there and the last producer was dropped; [`TryPopError::Failed`]. Never
    /// [`TryPopError::Empty`] nor [`TryPopError::Pending`].
    pub fn try_pop_slice(&mut self, elements: &mut [T]) -> Result<usize, TryPopError> {
        self.participant.check().map_err(TryPopError::Failed)?;
        if elements.is_empty() {
            return Ok(0);
        }
        if let Some(count) = self.pop_slice_at_once(elements) {
            return Ok(count);
        }
        match self.try_pop_slice_slowly(elements) {
            Err(TryPopError::Empty | TryPopError::Pending) => Ok(0),
            result => result,
        }
    }

    /// Waits until something is published, then does as [`try_pop_slice`](Self::try_pop_slice): returns at least 1, unless
    /// `elements` is empty.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, elements: &mut [T]) -> Result<usize, PopError> {
        self.pop_slice_until(elements, None).map_err(without_timeout)
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

    /// True if the last call that popped, or tried to, gave an element that had been claimed before by a consumer that died.
    ///
    /// That one may have done nothing with it, or anything short of letting go of it.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// An iterator that waits for elements and ends when the producers are gone, in whatever way, and the ring is drained.
    ///
    /// [`Iter::ended_by`] tells why it ended.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// An iterator over what is published, which ends when nothing more can be had at once and never waits.
    pub fn try_iter(&mut self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// The number of unread elements that always fit, as asked for at creation.
    pub fn capacity(&self) -> usize {
        self.participant.ring().capacity()
    }

    /// How many elements are in the ring or being pushed, and have not been claimed by a consumer, at some moment during the call.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn len(&mut self) -> Result<usize, Fault> {
        self.participant.check()?;
        let len = mpmc::len(self.ring.memory(), self.ring.geometry());
        len.map(|len| len as usize).map_err(|corruption| self.fail(corruption))
    }

    /// True if [`len`](Self::len) is 0.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_empty(&mut self) -> Result<bool, Fault> {
        Ok(self.len()? == 0)
    }

    /// True if [`len`](Self::len) has reached [`capacity`](Self::capacity).
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_full(&mut self) -> Result<bool, Fault> {
        Ok(self.len()? >= self.capacity())
    }

    /// Settles what dead participants have left, now: see [`Ring::recover`]. A blocked handle does so by itself.
    ///
    /// If messages are to be delivered again, the next pop of this handle gets the first of them, unless another consumer is quicker.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn recover(&mut self) -> Result<Recovery, Fault> {
        self.participant.check()?;
        Ok(self.audit().into())
    }

    /// Whom the next pop waits for: the producer that holds the next position, as long as it lives. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn stuck(&mut self) -> Result<Option<Stuck>, Fault> {
        self.participant.check()?;
        Ok(self.participant.stuck())
    }

    /// This handle's number in the ring's table of participants.
    pub fn participant(&self) -> u32 {
        self.participant.line()
    }

    /// Chooses how this handle waits when there is nothing. The default is [`Wait::default`].
    pub fn set_wait(&mut self, wait: Wait) {
        self.participant.wait = wait;
    }

    /// How this handle waits.
    pub fn wait_strategy(&self) -> Wait {
        self.participant.wait
    }

    /// The ring that this handle belongs to.
    pub fn ring(&self) -> Ring<T> {
        self.participant.ring().clone()
    }

    /// The fast path, without a word on why there is nothing.
    #[inline(always)]
    fn pop_at_once(&mut self) -> Option<T> {
        if !self.participant.is_open() {
            return None;
        }
        let (p, element) = self.ring.pop_at_once()?;
        self.notify_open(p, 1);
        Some(element)
    }

    /// The same for a slice.
    fn pop_slice_at_once(&mut self, elements: &mut [T]) -> Option<usize> {
        if !self.participant.is_open() {
            return None;
        }
        let (p, batch) = self.ring.pop_slice_at_once(elements)?;
        self.notify_open(p, batch.positions);
        Some(batch.elements)
    }

    /// W2 to W4 for positions that were freed just now, from the fast path.
    #[inline(always)]
    fn notify_open(&self, p: u64, count: u64) {
        let next = p.wrapping_add(self.ring.geometry().slots());
        self.participant.notify(next, count, |p| self.ring.is_free(p));
    }
}

fn without_timeout(error: PopTimeoutError) -> PopError {
    match error {
        PopTimeoutError::Closed => PopError::Closed,
        PopTimeoutError::Failed(fault) => PopError::Failed(fault),
        // Without a deadline there is no timeout; and one that is none is waited for again by `waiting`.
        PopTimeoutError::Dead | PopTimeoutError::Timeout => PopError::Dead,
    }
}

/// A clone is a participant of its own. Where it cannot be attached (the table is full, or no descriptor is left), it is a handle that has
/// failed: each of its operations says [`Fault::NotAttached`]. [`try_clone`](Consumer::try_clone) says so at once.
impl<T: Pod> Clone for Consumer<T> {
    fn clone(&self) -> Self {
        self.try_clone().unwrap_or_else(|error| Self::of(Participant::failed(&self.participant, &error), None))
    }
}

impl<T: Pod> Drop for Consumer<T> {
    fn drop(&mut self) {
        if self.participant.check().is_ok() {
            self.let_go();
        }
        self.participant.close(self.heritage.is_some() || self.hand.is_some());
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
            .field("place", self.participant.segment().place())
            .field("participant", &self.participant())
            .finish_non_exhaustive()
    }
}
