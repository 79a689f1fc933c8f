//! What a waiting push or pop may answer instead of succeeding. What could not be pushed comes back in the error.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;

/// Why `push` did not push. The element is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// The ring is full and the consumer has been dropped: with many, the last of them. A successor makes room again.
    Closed(T),
    /// The ring is full and the consumer's process has ended without closing: with many, no other is left. A successor makes room again.
    Dead(T),
    /// The handle has failed; see [`Fault`].
    Failed(T, Fault),
}

/// Why a push with a time limit did not push. The element is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushTimeoutError<T> {
    /// The ring stayed full until the time was up.
    Timeout(T),
    /// The ring is full and the consumer has been dropped: with many, the last of them. A successor makes room again.
    Closed(T),
    /// The ring is full and the consumer's process has ended without closing: with many, no other is left. A successor makes room again.
    Dead(T),
    /// The handle has failed; see [`Fault`].
    Failed(T, Fault),
}

/// Why a slice was not pushed whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushSliceError {
    /// How many elements were pushed, from the beginning of the slice; they stay pushed.
    pub pushed: usize,
    /// Why the next one was not.
    pub cause: PushTimeoutError<()>,
}

/// Why `pop` gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopError {
    /// The ring is drained and the producer has been dropped: with many, the last of them. A successor may publish more.
    Closed,
    /// The ring is drained and the producer's process has ended without closing: with many, no other is left. A successor may publish
    /// more.
    Dead,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why a pop with a time limit gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopTimeoutError {
    /// The ring stayed empty until the time was up.
    Timeout,
    /// The ring is drained and the producer has been dropped: with many, the last of them. A successor may publish more.
    Closed,
    /// The ring is drained and the producer's process has ended without closing: with many, no other is left. A successor may publish
    /// more.
    Dead,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

pub(crate) const FULL: &str = "the ring is full";
pub(crate) const CONSUMER_CLOSED: &str = "the ring is full and no consumer is left: the last one has closed";
pub(crate) const CONSUMER_DEAD: &str =
    "the ring is full and no consumer is left: the last one has died without closing";
pub(crate) const EMPTY: &str = "the ring is empty";
pub(crate) const PRODUCER_CLOSED: &str = "the ring is drained and no producer is left: the last one has closed";
pub(crate) const PRODUCER_DEAD: &str =
    "the ring is drained and no producer is left: the last one has died without closing";

impl<T> PushError<T> {
    /// The element that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            PushError::Closed(element) | PushError::Dead(element) | PushError::Failed(element, _) => element,
        }
    }
}

impl<T> PushTimeoutError<T> {
    /// The element that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            PushTimeoutError::Timeout(element)
            | PushTimeoutError::Closed(element)
            | PushTimeoutError::Dead(element)
            | PushTimeoutError::Failed(element, _) => element,
        }
    }

    /// The same cause with another element.
    pub(crate) fn with<U>(self, element: U) -> PushTimeoutError<U> {
        match self {
            PushTimeoutError::Timeout(_) => PushTimeoutError::Timeout(element),
            PushTimeoutError::Closed(_) => PushTimeoutError::Closed(element),
            PushTimeoutError::Dead(_) => PushTimeoutError::Dead(element),
            PushTimeoutError::Failed(_, fault) => PushTimeoutError::Failed(element, fault),
        }
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Closed(_) => f.write_str("Closed(..)"),
            PushError::Dead(_) => f.write_str("Dead(..)"),
            PushError::Failed(_, fault) => write!(f, "Failed(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Debug for PushTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushTimeoutError::Timeout(_) => f.write_str("Timeout(..)"),
            PushTimeoutError::Closed(_) => f.write_str("Closed(..)"),
            PushTimeoutError::Dead(_) => f.write_str("Dead(..)"),
            PushTimeoutError::Failed(_, fault) => write!(f, "Failed(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Closed(_) => f.write_str(CONSUMER_CLOSED),
            PushError::Dead(_) => f.write_str(CONSUMER_DEAD),
            PushError::Failed(_, fault) => fault.fmt(f),
        }
    }
}

impl<T> fmt::Display for PushTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushTimeoutError::Timeout(_) => f.write_str("the ring stayed full until the time was up"),
            PushTimeoutError::Closed(_) => f.write_str(CONSUMER_CLOSED),
            PushTimeoutError::Dead(_) => f.write_str(CONSUMER_DEAD),
            PushTimeoutError::Failed(_, fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for PushSliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} elements of the slice were pushed, then {}", self.pushed, self.cause)
    }
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopError::Closed => f.write_str(PRODUCER_CLOSED),
            PopError::Dead => f.write_str(PRODUCER_DEAD),
            PopError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for PopTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopTimeoutError::Timeout => f.write_str("the ring stayed empty until the time was up"),
            PopTimeoutError::Closed => f.write_str(PRODUCER_CLOSED),
            PopTimeoutError::Dead => f.write_str(PRODUCER_DEAD),
            PopTimeoutError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl<T> Error for PushError<T> {}
impl<T> Error for PushTimeoutError<T> {}
impl Error for PushSliceError {}
impl Error for PopError {}
impl Error for PopTimeoutError {}

impl From<Fault> for PopError {
    fn from(fault: Fault) -> PopError {
        PopError::Failed(fault)
    }
}

impl From<Fault> for PopTimeoutError {
    fn from(fault: Fault) -> PopTimeoutError {
        PopTimeoutError::Failed(fault)
    }
}
