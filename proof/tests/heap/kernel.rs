//! The kernel's part of an event: full fences, and a futex that is a lock and a list.
//!
//! The lock is a word of our own. The standard library's comes compiled, without the calls by which a sanitizer learns of its orderings.

use std::cell::UnsafeCell;
use std::time::{Duration, Instant};

use crate::protocol::event::Kernel;
use crate::sync::{AtomicU32, Ordering};
use crate::wait_a_little;

/// One process's futexes. Who sleeps is known by its word's address.
#[derive(Default)]
pub(crate) struct Futex {
    locked: AtomicU32,
    sleepers: UnsafeCell<Vec<usize>>,
}

// SAFETY: the list is accessed under the lock alone.
unsafe impl Sync for Futex {}

/// Nobody sleeps for so long, unless nobody wakes him.
const FOR_EVER: Duration = Duration::from_secs(120);

impl Futex {
    fn locked<R>(&self, work: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        // Acquire, partner the Release below: the list is as the last one has left it.
        while self.locked.swap(1, Ordering::Acquire) != 0 {
            wait_a_little();
        }
        // SAFETY: the lock is ours, and `work` ends before we give it back.
        let result = work(unsafe { &mut *self.sleepers.get() });
        self.locked.store(0, Ordering::Release);
        result
    }
}

impl Kernel for Futex {
    type Until = ();

    fn heavy_fence(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    fn light_fence(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    fn futex_wait(&self, word: &AtomicU32, expected: u32, (): ()) {
        let address = std::ptr::from_ref(word).addr();
        let sleeps = self.locked(|sleepers| {
            let sleeps = word.load(Ordering::Relaxed) == expected;
            if sleeps {
                sleepers.push(address);
            }
            sleeps
        });
        let start = Instant::now();
        while sleeps && self.locked(|sleepers| sleepers.contains(&address)) {
            // An interpreter's clock is its own.
            assert!(cfg!(miri) || start.elapsed() < FOR_EVER, "asleep for ever");
            wait_a_little();
        }
    }

    fn futex_wake(&self, word: &AtomicU32) -> bool {
        let address = std::ptr::from_ref(word).addr();
        self.locked(|sleepers| {
            let before = sleepers.len();
            sleepers.retain(|&sleeper| sleeper != address);
            sleepers.len() < before
        })
    }
}
