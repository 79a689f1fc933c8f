//! What a consumer does off its fast path: it looks closer, takes over what the dead have left, waits, or says why not.

use std::time::Instant;

use bytemuck::Pod;

use super::{Consumer, Hand};
use crate::fault::Fault;
use crate::mpmc::error::TryPopError;
use crate::mpmc::memory::Mapped;
use crate::mpmc::waiting::{Ended, wait_for};
use crate::outcome::{PopError, PopTimeoutError};
use crate::protocol::Corruption;
use crate::protocol::mpmc::{self, Popped, Recovered, Side};

/// How many polls of an empty ring there are to a look at the clock, and perhaps for the dead.
const DRY_POLLS: u32 = 64;

impl<T: Pod> Consumer<T> {
    #[cold]
    pub(super) fn fail(&mut self, corruption: Corruption) -> Fault {
        self.participant.fail(corruption.into())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn try_pop_slowly(&mut self) -> Result<T, TryPopError> {
        let element = self.check_then_claim()?;
        self.let_go();
        Ok(element)
    }

    pub(super) fn check_then_claim(&mut self) -> Result<T, TryPopError> {
        self.participant.check().map_err(TryPopError::Failed)?;
        self.claim()
    }

    /// Claims the next element: the heritage first, then what was found of a dead consumer's, then the ring's.
    fn claim(&mut self) -> Result<T, TryPopError> {
        self.let_go();
        match self.take_over() {
            Some(element) => Ok(element),
            None => self.claim_next(),
        }
    }

    /// Claims what a dead consumer had, if there is something.
    fn take_over(&mut self) -> Option<T> {
        self.redelivered = false;
        let attachment = self.participant.attachment_number();
        let inherited = self.heritage.as_mut().and_then(|heritage| self.ring.inherit(heritage, attachment));
        let element = match inherited {
            Some((p, element)) => {
                self.hand = Some(Hand::Claimed(p));
                Some(element)
            }
            None => {
                self.heritage = None;
                let orphan = self.orphan.take();
                orphan.and_then(|orphan| {
                    let element = self.ring.take(orphan, attachment)?;
                    self.hand = Some(Hand::TakenOver(orphan.position));
                    Some(element)
                })
            }
        };
        self.redelivered = element.is_some();
        self.regate();
        element
    }

    /// Claims the ring's next element.
    fn claim_next(&mut self) -> Result<T, TryPopError> {
        match self.next(|ring| ring.try_claim())? {
            Next::InRing(p, element) => {
                self.hand = Some(Hand::Claimed(p));
                self.regate();
                Ok(element)
            }
            Next::TakenOver(element) => Ok(element),
        }
    }

    /// Pops from the ring. Whatever the dead have left is looked for before an answer that is final, and now and then before one that is
    /// not.
    fn next<E>(
        &mut self,
        pop: impl FnOnce(&mut mpmc::Consumer<Mapped<T>>) -> Result<Popped<E>, Corruption>,
    ) -> Result<Next<T, E>, TryPopError> {
        let closed = self.participant.others_have_closed();
        let popped = pop(&mut self.ring);
        if self.ring.take_voids() > 0 {
            // Producers may have been waiting for these slots, which come free without a pop.
            self.participant.wake_everybody();
        }
        match popped {
            Ok(Popped::At(p, element)) => Ok(Next::InRing(p, element)),
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
            Ok(Popped::Empty) if !closed && !self.is_long_dry() => Err(TryPopError::Empty),
            Ok(Popped::Pending) if !self.participant.audit_is_due() => Err(TryPopError::Pending),
            Ok(popped) => {
                let recovered = self.audit();
                match self.take_over() {
                    Some(element) => Ok(Next::TakenOver(element)),
                    None if matches!(popped, Popped::Pending) => Err(TryPopError::Pending),
                    // There are more, though another consumer was quicker with this one; or somebody who lives may hold what a dead one
                    // may have held.
                    None if recovered.orphans > 0 || recovered.held.is_some() || recovered.unfinished => {
                        Err(TryPopError::Empty)
                    }
                    None if closed => Err(TryPopError::Closed),
                    None => Err(TryPopError::Empty),
                }
            }
        }
    }

    /// True now and then. Not even the clock is asked at each poll.
    fn is_long_dry(&mut self) -> bool {
        self.dry = self.dry.wrapping_add(1);
        self.dry % DRY_POLLS == 0 && self.participant.audit_is_due()
    }

    /// Frees what is held: under a guard that is dropped, or was forgotten.
    pub(in crate::mpmc) fn let_go(&mut self) {
        let Some(hand) = self.hand.take() else { return };
        let p = match hand {
            Hand::Claimed(p) => {
                self.ring.free(p);
                p
            }
            Hand::TakenOver(p) => {
                self.ring.free_taken(p);
                p
            }
        };
        self.notify(p, 1);
        self.regate();
    }

    /// Frees what is held, unless the handle cannot be used: in a forked child it is the parent's.
    pub(in crate::mpmc) fn finish(&mut self) {
        if self.participant.check().is_ok() {
            self.let_go();
        }
    }

    /// Off the fast path while there is anything that it does not look at.
    fn regate(&self) {
        if self.heritage.is_some() || self.orphan.is_some() || self.hand.is_some() || self.redelivered {
            self.participant.bar();
        } else {
            self.participant.reopen();
        }
    }

    /// Settles what the dead have left, and keeps the first message of theirs in mind.
    pub(super) fn audit(&mut self) -> Recovered {
        let (recovered, orphan) = self.participant.audit();
        self.orphan = orphan;
        self.regate();
        recovered
    }

    fn notify(&self, p: u64, count: u64) {
        let next = p.wrapping_add(self.ring.geometry().slots());
        self.participant.notify_fenced(next, count, |p| self.ring.is_free(p));
    }

    #[cold]
    #[inline(never)]
    pub(super) fn try_pop_slice_slowly(&mut self, elements: &mut [T]) -> Result<usize, TryPopError> {
        self.participant.check().map_err(TryPopError::Failed)?;
        self.let_go();
        let taken_over = match self.take_over() {
            Some(element) => element,
            None => match self.next(|ring| ring.try_pop_slice(elements))? {
                Next::InRing(p, batch) => {
                    self.notify(p, batch.positions);
                    return Ok(batch.elements);
                }
                Next::TakenOver(element) => element,
            },
        };
        if let Some(place) = elements.first_mut() {
            *place = taken_over;
        }
        self.let_go();
        Ok(1)
    }

    #[cold]
    pub(super) fn pop_waiting(&mut self) -> Result<T, PopError> {
        self.pop_until(None).map_err(super::without_timeout)
    }

    #[cold]
    pub(super) fn pop_until(&mut self, deadline: Option<Instant>) -> Result<T, PopTimeoutError> {
        // On the fast path there was nothing just now. What else there may be, the wait looks for before it grows long.
        let tried = self.participant.is_open();
        self.waiting(deadline, tried, |consumer| final_answer(consumer.try_pop()))
    }

    pub(super) fn pop_slice_until(
        &mut self,
        elements: &mut [T],
        deadline: Option<Instant>,
    ) -> Result<usize, PopTimeoutError> {
        if elements.is_empty() {
            return self.participant.check().map(|()| 0).map_err(PopTimeoutError::Failed);
        }
        if let Some(count) = self.pop_slice_at_once(elements) {
            return Ok(count);
        }
        let tried = self.participant.is_open();
        self.waiting(deadline, tried, |consumer| final_answer(consumer.try_pop_slice(elements)).filter(|r| *r != Ok(0)))
    }

    /// An attempt for [`waiting`](Self::waiting).
    pub(super) fn claim_for(&mut self) -> Option<Result<T, PopTimeoutError>> {
        final_answer(self.check_then_claim())
    }

    /// Tries until there is an answer, and waits in between; first of all if that has just been `tried`.
    pub(super) fn waiting<R>(
        &mut self,
        deadline: Option<Instant>,
        mut tried: bool,
        mut attempt: impl FnMut(&mut Self) -> Option<Result<R, PopTimeoutError>>,
    ) -> Result<R, PopTimeoutError> {
        loop {
            if !tried {
                if let Some(answer) = attempt(self) {
                    return answer;
                }
            }
            tried = true;
            let (ended, leaving) = wait_for(&mut self.participant, Side::Consumer, deadline, || self.ring.is_blocked());
            let answer = match ended {
                Ended::Ready => attempt(self),
                Ended::Orphan(orphan) => {
                    self.orphan = Some(orphan);
                    self.regate();
                    attempt(self)
                }
                Ended::Closed => Some(Err(PopTimeoutError::Closed)),
                Ended::Dead => Some(Err(PopTimeoutError::Dead)),
                Ended::Timeout if deadline.is_none() => None,
                Ended::Timeout => Some(Err(PopTimeoutError::Timeout)),
                Ended::Failed(fault) => Some(Err(PopTimeoutError::Failed(fault))),
            };
            self.participant.pass_on(leaving, !self.ring.is_blocked());
            if let Some(answer) = answer {
                return answer;
            }
            // There was something, and others were quicker. They may be again and again, and a wait that ends at once looks at no clock.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(PopTimeoutError::Timeout);
            }
        }
    }
}

/// What a pop has got.
enum Next<T, E> {
    /// The ring's next, at this position.
    InRing(u64, E),
    /// A dead consumer's message.
    TakenOver(T),
}

/// What ends a wait; `None` if nothing does yet.
fn final_answer<R>(result: Result<R, TryPopError>) -> Option<Result<R, PopTimeoutError>> {
    match result {
        Ok(popped) => Some(Ok(popped)),
        Err(TryPopError::Empty | TryPopError::Pending) => None,
        Err(TryPopError::Closed) => Some(Err(PopTimeoutError::Closed)),
        Err(TryPopError::Failed(fault)) => Some(Err(PopTimeoutError::Failed(fault))),
    }
}
