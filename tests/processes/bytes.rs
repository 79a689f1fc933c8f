//! A segment as others see it: its bytes, whatever they mean.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use memmap2::{MmapOptions, MmapRaw};
use rondel::segment::Segment;

/// A segment's bytes.
pub(crate) struct Bytes(MmapRaw);

impl Bytes {
    pub(crate) fn of(segment: &Segment) -> Self {
        let len = segment.total_len().try_into().expect("fits");
        Self(MmapOptions::new().len(len).map_raw(&segment.as_fd()).expect("maps"))
    }

    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.0.len() / 8);
        let word = self.0.as_mut_ptr().cast::<u64>().wrapping_add(index);
        // SAFETY: inside the mapping, which lives as long as `self`, aligned, and only ever used as an atomic.
        unsafe { AtomicU64::from_ptr(word) }
    }

    pub(crate) fn read(&self) -> Vec<u64> {
        (0..self.0.len() / 8).map(|index| self.word(index).load(SeqCst)).collect()
    }

    // Not every target that has this file steps through as many instructions.
    #[allow(dead_code)]
    /// Copies all words to `words`, which is as long, much faster than [`read`](Self::read).
    ///
    /// # Safety
    ///
    /// Nobody writes to the segment meanwhile.
    pub(crate) unsafe fn read_at_rest(&self, words: &mut [u64]) {
        assert_eq!(words.len(), self.0.len() / 8);
        // SAFETY: both are as long, aligned and mapped; `words` is nobody else's, and the segment at rest, says the caller.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr().cast(), words.as_mut_ptr(), words.len()) };
    }

    pub(crate) fn write(&self, words: &[u64]) {
        assert_eq!(words.len(), self.0.len() / 8);
        for (index, word) in words.iter().enumerate() {
            self.word(index).store(*word, SeqCst);
        }
    }
}
