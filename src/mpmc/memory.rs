//! A ring's words in the mapped segment: the one place with address arithmetic.
//!
//! With `n` lines in the table of participants:
//!
//! ```text
//!   body + 0              line 0, line 1, …       128 bytes each, so that no two words that different participants
//!        + 128 n          `tail`                  write share a cache line, nor the pair of lines that processors
//!        + 128 (n + 1)    `head`                  fetch together
//!        + 128 (n + 2)    `data`: the consumers that sleep
//!        + 128 (n + 3)    `space`: the producers that sleep
//!        + 128 (n + 4)    `changes`: how often somebody has attached or closed
//!        + 128 (n + 5)    slot 0, slot 1, …       see `Shape`
//! ```

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use bytemuck::Pod;

use crate::hint;
use crate::protocol::mpmc::membership::Roll;
use crate::protocol::mpmc::sleepers::Beds;
use crate::protocol::mpmc::{Geometry, Memory, Side};
use crate::segment::{ROLE_STRIDE, RoleRecord, Segment};

const STAMP_BYTES: usize = size_of::<AtomicU64>();
const LINE_BYTES: usize = 64;
const AHEAD_BYTES: usize = 8 * LINE_BYTES;

#[repr(C, align(128))]
struct Apart<W>(W);

/// The words between the table and the slots. All-zero bytes are the state of a new ring.
#[repr(C)]
struct Control {
    tail: Apart<AtomicU64>,
    head: Apart<AtomicU64>,
    data: Apart<AtomicU64>,
    space: Apart<AtomicU64>,
    changes: Apart<AtomicU64>,
}

const CONTROL_BYTES: usize = size_of::<Control>();
const _: () = assert!(CONTROL_BYTES == 640 && size_of::<RoleRecord>() == ROLE_STRIDE as usize);

/// The shape of a slot of `T`: a stamp, and the element as near as its alignment allows.
///
/// Slots are packed, four 8-byte elements to a cache line, but none straddles two lines that could do with one: a slot of up to 64
/// bytes takes a power of two, a longer one whole lines.
pub(super) struct Shape<T>(PhantomData<T>);

impl<T> Shape<T> {
    /// Where the element begins, in bytes from the slot's start.
    const OFFSET: usize = {
        assert!(size_of::<T>() > 0, "a ring of zero-sized elements would carry nothing: send a count instead");
        assert!(align_of::<T>() <= LINE_BYTES, "an element's alignment must not exceed a line's, 64 bytes");
        if align_of::<T>() > STAMP_BYTES { align_of::<T>() } else { STAMP_BYTES }
    };

    /// From one slot to the next, in bytes.
    const STRIDE: usize = {
        let bytes = Self::OFFSET + size_of::<T>();
        if bytes <= LINE_BYTES { bytes.next_power_of_two() } else { bytes.next_multiple_of(LINE_BYTES) }
    };
}

impl<T> Shape<T> {
    /// How many slots ahead of its own a participant asks for a line to write: some lines' worth, but never so many that
    /// it would take lines from those a lap away. `docs/decisions/0005-many-to-many.md` has the measurements.
    const AHEAD: u64 = {
        let slots = AHEAD_BYTES / Self::STRIDE;
        if slots > 0 { slots as u64 } else { 1 }
    };
}

/// Bytes of the body of a ring of this shape; `None` if they are more than an address space.
pub(super) fn body_len<T>(geometry: Geometry, lines: u32) -> Option<u64> {
    let slots = geometry.slots().checked_mul(Shape::<T>::STRIDE as u64)?;
    let before = u64::from(lines) * u64::from(ROLE_STRIDE) + CONTROL_BYTES as u64;
    slots.checked_add(before).filter(|&bytes| bytes <= isize::MAX as u64)
}

/// Where a slot begins.
#[derive(Clone, Copy)]
pub(super) struct Slot(NonNull<u8>);

// SAFETY: as for `Mapped`, from which every slot comes: it is a place in shared memory and belongs to no thread.
unsafe impl Send for Slot {}

/// A participant's line.
#[derive(Clone, Copy)]
pub(super) struct Line(NonNull<RoleRecord>);

// SAFETY: as for `Mapped`, from which every line comes: it is a place in shared memory and belongs to no thread.
unsafe impl Send for Line {}

/// The words of one ring. Whoever holds it keeps the segment mapped.
pub(super) struct Mapped<T> {
    table: NonNull<RoleRecord>,
    control: NonNull<Control>,
    slots: NonNull<u8>,
    /// Slots, a power of two, less one.
    mask: u64,
    lines: u32,
    /// How many slots ahead a line is asked for.
    ahead: u64,
    _elements: PhantomData<*mut T>,
}

impl<T> Clone for Mapped<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Mapped<T> {}

// SAFETY: the pointers are to shared memory that outlives the value (see `new`) and belongs to no thread; every word is
// reached through atomics or under the contract of `Memory`, which names the one participant that may.
unsafe impl<T: Pod + Send> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// The words of the ring in `segment`; `None` if the body is too short for them.
    ///
    /// # Safety
    ///
    /// The value must not outlive the segment's mapping.
    pub(super) unsafe fn new(segment: &Segment, geometry: Geometry) -> Option<Mapped<T>> {
        let lines = u32::try_from(segment.role_count()).ok()?;
        let needed = body_len::<T>(geometry, lines)?;
        if lines == 0 || needed > segment.body_len() as u64 {
            return None;
        }
        let table = segment.body();
        // SAFETY: the table ends within the body, which is mapped and `needed` bytes long.
        let control = unsafe { table.add(lines as usize * ROLE_STRIDE as usize) };
        // SAFETY: so does what is between it and the slots.
        let slots = unsafe { control.add(CONTROL_BYTES) };
        Some(Mapped {
            table: table.cast(),
            control: control.cast(),
            slots,
            mask: geometry.slots() - 1,
            lines,
            ahead: Shape::<T>::AHEAD.min(geometry.slots() / 4),
            _elements: PhantomData,
        })
    }

    #[inline(always)]
    fn control(&self) -> &Control {
        // SAFETY: mapped, within the body (checked in `new`), aligned: the body starts at a page, and before it are multiples
        // of 128 bytes. It consists of atomics alone: other processes may write to it while the reference lives.
        unsafe { self.control.as_ref() }
    }

    pub(super) fn record(&self, number: u32) -> &RoleRecord {
        self.record_of(self.line(number))
    }

    #[inline(always)]
    fn record_of(&self, line: Line) -> &RoleRecord {
        // SAFETY: every `Line` comes from `line`: mapped, within the body (checked in `new`), aligned as above; atomics alone.
        unsafe { line.0.as_ref() }
    }

    /// Who sleeps on a side.
    #[inline(always)]
    pub(super) fn sleepers(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Producer => &self.control().space.0,
            Side::Consumer => &self.control().data.0,
        }
    }

    #[inline(always)]
    fn element(slot: Slot) -> *mut T {
        slot.0.as_ptr().wrapping_add(Shape::<T>::OFFSET).cast()
    }
}

// SAFETY: the three pointers, and with them every word, stay where they are as long as the value lives. Slots lie behind one another
// at multiples of a stride that holds a stamp and an element, each aligned, and end within the body (`new`); the mask keeps every
// index below their number. Any bytes are a valid `T`, which is `Pod`.
unsafe impl<T: Pod> Memory for Mapped<T> {
    type Element = T;
    type Slot = Slot;
    type Line = Line;

    #[inline(always)]
    fn slot(&self, p: u64) -> Slot {
        // SAFETY: masked, so below the number of slots: within the body, which is mapped (checked in `new`).
        Slot(unsafe { self.slots.add((p & self.mask) as usize * Shape::<T>::STRIDE) })
    }

    #[inline(always)]
    fn stamp(&self, slot: Slot) -> &AtomicU64 {
        // SAFETY: `slot` comes from `slot` above: mapped, aligned to at least 8 bytes, and it begins with an atomic word.
        unsafe { slot.0.cast::<AtomicU64>().as_ref() }
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        &self.control().tail.0
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        &self.control().head.0
    }

    #[inline(always)]
    fn lines(&self) -> u32 {
        self.lines
    }

    fn line(&self, number: u32) -> Line {
        let number = if number < self.lines { number } else { 0 };
        // SAFETY: below the number of lines, of which there is at least one: within the table.
        Line(unsafe { self.table.add(number as usize) })
    }

    #[inline(always)]
    fn pushing(&self, line: Line) -> &AtomicU64 {
        &self.record_of(line).pushing
    }

    #[inline(always)]
    fn popping(&self, line: Line) -> &AtomicU64 {
        &self.record_of(line).popping
    }

    #[inline(always)]
    fn taking(&self, line: Line) -> &AtomicU64 {
        &self.record_of(line).taking
    }

    #[inline(always)]
    unsafe fn write(&self, slot: Slot, element: T) {
        // SAFETY: the slot lies in the body, the element aligned in it; the caller has claimed its position as a producer and not
        // published it, so nobody else reads or writes it.
        unsafe { Self::element(slot).write(element) };
    }

    #[inline(always)]
    unsafe fn read(&self, slot: Slot) -> T {
        // Volatile: the bytes are loaded once, so that what a caller has checked cannot change under its hands even if a
        // peer breaks the protocol.
        // SAFETY: the slot lies in the body, the element aligned in it; the caller holds its position as a consumer, so no
        // participant that keeps to the protocol writes it. Any bytes are a valid `T`.
        unsafe { Self::element(slot).read_volatile() }
    }

    #[inline(always)]
    fn hint_ahead(&self, p: u64) {
        hint::prefetch_for_write(self.slot(p.wrapping_add(self.ahead)).0.as_ptr());
    }
}

impl<T: Pod> Roll for Mapped<T> {
    fn lines(&self) -> u32 {
        self.lines
    }

    #[inline(always)]
    fn changes(&self) -> &AtomicU64 {
        &self.control().changes.0
    }

    fn state(&self, line: u32) -> &AtomicU64 {
        &self.record(line).state
    }

    fn side(&self, line: u32) -> &AtomicU64 {
        &self.record(line).side
    }
}

/// The sleepers of one side.
pub(super) struct Sleepers<T> {
    memory: Mapped<T>,
    side: Side,
}

impl<T: Pod> Mapped<T> {
    /// The sleepers of one side.
    pub(super) fn beds(&self, side: Side) -> Sleepers<T> {
        Sleepers { memory: *self, side }
    }
}

impl<T: Pod> Beds for Sleepers<T> {
    fn lines(&self) -> u32 {
        self.memory.lines
    }

    fn mask(&self) -> &AtomicU64 {
        self.memory.sleepers(self.side)
    }

    fn asleep(&self, line: u32) -> &AtomicU32 {
        &self.memory.record(line).asleep
    }
}
