//! What a ring carries, as the header says it: elements of one type, or messages up to a length.

use super::header::implied;
use crate::error::SegmentError;

/// Size and alignment of an element, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementLayout {
    /// Bytes of one element; of the longest, where they are messages.
    pub size: u64,
    /// Alignment of one element, in bytes.
    pub align: u64,
}

/// What a ring carries.
#[derive(Debug, Clone, Copy)]
pub enum Elements {
    /// Elements of one type.
    Fixed(ElementLayout),
    /// Messages, with a longest one that the creator chooses.
    Messages {
        /// How long the longest can be, for a capacity in bytes.
        most: fn(u64) -> u64,
    },
}

/// Where a message begins, in bytes: at a multiple of this.
const MESSAGE_ALIGN: u64 = 8;

impl Elements {
    /// What a new segment's header says. The longest message of elements of one type is not to be chosen; what was asked
    /// for has no effect there.
    pub(super) fn for_creation(self, capacity: u64, largest: Option<u64>) -> Result<ElementLayout, SegmentError> {
        match self {
            Self::Fixed(layout) => Ok(layout),
            Self::Messages { most } => {
                let most = most(capacity);
                let requested = largest.unwrap_or(most.max(1));
                if (1..=most).contains(&requested) {
                    Ok(ElementLayout { size: requested, align: MESSAGE_ALIGN })
                } else {
                    Err(SegmentError::LargestMessage { requested, most })
                }
            }
        }
    }

    /// Compares the size and the alignment that a header gives with what an attacher asks for.
    pub(super) fn check_asked(self, largest: Option<u64>, found: ElementLayout) -> Result<(), SegmentError> {
        let align = match (self, largest) {
            (Self::Fixed(layout), _) if layout.size != found.size => {
                return Err(SegmentError::ElementSize { expected: layout.size, found: found.size });
            }
            (Self::Messages { .. }, Some(expected)) if expected != found.size => {
                return Err(SegmentError::Largest { expected, found: found.size });
            }
            (Self::Fixed(layout), _) => layout.align,
            (Self::Messages { .. }, _) => MESSAGE_ALIGN,
        };
        if align == found.align {
            Ok(())
        } else {
            Err(SegmentError::ElementAlign { expected: align, found: found.align })
        }
    }

    /// Refuses a longest message that no creator would have chosen with this capacity.
    pub(super) fn check_possible(self, capacity: u64, found: u64) -> Result<(), SegmentError> {
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Messages { most } => match most(capacity) {
                0 => Err(SegmentError::LargestMessage { requested: found, most: 0 }),
                most => implied("element_size", found.clamp(1, most), found),
            },
        }
    }

    /// What an error says of a capacity that is too large, which counts elements, or bytes of messages.
    pub(super) fn unit(self) -> u64 {
        match self {
            Self::Fixed(layout) => layout.size,
            Self::Messages { .. } => 1,
        }
    }
}
