//! The kernel's part of an event: a futex, and fence pairs in the place of membarrier.
//!
//! A wait here has no time limit. A lost wake-up, which the library would survive after one slice, is a deadlock that loom
//! reports.

use loom::sync::atomic::{AtomicUsize, fence};
use loom::sync::{Arc, Condvar, Mutex};

use crate::protocol::event::Kernel;
use crate::sync::{AtomicU32, Ordering};

/// Futexes. `bucket` is the kernel's lock under which a word is compared and the sleepers are queued, by their words' addresses.
#[derive(Debug)]
pub(crate) struct Futex {
    bucket: Mutex<Vec<usize>>,
    queue: Condvar,
    fences: Arc<AtomicUsize>,
}

impl Futex {
    /// Futexes of a machine whose fences are counted by `fences`.
    pub(crate) fn new(fences: &Arc<AtomicUsize>) -> Self {
        Futex { bucket: Mutex::new(Vec::new()), queue: Condvar::new(), fences: Arc::clone(fences) }
    }

    /// A full fence. Loom explores the orders of accesses to one object, but not the orders of fences among themselves,
    /// which decide who sees whom. The counter, which synchronizes nothing, makes it explore those too.
    fn full_fence(&self) {
        self.fences.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}

impl Kernel for Futex {
    type Until = ();

    fn heavy_fence(&self) {
        self.full_fence();
    }

    fn light_fence(&self) {
        self.full_fence();
    }

    fn futex_wait(&self, word: &AtomicU32, expected: u32, (): ()) {
        let mut bucket = self.bucket.lock().unwrap();
        // The lock orders it against a wake, as the kernel's does.
        if word.load_by_kernel() == expected {
            let address = std::ptr::from_ref(word).addr();
            bucket.push(address);
            while bucket.contains(&address) {
                bucket = self.queue.wait(bucket).unwrap();
            }
        }
    }

    fn futex_wake(&self, word: &AtomicU32) -> bool {
        let mut bucket = self.bucket.lock().unwrap();
        let address = std::ptr::from_ref(word).addr();
        let before = bucket.len();
        bucket.retain(|&sleeper| sleeper != address);
        self.queue.notify_all();
        bucket.len() < before
    }
}
