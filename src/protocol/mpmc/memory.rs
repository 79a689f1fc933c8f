//! What the protocol asks of the memory that a ring lives in, and of the system.

use crate::sync::AtomicU64;

/// The shared words of one ring. The library implements it over a mapping, the loom models over loom's cells.
///
/// # Safety
///
/// Each method must give the same word for the same argument for as long as the value lives, and every slot must be memory of its own
/// that may be read and written as an `Element`.
pub(crate) unsafe trait Memory {
    /// What a slot holds: any bytes are a valid value of it.
    type Element: Copy;
    /// A slot, as cheap as a pointer.
    type Slot: Copy;

    /// The slot of position `p`, whatever number that is.
    fn slot(&self, p: u64) -> Self::Slot;
    /// A slot's stamp.
    fn stamp(&self, slot: Self::Slot) -> &AtomicU64;
    /// The next position to be claimed by a producer.
    fn tail(&self) -> &AtomicU64;
    /// The next position to be claimed by a consumer.
    fn head(&self) -> &AtomicU64;

    /// Lines in the table of participants.
    fn lines(&self) -> u32;
    /// What the participant of a line, a producer, is about to claim or has claimed last. A line out of range is taken as 0, here and below.
    fn pushing(&self, line: u32) -> &AtomicU64;
    /// The same of a consumer.
    fn popping(&self, line: u32) -> &AtomicU64;
    /// The position that a consumer takes over.
    fn taking(&self, line: u32) -> &AtomicU64;

    /// Writes a slot.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot's position as a producer and not published it.
    unsafe fn write(&self, slot: Self::Slot, element: Self::Element);

    /// Copies a slot out; its bytes are loaded once.
    ///
    /// # Safety
    ///
    /// The caller has claimed, or taken over, the slot's position as a consumer, has seen it published, and has not freed it.
    unsafe fn read(&self, slot: Self::Slot) -> Self::Element;

    /// A hint: a producer, or a consumer, will soon come to this slot and write its stamp.
    fn hint_write(&self, slot: Self::Slot);
}

/// What only the kernel knows.
pub(crate) trait Census {
    /// True if the participant of this line may still do something. False only if it is dead, or the line was never leased.
    fn lives(&self, line: u32) -> bool;
}
