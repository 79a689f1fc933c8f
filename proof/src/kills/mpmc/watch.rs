//! Whether a victim's instruction has changed anything that others can see.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rondel::mpmc::Ring;

use super::ring::Message;

/// The segment's words, mapped once more, and as they were at the last look.
pub(super) struct Watch {
    place: NonNull<AtomicU64>,
    words: Vec<u64>,
}

impl Watch {
    pub(super) fn new(ring: &Ring<Message>) -> Self {
        let len = ring.segment().total_len() as usize;
        let descriptor = ring.as_fd().as_raw_fd();
        // SAFETY: a new mapping, for reading, at a place that the kernel chooses.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, descriptor, 0) };
        assert_ne!(place, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        let place = NonNull::new(place.cast()).expect("no mapping lies there");
        let mut watch = Self { place, words: vec![0; len / 8] };
        watch.has_changed();
        watch
    }

    /// Whether any word differs from what it was at the last look.
    pub(super) fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (number, word) in self.words.iter_mut().enumerate() {
            // SAFETY: the mapping has room for so many words.
            let place = unsafe { self.place.add(number) };
            // SAFETY: the mapping lives as long as this; a word that others may write is read as an atomic.
            // Relaxed: the victim stands, and the kernel has ordered what it did before.
            let now = unsafe { place.as_ref() }.load(Relaxed);
            changed |= now != *word;
            *word = now;
        }
        changed
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and no reference to it is left.
        unsafe { libc::munmap(self.place.as_ptr().cast(), self.words.len() * 8) };
    }
}
