//! What the protocol asks of the memory that a ring lives in.

use crate::sync::AtomicU64;

/// The shared words of one ring. The library implements it over a mapping, the loom models over loom's cells.
///
/// # Safety
///
/// It is the memory of one ring, of one geometry: that which it is attached with. The same word must come for the same argument for as
/// long as the value lives.
pub(crate) unsafe trait Memory {
    /// The word at an offset in the ring.
    ///
    /// # Safety
    ///
    /// The offset is a multiple of 8 and less than the geometry's `data`.
    unsafe fn word(&self, offset: u64) -> &AtomicU64;
    /// The first position not yet consumed.
    fn consumed(&self) -> &AtomicU64;
    /// The position up to which the ring may be written again.
    fn released(&self) -> &AtomicU64;
    /// Where the producer says which position it has been told that it may write up to again, before it does. Only where consumers cannot
    /// write it; `None` otherwise.
    fn freed(&self) -> Option<&AtomicU64> {
        None
    }

    /// A hint: the consumer waits for a message whose bytes may reach to this offset.
    fn hint_read(&self, offset: u64);
    /// A hint: the producer will soon write `len` bytes from this offset on.
    fn hint_write(&self, offset: u64, len: u64);
}
