//! What the protocol asks of the memory that a ring lives in.

use crate::sync::AtomicU64;

/// How far behind a message that is to come a hint may reach, in bytes: a cache line.
pub(crate) const HINT_BYTES: u64 = 64;

/// The shared words of one ring. The library implements it over a mapping, the loom models over loom's cells.
///
/// # Safety
///
/// The same word must come for the same argument for as long as the value lives.
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

    /// A hint: the consumer waits for a message whose bytes may reach to this offset, at most [`HINT_BYTES`] behind one in the ring.
    fn hint_read(&self, offset: u64);
    /// A hint: the producer will soon write `len` bytes from this offset on; they are in ring and slack, or `len` is at most
    /// [`HINT_BYTES`].
    fn hint_write(&self, offset: u64, len: u64);
}
