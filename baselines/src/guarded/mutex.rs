//! A ring of messages in shared memory behind a mutex and two condition variables: what textbooks teach as the bounded buffer.
//!
//! Messages are copied in and out with the lock in hand. Who has changed something gives the lock back and then signals, so that
//! who wakes finds the lock free. Polling (`spin`) is the same with `pthread_mutex_trylock`: take the lock, look, give it back. To
//! look without the lock first would be quicker, and would no longer be a structure that a lock guards.
//!
//! # When a process is killed
//!
//! With the lock in hand, its peer gets the lock and is told. A number of messages is changed after the messages themselves, so there is
//! nothing to repair: a message counts if it is whole, and the sender's last one may be missing. The peer takes out what is there and then has
//! [`Error::PeerGone`]. Killed without the lock, it sends no signal any more, so waits are sliced, and after a slice the lifeline is
//! looked at. What a condition variable does not survive stands in `pthread.rs`.

use super::pthread::{Condvar, Locked, Mutex};
use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::{LIMIT, poll_until};
use crate::shared::Shared;
use crate::slots::Slots;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

#[cfg(test)]
mod tests;

/// Shared memory, a robust mutex and two condition variables.
#[derive(Clone, Copy, Debug)]
pub struct MutexCondvar;

impl Transport for MutexCondvar {
    const NAME: &'static str = "mutex-condvar";
    const NOTE: &'static str = "ring of 256 KiB of messages in shared memory, guarded by a process-shared robust pthread mutex, with two \
         process-shared condition variables, which are not robust: a peer killed inside pthread_cond_signal can leave its \
         other end hanging";
    const KIND: Kind = Kind::Guarded;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for MutexCondvar {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        Slots::admit::<WORDS>(Self::NAME)?;
        let guarded: Shared<Guarded> =
            Shared::new().map_err(|error| Error::unavailable(Self::NAME, "mapping shared memory", error))?;
        let unavailable = |what| move |error: Errno| Error::unavailable(Self::NAME, what, error);
        guarded.lock.initialize().map_err(unavailable("pthread_mutex_init, process-shared and robust"))?;
        guarded.arrived.initialize().map_err(unavailable("pthread_cond_init, process-shared"))?;
        guarded.room.initialize().map_err(unavailable("pthread_cond_init, process-shared"))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes to notice a peer's end", error))?;
        let sending = End { guarded: guarded.clone(), wait, lifeline: here, peer_gone: false };
        let receiving = End { guarded, wait, lifeline: there, peer_gone: false };
        Ok((Sending(sending), Receiving(receiving)))
    }
}

/// What lies in shared memory.
#[repr(C)]
struct Guarded {
    lock: Mutex,
    arrived: Condvar,
    room: Condvar,
    /// What the lock guards: how many messages have been put in and taken out, and who has gone.
    ///
    /// The lock alone would do for all that live. These are atomic for who inherits the lock of a process that was killed: see `publish`.
    sent: AtomicUsize,
    taken: AtomicUsize,
    sender_closed: AtomicBool,
    receiver_closed: AtomicBool,
    slots: Slots,
}

// SAFETY: each of its parts may begin as zeroes, which for a `bool` are false.
unsafe impl Zeroable for Guarded {}

/// What both ends have.
struct End {
    guarded: Shared<Guarded>,
    wait: Wait,
    lifeline: Lifeline,
    /// Whether the peer is known to have died.
    peer_gone: bool,
}

/// The lock in hand; given back on drop.
struct Held<'a> {
    guarded: &'a Guarded,
    /// A lock must be given back by the thread that got it, so this stays there.
    _stays: PhantomData<*const ()>,
}

impl<'a> Held<'a> {
    /// Only for who has just got the lock.
    fn of(guarded: &'a Guarded) -> Self {
        Held { guarded, _stays: PhantomData }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a `Held` is made by the thread that has just got the lock, cannot leave it, and gives the lock back once.
        unsafe { self.guarded.lock.unlock() };
    }
}

impl Held<'_> {
    fn sent(&self) -> usize {
        // Relaxed, here and below: the lock orders all that is read and written under it.
        self.guarded.sent.load(Ordering::Relaxed)
    }

    fn taken(&self) -> usize {
        self.guarded.taken.load(Ordering::Relaxed)
    }

    fn room<const WORDS: usize>(&self) -> usize {
        Slots::depth::<WORDS>() - self.sent().wrapping_sub(self.taken())
    }

    /// Puts messages into room that is there, and counts them.
    #[inline]
    fn put<const WORDS: usize>(&self, messages: &[Message<WORDS>]) {
        let sent = self.sent();
        for (place, message) in messages.iter().enumerate() {
            // SAFETY: `WORDS` was admitted when the connection was opened. All slots are used with the lock in hand only.
            unsafe { self.guarded.slots.put(sent.wrapping_add(place), message) };
        }
        // Release: not for the living, who have the lock to go by, but for who inherits it if this process is killed here: the compiler
        // must not move this store before those of the messages, or a message could count that is not whole.
        self.guarded.sent.store(sent.wrapping_add(messages.len()), Ordering::Release);
    }

    /// Takes out messages that are there, and counts them.
    #[inline]
    fn get<const WORDS: usize>(&self, messages: &mut [Message<WORDS>]) {
        let taken = self.taken();
        let count = messages.len();
        for (place, message) in messages.iter_mut().enumerate() {
            // SAFETY: as in `put`.
            unsafe { self.guarded.slots.get(taken.wrapping_add(place), message) };
        }
        // Release: as in `put`, so that no message is given up before it has been read.
        self.guarded.taken.store(taken.wrapping_add(count), Ordering::Release);
    }
}

impl End {
    /// Gets the lock as this end waits, and holds it as soon as `ready` has something to say of what it guards.
    #[inline]
    fn when<R>(
        &mut self,
        condvar: fn(&Guarded) -> &Condvar,
        ready: impl Fn(&Held<'_>) -> Option<R>,
    ) -> Result<(Held<'_>, R)> {
        if self.wait == Wait::Spin { self.poll(ready) } else { self.block(condvar, ready) }
    }

    #[inline]
    fn poll<R>(&mut self, ready: impl Fn(&Held<'_>) -> Option<R>) -> Result<(Held<'_>, R)> {
        let End { guarded, lifeline, peer_gone, .. } = self;
        let guarded: &Guarded = guarded;
        poll_until(
            MutexCondvar::NAME,
            peer_gone,
            |peer_gone| {
                let held = match guarded.lock.try_lock() {
                    Ok(None) => return None,
                    Ok(Some(locked)) => {
                        *peer_gone |= locked == Locked::OwnerDied;
                        Held::of(guarded)
                    }
                    Err(error) => return Some(Err(failure("pthread_mutex_trylock", error))),
                };
                ready(&held).map(|found| Ok((held, found)))
            },
            |peer_gone| *peer_gone || lifeline.other_is_gone(),
        )?
    }

    #[inline]
    fn block<R>(
        &mut self,
        condvar: fn(&Guarded) -> &Condvar,
        ready: impl Fn(&Held<'_>) -> Option<R>,
    ) -> Result<(Held<'_>, R)> {
        let End { guarded, lifeline, peer_gone, .. } = self;
        let guarded: &Guarded = guarded;
        let mut begin = None;
        let mut held = loop {
            match guarded.lock.lock_within_a_slice().map_err(|error| failure("pthread_mutex_timedlock", error))? {
                Some(locked) => {
                    *peer_gone |= locked == Locked::OwnerDied;
                    break Held::of(guarded);
                }
                None => check_patience(&mut begin)?,
            }
        };
        loop {
            if let Some(found) = ready(&held) {
                return Ok((held, found));
            }
            if *peer_gone {
                return Err(Box::new(Error::PeerGone { transport: MutexCondvar::NAME }));
            }
            // For the time of the wait the lock is not in hand, nor is it if that fails.
            std::mem::forget(held);
            // SAFETY: this thread has the lock, which `held` has just stood for, and it is the one that goes with both conditions.
            let (locked, over) = unsafe { condvar(guarded).wait_a_slice(&guarded.lock) }
                .map_err(|error| failure("pthread_cond_timedwait", error))?;
            held = Held::of(guarded);
            *peer_gone |= locked == Locked::OwnerDied;
            if over {
                // Asked before the last look, not after: what the peer left before it went is still found.
                *peer_gone |= lifeline.other_is_gone();
                check_patience(&mut begin)?;
            }
        }
    }

    /// Tells the peer that this end has gone. If the lock cannot be had the peer learns of it from its lifeline.
    fn close(&self, closed: fn(&Guarded) -> &AtomicBool, condvar: fn(&Guarded) -> &Condvar) {
        let Ok(Some(_)) = self.guarded.lock.lock_within_a_slice() else {
            return;
        };
        let held = Held::of(&self.guarded);
        closed(held.guarded).store(true, Ordering::Relaxed);
        drop(held);
        condvar(&self.guarded).signal();
    }
}

/// Counts the time from the first slice that was waited for in vain.
#[cold]
fn check_patience(begin: &mut Option<Instant>) -> Result<()> {
    if begin.get_or_insert_with(Instant::now).elapsed() < LIMIT {
        return Ok(());
    }
    Err(Box::new(Error::Stalled { transport: MutexCondvar::NAME, after: LIMIT }))
}

#[cold]
fn failure(what: &'static str, error: Errno) -> Box<Error> {
    Error::system(MutexCondvar::NAME, what, error)
}

fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: MutexCondvar::NAME })
}

/// The end that sends, before it is taken.
pub struct Sending<const WORDS: usize>(End);

/// The end that receives, before it is taken.
pub struct Receiving<const WORDS: usize>(End);

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = MutexSender<WORDS>;
    fn take(self) -> Result<Self::Taken> {
        Ok(MutexSender(self.0))
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = MutexReceiver<WORDS>;
    fn take(self) -> Result<Self::Taken> {
        Ok(MutexReceiver(self.0))
    }
}

/// Puts messages in.
pub struct MutexSender<const WORDS: usize>(End);

/// Takes messages out.
pub struct MutexReceiver<const WORDS: usize>(End);

impl<const WORDS: usize> MutexSender<WORDS> {
    /// Puts in as many as there is room for, at least one, under one lock.
    #[inline]
    fn send_some(&mut self, messages: &[Message<WORDS>]) -> Result<usize> {
        let (held, room) = self.0.when(
            |guarded| &guarded.room,
            // None for a receiver that has gone, though there be room.
            |held| match held.room::<WORDS>() {
                _ if held.guarded.receiver_closed.load(Ordering::Relaxed) => Some(0),
                0 => None,
                room => Some(room),
            },
        )?;
        if room == 0 {
            return Err(peer_gone());
        }
        let some = messages.get(..room).unwrap_or(messages);
        held.put(some);
        drop(held);
        self.0.guarded.arrived.signal();
        Ok(some.len())
    }
}

impl<const WORDS: usize> Sender<WORDS> for MutexSender<WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.send_some(std::slice::from_ref(message)).map(|_one| ())
    }

    #[inline]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            let sent = self.send_some(rest)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for MutexReceiver<WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        self.receive_batch(std::slice::from_mut(message)).map(|_one| ())
    }

    /// Takes out what is there under one lock.
    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        let (held, there) = self.0.when(
            |guarded| &guarded.arrived,
            // What a sender has left before it went comes first.
            |held| match held.sent().wrapping_sub(held.taken()) {
                0 => held.guarded.sender_closed.load(Ordering::Relaxed).then_some(0),
                there => Some(there),
            },
        )?;
        if there == 0 {
            return Err(peer_gone());
        }
        let count = there.min(messages.len());
        held.get(messages.get_mut(..count).unwrap_or_default());
        drop(held);
        self.0.guarded.room.signal();
        Ok(count)
    }
}

impl<const WORDS: usize> Drop for MutexSender<WORDS> {
    fn drop(&mut self) {
        self.0.close(|guarded| &guarded.sender_closed, |guarded| &guarded.arrived);
    }
}

impl<const WORDS: usize> Drop for MutexReceiver<WORDS> {
    fn drop(&mut self) {
        self.0.close(|guarded| &guarded.receiver_closed, |guarded| &guarded.room);
    }
}
