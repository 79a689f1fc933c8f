//! A block of zeroed memory that several threads reach by pointers, in the place of a mapping.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::slice;

use crate::sync::{AtomicU32, AtomicU64};

/// A cache line, which the block is aligned to.
pub(crate) const LINE: usize = 64;

pub(crate) struct Block {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is memory and nothing else; who may access which part of it when is what the protocols decide, and what is tested here.
unsafe impl Send for Block {}
// SAFETY: as above: through a shared block come pointers and atomics only.
unsafe impl Sync for Block {}

impl Block {
    pub(crate) fn new(bytes: usize) -> Block {
        let layout = Layout::from_size_align(bytes, LINE).expect("a layout");
        assert!(bytes > 0);
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        Block { base, layout }
    }

    /// The `len` bytes at `offset`, by a pointer that has the whole block's permission.
    pub(crate) fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.layout.size()), "outside of the block: {offset}");
        // SAFETY: the offset lies in the block.
        unsafe { self.base.as_ptr().add(offset) }
    }

    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % size_of::<u64>() == 0);
        // SAFETY: the eight bytes lie in the block, which lives as long as the borrow, and are aligned. Plain accesses to them, where
        // messages lie in their place, are ordered by the protocol, or this is the fault that is looked for.
        unsafe { AtomicU64::from_ptr(self.at(offset, size_of::<u64>()).cast()) }
    }

    /// All of it, for whoever writes what he likes.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        let words: *const AtomicU64 = self.base.as_ptr().cast();
        // SAFETY: the block is aligned to a line, was zeroed, and lives as long as the borrow; as for `word`.
        unsafe { slice::from_raw_parts(words, self.layout.size() / size_of::<u64>()) }
    }

    pub(crate) fn flag(&self, offset: usize) -> &AtomicU32 {
        assert!(offset % size_of::<u32>() == 0);
        // SAFETY: as for `word`; no message lies on a flag.
        unsafe { AtomicU32::from_ptr(self.at(offset, size_of::<u32>()).cast()) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody borrows from it any more.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
