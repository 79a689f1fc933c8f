//! The memory of a ring of elements between many, and the locks of those who live.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::block::{Block, LINE};
use crate::protocol::mpmc::sleepers::Beds;
use crate::protocol::mpmc::{Census, Consumer, Geometry, Leased, Memory, Policy, Producer, Side, Taker, lease};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Who pushed it, its number, and a word that follows from both.
pub(crate) type Element = [u64; 3];

const TAIL: usize = 0;
const HEAD: usize = LINE;
const DATA_MASK: usize = 2 * LINE;
const SPACE_MASK: usize = 3 * LINE;
const TABLE: usize = 4 * LINE;
/// In a line of the table.
const PUSHING: usize = 0;
const POPPING: usize = 8;
const TAKING: usize = 16;
const ASLEEP: usize = 24;
/// A stamp and an element.
const SLOT: usize = 32;

pub(crate) fn element(who: u64, number: u64) -> Element {
    [who, number, (who << 32 | number).wrapping_mul(0x9E37_79B9_7F4A_7C15)]
}

pub(crate) struct Ring {
    pub(crate) block: Block,
    pub(crate) lines: u32,
    /// The kernel's locks.
    pub(crate) held: Vec<AtomicBool>,
    policy: Policy,
    pub(crate) geometry: Geometry,
}

impl Ring {
    pub(crate) fn new(capacity: u64, lines: u32, policy: Policy) -> Arc<Ring> {
        let geometry = Geometry::new(capacity).expect("a capacity");
        let bytes = TABLE + lines as usize * LINE + geometry.slots() as usize * SLOT;
        let held = (0..lines).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Ring { block: Block::new(bytes), lines, held, policy, geometry })
    }

    pub(crate) fn handle(self: &Arc<Ring>) -> Handle {
        Handle(Arc::clone(self))
    }

    /// Takes a line, and settles what its former holder has left.
    pub(crate) fn lease(self: &Arc<Ring>, line: u32, side: Side, attachment: u16) -> Leased {
        assert!(!self.held[line as usize].swap(true, Ordering::AcqRel), "a line that nobody holds");
        let handle = self.handle();
        lease(&handle, self.geometry, &handle, self.policy, side, Taker { line, attachment })
    }

    pub(crate) fn producer(self: &Arc<Ring>, line: u32) -> Producer<Handle> {
        assert!(matches!(self.lease(line, Side::Producer, 1), Leased::Yes(None)));
        Producer::new(self.handle(), self.geometry, line)
    }

    pub(crate) fn consumer(self: &Arc<Ring>, line: u32) -> Consumer<Handle> {
        assert!(matches!(self.lease(line, Side::Consumer, 1), Leased::Yes(None)));
        Consumer::new(self.handle(), self.geometry, line)
    }

    /// The lock falls.
    pub(crate) fn dies(&self, line: u32) {
        assert!(self.held[line as usize].swap(false, Ordering::AcqRel));
    }
}

#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Ring>);

impl Handle {
    fn slots(&self) -> usize {
        TABLE + self.0.lines as usize * LINE
    }

    fn place(&self, slot: usize) -> *mut Element {
        self.0.block.at(slot + size_of::<u64>(), size_of::<Element>()).cast()
    }
}

// SAFETY: each slot has memory of its own in the block, which lives as long as the handle: a stamp, and behind it the element.
unsafe impl Memory for Handle {
    type Element = Element;
    /// Where it lies.
    type Slot = usize;
    type Line = usize;

    fn slot(&self, p: u64) -> usize {
        self.slots() + (p % self.0.geometry.slots()) as usize * SLOT
    }

    fn stamp(&self, slot: usize) -> &AtomicU64 {
        self.0.block.word(slot)
    }

    fn tail(&self) -> &AtomicU64 {
        self.0.block.word(TAIL)
    }

    fn head(&self) -> &AtomicU64 {
        self.0.block.word(HEAD)
    }

    fn lines(&self) -> u32 {
        self.0.lines
    }

    fn line(&self, number: u32) -> usize {
        if number < self.0.lines { TABLE + number as usize * LINE } else { TABLE }
    }

    fn pushing(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + PUSHING)
    }

    fn popping(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + POPPING)
    }

    fn taking(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + TAKING)
    }

    unsafe fn write(&self, slot: usize, element: Element) {
        // SAFETY: the place is in the block and aligned to a word; that nobody else accesses it is the caller's contract.
        unsafe { self.place(slot).write(element) };
    }

    unsafe fn read(&self, slot: usize) -> Element {
        // SAFETY: as for `write`; that nobody writes is the caller's contract.
        unsafe { self.place(slot).read() }
    }

    fn hint_ahead(&self, _: u64) {}
}

impl Census for Handle {
    fn lives(&self, line: u32) -> bool {
        // A line that there is not was never leased.
        self.0.held.get(line as usize).is_some_and(|held| held.fetch_or(false, Ordering::AcqRel))
    }
}

pub(crate) struct Sleepers<'a>(pub(crate) &'a Handle, pub(crate) Side);

impl Beds for Sleepers<'_> {
    fn lines(&self) -> u32 {
        self.0.0.lines
    }

    fn mask(&self) -> &AtomicU64 {
        self.0.0.block.word(if self.1 == Side::Producer { SPACE_MASK } else { DATA_MASK })
    }

    fn asleep(&self, line: u32) -> &AtomicU32 {
        self.0.0.block.flag(self.0.line(line) + ASLEEP)
    }
}
