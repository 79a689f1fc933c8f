//! A ring's words and bytes in the mapped segment: the one place with address arithmetic.
//!
//! After the words that every ring between two has (`pair::Control`) come the ring's `data` bytes and, right behind them, its slack.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::hint;
use crate::pair::{CONTROL_BYTES, Control};
use crate::protocol::bytes::{Geometry, LINE_BYTES, Memory};
use crate::segment::Segment;

/// As many bytes of a message are asked for before it is written. Measured: 1 KiB copied in and out in 67 ns instead of 96; of longer
/// messages the processor's own prefetching takes care.
const MOST_HINTED: u64 = 1024;

/// Bytes of the body of a ring of this shape; `None` if they are more than an address space.
pub(super) fn body_len(geometry: Geometry) -> Option<u64> {
    let bytes = geometry.data.checked_add(geometry.slack)?.checked_add(CONTROL_BYTES as u64)?;
    (bytes <= isize::MAX as u64).then_some(bytes)
}

/// The words and bytes of one ring. Whoever holds it keeps the segment mapped.
pub(super) struct Mapped {
    body: NonNull<u8>,
    /// Begins with the control words: the body, or what stands in for its beginning (`Segment::control`).
    control: NonNull<Control>,
    /// Whether consumers cannot write the body.
    divided: bool,
}

// SAFETY: the pointer is to shared memory that outlives the value (see `new`) and belongs to no thread; every word is
// reached through atomics, and the bytes of messages through functions whose contract names the one participant that may.
unsafe impl Send for Mapped {}

impl Mapped {
    /// The words of the ring in `segment`; `None` if the body is too short for them.
    ///
    /// # Safety
    ///
    /// The value must not outlive the segment's mapping.
    pub(super) unsafe fn new(segment: &Segment, geometry: Geometry) -> Option<Mapped> {
        if body_len(geometry)? > segment.body_len() as u64 {
            return None;
        }
        Some(Mapped {
            body: segment.body(),
            control: segment.control().cast(),
            divided: segment.has_read_only_consumers(),
        })
    }

    #[inline(always)]
    fn control(&self) -> &Control {
        // SAFETY: the body is longer than `Control` (checked in `new`), and so is a control part; both are mapped and page-aligned.
        // `Control` consists of atomics alone: other processes may write to it while the reference lives.
        unsafe { self.control.as_ref() }
    }

    /// The event on which the producer sleeps.
    #[inline(always)]
    pub(super) fn space(&self) -> &AtomicU32 {
        self.control().space()
    }

    /// The event on which the consumer sleeps.
    #[inline(always)]
    pub(super) fn data(&self) -> &AtomicU32 {
        self.control().data()
    }

    /// The bytes at an offset in ring and slack.
    ///
    /// # Safety
    ///
    /// `offset` is at most the geometry's `data + slack`.
    #[inline(always)]
    pub(super) unsafe fn bytes(&self, offset: u64) -> NonNull<u8> {
        // SAFETY: the body is as long as the control words, `data` and `slack` together (checked in `new`), so this is in it
        // or at its end.
        unsafe { self.body.add(CONTROL_BYTES + offset as usize) }
    }
}

// SAFETY: `body`, and with it every word, stays where it is as long as the value lives.
unsafe impl Memory for Mapped {
    #[inline(always)]
    unsafe fn word(&self, offset: u64) -> &AtomicU64 {
        // SAFETY: the caller has `offset < data`.
        let word = unsafe { self.bytes(offset) };
        // SAFETY: 8 bytes from `offset` on are within `data`, which is a multiple of 8 as `offset` is; the body is page-aligned, so
        // the word is aligned. It is mapped as long as `self` lives. Bytes of messages that lay here are not being read or written
        // any more, or not yet, when a participant that keeps to the protocol uses the word.
        unsafe { word.cast::<AtomicU64>().as_ref() }
    }

    #[inline(always)]
    fn consumed(&self) -> &AtomicU64 {
        self.control().consumed()
    }

    #[inline(always)]
    fn released(&self) -> &AtomicU64 {
        self.control().released()
    }

    fn freed(&self) -> Option<&AtomicU64> {
        // SAFETY: the body is mapped, page-aligned and longer than `Control` (checked in `new`), which consists of atomics alone.
        self.divided.then(|| unsafe { self.body.cast::<Control>().as_ref() }.freed())
    }

    #[inline(always)]
    fn hint_read(&self, offset: u64) {
        // Computed without a claim that it lies in the segment: a hint cannot fault.
        hint::prefetch(self.body.as_ptr().wrapping_add(CONTROL_BYTES + offset as usize));
    }

    #[inline(always)]
    fn hint_write(&self, offset: u64, len: u64) {
        let mut at = 0;
        while at < len.min(MOST_HINTED) {
            hint::prefetch_for_write(self.body.as_ptr().wrapping_add(CONTROL_BYTES + (offset + at) as usize));
            at += LINE_BYTES;
        }
    }
}
