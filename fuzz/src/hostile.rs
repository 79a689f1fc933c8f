//! A peer that writes whatever it likes, and what a handle has to do when it notices.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arbitrary::Arbitrary;
use memmap2::{MmapOptions, MmapRaw};
use rondel::Fault;
use rondel::segment::Segment;

/// A value for a shared word, whatever the word means.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub enum Value {
    /// Anything.
    Any(u64),
    /// Near what the word holds: off by a little, the hardest to notice.
    Near(i8),
    /// The value of another word.
    Copy(u16),
    /// A small number.
    Small(u8),
}

/// A second mapping of the segment: the hostile peer's.
pub struct Scribbler(MmapRaw);

impl Scribbler {
    /// Maps the segment once more.
    pub fn new(segment: &Segment) -> Scribbler {
        let fd = segment.try_clone_fd().expect("a descriptor");
        Scribbler(MmapOptions::new().len(segment.total_len() as usize).map_raw(&fd).expect("maps"))
    }

    /// A word, counted from the start of the segment. There is one for every number.
    pub fn word(&self, index: usize) -> &AtomicU64 {
        let words = self.0.len() / 8;
        let word = self.0.as_mut_ptr().cast::<u64>().wrapping_add(index % words);
        // SAFETY: inside the mapping, aligned, and used as an atomic here.
        unsafe { AtomicU64::from_ptr(word) }
    }

    /// Overwrites a word.
    pub fn write(&self, index: usize, value: Value) {
        let word = self.word(index);
        let value = match value {
            Value::Any(value) => value,
            Value::Near(by) => word.load(Relaxed).wrapping_add_signed(by.into()),
            Value::Copy(other) => self.word(other.into()).load(Relaxed),
            Value::Small(value) => value.into(),
        };
        word.store(value, Relaxed);
    }
}

/// Reads every byte, so that one outside is noticed.
pub fn touch(bytes: &[u8]) {
    black_box(bytes.iter().fold(0, |sum, &byte| sum ^ byte));
}

/// A fault that a handle has reported, which it has to report from then on.
#[derive(Default)]
pub struct Reported(Option<Fault>);

impl Reported {
    /// Takes down what a call has reported.
    pub fn note(&mut self, fault: Option<Fault>) {
        if let Some(before) = self.0 {
            assert_eq!(fault, Some(before), "a failed handle stays failed");
        }
        self.0 = fault;
    }
}
