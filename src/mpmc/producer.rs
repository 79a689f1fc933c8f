//! A producer's handle.

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use bytemuck::Pod;

use super::error::TryPushError;
use super::memory::Mapped;
use super::participant::Participant;
use super::waiting::{Ended, wait_for};
use super::{Recovery, Ring, Stuck};
use crate::error::SegmentError;
use crate::fault::Fault;
use crate::outcome::{PushError, PushSliceError, PushTimeoutError};
use crate::protocol::Corruption;
use crate::protocol::mpmc::{self, Intent, Pushed, Side};
use crate::wait::Wait;

/// One of the handles that push into a ring. Made by [`Ring::producer`], or by cloning.
///
/// `Send`; a clone is another participant. Dropping the last one closes the ring for the consumers once they have drained it, unless the
/// ring was made [otherwise](crate::Builder::ends_with_producers). If the process is killed instead, everything that was published stays, and
/// what was claimed and not published is skipped.
///
/// No method panics.
///
/// ```
/// use rondel::mpmc::{self, TryPushError};
///
/// let (mut tx, mut rx) = mpmc::pair::<u32>(2)?;
/// let mut other = tx.try_clone()?;
/// tx.push(1)?;
/// other.push(2)?;
/// assert_eq!(tx.try_push(3), Err(TryPushError::Full(3)));
/// assert_eq!(rx.pop()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Producer<T: Pod> {
    ring: mpmc::Producer<Mapped<T>>,
    participant: Participant<T>,
}

impl<T: Pod> Producer<T> {
    /// Leases a line in the ring's table.
    pub(super) fn attach(ring: &Ring<T>) -> Result<Self, SegmentError> {
        let (participant, _) = Participant::attach(ring, Side::Producer)?;
        Ok(Self::of(participant))
    }

    fn of(participant: Participant<T>) -> Self {
        let ring = mpmc::Producer::new(participant.memory(), participant.ring().geometry, participant.line());
        Producer { ring, participant }
    }

    /// Another producer of the same ring, in this process.
    ///
    /// # Errors
    ///
    /// As [`Ring::producer`].
    pub fn try_clone(&self) -> Result<Self, SegmentError> {
        let mut clone = Self::attach(self.participant.ring())?;
        clone.set_wait(self.wait_strategy());
        Ok(clone)
    }

    /// Pushes if there is room, without waiting.
    ///
    /// # Errors
    ///
    /// [`TryPushError::Full`] if the ring holds as many elements as it has slots: [`capacity`](Self::capacity), rounded up to a power of two.
    /// [`TryPushError::Pending`] if the slot that comes next is still held by the consumer who empties it.
    /// [`TryPushError::Closed`] if it is full and the last consumer was dropped. [`TryPushError::Failed`].
    /// The element comes back in each. A consumer that was killed is not noticed at once, for that takes a system call: a call
    /// that finds the ring pending asks the kernel, at most every 25 ms.
    #[inline]
    pub fn try_push(&mut self, element: T) -> Result<(), TryPushError<T>> {
        if self.push_at_once(element) { Ok(()) } else { self.try_push_slowly(element) }
    }

    /// Pushes, waiting for room as long as it takes.
    ///
    /// # Errors
    ///
    /// When the ring is full: [`PushError::Closed`] if the last consumer was dropped, [`PushError::Dead`] if the last one's process
    /// ended without closing (noticed within 100 ms). If no consumer was ever attached, it waits for one.
    /// [`PushError::Failed`] at any time. The element comes back in each.
    #[inline]
    pub fn push(&mut self, element: T) -> Result<(), PushError<T>> {
        if self.push_at_once(element) { Ok(()) } else { self.push_waiting(element) }
    }

    /// Pushes, waiting for room for `timeout` at most. A timeout beyond the end of time is none.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&mut self, element: T, timeout: Duration) -> Result<(), PushTimeoutError<T>> {
        if self.push_at_once(element) { Ok(()) } else { self.push_until(element, Instant::now().checked_add(timeout)) }
    }

    /// Pushes, waiting for room until `deadline`. If that has passed, it tries once.
    ///
    /// # Errors
    ///
    /// [`PushTimeoutError::Timeout`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, element: T, deadline: Instant) -> Result<(), PushTimeoutError<T>> {
        if self.push_at_once(element) { Ok(()) } else { self.push_until(element, Some(deadline)) }
    }

    /// Pushes as many elements from the beginning of `elements` as there is room for, and returns how many: 0 if there is none. They are
    /// claimed by one step, so that nobody else's come between them (up to 65 535 at a time), and published one by one.
    ///
    /// If the process is killed in the middle, the consumers find those that were published and skip the others.
    ///
    /// # Errors
    ///
    /// [`TryPushError::Closed`] when nothing fits and the last consumer was dropped; [`TryPushError::Failed`]. Never
    /// [`TryPushError::Full`] nor [`TryPushError::Pending`].
    ///
    /// ```
    /// # let (mut tx, mut rx) = rondel::mpmc::pair::<u64>(100)?;
    /// let elements: Vec<u64> = (0..100).collect();
    /// assert_eq!(tx.try_push_slice(&elements)?, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_push_slice(&mut self, elements: &[T]) -> Result<usize, TryPushError<()>> {
        self.participant.check().map_err(|fault| TryPushError::Failed((), fault))?;
        let mut pushed = 0;
        while let Some(rest) = elements.get(pushed..).filter(|rest| !rest.is_empty()) {
            let attempt = match self.ring.push_slice_at_once(rest) {
                Some((p, count)) => Ok(Pushed::At(p, count)),
                None => self.ring.try_push_slice(rest),
            };
            match attempt {
                Ok(Pushed::At(p, count)) => {
                    self.notify(p, count);
                    pushed += count as usize;
                    if count < Intent::MOST {
                        // That was all there was room for. Room that comes now may come behind others' elements.
                        break;
                    }
                }
                refused => match self.refused(refused) {
                    _ if pushed > 0 => break,
                    TryPushError::Full(()) | TryPushError::Pending(()) => break,
                    error => return Err(error),
                },
            }
        }
        Ok(pushed)
    }

    /// Pushes all of `elements`, waiting for room as long as it takes. Elements of others may come between what is pushed before a wait and
    /// after it.
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

    /// True if [`try_push`](Self::try_push) would find no room, or none yet.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn is_full(&mut self) -> Result<bool, Fault> {
        self.participant.check()?;
        Ok(self.ring.is_blocked())
    }

    /// Settles what dead participants have left, now: see [`Ring::recover`]. A blocked handle does so by itself.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the handle has failed.
    pub fn recover(&mut self) -> Result<Recovery, Fault> {
        self.participant.check()?;
        Ok(self.participant.audit().0.into())
    }

    /// Whom the next push waits for: the consumer that holds the next slot, as long as it lives. `None` if there is none.
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

    /// Chooses how this handle waits when there is no room. The default is [`Wait::default`].
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

    /// The fast path, without a word on why there is no room.
    #[inline(always)]
    fn push_at_once(&mut self, element: T) -> bool {
        if !self.participant.is_open() {
            return false;
        }
        let Some(p) = self.ring.push_at_once(element) else { return false };
        self.participant.notify(p, 1, |p| self.ring.is_published(p));
        true
    }

    #[cold]
    fn fail(&mut self, corruption: Corruption) -> Fault {
        self.participant.fail(corruption.into())
    }

    fn notify(&self, p: u64, count: u64) {
        let ready = |p| self.ring.is_published(p);
        if self.participant.is_open() {
            self.participant.notify(p, count, ready);
        } else {
            self.participant.notify_fenced(p, count, ready);
        }
    }

    #[cold]
    #[inline(never)]
    fn try_push_slowly(&mut self, element: T) -> Result<(), TryPushError<T>> {
        if let Some(fault) = self.participant.fault() {
            return Err(TryPushError::Failed(element, fault));
        }
        match self.ring.try_push(element) {
            Ok(Pushed::At(p, count)) => {
                self.notify(p, count);
                Ok(())
            }
            refused => Err(self.refused(refused).with(element)),
        }
    }

    /// What to say of a push that was not made.
    #[cold]
    #[inline(never)]
    fn refused(&mut self, refused: Result<Pushed, Corruption>) -> TryPushError<()> {
        match refused {
            Err(corruption) => TryPushError::Failed((), self.fail(corruption)),
            // A second look: the last consumer may have made room between the first one and its close. "Full" was true then.
            Ok(Pushed::Full) if self.participant.others_have_closed() && self.ring.is_blocked() => {
                TryPushError::Closed(())
            }
            Ok(Pushed::Full) => TryPushError::Full(()),
            Ok(Pushed::Pending | Pushed::At(..)) => {
                if self.participant.audit_is_due() {
                    self.participant.audit();
                }
                TryPushError::Pending(())
            }
        }
    }

    #[cold]
    fn push_waiting(&mut self, element: T) -> Result<(), PushError<T>> {
        loop {
            match self.push_until(element, None) {
                Ok(()) => return Ok(()),
                Err(PushTimeoutError::Timeout(_)) => {}
                Err(PushTimeoutError::Closed(element)) => return Err(PushError::Closed(element)),
                Err(PushTimeoutError::Dead(element)) => return Err(PushError::Dead(element)),
                Err(PushTimeoutError::Failed(element, fault)) => return Err(PushError::Failed(element, fault)),
            }
        }
    }

    #[cold]
    fn push_until(&mut self, element: T, deadline: Option<Instant>) -> Result<(), PushTimeoutError<T>> {
        let tried = self.participant.is_open();
        self.waiting(deadline, tried, |producer| match producer.try_push(element) {
            Ok(()) => Some(Ok(())),
            Err(TryPushError::Full(_) | TryPushError::Pending(_)) => None,
            Err(TryPushError::Closed(_)) => Some(Err(PushTimeoutError::Closed(()))),
            Err(TryPushError::Failed(_, fault)) => Some(Err(PushTimeoutError::Failed((), fault))),
        })
        .map_err(|cause| cause.with(element))
    }

    fn push_slice_until(&mut self, elements: &[T], deadline: Option<Instant>) -> Result<(), PushSliceError> {
        let mut pushed = 0;
        while let Some(rest) = elements.get(pushed..).filter(|rest| !rest.is_empty()) {
            let count = self.waiting(deadline, false, |producer| match producer.try_push_slice(rest) {
                Ok(0) | Err(TryPushError::Full(()) | TryPushError::Pending(())) => None,
                Ok(count) => Some(Ok(count)),
                Err(TryPushError::Closed(())) => Some(Err(PushTimeoutError::Closed(()))),
                Err(TryPushError::Failed((), fault)) => Some(Err(PushTimeoutError::Failed((), fault))),
            });
            pushed += count.map_err(|cause| PushSliceError { pushed, cause })?;
        }
        Ok(())
    }

    /// Tries until there is an answer, and waits in between; first of all if that has just been `tried`.
    fn waiting<R>(
        &mut self,
        deadline: Option<Instant>,
        mut tried: bool,
        mut attempt: impl FnMut(&mut Self) -> Option<Result<R, PushTimeoutError<()>>>,
    ) -> Result<R, PushTimeoutError<()>> {
        loop {
            if !tried {
                if let Some(answer) = attempt(self) {
                    return answer;
                }
            }
            tried = true;
            let (ended, leaving) = wait_for(&mut self.participant, Side::Producer, deadline, || self.ring.is_blocked());
            let answer = match ended {
                Ended::Ready | Ended::Orphan(_) => attempt(self),
                Ended::Closed => Some(Err(PushTimeoutError::Closed(()))),
                Ended::Dead => Some(Err(PushTimeoutError::Dead(()))),
                Ended::Timeout => Some(Err(PushTimeoutError::Timeout(()))),
                Ended::Failed(fault) => Some(Err(PushTimeoutError::Failed((), fault))),
            };
            self.participant.pass_on(leaving, !self.ring.is_blocked());
            if let Some(answer) = answer {
                return answer;
            }
            // There was room, and others were quicker. They may be again and again, and a wait that ends at once looks at no clock.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(PushTimeoutError::Timeout(()));
            }
        }
    }
}

/// A clone is a participant of its own. Where it cannot be attached (the table is full, or no descriptor is left), it is a handle that has
/// failed: each of its operations says [`Fault::NotAttached`]. [`try_clone`](Producer::try_clone) says so at once.
impl<T: Pod> Clone for Producer<T> {
    fn clone(&self) -> Self {
        self.try_clone().unwrap_or_else(|error| Self::of(Participant::failed(&self.participant, &error)))
    }
}

impl<T: Pod> Drop for Producer<T> {
    fn drop(&mut self) {
        self.participant.close(false);
    }
}

impl<T: Pod> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("place", self.participant.segment().place())
            .field("participant", &self.participant())
            .finish_non_exhaustive()
    }
}
