//! What the creator of a ring of messages decides for all who attach.

use super::Ring;
use crate::segment::Builder;

/// Only for [`bytes`](crate::bytes).
impl Builder<Ring> {
    /// The largest message, in bytes: from 1 to 8 less than the capacity, rounded down to a multiple of 8, and less than 4 GiB
    /// ([`SegmentError::LargestMessage`](crate::SegmentError::LargestMessage) otherwise); as much as is possible if not called.
    ///
    /// Messages are contiguous, so a message that begins near the end of the ring needs memory behind it. The segment is longer
    /// than the capacity by as much as this: choose less where messages are known to be short.
    ///
    /// At attach it is a requirement if it is given ([`SegmentError::Largest`](crate::SegmentError::Largest) otherwise).
    #[must_use]
    pub fn largest(self, bytes: usize) -> Self {
        self.with_largest(bytes)
    }

    /// Keeps consumers from writing what they read, by the kernel's word: see [`spsc`](crate::spsc#consumers-that-cannot-write),
    /// of which all is true here.
    ///
    /// Only [`anonymous`](Self::anonymous) creates such a ring ([`SegmentError::OnlyAnonymous`](crate::SegmentError::OnlyAnonymous)
    /// otherwise), on Linux 5.1 or later ([`SegmentError::SealRefused`](crate::SegmentError::SealRefused) otherwise).
    /// [`from_fds`](Self::from_fds) attaches to it, with this or without; with this, to no other.
    #[must_use]
    pub fn read_only_consumers(self) -> Self {
        self.with_read_only_consumers()
    }
}
