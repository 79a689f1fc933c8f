//! The two futex calls, and the two kernels that an event can have.
//!
//! Never `FUTEX_PRIVATE_FLAG`: the word is shared between processes, and the kernel keys it by the page behind the
//! mapping, so that each process may map it elsewhere. `FUTEX_WAIT_BITSET` takes an absolute `CLOCK_MONOTONIC` time
//! (futex(2)), so a wait that is interrupted and begun again does not grow longer.

use core::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};
use core::time::Duration;
use std::io;

use super::membarrier;
use crate::protocol::event::Kernel;

/// A moment of `CLOCK_MONOTONIC`, as the kernel takes it.
#[derive(Clone, Copy)]
pub(crate) struct Moment(libc::timespec);

impl Moment {
    /// The moment that lies `delay` from now.
    pub(crate) fn after(delay: Duration) -> Moment {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` is a valid place for the result. CLOCK_MONOTONIC always exists, so the call cannot fail.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
        let nanos = now.tv_nsec as u64 + u64::from(delay.subsec_nanos());
        let seconds = delay.as_secs().saturating_add(nanos / 1_000_000_000);
        Moment(libc::timespec {
            tv_sec: now.tv_sec.saturating_add(seconds.try_into().unwrap_or(libc::time_t::MAX)),
            tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
        })
    }
}

fn wait(word: &AtomicU32, expected: u32, until: Moment) {
    // SAFETY: FUTEX_WAIT_BITSET reads the word, which is borrowed for the call, and `until`, which lives on this
    // frame; the remaining arguments are a null pointer that it ignores and a bit set.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            expected,
            &raw const until.0,
            core::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    if result == -1 {
        match io::Error::last_os_error().raw_os_error() {
            // Interrupted, the word had changed, or the time was up: all lead the caller back to its check.
            Some(libc::EINTR | libc::EAGAIN | libc::ETIMEDOUT) => {}
            // A filter refuses the call. A short sleep keeps the caller's loop from becoming a spin.
            _ => nap(Duration::from_millis(1)),
        }
    }
}

/// Sleeps for about this long, under a second; where a filter refuses the sleep, too, it gives way to others.
///
/// Not the standard library's, which takes the refusal of a sleep for a fault of its own and panics.
pub(crate) fn nap(duration: Duration) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: duration.subsec_nanos() as libc::c_long };
    // SAFETY: reads and writes `time`, which lives on this frame; what is left of it when a signal comes may go to the same place.
    while unsafe { libc::nanosleep(&raw const time, &raw mut time) } == -1 {
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return std::thread::yield_now();
        }
    }
}

/// True if somebody was woken.
fn wake(word: &AtomicU32) -> bool {
    // SAFETY: FUTEX_WAKE uses the word's address as a key and does not touch its value.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) > 0 }
}

/// The kernel of a process that is registered for membarrier: its light fence costs no instruction.
pub(crate) struct Registered;

/// The kernel of a process that is not: its light fence is a full one.
pub(crate) struct Unregistered;

impl Kernel for Registered {
    type Until = Moment;

    fn heavy_fence(&self) {
        membarrier::heavy();
    }

    #[inline(always)]
    fn light_fence(&self) {
        compiler_fence(Ordering::SeqCst);
    }

    fn futex_wait(&self, word: &AtomicU32, expected: u32, until: Moment) {
        wait(word, expected, until);
    }

    fn futex_wake(&self, word: &AtomicU32) -> bool {
        wake(word)
    }
}

impl Kernel for Unregistered {
    type Until = Moment;

    fn heavy_fence(&self) {
        membarrier::heavy();
    }

    fn light_fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn futex_wait(&self, word: &AtomicU32, expected: u32, until: Moment) {
        wait(word, expected, until);
    }

    fn futex_wake(&self, word: &AtomicU32) -> bool {
        wake(word)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wait_ends_at_its_moment() {
        let word = AtomicU32::new(1);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            Registered.futex_wait(&word, 1, Moment::after(Duration::from_millis(20)));
        }
    }

    #[test]
    fn a_wait_on_another_value_returns_at_once() {
        let word = AtomicU32::new(1);
        // A century: the test ends only if the kernel compares.
        Registered.futex_wait(&word, 0, Moment::after(Duration::from_secs(3_000_000_000)));
    }

    #[test]
    fn the_farthest_moment_does_not_overflow() {
        assert_eq!(Moment::after(Duration::MAX).0.tv_sec, libc::time_t::MAX);
    }
}
