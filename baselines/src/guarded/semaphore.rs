//! The textbook's bounded buffer: a ring of messages and two counting semaphores.
//!
//! One semaphore counts the messages, the other the room. Who sends takes one of the room, writes the next slot, and gives one message; who
//! receives takes one message, reads the next slot, and gives one of the room. There is one at either end, so each keeps its place for
//! itself, and no lock is needed besides.
//!
//! What keeps the two apart in a slot is the semaphores alone: there are never more permits than slots, counted over
//! both and what the ends hold. What orders their accesses is the semaphores too: a permit is given by a call after the slot has been used,
//! and taken by a call before it is used again, and every kind of semaphore here synchronizes the one with the other (the C library's by atomic
//! operations, the kernel's by its own locks).
//!
//! No semaphore knows of processes. That the other end has gone is told by the lifeline (see `lifeline.rs`), and the count tells
//! what has been sent before: a message that was being written when its sender was killed has not been given.

use super::cursor::{Cursor, ring, slots};
use crate::error::check_wait;
use crate::lifeline::{Lifeline, Sleep, sleep_until};
use crate::patience::poll_until;
use crate::{Error, Message, Receiver, Result, Seat, Sender, Transport, Wait};
use rustix::io::Errno;
use std::marker::PhantomData;

/// A counting semaphore, in one end's hands.
pub trait Semaphore: Send {
    /// Takes one of the count, and sleeps for it as long as it may; false if it could not, or was interrupted.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn take(&mut self, sleep: Sleep) -> std::result::Result<bool, Errno>;

    /// Gives one to the count.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn give(&mut self) -> std::result::Result<(), Errno>;

    /// Takes what is there, no more than so many, or as [`take`](Semaphore::take) does, one that it has to sleep for; says how many.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[inline]
    fn take_some(&mut self, most: usize, sleep: Sleep) -> std::result::Result<usize, Errno> {
        debug_assert!(most > 0);
        self.take(sleep).map(usize::from)
    }

    /// Gives so many.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[inline]
    fn give_some(&mut self, count: usize) -> std::result::Result<(), Errno> {
        (0..count).try_for_each(|_| self.give())
    }
}

/// What one end has: the semaphore that it takes of, the one that it gives to, and its tie to the other end.
pub struct Pair<S> {
    pub(crate) takes: S,
    pub(crate) gives: S,
    pub(crate) lifeline: Lifeline,
}

/// What the sender has, and what the receiver has.
pub(crate) type Pairs<S> = (Pair<S>, Pair<S>);

/// A transport that is guarded by two semaphores of a kind.
pub trait Guarded: Transport {
    /// Of what kind.
    type Semaphore: Semaphore;
    /// The call that takes, and the call that gives, as errors name them.
    const CALLS: (&'static str, &'static str);

    /// Two new semaphores, one for messages, which counts none, and one for room, which counts so much: the sender's view of them, and the
    /// receiver's.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    fn semaphores(room: usize) -> Result<Pairs<Self::Semaphore>>;
}

/// One end: the sender's of room, the receiver's of messages.
struct End<T: Guarded, const WORDS: usize> {
    semaphores: Pair<T::Semaphore>,
    cursor: Cursor<WORDS>,
    wait: Wait,
    _transport: PhantomData<fn() -> T>,
}

/// The end that sends.
pub struct GuardedSender<T: Guarded, const WORDS: usize>(End<T, WORDS>);

/// The end that receives.
pub struct GuardedReceiver<T: Guarded, const WORDS: usize>(End<T, WORDS>);

/// Opens a connection: the ring is the same whatever guards it.
pub(crate) fn open<T: Guarded, const WORDS: usize>(
    wait: Wait,
) -> Result<(GuardedSender<T, WORDS>, GuardedReceiver<T, WORDS>)> {
    check_wait(T::NAME, wait, T::WAITS)?;
    let (from, to) = ring().map_err(|error| Error::unavailable(T::NAME, "mapping shared memory", error))?;
    let (sending, receiving) = T::semaphores(slots::<WORDS>())?;
    let end = |semaphores, cursor| End { semaphores, cursor, wait, _transport: PhantomData };
    Ok((GuardedSender(end(sending, from)), GuardedReceiver(end(receiving, to))))
}

impl<T: Guarded, const WORDS: usize> End<T, WORDS> {
    /// Takes a permit, in this end's way of waiting.
    #[inline]
    fn take(&mut self) -> Result<()> {
        self.until(|semaphore, sleep| semaphore.take(sleep).map(|taken| taken.then_some(())))
    }

    /// Takes as many as there are, at least one and no more than so many.
    #[inline]
    fn take_some(&mut self, most: usize) -> Result<usize> {
        self.until(|semaphore, sleep| semaphore.take_some(most, sleep).map(|taken| (taken > 0).then_some(taken)))
    }

    #[inline]
    fn until<R>(
        &mut self,
        mut take: impl FnMut(&mut T::Semaphore, Sleep) -> std::result::Result<Option<R>, Errno>,
    ) -> Result<R> {
        let Pair { takes, lifeline, .. } = &mut self.semaphores;
        let mut take = |semaphore: &mut T::Semaphore, sleep| {
            take(semaphore, sleep).map_err(|error| Error::system(T::NAME, T::CALLS.0, error))
        };
        if self.wait == Wait::Spin {
            let poll = |semaphore: &mut T::Semaphore| take(semaphore, Sleep::Never).transpose();
            poll_until(T::NAME, takes, poll, |_| lifeline.other_is_gone())?
        } else {
            sleep_until(T::NAME, takes, lifeline, take)
        }
    }

    /// Gives one.
    #[inline]
    fn give(&mut self) -> Result<()> {
        self.semaphores.gives.give().map_err(|error| Error::system(T::NAME, T::CALLS.1, error))
    }

    /// Gives so many.
    #[inline]
    fn give_some(&mut self, count: usize) -> Result<()> {
        self.semaphores.gives.give_some(count).map_err(|error| Error::system(T::NAME, T::CALLS.1, error))
    }
}

impl<T: Guarded, const WORDS: usize> Seat for GuardedSender<T, WORDS> {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<T: Guarded, const WORDS: usize> Seat for GuardedReceiver<T, WORDS> {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<T: Guarded, const WORDS: usize> Sender<WORDS> for GuardedSender<T, WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        let end = &mut self.0;
        end.take()?;
        // SAFETY: one of the room has been taken, so the receiver has read what was in this slot before, or nothing was; and
        // it does not read it again before it has taken the message that is given below. Nobody else sends.
        unsafe { end.cursor.write(message) };
        end.give()
    }

    #[inline]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let end = &mut self.0;
        let mut rest = messages;
        while !rest.is_empty() {
            let room = end.take_some(rest.len())?;
            let (now, later) = rest.split_at(room);
            for message in now {
                // SAFETY: as in `send`: as much room has been taken as is written.
                unsafe { end.cursor.write(message) };
            }
            end.give_some(room)?;
            rest = later;
        }
        Ok(())
    }
}

impl<T: Guarded, const WORDS: usize> Receiver<WORDS> for GuardedReceiver<T, WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let end = &mut self.0;
        end.take()?;
        // SAFETY: a message has been taken, so the sender has written this slot, and does not write it again before it has taken the
        // room that is given below. Nobody else receives.
        unsafe { end.cursor.read(message) };
        end.give()
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        let end = &mut self.0;
        let received = end.take_some(messages.len())?;
        for message in messages.iter_mut().take(received) {
            // SAFETY: as in `receive`: as many messages have been taken as are read.
            unsafe { end.cursor.read(message) };
        }
        end.give_some(received)?;
        Ok(received)
    }
}

#[cfg(test)]
impl<T: Guarded, const WORDS: usize> GuardedSender<T, WORDS> {
    pub(crate) fn semaphores(&self) -> &Pair<T::Semaphore> {
        &self.0.semaphores
    }
}
