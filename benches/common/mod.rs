//! What the benchmarks share: pinned threads, a stream from one to the other, and round trips between them.

use std::hint::{black_box, spin_loop};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The cores that the process may use. Asked once, before anything is pinned: threads inherit their parent's pin.
fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(|| {
        // SAFETY: a set of processors is an array of integers, for which all zeros is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: 0 stands for the caller; `set` is a valid place for a result of its own size.
        if unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) } != 0 {
            return Vec::new();
        }
        // SAFETY: the number is below CPU_SETSIZE, the length of the set.
        let allowed = |core: &usize| unsafe { libc::CPU_ISSET(*core, &set) };
        (0..libc::CPU_SETSIZE as usize).filter(allowed).collect()
    })
}

/// Pins the calling thread to the n-th of these cores. Without so many, it stays where it is.
pub(crate) fn pin(n: usize) {
    let Some(&core) = cores().get(n) else { return };
    // SAFETY: a set of processors is an array of integers, for which all zeros is a value.
    let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is below CPU_SETSIZE, the length of the set.
    unsafe { libc::CPU_SET(core, &mut one) };
    // SAFETY: 0 stands for the calling thread; `one` is a valid set of its own size.
    unsafe { libc::sched_setaffinity(0, size_of_val(&one), &raw const one) };
}

/// Times `count` elements from one pinned thread to another. `push` is told how many were sent and says how many it
/// sent; `pop` says how many it received.
pub(crate) fn stream(count: u64, mut push: impl FnMut(u64) -> u64 + Send, mut pop: impl FnMut() -> u64) -> Duration {
    let ready = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            ready.store(true, Ordering::Release);
            let mut sent = 0;
            while sent < count {
                sent += push(sent);
            }
        });
        pin(0);
        while !ready.load(Ordering::Acquire) {
            spin_loop();
        }
        let start = Instant::now();
        let mut received = 0;
        while received < count {
            received += pop();
        }
        start.elapsed()
    })
}

/// The same in batches of `SIZE`. `push` says whether it sent them all, `pop` how many it received.
#[allow(dead_code, reason = "a batch of messages is no slice of elements")]
pub(crate) fn stream_of_batches<const SIZE: usize>(
    count: u64,
    mut push: impl FnMut(&[u64]) -> bool + Send,
    mut pop: impl FnMut(&mut [u64]) -> usize,
) -> Duration {
    let (elements, mut out) = ([1; SIZE], [0; SIZE]);
    let push = |sent: u64| {
        let n = (count - sent).min(SIZE as u64);
        if push(&elements[..n as usize]) { n } else { 0 }
    };
    stream(count, push, || pop(black_box(&mut out)) as u64)
}

/// Times `count` round trips between two pinned threads. `trip` sends a number and says whether it came back; `echo` sends one
/// back on the other thread, and says no when there will be no more. `trip` owns what it sends with: that it is dropped ends the echo.
pub(crate) fn round_trips(
    count: u64,
    mut trip: impl FnMut(u64) -> bool + 'static,
    mut echo: impl FnMut() -> bool + Send,
) -> Duration {
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            while echo() {}
        });
        pin(0);
        let start = Instant::now();
        for n in 0..count {
            assert!(trip(n), "the echo broke at round trip {n}");
        }
        let elapsed = start.elapsed();
        drop(trip);
        elapsed
    })
}

/// Times `count` calls of each of two operations, on two pinned threads that begin together.
#[allow(dead_code, reason = "where a ring has one user at either end, nobody contends")]
pub(crate) fn contended(count: u64, mut here: impl FnMut(), mut there: impl FnMut() + Send) -> Duration {
    let ready = AtomicBool::new(false);
    let begun = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            pin(1);
            // Release, and Acquire where it is read: the clock starts when this thread is where it will run.
            ready.store(true, Ordering::Release);
            while !begun.load(Ordering::Acquire) {
                spin_loop();
            }
            (0..count).for_each(|_| there());
        });
        pin(0);
        while !ready.load(Ordering::Acquire) {
            spin_loop();
        }
        let start = Instant::now();
        begun.store(true, Ordering::Release);
        (0..count).for_each(|_| here());
        other.join().expect("no panic");
        start.elapsed()
    })
}
