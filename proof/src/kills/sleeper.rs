//! A survivor that sleeps in the kernel when the kill comes: a process of its own, which tells afterwards what it was answered, and when.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use libc::pid_t;

use super::clock::now;
use super::page::{Page, Shared};
use super::victim::{fork, wait};

/// The most answers that are noted.
const MOST: usize = 64;
/// What falls asleep does so within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a sleeper was answered, one after the other. Written by the sleeper, read when it has been reaped, which orders all of it.
pub(crate) struct Notes {
    len: AtomicU64,
    /// Since the clock's beginning, in nanoseconds.
    times: [AtomicU64; MOST],
    answers: [AtomicU64; MOST],
}

// SAFETY: it consists of atomic integers.
unsafe impl Shared for Notes {}

impl Notes {
    /// Notes an answer, and that it came now.
    pub(crate) fn note(&self, answer: u64) {
        // Relaxed, all of them: one process writes, and another reads after it has reaped that.
        let place = self.len.load(Relaxed) as usize;
        self.times[place].store(now().as_nanos() as u64, Relaxed);
        self.answers[place].store(answer, Relaxed);
        self.len.store(place as u64 + 1, Relaxed);
    }

    fn read(&self) -> Vec<(Duration, u64)> {
        let len = self.len.load(Relaxed) as usize;
        let pairs = self.times.iter().zip(&self.answers).take(len);
        pairs.map(|(time, answer)| (Duration::from_nanos(time.load(Relaxed)), answer.load(Relaxed))).collect()
    }
}

/// A process that has gone to sleep.
pub(crate) struct Sleeper {
    pid: pid_t,
    notes: Page<Notes>,
}

impl Sleeper {
    /// Forks a process that lives such a life, in which it falls asleep, and comes back when it has.
    pub(crate) fn asleep(life: impl FnOnce(&Notes)) -> Self {
        let notes = Page::<Notes>::new().expect("a page of memory");
        let pid = fork(|| life(&notes));
        let sleeper = Self { pid, notes };
        let begin = Instant::now();
        while !sleeper.is_asleep() {
            assert!(begin.elapsed() < PATIENCE, "the sleeper does not fall asleep");
            std::thread::yield_now();
        }
        sleeper
    }

    /// Whether it is in the kernel, waiting for a futex.
    fn is_asleep(&self) -> bool {
        let call = fs::read_to_string(format!("/proc/{}/syscall", self.pid)).unwrap_or_default();
        call.split_whitespace().next() == Some(&libc::SYS_futex.to_string())
    }

    /// How often it was answered so far.
    pub(crate) fn answers(&self) -> u64 {
        // Relaxed: a hint.
        self.notes.len.load(Relaxed)
    }

    /// Waits for its end, which has to be a good one. What it was answered, and how long it stood still since the kill at the longest; for its
    /// last answer, the end, it may have had to wait until it was `let_go`.
    pub(crate) fn tell(mut self, killed: Duration, let_go: Duration) -> (Vec<u64>, Duration) {
        let status = wait(self.pid);
        self.pid = 0;
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the sleeper failed: {status:#x}");
        let notes = self.notes.read();
        let mut stall = Duration::ZERO;
        let mut since = killed;
        for (place, &(time, _)) in notes.iter().enumerate() {
            if place + 1 == notes.len() {
                since = since.max(let_go);
            }
            stall = stall.max(time.saturating_sub(since));
            since = since.max(time);
        }
        (notes.into_iter().map(|(_, answer)| answer).collect(), stall)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if self.pid != 0 {
            // SAFETY: takes integers; the child is not reaped yet, so that the number is still its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            wait(self.pid);
        }
    }
}
