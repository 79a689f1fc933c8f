//! The words at the beginning of the body: the one place that knows where they lie.
//!
//! ```text
//!   body + 0      role record: producer          128 bytes each, so that no two words that different
//!        + 128    role record: consumer          processes write share a line, nor the pair of lines that
//!        + 256    `space`: the producer's event  processors fetch together
//!        + 384    `data`: the consumer's event
//!        + 512    `consumed`
//!        + 640    `released`
//!        + 768    `freed`
//!        + 896    nothing
//!        + 1024   what the ring carries
//! ```
//!
//! In a segment in two parts (`segment::divided`), the consumer's record and the words from `space` to `released` lie at the same offsets in the
//! control part, and what has their place in the body is not used. `freed` is used only there, and in the body.
//!
//! The 128 bytes are written out and not taken from `crossbeam_utils::CachePadded`: the layout of a segment must not
//! change with a dependency's idea of a processor.

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::segment::RoleRecord;

/// Where the ring's own memory begins, in bytes from the body's start.
pub(crate) const CONTROL_BYTES: usize = 1024;

#[repr(C, align(128))]
struct Apart<W>(W);

/// The words before the ring's own memory. All-zero bytes are the state of a new ring.
#[repr(C)]
pub(crate) struct Control {
    _roles: [RoleRecord; 2],
    space: Apart<AtomicU32>,
    data: Apart<AtomicU32>,
    consumed: Apart<AtomicU64>,
    released: Apart<AtomicU64>,
    freed: Apart<AtomicU64>,
}

const _: () = assert!(size_of::<Control>() == 896 && size_of::<Control>() <= CONTROL_BYTES);

impl Control {
    /// The event on which the producer sleeps.
    #[inline(always)]
    pub(crate) fn space(&self) -> &AtomicU32 {
        &self.space.0
    }

    /// The event on which the consumer sleeps.
    #[inline(always)]
    pub(crate) fn data(&self) -> &AtomicU32 {
        &self.data.0
    }

    /// The first position not yet consumed.
    #[inline(always)]
    pub(crate) fn consumed(&self) -> &AtomicU64 {
        &self.consumed.0
    }

    /// The position up to which the ring may be written again.
    #[inline(always)]
    pub(crate) fn released(&self) -> &AtomicU64 {
        &self.released.0
    }

    /// The position up to which the producer has been told that it may write again, where it says so.
    pub(crate) fn freed(&self) -> &AtomicU64 {
        &self.freed.0
    }
}
