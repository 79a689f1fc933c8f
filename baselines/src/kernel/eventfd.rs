//! The eventfd: the kernel's counter behind a descriptor, which guards a ring in shared memory.
//!
//! Two of them, each as a semaphore (`EFD_SEMAPHORE`): a `read` takes one of the count, a `write` gives one. The messages lie in shared memory, in the same
//! ring as those that other semaphores guard: an eventfd carries nothing but a count.
//!
//! A `read` that blocks would sleep for ever beside a peer that has been killed, since an end holds the descriptors of both. So none
//! blocks; an end that has found nothing sleeps in `poll`, which has a timeout, and then reads again.

use crate::guarded::semaphore::{Guarded, GuardedReceiver, GuardedSender, Pair, Pairs, Semaphore, open};
use crate::lifeline::{SLICE, Sleep, lifelines};
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};
use std::os::fd::OwnedFd;

/// A ring in shared memory and two eventfds.
#[derive(Clone, Copy, Debug)]
pub struct EventFd;

impl Transport for EventFd {
    const NAME: &'static str = "eventfd";
    const NOTE: &'static str = "ring in shared memory of up to 256 KiB of messages, guarded by two eventfds as semaphores; one read and one write at either end of a message; to sleep takes a poll and another read";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for EventFd {
    type Sending = GuardedSender<Self, WORDS>;
    type Receiving = GuardedReceiver<Self, WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        open::<Self, WORDS>(wait)
    }
}

impl Guarded for EventFd {
    type Semaphore = Counter;
    const CALLS: (&'static str, &'static str) = ("read", "write");

    fn semaphores(room: usize) -> Result<Pairs<Counter>> {
        let unavailable = |what| move |error: std::io::Error| Error::unavailable(Self::NAME, what, error);
        let (messages, messages_too) = pair(0).map_err(unavailable("eventfd"))?;
        let (room, room_too) = pair(room).map_err(unavailable("eventfd"))?;
        let (sending, receiving) = lifelines().map_err(unavailable("pipes to notice a peer's end"))?;
        Ok((
            Pair { takes: room, gives: messages, lifeline: sending },
            Pair { takes: messages_too, gives: room_too, lifeline: receiving },
        ))
    }
}

/// A counter, in each end's hands.
fn pair(count: usize) -> std::io::Result<(Counter, Counter)> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let one = eventfd(count, EventfdFlags::SEMAPHORE | EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
    let other = one.try_clone()?;
    Ok((Counter(one), Counter(other)))
}

/// An eventfd, in one end's hands.
pub struct Counter(OwnedFd);

impl Counter {
    #[inline]
    fn read(&self) -> std::result::Result<bool, Errno> {
        match read(&self.0, &mut [0; 8]) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sleeps until there is something to take, or as long as it may.
    #[inline]
    fn sleep(&self) -> std::result::Result<(), Errno> {
        const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: SLICE.subsec_nanos() as _ };
        const { assert!(SLICE.as_secs() == 0) };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Semaphore for Counter {
    #[inline]
    fn take(&mut self, sleep: Sleep) -> std::result::Result<bool, Errno> {
        if self.read()? {
            return Ok(true);
        }
        if sleep == Sleep::Never {
            return Ok(false);
        }
        self.sleep()?;
        self.read()
    }

    #[inline]
    fn give(&mut self) -> std::result::Result<(), Errno> {
        // Never refused: the count is full with far more than there are slots.
        write(&self.0, &1_u64.to_ne_bytes()).map(drop)
    }
}
