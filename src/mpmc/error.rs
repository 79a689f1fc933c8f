//! What only this ring's operations may answer.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;
use crate::outcome::{CONSUMER_CLOSED, EMPTY, FULL, PRODUCER_CLOSED};

/// Why [`Producer::try_push`](super::Producer::try_push) did not push. The element is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPushError<T> {
    /// All slots are taken by elements that no consumer has begun to take.
    Full(T),
    /// The next slot is being emptied by a consumer that has not finished: it is busy, under a guard, stopped or dead. Try again. If it is
    /// dead, a call that comes after a while settles that.
    Pending(T),
    /// The ring is full and the last consumer has been dropped. A succeeding one makes room again.
    Closed(T),
    /// The handle has failed; see [`Fault`].
    Failed(T, Fault),
}

/// Why [`Consumer::try_pop`](super::Consumer::try_pop) gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPopError {
    /// Nothing is in the ring, nor on its way into it.
    Empty,
    /// The next element is being pushed by a producer that has not finished: it is busy, stopped or dead. What others have pushed behind
    /// it comes after it. Try again. If the producer is dead, a call that comes after a while settles that.
    Pending,
    /// The ring is drained and the last producer has been dropped. A succeeding one may publish more.
    Closed,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

const PUSH_PENDING: &str = "the next slot is still being emptied by a consumer";
const POP_PENDING: &str = "the next element is still being pushed by a producer";

impl<T> TryPushError<T> {
    /// The element that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            TryPushError::Full(element)
            | TryPushError::Pending(element)
            | TryPushError::Closed(element)
            | TryPushError::Failed(element, _) => element,
        }
    }

    /// The same cause with another element.
    pub(super) fn with<U>(self, element: U) -> TryPushError<U> {
        match self {
            TryPushError::Full(_) => TryPushError::Full(element),
            TryPushError::Pending(_) => TryPushError::Pending(element),
            TryPushError::Closed(_) => TryPushError::Closed(element),
            TryPushError::Failed(_, fault) => TryPushError::Failed(element, fault),
        }
    }
}

// The element need not be `Debug`: an error can always be shown, and returned with `?`.
impl<T> fmt::Debug for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPushError::Full(_) => f.write_str("Full(..)"),
            TryPushError::Pending(_) => f.write_str("Pending(..)"),
            TryPushError::Closed(_) => f.write_str("Closed(..)"),
            TryPushError::Failed(_, fault) => write!(f, "Failed(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Display for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPushError::Full(_) => f.write_str(FULL),
            TryPushError::Pending(_) => f.write_str(PUSH_PENDING),
            TryPushError::Closed(_) => f.write_str(CONSUMER_CLOSED),
            TryPushError::Failed(_, fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for TryPopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPopError::Empty => f.write_str(EMPTY),
            TryPopError::Pending => f.write_str(POP_PENDING),
            TryPopError::Closed => f.write_str(PRODUCER_CLOSED),
            TryPopError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl<T> Error for TryPushError<T> {}
impl Error for TryPopError {}
