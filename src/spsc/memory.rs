//! A ring's words in the mapped segment: the one place with address arithmetic.
//!
//! After the words that every ring between two has (`pair::Control`) come line 0, line 1, …, at a stride of 64 bytes, or more for
//! elements over 56 bytes: see [`Shape`].

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use bytemuck::Pod;

use crate::hint;
use crate::pair::{CONTROL_BYTES, Control};
use crate::protocol::spsc::{Geometry, Memory, Push};
use crate::segment::Segment;

const STAMP_BYTES: usize = size_of::<AtomicU64>();
const LINE_BYTES: usize = 64;

/// The shape of a line of `T`. What the protocol calls a line is one cache line where that holds a stamp and an element,
/// and a block of several where it does not:
///
/// ```text
///   up to 56 bytes   │ stamp, slot 0, slot 1, … │                                one cache line
///   57 to 224 bytes  │ stamp │ slot 0, slot 1, …                            │    eight: a block
///   more             │ stamp, slot 0                                    … │      as many as it takes
/// ```
///
/// Measured with 64-byte elements: blocks carry about twice as many as one stamp to each element, for they move 8
/// cache lines where those move 14, and take some 15 % longer for a round trip (`docs/decisions/0002-lines-and-hints.md`).
pub(super) struct Shape<T>(PhantomData<T>);

const BLOCK_BYTES: usize = 8 * LINE_BYTES;

impl<T> Shape<T> {
    /// Where slot 0 would begin in the stamp's own cache line.
    const OFFSET_IN_LINE: usize = if align_of::<T>() > STAMP_BYTES { align_of::<T>() } else { STAMP_BYTES };

    const FITS_A_LINE: bool = Self::OFFSET_IN_LINE + size_of::<T>() <= LINE_BYTES;
    const FORMS_BLOCKS: bool = !Self::FITS_A_LINE && 2 * size_of::<T>() <= BLOCK_BYTES - LINE_BYTES;

    /// Where slot 0 begins, in bytes from the line's start.
    const SLOT_OFFSET: usize = if Self::FORMS_BLOCKS { LINE_BYTES } else { Self::OFFSET_IN_LINE };

    /// Slots in a line.
    pub(super) const SLOTS: usize = {
        assert!(size_of::<T>() > 0, "a ring of zero-sized elements would carry nothing: send a count instead");
        assert!(align_of::<T>() <= LINE_BYTES, "an element's alignment must not exceed a line's, 64 bytes");
        if Self::FITS_A_LINE {
            (LINE_BYTES - Self::SLOT_OFFSET) / size_of::<T>()
        } else if Self::FORMS_BLOCKS {
            (BLOCK_BYTES - LINE_BYTES) / size_of::<T>()
        } else {
            1
        }
    };

    /// From one line to the next, in bytes.
    const STRIDE: usize = (Self::SLOT_OFFSET + Self::SLOTS * size_of::<T>()).next_multiple_of(LINE_BYTES);
}

/// Bytes of the body of a ring of this shape; `None` if they are more than an address space.
pub(super) fn body_len<T>(geometry: Geometry) -> Option<u64> {
    let lines = geometry.lines.checked_mul(Shape::<T>::STRIDE as u64)?;
    lines.checked_add(CONTROL_BYTES as u64).filter(|&bytes| bytes <= isize::MAX as u64)
}

/// Where a line begins.
#[derive(Clone, Copy)]
pub(super) struct Line(NonNull<u8>);

// SAFETY: as for `Mapped`, from which every line comes: it is a place in shared memory and belongs to no thread.
unsafe impl Send for Line {}

/// The words of one ring. Whoever holds it keeps the segment mapped.
pub(super) struct Mapped<T> {
    body: NonNull<u8>,
    /// Begins with the control words: the body, or what stands in for its beginning (`Segment::control`).
    control: NonNull<Control>,
    /// Whether consumers cannot write the body.
    divided: bool,
    lines: usize,
    _elements: PhantomData<*mut T>,
}

// SAFETY: the pointer is to shared memory that outlives the value (see `new`) and belongs to no thread; every word is
// reached through atomics or under the contract of `Memory`, which names the one participant that may.
unsafe impl<T: Pod + Send> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// The words of the ring in `segment`; `None` if the body is too short for them.
    ///
    /// # Safety
    ///
    /// The value must not outlive the segment's mapping.
    pub(super) unsafe fn new(segment: &Segment, geometry: Geometry) -> Option<Mapped<T>> {
        let needed = body_len::<T>(geometry)?;
        if needed > segment.body_len() as u64 {
            return None;
        }
        Some(Mapped {
            body: segment.body(),
            control: segment.control().cast(),
            divided: segment.has_read_only_consumers(),
            lines: geometry.lines as usize,
            _elements: PhantomData,
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

    #[inline(always)]
    fn slot(line: Line, slot: u64) -> *mut T {
        let offset = Shape::<T>::SLOT_OFFSET + slot as usize * size_of::<T>();
        line.0.as_ptr().wrapping_add(offset).cast()
    }
}

// SAFETY: `body`, and with it every word, stays where it is as long as the value lives. Slots lie at multiples of the
// element's size behind an offset that is a multiple of its alignment, do not overlap, and end within the stride; the
// lines lie behind one another and end within the body (`new`). Any bytes are a valid `T`, which is `Pod`.
unsafe impl<T: Pod> Memory for Mapped<T> {
    type Element = T;
    type Line = Line;
    const SLOTS: u64 = Shape::<T>::SLOTS as u64;
    // Measured at 1 to 32 lines: with 2 to 8 the throughput is 1.2 to 1.8 times that without; from 16 on lines are taken
    // back before they are written. A block is eight cache lines ahead by itself.
    const AHEAD: u64 = if Shape::<T>::STRIDE == LINE_BYTES { 4 } else { 1 };

    #[inline(always)]
    fn line(&self, index: u64) -> Line {
        let index = if (index as usize) < self.lines { index as usize } else { 0 };
        // SAFETY: line `index` lies within the body, which is mapped (checked in `new`).
        Line(unsafe { self.body.add(CONTROL_BYTES + index * Shape::<T>::STRIDE) })
    }

    #[inline(always)]
    fn stamp(&self, line: Line) -> &AtomicU64 {
        // SAFETY: `line` comes from `line` above: mapped, aligned to 64 bytes, and it begins with an atomic word.
        unsafe { line.0.cast::<AtomicU64>().as_ref() }
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
    unsafe fn write(&self, line: Line, slot: u64, element: T) {
        // SAFETY: the caller has `slot < SLOTS`, so the slot lies in the line, aligned; it is the producer and the slot
        // is unpublished, so nobody else reads or writes it.
        unsafe { Self::slot(line, slot).write(element) };
    }

    #[inline(always)]
    unsafe fn write_slice(&self, line: Line, slot: u64, elements: &[T]) {
        // SAFETY: as `write`, for `elements.len()` slots; shared memory does not overlap a slice of the caller's.
        unsafe { Self::slot(line, slot).copy_from_nonoverlapping(elements.as_ptr(), elements.len()) };
    }

    #[inline(always)]
    unsafe fn read(&self, line: Line, slot: u64) -> T {
        // Volatile: the bytes are loaded once, so that what a caller has checked cannot change under its hands even if a
        // peer breaks the protocol.
        // SAFETY: the caller has `slot < SLOTS`, so the slot lies in the line, aligned; it has seen the slot published
        // and has not released it, so no peer that keeps to the protocol writes it. Any bytes are a valid `T`.
        unsafe { Self::slot(line, slot).read_volatile() }
    }

    #[inline(always)]
    unsafe fn read_slice(&self, line: Line, slot: u64, elements: &mut [T]) {
        // SAFETY: as `read`, for `elements.len()` slots; shared memory does not overlap a slice of the caller's.
        unsafe { Self::slot(line, slot).copy_to_nonoverlapping(elements.as_mut_ptr(), elements.len()) };
    }

    #[inline(always)]
    fn hint_complete(&self, line: Line) {
        // Measured: with several elements to a cache line this gains half and more; with one it loses half.
        if Shape::<T>::FITS_A_LINE && Shape::<T>::SLOTS > 1 {
            hint::demote(line.0);
        }
    }

    #[inline(always)]
    fn hint_write(&self, line: Line, push: Push) {
        // Measured with 8-byte elements: batches are 2.4 times as fast with it; one element at a time, half as fast, for
        // the consumer is close behind and takes the lines back.
        if push == Push::One && Shape::<T>::FITS_A_LINE {
            return;
        }
        let mut offset = 0;
        while offset < Shape::<T>::STRIDE.min(BLOCK_BYTES) {
            // SAFETY: the offset stays within the line, which stays within the body.
            hint::prefetch_for_write(unsafe { line.0.add(offset) }.as_ptr());
            offset += LINE_BYTES;
        }
    }

    #[inline(always)]
    fn hint_read(&self, line: Line, slot: u64) {
        if Shape::<T>::FORMS_BLOCKS {
            hint::prefetch(Self::slot(line, slot).cast());
        }
    }
}
