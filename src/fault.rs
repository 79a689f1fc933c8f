//! Why a handle has failed for good.

use core::fmt;

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
        }
    }
}

impl core::error::Error for Fault {}

impl From<Corruption> for Fault {
    fn from(corruption: Corruption) -> Fault {
        Fault::Corrupted(corruption)
    }
}
