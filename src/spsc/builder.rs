//! What the creator of a ring between two decides about its memory.

use bytemuck::Pod;

use super::Ring;
use crate::segment::Builder;

/// Only for [`spsc`](crate::spsc).
impl<T: Pod> Builder<Ring<T>> {
    /// Keeps consumers from writing what they read, by the kernel's word: see [`spsc`](crate::spsc#consumers-that-cannot-write).
    ///
    /// Only [`anonymous`](Self::anonymous) creates such a ring ([`SegmentError::OnlyAnonymous`](crate::SegmentError::OnlyAnonymous)
    /// otherwise), on Linux 5.1 or later ([`SegmentError::SealRefused`](crate::SegmentError::SealRefused) otherwise).
    /// [`from_fds`](Self::from_fds) attaches to it, with this or without; with this, to no other.
    #[must_use]
    pub fn read_only_consumers(self) -> Self {
        self.with_read_only_consumers()
    }
}
