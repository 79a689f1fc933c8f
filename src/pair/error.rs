//! What the operations of a ring between two may answer.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;
use crate::outcome::{EMPTY, PRODUCER_CLOSED};

/// Why a producer's `wait_until_empty` returned early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// Something was still unread when the time was up.
    Timeout,
    /// Something is unread and the consumer has been dropped. A successor finds it.
    Closed,
    /// Something is unread and the consumer's process has ended without closing. A successor finds it.
    Dead,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why a pop that never waits gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPopError {
    /// Nothing is published that is not consumed.
    Empty,
    /// The ring is drained and the producer has been dropped. A succeeding producer may publish more.
    Closed,
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::Timeout => f.write_str("something was still unread when the time was up"),
            WaitError::Closed => f.write_str("something is unread and the consumer has closed"),
            WaitError::Dead => f.write_str("something is unread and the consumer has died without closing"),
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

impl Error for WaitError {}
impl Error for TryPopError {}

impl From<Fault> for TryPopError {
    fn from(fault: Fault) -> TryPopError {
        TryPopError::Failed(fault)
    }
}
