//! What a caller asks of a segment, without the ring's type: everything behind the builder is
//! compiled once.

use super::elements::Elements;
use super::header::{HUGE_PAGE, SMALL_PAGE};
use super::huge::HugePages;
use super::kind::{RingKind, Roles};
use super::options::{Choices, OptionBit};
use crate::error::SegmentError;

/// What the length of a ring's body follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// The capacity, in elements, or in bytes of messages.
    pub capacity: u64,
    /// The number of roles.
    pub roles: u32,
    /// Bytes of an element; of the longest message, where the ring carries messages.
    pub element_size: u64,
}

/// What the ring is, and what the caller has asked of the builder.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) kind: RingKind,
    pub(super) elements: Elements,
    pub(super) roles: Roles,
    pub(super) known_options: &'static [OptionBit],
    /// Bytes of the body for these dimensions. Must not trust them: at attach they are the header's.
    pub(super) body_len: fn(Dimensions) -> Result<u64, SegmentError>,
    pub(super) capacity: Option<u64>,
    /// The longest message, in bytes.
    pub(super) largest: Option<u64>,
    pub(super) role_count: Option<u32>,
    pub(super) options: Choices,
    pub(super) schema: u64,
    pub(super) mode: u32,
    /// `None`: the effective user of the process.
    pub(super) owner: Option<u32>,
    pub(super) unlink_on_drop: bool,
    /// Only the producer's process is to be able to write what consumers read.
    pub(super) read_only_consumers: bool,
    pub(super) memory: MemoryDemand,
}

impl Demand {
    /// A name, and what only a segment without one can have, cannot both be asked for.
    pub(super) fn refuse_a_name(&self) -> Result<(), SegmentError> {
        if self.read_only_consumers {
            return Err(SegmentError::OnlyAnonymous { option: "read_only_consumers" });
        }
        Ok(())
    }
}

/// What is asked of the memory itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MemoryDemand {
    pub(super) prefault: bool,
    pub(super) lock: bool,
    pub(super) huge: HugePages,
}

impl MemoryDemand {
    /// What the length of a segment of such memory is a multiple of, in bytes.
    pub(super) fn page_len(&self) -> u64 {
        match self.huge {
            HugePages::None | HugePages::Transparent => SMALL_PAGE,
            HugePages::Huge2M => HUGE_PAGE,
        }
    }
}
