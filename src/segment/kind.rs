//! The kinds of ring a segment can hold, and the roles that each kind has.

use std::fmt;

use crate::error::SegmentError;

/// What a segment holds. The number stands in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum RingKind {
    /// One producer, one consumer, fixed-size elements.
    Spsc = 1,
    /// Many producers, many consumers, fixed-size elements.
    Mpmc = 2,
    /// One producer, one consumer, variable-length messages.
    Bytes = 3,
}

impl RingKind {
    /// The kind's roles: for the rings, and for a tool that has no ring of the kind at hand.
    pub(crate) const fn roles(self) -> Roles {
        match self {
            Self::Spsc | Self::Bytes => Roles::Fixed(&["producer", "consumer"]),
            Self::Mpmc => Roles::Table { default: 64, most: MOST_PARTICIPANTS },
        }
    }
}

/// The longest table of participants. Listings and errors look at each line, with a few system calls
/// that grow slower with the number of locks held; this keeps them bounded.
pub(crate) const MOST_PARTICIPANTS: u32 = 4096;

/// The roles of a ring. The index of a role is the number of its lock, and of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// These, by name: a process takes the one that it wants.
    Fixed(&'static [&'static str]),
    /// A table of so many as the creator chooses, all alike: a process takes any that is free.
    Table {
        /// How many where the creator does not choose.
        default: u32,
        /// How many there can be.
        most: u32,
    },
}

impl Roles {
    /// How many roles a new segment gets. The length of a fixed list is not to be chosen; what was
    /// asked for has no effect there.
    pub(super) fn count_for_creation(self, asked: Option<u32>) -> Result<u32, SegmentError> {
        match self {
            Self::Fixed(_) => Ok(self.nearest_count(0)),
            Self::Table { default, most } => {
                let requested = asked.unwrap_or(default);
                if requested == self.nearest_count(requested) {
                    Ok(requested)
                } else {
                    Err(SegmentError::ParticipantCount { requested, most })
                }
            }
        }
    }

    /// Compares what an attacher asks for with what it has found.
    pub(super) fn check_asked(self, asked: Option<u32>, found: u32) -> Result<(), SegmentError> {
        match (self, asked) {
            (Self::Table { .. }, Some(expected)) if expected != found => {
                Err(SegmentError::Participants { expected, found })
            }
            _ => Ok(()),
        }
    }

    /// The number of roles that a segment can have and that is nearest to `count`: `count` itself if
    /// that is possible.
    pub(super) fn nearest_count(self, count: u32) -> u32 {
        match self {
            Self::Fixed(names) => u32::try_from(names.len()).unwrap_or(u32::MAX),
            Self::Table { most, .. } => count.min(most).max(1),
        }
    }

    /// What an error calls the role; `None` where a fixed list ends before it.
    pub(super) fn name(self, role: usize) -> Option<&'static str> {
        match self {
            Self::Fixed(names) => names.get(role).copied(),
            Self::Table { .. } => Some("participant"),
        }
    }
}

impl From<RingKind> for u32 {
    fn from(kind: RingKind) -> Self {
        kind as Self
    }
}

impl TryFrom<u32> for RingKind {
    /// The number, which names no kind.
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        match number {
            1 => Ok(Self::Spsc),
            2 => Ok(Self::Mpmc),
            3 => Ok(Self::Bytes),
            unknown => Err(unknown),
        }
    }
}

impl fmt::Display for RingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spsc => "spsc",
            Self::Mpmc => "mpmc",
            Self::Bytes => "bytes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RingKind;

    #[test]
    fn numbers_lead_back_to_their_kinds() {
        for kind in [RingKind::Spsc, RingKind::Mpmc, RingKind::Bytes] {
            assert_eq!(RingKind::try_from(u32::from(kind)), Ok(kind));
        }
        for number in [0, 4, u32::MAX] {
            assert_eq!(RingKind::try_from(number), Err(number));
        }
    }
}
