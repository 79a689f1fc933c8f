//! Words that the processes of an episode share beside the ring, and that outlive whoever wrote them.

use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Memory without a file, which forked children share with their parent. Only what is touched is there.
pub(super) struct Shared {
    first: NonNull<AtomicU64>,
    words: usize,
}

impl Shared {
    /// So many words, all 0.
    pub(super) fn new(words: usize) -> io::Result<Shared> {
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: without an address to be at, a new mapping replaces none that is in use.
        let address = unsafe { mmap_anonymous(null_mut(), words * 8, ProtFlags::READ | ProtFlags::WRITE, flags) }?;
        let first = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Shared { first, words })
    }

    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.words);
        // SAFETY: inside the mapping, which is one object of so many words.
        let word = unsafe { self.first.add(index) };
        // SAFETY: mapped as long as `self` lives, aligned as a page is, and nobody uses it but as an atomic.
        unsafe { word.as_ref() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; what `word` has lent does not outlive `self`.
        let unmapped = unsafe { munmap(self.first.as_ptr().cast(), self.words * 8) };
        debug_assert!(unmapped.is_ok());
    }
}
