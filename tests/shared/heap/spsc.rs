//! The memory of a ring of elements between one producer and one consumer.

use std::sync::Arc;

use super::block::{Block, LINE};
use crate::protocol::spsc::{Geometry, Memory, Push};
use crate::sync::AtomicU64;

/// More than a word, so that a torn one shows.
pub(crate) type Element = [u64; 2];

const SLOTS: u64 = 3;
const CONSUMED: usize = 0;
const RELEASED: usize = LINE;
const FREED: usize = 2 * LINE;
const LINES: usize = 3 * LINE;

pub(crate) fn element(number: u64) -> Element {
    [number, !number.wrapping_mul(0x9E37_79B9_7F4A_7C15)]
}

/// A block with the words and the lines of one ring.
pub(crate) struct Ring {
    pub(crate) block: Block,
    pub(crate) geometry: Geometry,
    /// The producer says what it has been told, as where consumers cannot write what it writes.
    tells: bool,
}

impl Ring {
    pub(crate) fn new(capacity: u64, tells: bool) -> Arc<Ring> {
        let geometry = Geometry::new(capacity, SLOTS).expect("a capacity");
        let bytes = LINES + geometry.lines as usize * LINE;
        Arc::new(Ring { block: Block::new(bytes), geometry, tells })
    }
}

/// The memory, as the protocol asks for it.
pub(crate) struct Handle(pub(crate) Arc<Ring>);

impl Handle {
    fn place(&self, line: usize, slot: u64, count: usize) -> *mut Element {
        assert!(slot + count as u64 <= SLOTS);
        let offset = LINES + line * LINE + size_of::<u64>() + slot as usize * size_of::<Element>();
        self.0.block.at(offset, count * size_of::<Element>()).cast()
    }
}

// SAFETY: each line has memory of its own in the block, which lives as long as the handle: a stamp, and behind it the slots.
unsafe impl Memory for Handle {
    type Element = Element;
    type Line = usize;
    const SLOTS: u64 = SLOTS;
    const AHEAD: u64 = 1;

    fn line(&self, index: u64) -> usize {
        if index < self.0.geometry.lines { index as usize } else { 0 }
    }

    fn stamp(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(LINES + line * LINE)
    }

    fn consumed(&self) -> &AtomicU64 {
        self.0.block.word(CONSUMED)
    }

    fn released(&self) -> &AtomicU64 {
        self.0.block.word(RELEASED)
    }

    fn freed(&self) -> Option<&AtomicU64> {
        self.0.tells.then(|| self.0.block.word(FREED))
    }

    unsafe fn write(&self, line: usize, slot: u64, element: Element) {
        // SAFETY: the place is in the block and aligned to a word; that nobody else accesses it is the caller's contract.
        unsafe { self.place(line, slot, 1).write(element) };
    }

    unsafe fn write_slice(&self, line: usize, slot: u64, elements: &[Element]) {
        let place = self.place(line, slot, elements.len());
        // SAFETY: as for `write`; the slice is not in the block.
        unsafe { place.copy_from_nonoverlapping(elements.as_ptr(), elements.len()) };
    }

    unsafe fn read(&self, line: usize, slot: u64) -> Element {
        // SAFETY: as for `write`; that nobody writes is the caller's contract.
        unsafe { self.place(line, slot, 1).read() }
    }

    unsafe fn read_slice(&self, line: usize, slot: u64, elements: &mut [Element]) {
        let place = self.place(line, slot, elements.len());
        // SAFETY: as for `read`; the slice is not in the block.
        unsafe { elements.as_mut_ptr().copy_from_nonoverlapping(place, elements.len()) };
    }

    fn hint_complete(&self, _: usize) {}

    fn hint_write(&self, _: usize, _: Push) {}

    fn hint_read(&self, _: usize, _: u64) {}
}
