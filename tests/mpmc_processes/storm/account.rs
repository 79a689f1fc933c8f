//! The account beside the ring: who has said what, who has been given what, and what each was doing when it was killed.
//!
//! A file in memory that is far larger than what is used of it. Each *life* of a process has a record, and each life of a producer a
//! byte for each message that it may push.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU8, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

/// The most lives of a storm.
pub(super) const LIVES: u64 = 1 << 14;
/// How many messages a producer pushes before it leaves in good order.
pub(super) const QUOTA: u64 = 1 << 15;
/// The longest batch.
pub(super) const BATCH: u64 = 24;
/// Where in a life's record the messages stand that a pop has returned, and how many words it has.
const LIST: u64 = 8;
const WORDS: u64 = LIST + BATCH;

/// The words of a record.
#[derive(Clone, Copy)]
pub(super) enum Word {
    /// A [`Doing`].
    Doing,
    /// How many messages the pop that is under way may take; for a producer: how many it has begun to push …
    Begun,
    /// … and what is known to have been pushed.
    Done,
    /// The message that is held under a guard.
    Held,
    /// Counts operations, so that a standstill is noticed.
    Steps,
    /// How many messages a pop has returned, which stand in the record …
    Returned,
    /// … how many of them have been entered as delivered, and whether they were redelivered.
    Entered,
    Again,
}

/// What a consumer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Doing {
    Nothing = 0,
    /// It is in a pop that may take up to `Begun` messages.
    Popping = 1,
    /// It holds `Held` under a guard, for certain.
    Holding = 2,
    /// It has let go of what is listed in its record, and enters that as delivered.
    Entering = 3,
}

/// One delivery of a message, in its byte.
const FIRST: u8 = 1;
const AGAIN: u8 = 1 << 4;

pub(super) struct Account {
    map: MmapRaw,
}

impl Account {
    fn path(directory: &Path) -> std::path::PathBuf {
        directory.join("account")
    }

    pub(super) fn create(directory: &Path) -> Self {
        let file = File::options().read(true).write(true).create_new(true).open(Self::path(directory));
        let file = file.expect("a new file");
        let len = LIVES * (WORDS * 8 + QUOTA);
        file.set_len(len).expect("it is sparse");
        let map = MmapOptions::new().len(len as usize).map_raw(&file).expect("maps");
        Self { map }
    }

    pub(super) fn word(&self, life: u64, word: Word) -> &AtomicU64 {
        assert!(life < LIVES);
        self.at(life * WORDS + word as u64)
    }

    fn at(&self, index: u64) -> &AtomicU64 {
        assert!(index < LIVES * WORDS);
        let word = self.map.as_mut_ptr().cast::<u64>().wrapping_add(index as usize);
        // SAFETY: inside the mapping, which lives as long as `self`, aligned, and only ever used as an atomic.
        unsafe { AtomicU64::from_ptr(word) }
    }

    pub(super) fn read(&self, life: u64, word: Word) -> u64 {
        self.word(life, word).load(SeqCst)
    }

    pub(super) fn note(&self, life: u64, word: Word, value: u64) {
        self.word(life, word).store(value, SeqCst);
    }

    /// The `index`-th of the messages that the last pop of a life has returned.
    pub(super) fn listed(&self, life: u64, index: u64) -> &AtomicU64 {
        assert!(life < LIVES && index < BATCH);
        self.at(life * WORDS + LIST + index)
    }

    fn message(&self, author: u64, number: u64) -> &AtomicU8 {
        assert!(author < LIVES && number < QUOTA);
        let index = LIVES * WORDS * 8 + author * QUOTA + number;
        let byte = self.map.as_mut_ptr().wrapping_add(index as usize);
        // SAFETY: inside the mapping, which lives as long as `self`, and only ever used as an atomic.
        unsafe { AtomicU8::from_ptr(byte) }
    }

    /// A message has been delivered and let go of.
    pub(super) fn delivered(&self, author: u64, number: u64, redelivered: bool) {
        let one = if redelivered { AGAIN } else { FIRST };
        self.message(author, number).fetch_add(one, SeqCst);
    }

    /// How often a message was delivered and let go of: for the first time, and once more.
    pub(super) fn deliveries(&self, author: u64, number: u64) -> (u8, u8) {
        let byte = self.message(author, number).load(SeqCst);
        (byte & 0xf, byte >> 4)
    }
}
