//! The clock: the processor's time stamp counter where it can be trusted, else `CLOCK_MONOTONIC`.
//!
//! Most differences are of two readings on one core, so counters that disagree between cores do no harm. Where the two readings are taken
//! on two cores, the counters are used only if nothing contradicts that they are one clock (see `skew.rs`).

use std::fs;
use std::time::{Duration, Instant};

/// A clock whose ticks have a fixed length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    source: Source,
    nanoseconds_per_tick: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    #[cfg(target_arch = "x86_64")]
    TimeStampCounter,
    Monotonic,
}

impl Clock {
    /// The best clock that this machine has.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| counter_is_steady(&info)) {
            return Clock { source: Source::TimeStampCounter, nanoseconds_per_tick: calibrate() };
        }
        Clock::monotonic()
    }

    /// The kernel's clock, a tick of which is a nanosecond.
    pub(crate) fn monotonic() -> Self {
        Clock { source: Source::Monotonic, nanoseconds_per_tick: 1.0 }
    }

    /// The time now, in ticks. All loads before it in the program have been done when it is read.
    #[inline(always)]
    pub(crate) fn now(self) -> u64 {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::TimeStampCounter => counter(),
            Source::Monotonic => monotonic_nanoseconds(),
        }
    }

    /// Ticks in nanoseconds.
    pub(crate) fn nanoseconds(self, ticks: u64) -> f64 {
        ticks as f64 * self.nanoseconds_per_tick
    }

    /// A length of time in ticks.
    pub(crate) fn ticks(self, length: Duration) -> u64 {
        (length.as_nanos() as f64 / self.nanoseconds_per_tick) as u64
    }

    /// What one reading costs, in nanoseconds: so much of every round trip is the clock's own.
    pub(crate) fn cost(self) -> f64 {
        let mut differences: Vec<u64> = (0..1001).map(|_| self.now().abs_diff(self.now())).collect();
        differences.sort_unstable();
        self.nanoseconds(differences.get(500).copied().unwrap_or(0))
    }

    /// What it is called in the report.
    pub(crate) fn name(self) -> &'static str {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::TimeStampCounter => "the time stamp counter",
            Source::Monotonic => "CLOCK_MONOTONIC",
        }
    }
}

fn monotonic_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Never negative: the clock counts from the start of the machine.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

/// Whether the counter runs at one speed whatever the core does (`constant_tsc`, `nonstop_tsc`) and can be read in
/// order (`rdtscp`), in the eyes of the kernel, which also knows the processors on which it cannot be relied on.
#[cfg(target_arch = "x86_64")]
fn counter_is_steady(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    ["constant_tsc", "nonstop_tsc", "rdtscp"].iter().all(|flag| flags.split_whitespace().any(|word| word == *flag))
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    let mut core = 0;
    // SAFETY: `rdtscp` is there, or `best` would have picked another clock, and `core` is writable. It is `rdtscp`
    // and not `rdtsc` because it waits for the loads before it: the end of a round trip is the load that sees the answer.
    unsafe { std::arch::x86_64::__rdtscp(&mut core) }
}

/// How long a tick of the counter is, in nanoseconds, measured against `CLOCK_MONOTONIC` for 20 ms. An error of 50 ns
/// at either end would be one of 5 millionths.
#[cfg(target_arch = "x86_64")]
fn calibrate() -> f64 {
    let (ticks_before, before) = together();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(20) {
        std::hint::spin_loop();
    }
    let (ticks_after, after) = together();
    after.wrapping_sub(before) as f64 / ticks_after.wrapping_sub(ticks_before) as f64
}

/// Both clocks at the same moment: of several tries the one in which the least time passed between the readings.
#[cfg(target_arch = "x86_64")]
fn together() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..20 {
        let before = counter();
        let nanoseconds = monotonic_nanoseconds();
        let width = counter().wrapping_sub(before);
        if width < best.0 {
            best = (width, before.wrapping_add(width / 2), nanoseconds);
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_clock_goes_backwards() {
        for clock in [Clock::best(), Clock::monotonic()] {
            let mut last = clock.now();
            for _ in 0..100_000 {
                let now = clock.now();
                assert!(now >= last, "{clock:?}: {now} after {last}");
                last = now;
            }
        }
    }

    #[test]
    fn ticks_and_nanoseconds_are_each_others_inverse() {
        let clock = Clock { nanoseconds_per_tick: 0.434_782, ..Clock::monotonic() };
        let ticks = clock.ticks(Duration::from_millis(100));
        assert!((clock.nanoseconds(ticks) - 1e8).abs() < 1.0, "{ticks}");
        assert_eq!(Clock::monotonic().nanoseconds(17), 17.0);
    }

    /// What is compared is the lengths of one wait by the two clocks, which an interruption lengthens for both alike, so
    /// this does not depend on how busy the machine is.
    #[test]
    fn the_clock_agrees_with_the_kernels() {
        let clock = Clock::best();
        let (ticks, begin) = (clock.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let (ticks, elapsed) = (clock.now() - ticks, begin.elapsed());
        let ratio = clock.nanoseconds(ticks) / elapsed.as_nanos() as f64;
        assert!((0.98..=1.02).contains(&ratio), "{ratio}");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_counter_that_may_stop_is_not_trusted() {
        assert!(counter_is_steady("flags\t\t: fpu constant_tsc rdtscp nonstop_tsc\n"));
        assert!(!counter_is_steady("flags\t\t: fpu constant_tsc rdtscp\n"));
        assert!(!counter_is_steady("flags\t\t: fpu constant_tscx rdtscp nonstop_tsc\n"));
        assert!(!counter_is_steady(""));
    }
}
