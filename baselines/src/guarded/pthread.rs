//! The C library's mutex and condition variables, between processes.
//!
//! # What is robust, and what is not
//!
//! A *robust* mutex survives its owner: the kernel frees the lock of a thread that ends, and tells the next owner so (`EOWNERDEAD`).
//!
//! A condition variable is not robust. POSIX knows no such attribute, and glibc's keeps more in the shared memory than one
//! would think:
//!
//! - The numbers of waiters, by group. A waiter that is killed is never taken off them. So a condition variable must not be
//!   destroyed after that (`pthread_cond_destroy` waits for all waiters to leave), and is not destroyed here at all: it owns nothing outside the memory
//!   in which it lies. And, up to glibc 2.40, who signals may have to wait until the waiters of the older group have left before a new
//!   group can take its place. That needs a second waiter who has come after the dead one, and here each condition
//!   variable has one waiter only, ever.
//! - A small lock of its own. It is held for a few instructions by who signals while somebody waits, and by a waiter whose time is up. A process
//!   that is killed right there leaves it locked for good, and the next who needs it waits for ever, inside the C library. Nothing
//!   can be done about this from outside. It is the one hole in "nothing hangs", as wide as a few instructions of a
//!   process that is killed by SIGKILL.
//!
//! Before glibc 2.41 a wake-up can also be lost, if very seldom (its bug 25847). Like one that was never sent because its sender was
//! killed between the change and the signal, it is made good by the next slice of the wait.

use crate::lifeline::SLICE;
use bytemuck::Zeroable;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

/// A process-shared robust mutex.
#[repr(transparent)]
pub(super) struct Mutex(UnsafeCell<libc::pthread_mutex_t>);

/// A process-shared condition variable, whose time is that of `CLOCK_MONOTONIC`.
#[repr(transparent)]
pub(super) struct Condvar(UnsafeCell<libc::pthread_cond_t>);

// SAFETY: both are C structs of integers and of pointers that may be null, for which zeroes are values. They are put in order by
// `initialize` before anybody uses them.
unsafe impl Zeroable for Mutex {}
// SAFETY: as above.
unsafe impl Zeroable for Condvar {}
// SAFETY: to be used by many threads at once is what they are for. All access is by the C library's functions.
unsafe impl Sync for Mutex {}
// SAFETY: as above.
unsafe impl Sync for Condvar {}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    /// From an owner who had given it back.
    Sound,
    /// From an owner who has ended with the lock in hand. It has been made consistent: the caller answers for what it guards.
    OwnerDied,
}

/// Makes an error of what a function of the C library returns.
fn check(returned: libc::c_int) -> Result<(), Errno> {
    if returned == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(returned)) }
}

impl Mutex {
    /// Puts the mutex in order: once, before anybody else uses it.
    pub(super) fn initialize(&self) -> Result<(), Errno> {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: `attributes` is room for them.
        check(unsafe { libc::pthread_mutexattr_init(attributes) })?;
        // SAFETY: they have just been initialized.
        let shared = check(unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) });
        // SAFETY: as above.
        let robust = check(unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) });
        let made = shared.and(robust).and_then(|()| {
            // SAFETY: the mutex lies in memory that stays where it is, nobody uses it yet, and the attributes are initialized.
            check(unsafe { libc::pthread_mutex_init(self.0.get(), attributes) })
        });
        // SAFETY: initialized above, and not used after this.
        let _ = unsafe { libc::pthread_mutexattr_destroy(attributes) };
        made
    }

    /// Locks at once, or says that another has the lock.
    #[inline]
    pub(super) fn try_lock(&self) -> Result<Option<Locked>, Errno> {
        // SAFETY: the mutex has been initialized.
        match unsafe { libc::pthread_mutex_trylock(self.0.get()) } {
            libc::EBUSY => Ok(None),
            returned => self.locked(returned).map(Some),
        }
    }

    /// Locks, and waits for a slice at the most; none when another has had the lock all the while.
    #[inline]
    pub(super) fn lock_within_a_slice(&self) -> Result<Option<Locked>, Errno> {
        // Most of the time nobody has the lock, and no clock needs to be read.
        match self.try_lock()? {
            None => self.lock_contended(),
            locked => Ok(locked),
        }
    }

    fn lock_contended(&self) -> Result<Option<Locked>, Errno> {
        // This call knows the time of day only (the one that takes a clock is not in POSIX). If somebody sets it back meanwhile, the
        // slice gets longer by as much; a peer that gives the lock back, or dies, ends it all the same.
        let end = end_of_slice(ClockId::Realtime);
        // SAFETY: the mutex has been initialized, and `end` lives on.
        match unsafe { libc::pthread_mutex_timedlock(self.0.get(), &end) } {
            libc::ETIMEDOUT => Ok(None),
            returned => self.locked(returned).map(Some),
        }
    }

    #[inline]
    fn locked(&self, returned: libc::c_int) -> Result<Locked, Errno> {
        if returned == libc::EOWNERDEAD {
            // SAFETY: this thread has the lock, and the mutex is inconsistent.
            check(unsafe { libc::pthread_mutex_consistent(self.0.get()) })?;
            return Ok(Locked::OwnerDied);
        }
        check(returned).map(|()| Locked::Sound)
    }

    /// Gives the lock back.
    ///
    /// # Safety
    ///
    /// The calling thread has it.
    #[inline]
    pub(super) unsafe fn unlock(&self) {
        // SAFETY: the caller has the lock. It cannot fail then.
        let _ = unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}

impl Condvar {
    /// Puts the condition variable in order: once, before anybody else uses it.
    pub(super) fn initialize(&self) -> Result<(), Errno> {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: `attributes` is room for them.
        check(unsafe { libc::pthread_condattr_init(attributes) })?;
        // SAFETY: they have just been initialized.
        let shared = check(unsafe { libc::pthread_condattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) });
        // SAFETY: as above.
        let clock = check(unsafe { libc::pthread_condattr_setclock(attributes, libc::CLOCK_MONOTONIC) });
        let made = shared.and(clock).and_then(|()| {
            // SAFETY: it lies in memory that stays where it is, nobody uses it yet, and the attributes are initialized.
            check(unsafe { libc::pthread_cond_init(self.0.get(), attributes) })
        });
        // SAFETY: initialized above, and not used after this.
        let _ = unsafe { libc::pthread_condattr_destroy(attributes) };
        made
    }

    /// Gives back the lock, waits for a signal for a slice at the most, and takes the lock again. Says how that was got, and whether
    /// the slice is over. May return without either.
    ///
    /// The lock is taken again even where that takes longer. If its owner is neither dead nor gives it back, this hangs; no call of the
    /// C library's does better.
    ///
    /// # Safety
    ///
    /// The calling thread has the lock of `mutex`, which is the same in all calls. It has it afterwards too, unless there is an error.
    pub(super) unsafe fn wait_a_slice(&self, mutex: &Mutex) -> Result<(Locked, bool), Errno> {
        let end = end_of_slice(ClockId::Monotonic);
        // SAFETY: both have been initialized, the caller has the lock, and `end` lives on.
        match unsafe { libc::pthread_cond_timedwait(self.0.get(), mutex.0.get(), &end) } {
            libc::ETIMEDOUT => Ok((Locked::Sound, true)),
            returned => Ok((mutex.locked(returned)?, false)),
        }
    }

    /// Wakes who waits.
    #[inline]
    pub(super) fn signal(&self) {
        // SAFETY: it has been initialized. It cannot fail then.
        let _ = unsafe { libc::pthread_cond_signal(self.0.get()) };
    }
}

/// The moment that is a slice away.
fn end_of_slice(clock: ClockId) -> libc::timespec {
    let now = clock_gettime(clock);
    let nanoseconds = now.tv_nsec as i64 + i64::from(SLICE.subsec_nanos());
    let second = 1_000_000_000;
    libc::timespec { tv_sec: (now.tv_sec + nanoseconds / second) as _, tv_nsec: (nanoseconds % second) as _ }
}
