//! The bare futex hand-over: what it takes, at the least, to put a message into shared memory and wake a sleeper.
//!
//! A store and a `FUTEX_WAKE` at one end, a `FUTEX_WAIT` at the other, for every message. A ring whose reader sleeps
//! pays these two calls, so its round trip is reported as a multiple of this one.

use crate::error::check_wait;
use crate::patience::LIMIT;
use crate::seat::its_own_seat;
use crate::shared::Shared;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A store and a wake, a sleep and a load. For round trips only.
#[derive(Clone, Copy, Debug)]
pub struct Futex;

impl Transport for Futex {
    const NAME: &'static str = "futex";
    const NOTE: &'static str = "one word a direction in shared memory, FUTEX_WAKE and FUTEX_WAIT each time; no queue";
    const KIND: Kind = Kind::Floor;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = false;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for Futex {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let cell: Shared<Cell<WORDS>> =
            Shared::new().map_err(|error| Error::unavailable(Self::NAME, "mapping shared memory", error))?;
        // Once for nothing, so that a kernel or a filter that refuses the call is found out now.
        wake(&cell).map_err(|error| Error::unavailable(Self::NAME, "FUTEX_WAKE", error))?;
        Ok((Sending { cell: cell.clone(), sent: 0 }, Receiving { cell, received: 0 }))
    }
}

/// How many messages have been sent, and the last of them.
#[repr(C, align(128))]
struct Cell<const WORDS: usize> {
    sent: AtomicU32,
    words: [AtomicU64; WORDS],
}

// SAFETY: the struct is made of atomics and padding; zero is a value of every atomic integer.
unsafe impl<const WORDS: usize> Zeroable for Cell<WORDS> {}

/// Never `PRIVATE`: the sleeper is in another process.
fn wake<const WORDS: usize>(cell: &Cell<WORDS>) -> rustix::io::Result<usize> {
    futex::wake(&cell.sent, futex::Flags::empty(), 1)
}

/// Writes the cell and wakes.
pub struct Sending<const WORDS: usize> {
    cell: Shared<Cell<WORDS>>,
    sent: u32,
}

/// Sleeps on the cell.
pub struct Receiving<const WORDS: usize> {
    cell: Shared<Cell<WORDS>>,
    received: u32,
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        for (shared, word) in self.cell.words.iter().zip(message.words()) {
            shared.store(*word, Ordering::Relaxed);
        }
        self.sent = self.sent.wrapping_add(1);
        // Release: pairs with the Acquire in `receive`. No wake-up is lost: a receiver that has not seen this store
        // either has not entered the kernel yet, which compares the word again before it sleeps, or is asleep.
        self.cell.sent.store(self.sent, Ordering::Release);
        wake(&self.cell).map_err(|error| Error::system(Futex::NAME, "FUTEX_WAKE", error))?;
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        // Acquire: pairs with the Release in `send`.
        while self.cell.sent.load(Ordering::Acquire) == self.received {
            let limit = futex::Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
            match futex::wait(&self.cell.sent, futex::Flags::empty(), self.received, Some(&limit)) {
                // AGAIN: the word has changed before this end was asleep. INTR: a signal. Both lead back to the check.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::TIMEDOUT) => {
                    return Err(Box::new(Error::Stalled { transport: Futex::NAME, after: LIMIT }));
                }
                Err(error) => return Err(Error::system(Futex::NAME, "FUTEX_WAIT", error)),
            }
        }
        self.received = self.received.wrapping_add(1);
        // The sender does not write again before it has been answered, so these are the words of one message.
        for (shared, word) in self.cell.words.iter().zip(message.words_mut()) {
            *word = shared.load(Ordering::Relaxed);
        }
        Ok(())
    }
}
