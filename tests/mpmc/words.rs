//! A ring's words, through a mapping of the test's own; and threads that sleep on them.
//!
//! A wake-up that is lost costs a participant at most a slice of sleep, so its own answers hardly show it. These sleepers
//! know no slices: they lie down as the protocol has it, and sleep until somebody wakes them.

use std::fs;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle};

use memmap2::{MmapOptions, MmapRaw};
use rondel::mpmc::Ring;

use crate::scratch::wait_until;

const BODY: usize = 4096;
const APART: usize = 128;
/// In a line of the table.
const PUSHING: usize = 32;
const POPPING: usize = 40;
const ASLEEP: usize = 56;
/// The ring's own words, behind the table.
const TAIL: usize = 0;
const DATA: usize = 2;
const SPACE: usize = 3;
const SLOTS: usize = 5;
/// From one slot of eight bytes to the next.
const STRIDE: usize = 16;
/// All lines from this one on share its bit.
const SHARED: u32 = 63;

/// On which side somebody sleeps: consumers for data, producers for space.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Data,
    Space,
}

/// The words that sleepers and wakers share, where `src/mpmc/memory.rs` says that they lie.
pub(crate) struct Words {
    map: MmapRaw,
    lines: usize,
}

impl Words {
    pub(crate) fn of(ring: &Ring<u64>) -> Self {
        let map = MmapOptions::new().map_raw(&ring.as_fd()).expect("a second mapping");
        Words { map, lines: ring.places() }
    }

    fn place<W>(&self, offset: usize) -> *mut W {
        assert!(offset % size_of::<W>() == 0 && offset + size_of::<W>() <= self.map.len());
        self.map.as_mut_ptr().wrapping_add(offset).cast()
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: within the mapping (just checked), which lives as long as it is borrowed, and aligned, for the mapping
        // begins at a page; whoever else writes the word does so atomically.
        unsafe { AtomicU64::from_ptr(self.place(offset)) }
    }

    fn line(&self, line: u32) -> usize {
        assert!((line as usize) < self.lines);
        BODY + APART * line as usize
    }

    fn control(&self, word: usize) -> usize {
        BODY + APART * (self.lines + word)
    }

    /// The futex of a line.
    pub(crate) fn asleep(&self, line: u32) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.place(self.line(line) + ASLEEP)) }
    }

    /// What a line's participant is pushing to.
    pub(crate) fn pushing(&self, line: u32) -> &AtomicU64 {
        self.word(self.line(line) + PUSHING)
    }

    /// What it is popping from.
    pub(crate) fn popping(&self, line: u32) -> &AtomicU64 {
        self.word(self.line(line) + POPPING)
    }

    /// The next position to be claimed by a producer.
    pub(crate) fn tail(&self) -> &AtomicU64 {
        self.word(self.control(TAIL))
    }

    /// The stamp of a slot; the element is in the next word.
    pub(crate) fn stamp(&self, slot: usize) -> &AtomicU64 {
        self.word(self.control(SLOTS) + STRIDE * slot)
    }

    /// Who sleeps, a bit each.
    pub(crate) fn mask(&self, side: For) -> &AtomicU64 {
        let word = match side {
            For::Data => DATA,
            For::Space => SPACE,
        };
        self.word(self.control(word))
    }
}

pub(crate) fn bit(line: u32) -> u64 {
    1 << line.min(SHARED)
}

/// `futex(2)` on a word that other mappings share, without a time limit.
fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    // SAFETY: the word is alive; both operations, waiting and waking, take no other pointer than the null of no time limit.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, std::ptr::null::<libc::timespec>()) };
}

/// What `/proc` says of a thread of this process.
fn proc(thread: libc::pid_t, file: &str) -> String {
    fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).unwrap_or_default()
}

/// True if the thread sleeps in the kernel.
pub(crate) fn is_sleeping(thread: libc::pid_t) -> bool {
    // The name, in parentheses, may itself contain anything.
    proc(thread, "stat").rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// How often the thread has gone to sleep in the kernel.
pub(crate) fn sleeps(thread: libc::pid_t) -> u64 {
    let status = proc(thread, "status");
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).expect("a count")
}

pub(crate) fn this_thread() -> libc::pid_t {
    // SAFETY: takes nothing.
    unsafe { libc::gettid() }
}

/// A thread that sleeps on a line until it is woken.
pub(crate) struct Sleeper<'scope> {
    words: &'scope Words,
    pub(crate) line: u32,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope> Sleeper<'scope> {
    /// Falls asleep on a line without telling anybody: not a bit is set.
    pub(crate) fn hidden(scope: &'scope Scope<'scope, '_>, words: &'scope Words, line: u32) -> Self {
        let word = words.asleep(line);
        word.store(1, Ordering::SeqCst);
        let (sender, receiver) = mpsc::channel();
        let thread = scope.spawn(move || {
            sender.send(this_thread()).expect("somebody listens");
            while word.load(Ordering::SeqCst) == 1 {
                futex(word, libc::FUTEX_WAIT, 1);
            }
        });
        let number = receiver.recv().expect("it has begun");
        wait_until(|| is_sleeping(number));
        Sleeper { words, line, thread: Some(thread) }
    }

    /// Falls asleep, and says so.
    pub(crate) fn lie_down(scope: &'scope Scope<'scope, '_>, words: &'scope Words, side: For, line: u32) -> Self {
        let sleeper = Sleeper::hidden(scope, words, line);
        words.mask(side).fetch_or(bit(line), Ordering::SeqCst);
        sleeper
    }

    /// True if it was woken, or will be in a moment.
    pub(crate) fn was_woken(&self) -> bool {
        self.words.asleep(self.line).load(Ordering::SeqCst) == 0
    }
}

impl Drop for Sleeper<'_> {
    /// Whoever was woken by the ring ends by itself; the others are woken here.
    fn drop(&mut self) {
        let word = self.words.asleep(self.line);
        if word.swap(0, Ordering::SeqCst) == 1 {
            futex(word, libc::FUTEX_WAKE, 1);
        }
        let result = self.thread.take().map(ScopedJoinHandle::join);
        assert!(matches!(result, Some(Ok(()))), "a sleeper has failed");
    }
}
