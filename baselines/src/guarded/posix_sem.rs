//! Shared memory guarded by two POSIX semaphores.
//!
//! A semaphore of the C library's is a word of shared memory and a futex: only who must sleep, or wake a sleeper, enters the kernel. The
//! wait has a timeout, after which the end asks for its peer (see `lifeline.rs`); the C library looks at it only when it is about to
//! sleep. It is a point in time on the clock of the day: if somebody sets that back while an end waits, it asks later.
//!
//! A process that is killed between the two steps of `sem_post`, the count and the wake-up, leaves its peer asleep beside a count that is
//! not zero. The peer finds that at the end of its slice.

use super::semaphore::{Guarded, GuardedReceiver, GuardedSender, Pair, Pairs, Semaphore, open};
use crate::kernel::last_error;
use crate::lifeline::{Sleep, SliceEnd, lifelines};
use crate::shared::Shared;
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use std::cell::UnsafeCell;

/// A ring in shared memory and two semaphores of `sem_init`, shared between processes.
#[derive(Clone, Copy, Debug)]
pub struct PosixSem;

impl Transport for PosixSem {
    const NAME: &'static str = "posix-sem";
    const NOTE: &'static str = "ring in shared memory of up to 256 KiB of messages, guarded by two POSIX semaphores; sem_timedwait (spinning: sem_trywait) and sem_post at either end of a message";
    const KIND: Kind = Kind::Guarded;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for PosixSem {
    type Sending = GuardedSender<Self, WORDS>;
    type Receiving = GuardedReceiver<Self, WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        open::<Self, WORDS>(wait)
    }
}

impl Guarded for PosixSem {
    type Semaphore = Counter;
    const CALLS: (&'static str, &'static str) = ("sem_timedwait", "sem_post");

    fn semaphores(room: usize) -> Result<Pairs<Counter>> {
        let unavailable = |what| move |error: std::io::Error| Error::unavailable(Self::NAME, what, error);
        let [messages, room] = [0, room].map(Counter::new);
        let messages = messages.map_err(unavailable("sem_init"))?;
        let room = room.map_err(unavailable("sem_init"))?;
        let (sending, receiving) = lifelines().map_err(unavailable("pipes to notice a peer's end"))?;
        Ok((
            Pair { takes: room.again(), gives: messages.again(), lifeline: sending },
            Pair { takes: messages, gives: room, lifeline: receiving },
        ))
    }
}

/// A semaphore, on lines of its own.
#[repr(C, align(128))]
struct Line(UnsafeCell<libc::sem_t>);

// SAFETY: zeroes are bytes of a `sem_t` as good as any: it is made of nothing but bytes to us, and `sem_init` writes it before any use.
unsafe impl Zeroable for Line {}

// SAFETY: only the C library's functions touch it, through its address, and those may be called by several at once.
unsafe impl Sync for Line {}

unsafe extern "C" {
    // In every C library of Linux, but not declared by the crate libc for all of them.
    fn sem_timedwait(semaphore: *mut libc::sem_t, end: *const libc::timespec) -> libc::c_int;
}

/// A semaphore, in one end's hands. It holds nothing but its memory, so it is never destroyed: no end could know that the other does not use it.
pub struct Counter {
    line: Shared<Line>,
    end: SliceEnd,
}

impl Counter {
    fn new(count: usize) -> std::io::Result<Self> {
        let line: Shared<Line> = Shared::new()?;
        let count = libc::c_uint::try_from(count).unwrap_or(libc::c_uint::MAX);
        // SAFETY: the address is that of memory for a semaphore, which nobody else knows of yet.
        let result = unsafe { libc::sem_init(line.0.get(), 1, count) };
        if result != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Counter::of(line))
    }

    fn of(line: Shared<Line>) -> Self {
        Counter { line, end: SliceEnd::new(rustix::time::ClockId::Realtime) }
    }

    /// The same semaphore, for the other end.
    fn again(&self) -> Self {
        Counter::of(self.line.clone())
    }
}

impl Semaphore for Counter {
    #[inline]
    fn take(&mut self, sleep: Sleep) -> std::result::Result<bool, Errno> {
        let semaphore = self.line.0.get();
        let result = match sleep {
            // SAFETY: `new` has initialized the semaphore, and it is as long in memory as `self.line`; so is it below.
            Sleep::Never => unsafe { libc::sem_trywait(semaphore) },
            Sleep::Slice => {
                let end = self.end.get(sleep);
                // SAFETY: as above; the time lives through the call.
                unsafe { sem_timedwait(semaphore, &raw const end) }
            }
        };
        if result == 0 { Ok(true) } else { self.not_taken() }
    }

    #[inline]
    fn give(&mut self) -> std::result::Result<(), Errno> {
        // SAFETY: as in `take`.
        let result = unsafe { libc::sem_post(self.line.0.get()) };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }
}

impl Counter {
    fn not_taken(&mut self) -> std::result::Result<bool, Errno> {
        match last_error() {
            Errno::AGAIN | Errno::INTR => Ok(false),
            Errno::TIMEDOUT => {
                self.end.renew();
                Ok(false)
            }
            error => Err(error),
        }
    }
}
