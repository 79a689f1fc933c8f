//! What only this ring's operations may answer.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;
use crate::outcome::{CONSUMER_CLOSED, FULL};

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

impl<T> Error for TryPushError<T> {}
