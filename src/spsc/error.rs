//! What only this ring's operations may answer.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;
use crate::outcome::{CONSUMER_CLOSED, EMPTY, FULL, PRODUCER_CLOSED};

/// Why [`Producer::try_push`](super::Producer::try_push) did not push. The element is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPushError<T> {
    /// At least `capacity` elements are unread.
    Full(T),
    /// The ring is full and the consumer has been dropped. A succeeding consumer makes room again.
    Closed(T),
    /// The handle has failed; see [`Fault`].
    Failed(T, Fault),
}

/// Why [`Producer::wait_until_empty`](super::Producer::wait_until_empty) returned early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// Elements were still unread when the time was up.
    Timeout,
    /// Elements are unread and the consumer has been dropped. A successor finds them.
    Closed,
    /// Elements are unread and the consumer's process has ended without closing. A successor finds them.
    Dead,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why [`Consumer::try_pop`](super::Consumer::try_pop) gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPopError {
    /// Nothing is published that is not consumed.
    Empty,
    /// The ring is drained and the producer has been dropped. A succeeding producer may publish more.
    Closed,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

impl<T> TryPushError<T> {
    /// The element that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            TryPushError::Full(element) | TryPushError::Closed(element) | TryPushError::Failed(element, _) => element,
        }
    }
}

// The element need not be `Debug`: an error can always be shown, and returned with `?`.
impl<T> fmt::Debug for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPushError::Full(_) => f.write_str("Full(..)"),
            TryPushError::Closed(_) => f.write_str("Closed(..)"),
            TryPushError::Failed(_, fault) => write!(f, "Failed(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Display for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPushError::Full(_) => f.write_str(FULL),
            TryPushError::Closed(_) => f.write_str(CONSUMER_CLOSED),
            TryPushError::Failed(_, fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::Timeout => f.write_str("elements were still unread when the time was up"),
            WaitError::Closed => f.write_str("elements are unread and the consumer has closed"),
            WaitError::Dead => f.write_str("elements are unread and the consumer has died without closing"),
            WaitError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for TryPopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPopError::Empty => f.write_str(EMPTY),
            TryPopError::Closed => f.write_str(PRODUCER_CLOSED),
            TryPopError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl<T> Error for TryPushError<T> {}
impl Error for WaitError {}
impl Error for TryPopError {}
