//! A peer that writes whatever it likes, and what a handle has to do when it notices.

use std::cell::RefCell;
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
    /// One more, or one less.
    Next(bool),
    /// The value of another word.
    Copy(u16),
    /// The same, and the other word gets this one's.
    Swap(u16),
    /// A small number.
    Small(u8),
    /// One bit of it the other way.
    Flip(u8),
    /// What stood there when the words were remembered last, or at the beginning.
    Old,
}

impl Value {
    /// What two bytes make of it: which, and how much.
    pub fn of(kind: u8, by: u8) -> Value {
        match kind % 9 {
            // All bits of it are in use, or few; small ones are below.
            0 => Value::Any(u64::from(by).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            1 => Value::Any(u64::MAX.rotate_left(by.into()) << (by / 64 * 8)),
            2 => Value::Near(by as i8),
            3 => Value::Next(by % 2 == 0),
            4 => Value::Copy(by.into()),
            5 => Value::Swap(by.into()),
            6 => Value::Small(by),
            7 => Value::Flip(by),
            _ => Value::Old,
        }
    }

    /// Overwrites one of these words with it: there is one for every number. `old` is what was remembered of them.
    pub fn write(self, words: &[AtomicU64], index: usize, old: &[u64]) {
        let at = |index: usize| &words[index % words.len()];
        let word = at(index);
        let value = match self {
            Value::Any(value) => value,
            Value::Near(by) => word.load(Relaxed).wrapping_add_signed(by.into()),
            Value::Next(up) => word.load(Relaxed).wrapping_add_signed(if up { 1 } else { -1 }),
            Value::Copy(other) => at(other.into()).load(Relaxed),
            Value::Swap(other) => at(other.into()).swap(word.load(Relaxed), Relaxed),
            Value::Small(value) => value.into(),
            Value::Flip(bit) => word.load(Relaxed) ^ 1 << (bit % 64),
            Value::Old => old.get(index % words.len()).copied().unwrap_or(0),
        };
        word.store(value, Relaxed);
    }
}

/// A second mapping of the segment: the hostile peer's.
pub struct Scribbler {
    map: MmapRaw,
    /// What it remembers.
    old: RefCell<Vec<u64>>,
}

impl Scribbler {
    /// Maps the segment once more.
    pub fn new(segment: &Segment) -> Scribbler {
        let fd = segment.try_clone_fd().expect("a descriptor");
        let map = MmapOptions::new().len(segment.total_len() as usize).map_raw(&fd).expect("maps");
        Scribbler { map, old: RefCell::default() }
    }

    /// A word, counted from the start of the segment. There is one for every number.
    pub fn word(&self, index: usize) -> &AtomicU64 {
        let words = self.all();
        &words[index % words.len()]
    }

    fn all(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is whole pages, begins at one, and lives as long as it is borrowed; whoever writes to it does so by
        // atomics, or is what is tested.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().cast(), self.map.len() / 8) }
    }

    /// All words as they are.
    pub fn words(&self) -> Vec<u64> {
        self.all().iter().map(|word| word.load(Relaxed)).collect()
    }

    /// Takes down all words, to write them again later.
    pub fn remember(&self) {
        let mut old = self.old.borrow_mut();
        old.clear();
        old.extend(self.all().iter().map(|word| word.load(Relaxed)));
    }

    /// Makes all words what they were.
    pub fn restore(&self, words: &[u64]) {
        for (place, &word) in self.all().iter().zip(words) {
            place.store(word, Relaxed);
        }
    }

    /// Overwrites a word.
    pub fn write(&self, index: usize, value: Value) {
        value.write(self.all(), index, &self.old.borrow());
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
