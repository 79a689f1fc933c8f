//! What the protocol asks of the memory that a ring lives in.

use crate::sync::AtomicU64;

/// How the producer fills its lines: what helps the one way hinders the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// An element at a time.
    One,
    /// Many at a time.
    Batch,
}

/// The shared words of one ring. The library implements it over a mapping, the loom models over loom's cells.
///
/// # Safety
///
/// [`stamp`](Memory::stamp), [`consumed`](Memory::consumed), [`released`](Memory::released) and [`freed`](Memory::freed) must give the same
/// word for the same argument for as long as the value lives, and every slot of every line must be memory of its own
/// that may be read and written as an `Element`.
pub(crate) unsafe trait Memory {
    /// What a slot holds: any bytes are a valid value of it.
    type Element: Copy;
    /// A line, as cheap as a pointer.
    type Line: Copy;
    /// Slots in a line, `K`.
    const SLOTS: u64;
    /// How many lines ahead the producer asks for a line to write.
    const AHEAD: u64;

    /// The line at `index`. An index out of range is taken as 0.
    fn line(&self, index: u64) -> Self::Line;
    /// The stamp of a line.
    fn stamp(&self, line: Self::Line) -> &AtomicU64;
    /// The first position not yet consumed.
    fn consumed(&self) -> &AtomicU64;
    /// The position up to which lines may be written again.
    fn released(&self) -> &AtomicU64;
    /// Where the producer says which position it has been told that it may write up to again, before it does. Only where consumers cannot
    /// write it; `None` otherwise.
    fn freed(&self) -> Option<&AtomicU64> {
        None
    }

    /// Writes a slot.
    ///
    /// # Safety
    ///
    /// `slot < SLOTS`, and the caller is the producer and the slot unpublished.
    unsafe fn write(&self, line: Self::Line, slot: u64, element: Self::Element);

    /// Writes slots from `slot` on.
    ///
    /// # Safety
    ///
    /// As [`write`](Memory::write) for `slot .. slot + elements.len()`.
    unsafe fn write_slice(&self, line: Self::Line, slot: u64, elements: &[Self::Element]);

    /// Copies a slot out; its bytes are loaded once.
    ///
    /// # Safety
    ///
    /// `slot < SLOTS`, and the caller is the consumer, has seen the slot published, and has not released it.
    unsafe fn read(&self, line: Self::Line, slot: u64) -> Self::Element;

    /// Copies slots out, from `slot` on.
    ///
    /// # Safety
    ///
    /// As [`read`](Memory::read) for `slot .. slot + elements.len()`.
    unsafe fn read_slice(&self, line: Self::Line, slot: u64, elements: &mut [Self::Element]);

    /// A hint: the producer has completed this line, one element at a time, and will not touch it for a lap.
    fn hint_complete(&self, line: Self::Line);
    /// A hint: the producer will soon write this line.
    fn hint_write(&self, line: Self::Line, push: Push);
    /// A hint: the consumer waits for this slot.
    fn hint_read(&self, line: Self::Line, slot: u64);
}
