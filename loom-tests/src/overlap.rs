//! A word of a ring of messages: in one lap the bytes of a message, in the next a length.
//!
//! Two kinds of access reach it. *Plain* ones, for which the library has slices: a producer writes a message in place, a consumer reads
//! it. And *atomic* ones: a producer stores a length or the 0 ahead, a consumer polls. What is a race depends on the pair:
//!
//! |              | plain read | plain write | atomic load | atomic store |
//! |--------------|------------|-------------|-------------|--------------|
//! | plain read   |            | race        |             | race         |
//! | plain write  | race       | race        | race        | race         |
//! | atomic load  |            | race        |             |              |
//! | atomic store | race       | race        |             | race         |
//!
//! A poll beside a store is what atomics are for. A store over a message that is still being read is not, nor are bytes that are written
//! while somebody polls there. (That two stores are a race is a rule of the ring's, not of the language's: there is one producer
//! at a time.)
//!
//! A loom cell knows readers and writers alone. Two of them make the table: `bytes` is read by plain reads and written by plain
//! writes and atomic stores; `polled` is read by atomic loads and written by plain writes.
//!
//! The atomic itself holds the value whichever way it came, so that a poll finds what a message has left there: see
//! `messages::content` for what that is.

use loom::cell::UnsafeCell;

/// The two cells of one word.
#[derive(Debug)]
pub(crate) struct Overlap {
    bytes: UnsafeCell<u64>,
    polled: UnsafeCell<()>,
}

impl Overlap {
    pub(crate) fn new(value: u64) -> Self {
        Overlap { bytes: UnsafeCell::new(value), polled: UnsafeCell::new(()) }
    }

    /// Before an atomic load. Not after it: what the load acquires does not order the load itself.
    pub(crate) fn load(&self) {
        self.polled.with(|_| ());
    }

    /// Before an atomic store.
    pub(crate) fn store(&self, value: u64) {
        self.bytes.with_mut(|bytes| {
            // SAFETY: loom has made sure that nobody else accesses the cell now.
            unsafe { *bytes = value };
        });
    }

    /// A plain write.
    pub(crate) fn write(&self, value: u64) {
        self.polled.with_mut(|_| ());
        self.store(value);
    }

    /// A plain read.
    pub(crate) fn read(&self) -> u64 {
        self.bytes.with(|bytes| {
            // SAFETY: loom has made sure that nobody writes the cell now.
            unsafe { *bytes }
        })
    }
}
