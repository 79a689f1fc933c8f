//! The kinds of ring a segment can hold.

use std::fmt;

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
    /// The names of the kind's roles, for a tool that has no ring of the kind at hand; empty where
    /// the kind has not been given fixed roles.
    pub(crate) const fn role_names(self) -> &'static [&'static str] {
        match self {
            Self::Spsc | Self::Bytes => &["producer", "consumer"],
            Self::Mpmc => &[],
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
