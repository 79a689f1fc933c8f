//! What a conversation costs in processor time: whoever spins is fast, and does not do it for nothing.

use crate::shared::Shared;
use crate::{Error, Result};
use bytemuck::Zeroable;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

/// Processor time and changes of hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds of processor time, in the program and in the kernel on its behalf.
    pub nanoseconds: u64,
    /// How often the core was given to somebody else, of one's own will (to sleep) or not.
    pub switches: u64,
}

impl Usage {
    /// What the calling thread has used since it began (`CLOCK_THREAD_CPUTIME_ID`, and `RUSAGE_THREAD` of getrusage(2)). Threads
    /// that a library keeps for itself do not count.
    pub fn of_this_thread() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        // SAFETY: a struct of integers, of which zeroes are values.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is valid for a write of its own type, and RUSAGE_THREAD is a `who` that the kernel knows. Should it be refused
        // for all that, `usage` stays as it was: no switches.
        unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
        Usage {
            // Never negative: the clock begins with the thread.
            nanoseconds: (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64),
            switches: (usage.ru_nvcsw as u64).wrapping_add(usage.ru_nivcsw as u64),
        }
    }
}

/// What was used between two moments.
impl Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            nanoseconds: self.nanoseconds.saturating_sub(earlier.nanoseconds),
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }
}

/// What all sides of a conversation have used together, in memory that a fork shares.
#[derive(Clone)]
pub struct Account(Shared<Sheet>);

#[derive(Zeroable)]
#[repr(C, align(128))]
struct Sheet {
    nanoseconds: AtomicU64,
    switches: AtomicU64,
}

impl Account {
    /// An account on which nothing stands yet.
    ///
    /// # Errors
    ///
    /// [`Error::System`] when memory cannot be mapped.
    pub fn new() -> Result<Self> {
        Shared::new().map(Account).map_err(|error| Error::system("account", "mapping shared memory", error))
    }

    /// Does something, and puts what the calling thread has used for it on the account, whatever comes of it.
    pub fn charge<R>(&self, body: impl FnOnce() -> R) -> R {
        let before = Usage::of_this_thread();
        let result = body();
        let used = Usage::of_this_thread() - before;
        // Relaxed: it is read when the sides have ended, which orders these before; nothing else is handed over with them.
        self.0.nanoseconds.fetch_add(used.nanoseconds, Ordering::Relaxed);
        self.0.switches.fetch_add(used.switches, Ordering::Relaxed);
        result
    }

    /// What stands on it. To be asked when all sides have ended.
    pub fn total(&self) -> Usage {
        Usage {
            nanoseconds: self.0.nanoseconds.load(Ordering::Relaxed),
            switches: self.0.switches.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cores, Scope, duet};
    use std::time::{Duration, Instant};

    fn work(length: u64) -> Result<()> {
        let begin = Usage::of_this_thread();
        while (Usage::of_this_thread() - begin).nanoseconds < length {}
        Ok(())
    }

    #[test]
    fn both_sides_are_charged_for_their_work() {
        for scope in [Scope::Processes, Scope::Threads] {
            let account = Account::new().unwrap();
            let (near, far) = (account.clone(), account.clone());
            duet(
                scope,
                Cores::Anywhere,
                move || far.charge(|| work(3_000_000)),
                move || near.charge(|| work(2_000_000)),
            )
            .unwrap();
            let used = account.total().nanoseconds;
            // The work of both and not much more. What passes between two looks at the clock of a thread's own time is all that can
            // be added, however busy the machine is.
            assert!((5_000_000..6_000_000).contains(&used), "{used} between {}", scope.name());
        }
    }

    #[test]
    fn who_sleeps_pays_a_change_of_hands_and_no_time() {
        let account = Account::new().unwrap();
        let begin = Instant::now();
        account.charge(|| (0..10).for_each(|_| std::thread::sleep(Duration::from_millis(3))));
        let (used, passed) = (account.total(), begin.elapsed());
        assert!(used.switches >= 10, "{used:?}");
        assert!(u128::from(used.nanoseconds) < passed.as_nanos() / 2, "{used:?} in {passed:?}");
    }
}
