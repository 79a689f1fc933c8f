//! Why a handle has failed for good.

use core::fmt;
use std::io;

use crate::SegmentError;
use crate::protocol::Corruption;

/// Why a handle can no longer be used. A handle that has reported a fault reports it at every call from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The segment holds what no rondel process writes there.
    Corrupted(Corruption),
    /// The handle was attached before a fork and is used in the forked child, where it would be a second holder of its
    /// role. Attach in the child instead: a `Ring` may be carried across a fork.
    Forked {
        /// The process that the handle belongs to.
        attached_in: u32,
        /// The process that tried to use it.
        used_in: u32,
    },
    /// The handle is a clone that could not be attached: see [`mpmc::Producer::clone`](crate::mpmc::Producer#impl-Clone-for-Producer%3CT%3E).
    NotAttached(NotAttached),
}

/// Why a clone has no place in the ring. `try_clone` gives the whole error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAttached {
    /// All places of the ring's table are taken.
    TableFull {
        /// How many there are.
        participants: u32,
    },
    /// The process or the system has no descriptor left.
    DescriptorLimit,
    /// The kernel refused something else, with this error number; 0 if it has none.
    Refused {
        /// As in errno(3).
        errno: i32,
    },
}

impl From<&SegmentError> for NotAttached {
    fn from(error: &SegmentError) -> NotAttached {
        match error {
            SegmentError::TableFull { holders } => NotAttached::TableFull { participants: holders.len() as u32 },
            SegmentError::DescriptorLimit { .. } => NotAttached::DescriptorLimit,
            SegmentError::Io { source, .. } => NotAttached::Refused { errno: source.raw_os_error().unwrap_or(0) },
            _ => NotAttached::Refused { errno: 0 },
        }
    }
}

impl fmt::Display for NotAttached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAttached::TableFull { participants } => {
                write!(f, "all {participants} places of the ring's table of participants are taken")
            }
            NotAttached::DescriptorLimit => f.write_str("no descriptor is left"),
            NotAttached::Refused { errno } => {
                write!(f, "the kernel refused it ({})", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Corrupted(corruption) => corruption.fmt(f),
            Fault::Forked { attached_in, used_in } => write!(
                f,
                "the handle belongs to process {attached_in} and was carried across a fork into process {used_in}: \
                 attach after the fork"
            ),
            Fault::NotAttached(why) => write!(f, "the handle is a clone that could not be attached: {why}"),
        }
    }
}

impl core::error::Error for Fault {}

impl From<Corruption> for Fault {
    fn from(corruption: Corruption) -> Fault {
        Fault::Corrupted(corruption)
    }
}
