//! A position in the ring, and where that lies.

use super::record;

/// A position, split into the lap's beginning and the offset, so that nobody has to divide.
///
/// The offset is a multiple of 8 and less than `D`, given that the one it was made from was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position of offset 0 in this lap.
    lap: u64,
    offset: u64,
}

impl Place {
    /// The place of `position`, a multiple of 8, in a ring of `data` bytes.
    pub(super) fn of(position: u64, data: u64) -> Place {
        let offset = position % data;
        Place { lap: position - offset, offset }
    }

    /// The position.
    #[inline(always)]
    pub(crate) fn position(self) -> u64 {
        self.lap.wrapping_add(self.offset)
    }

    /// Where the length word of the record at this place lies.
    #[inline(always)]
    pub(crate) fn offset(self) -> u64 {
        self.offset
    }

    /// Where the bytes of the record at this place lie.
    #[inline(always)]
    pub(crate) fn payload(self) -> u64 {
        self.offset + record::WORD_BYTES
    }

    /// The place behind a record of `len` bytes at this place, in a ring of `data` bytes.
    #[inline(always)]
    pub(super) fn next(self, len: u64, data: u64) -> Place {
        let offset = self.offset + record::bytes(len);
        if offset < data {
            Place { lap: self.lap, offset }
        } else {
            Place { lap: self.lap.wrapping_add(data), offset: 0 }
        }
    }
}
