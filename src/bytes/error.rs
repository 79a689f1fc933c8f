//! What only this ring's operations may answer.

use core::fmt;
use std::error::Error;

use crate::fault::Fault;
use crate::outcome::{CONSUMER_CLOSED, CONSUMER_DEAD};

/// A message is longer than the largest that the ring takes. Nothing of it was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The length asked for, in bytes.
    pub len: usize,
    /// The largest message of the ring, in bytes: what [`largest`](crate::Builder::largest) was at creation.
    pub largest: usize,
}

/// Why [`Producer::try_push`](super::Producer::try_push) and its siblings did not push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPushError {
    /// The message does not fit beside those that are unread, and those of its batch.
    Full,
    /// It does not fit and the consumer has been dropped. A succeeding consumer makes room again.
    Closed,
    /// It will never fit.
    TooLong(TooLong),
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why [`Producer::push`](super::Producer::push) and its siblings did not push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// The message does not fit beside those that are unread, and the consumer has been dropped. A successor makes room again.
    Closed,
    /// It does not fit, and the consumer's process has ended without closing. A successor makes room again.
    Dead,
    /// It will never fit.
    TooLong(TooLong),
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why a push with a time limit did not push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushTimeoutError {
    /// There was no room for the message until the time was up.
    Timeout,
    /// The message does not fit beside those that are unread, and the consumer has been dropped. A successor makes room again.
    Closed,
    /// It does not fit, and the consumer's process has ended without closing. A successor makes room again.
    Dead,
    /// It will never fit.
    TooLong(TooLong),
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why [`Reservation::commit_len`](super::Reservation::commit_len) did not commit. The reservation is abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// More bytes were to be committed than are reserved.
    TooLong {
        /// The length asked for, in bytes.
        len: usize,
        /// The length reserved, in bytes.
        reserved: usize,
    },
    /// The handle has failed; see [`Fault`].
    Failed(Fault),
}

/// Why a pop into a buffer gave nothing. `E` is what the pop without a buffer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopIntoError<E> {
    /// The buffer is too short for the message, which stays in the ring as the first.
    TooShort {
        /// Length of the message, in bytes.
        message: usize,
        /// Length of the buffer, in bytes.
        buffer: usize,
    },
    /// There is no message.
    Pop(E),
}

/// Why a message cannot be read as a value of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodError {
    /// The message has another length than the type.
    Length {
        /// Size of the type, in bytes.
        expected: usize,
        /// Length of the message, in bytes.
        found: usize,
    },
    /// The message does not begin where such a value may lie. Only of one whose first bytes were read as a stream.
    Alignment {
        /// Alignment of the type, in bytes.
        expected: usize,
        /// How many bytes of the message were read as a stream.
        read: usize,
    },
}

impl PushTimeoutError {
    /// The same of a push without a time limit; `None` if the time was up.
    pub(super) fn without_limit(self) -> Option<PushError> {
        match self {
            PushTimeoutError::Timeout => None,
            PushTimeoutError::Closed => Some(PushError::Closed),
            PushTimeoutError::Dead => Some(PushError::Dead),
            PushTimeoutError::TooLong(too_long) => Some(PushError::TooLong(too_long)),
            PushTimeoutError::Failed(fault) => Some(PushError::Failed(fault)),
        }
    }
}

impl From<Fault> for TryPushError {
    fn from(fault: Fault) -> Self {
        TryPushError::Failed(fault)
    }
}

impl From<Fault> for PushError {
    fn from(fault: Fault) -> Self {
        PushError::Failed(fault)
    }
}

impl From<Fault> for PushTimeoutError {
    fn from(fault: Fault) -> Self {
        PushTimeoutError::Failed(fault)
    }
}

impl From<Fault> for CommitError {
    fn from(fault: Fault) -> Self {
        CommitError::Failed(fault)
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLong { len, largest } = self;
        write!(f, "a message of {len} bytes is too long for the ring, whose largest has {largest} bytes")
    }
}

const FULL: &str = "the ring has no room for the message";

impl fmt::Display for TryPushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPushError::Full => f.write_str(FULL),
            TryPushError::Closed => f.write_str(CONSUMER_CLOSED),
            TryPushError::TooLong(too_long) => too_long.fmt(f),
            TryPushError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Closed => f.write_str(CONSUMER_CLOSED),
            PushError::Dead => f.write_str(CONSUMER_DEAD),
            PushError::TooLong(too_long) => too_long.fmt(f),
            PushError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for PushTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushTimeoutError::Timeout => f.write_str("the ring had no room for the message until the time was up"),
            PushTimeoutError::Closed => f.write_str(CONSUMER_CLOSED),
            PushTimeoutError::Dead => f.write_str(CONSUMER_DEAD),
            PushTimeoutError::TooLong(too_long) => too_long.fmt(f),
            PushTimeoutError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::TooLong { len, reserved } => {
                write!(f, "{len} bytes were to be committed of a reservation of {reserved} bytes")
            }
            CommitError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for PopIntoError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopIntoError::TooShort { message, buffer } => {
                write!(f, "the message has {message} bytes, the buffer {buffer}")
            }
            PopIntoError::Pop(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for PodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodError::Length { expected, found } => {
                write!(f, "the message has {found} bytes, a value of the type {expected}")
            }
            PodError::Alignment { expected, read } => write!(
                f,
                "a value of the type must be aligned to {expected} bytes, and {read} bytes of the message were read before"
            ),
        }
    }
}

impl Error for TooLong {}
impl Error for TryPushError {}
impl Error for PushError {}
impl Error for PushTimeoutError {}
impl Error for CommitError {}
impl<E: Error> Error for PopIntoError<E> {}
impl Error for PodError {}
