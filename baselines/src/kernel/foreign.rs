//! Foreign memory: the receiver copies each message out of the sender's private memory (`process_vm_readv`).
//!
//! The ring lies in memory that only the sender maps. Shared are its address and two positions, how many messages have been put in
//! and how many taken out; an end that finds nothing, or no room, polls them or sleeps on a futex. So a message is copied once: the sender *makes* it
//! right in the ring, and the receiver's call brings it where it is wanted. Who sends what lies elsewhere copies it into the ring first.
//!
//! # What goes with the sender
//!
//! Its memory. So a sender that is dropped waits until all has been taken out, or the receiver has gone. What a sender that is
//! killed has sent, and nobody has taken out yet, is lost with it. A sender that has waited in vain for long leaves its memory where it is until its process
//! ends: a receiver that is late may still read it, and need not ask before and after each copy whether it is still there.
//!
//! # Who may read
//!
//! Who may trace. By default that is any process of the same user; under Yama (`kernel.yama.ptrace_scope` 1) only an ancestor, or who is
//! declared. So a process that has a sender declares that any process of its user may trace it (`PR_SET_PTRACER`), and takes that back
//! with its last sender. (The system does not tell what was declared before.) It is tried out, once a process, whether a child may read its parent's
//! memory, the direction which is refused first.

use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::progress::{Progress, Seen};
use crate::shared::Shared;
use crate::slots::Slots;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

#[cfg(test)]
mod tests;
mod tracing;

use tracing::{Traceable, read};

/// The sender's own memory, read by the receiver.
#[derive(Clone, Copy, Debug)]
pub struct ProcessVmReadv;

impl Transport for ProcessVmReadv {
    const NAME: &'static str = "process-vm-readv";
    const NOTE: &'static str = "made in a ring of 256 KiB in the sender's private memory, copied out by the receiver's process_vm_readv; positions \
         in shared memory, who finds none sleeps on a futex; what a killed sender has sent is lost unless it was received";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for ProcessVmReadv {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        Slots::admit::<WORDS>(Self::NAME)?;
        tracing::tried().map_err(|refused| {
            Error::unavailable(Self::NAME, "process_vm_readv, a child of its parent's memory", refused)
        })?;
        let shared: Shared<Line> =
            Shared::new().map_err(|error| Error::unavailable(Self::NAME, "mapping shared memory", error))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes to notice a peer's end", error))?;
        let one = Connection { shared: shared.clone(), wait, lifeline: here };
        Ok((Sending(one), Receiving(Connection { shared, wait, lifeline: there })))
    }
}

/// What lies in shared memory.
#[derive(Zeroable)]
#[repr(C)]
struct Line {
    sent: Progress,
    taken: Progress,
    /// Where the messages lie, known when the first is there.
    process: AtomicI32,
    address: AtomicU64,
}

/// What both ends have.
struct Connection {
    shared: Shared<Line>,
    wait: Wait,
    lifeline: Lifeline,
}

/// The end that sends, before it is taken.
pub struct Sending<const WORDS: usize>(Connection);

/// The end that receives, before it is taken.
pub struct Receiving<const WORDS: usize>(Connection);

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = ForeignSender<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let traceable = Traceable::declare();
        // Written in every page, so that none is missing later.
        let ring: Box<[Message<WORDS>]> = (0..Slots::depth::<WORDS>() as u64).map(Message::numbered).collect();
        let shared = &self.0.shared;
        // Relaxed, both: published by the first `advance`.
        shared.process.store(std::process::id() as i32, Ordering::Relaxed);
        shared.address.store(ring.as_ptr().expose_provenance() as u64, Ordering::Relaxed);
        Ok(ForeignSender { connection: self.0, ring, sent: 0, taken: 0, _traceable: traceable })
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = ForeignReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        Ok(ForeignReceiver { connection: self.0, sent: None, taken: 0 })
    }
}

/// Has the ring.
pub struct ForeignSender<const WORDS: usize> {
    connection: Connection,
    ring: Box<[Message<WORDS>]>,
    sent: u32,
    /// As seen last.
    taken: u32,
    _traceable: Traceable,
}

/// Reads the ring.
pub struct ForeignReceiver<const WORDS: usize> {
    connection: Connection,
    /// As seen last.
    sent: Option<Seen>,
    taken: u32,
}

impl<const WORDS: usize> ForeignSender<WORDS> {
    const DEPTH: u32 = Slots::depth::<WORDS>() as u32;

    /// Waits for room, until half is free if there is none, and lends as many places as follow each other, up to so many.
    #[inline(always)]
    fn room(&mut self, most: usize) -> Result<&mut [Message<WORDS>]> {
        if self.sent.wrapping_sub(self.taken) >= Self::DEPTH {
            self.wait_for_room()?;
        }
        let free = (Self::DEPTH - self.sent.wrapping_sub(self.taken)) as usize;
        let first = (self.sent % Self::DEPTH) as usize;
        let straight = self.ring.len() - first;
        let count = most.min(free).min(straight);
        Ok(self.ring.get_mut(first..first + count).unwrap_or_default())
    }

    fn wait_for_room(&mut self) -> Result<()> {
        let least = self.sent.wrapping_sub(Self::DEPTH).wrapping_add(1);
        self.await_taken(least, least.wrapping_add(Self::DEPTH / 2 - 1))
    }

    fn await_taken(&mut self, least: u32, goal: u32) -> Result<()> {
        let Connection { shared, wait, lifeline } = &self.connection;
        let seen = shared.taken.wait(ProcessVmReadv::NAME, *wait, least, goal, lifeline)?;
        if seen.closed() {
            return Err(peer_gone());
        }
        self.taken = self.taken.wrapping_add_signed(seen.ahead_of(self.taken));
        Ok(())
    }

    /// Makes known so many messages that have been put into what `room` has lent.
    #[inline(always)]
    fn publish(&mut self, count: usize) {
        self.sent = self.sent.wrapping_add(count as u32);
        self.connection.shared.sent.advance(self.sent, self.connection.wait);
    }

    /// Fills so many places in order, and publishes as many at a time as there is room for.
    #[inline(always)]
    fn fill(&mut self, count: usize, mut fill: impl FnMut(usize, &mut [Message<WORDS>])) -> Result<()> {
        let mut done = 0;
        while done < count {
            self.look()?;
            let room = self.room(count - done)?;
            fill(done, room);
            let filled = room.len();
            self.publish(filled);
            done += filled;
        }
        Ok(())
    }

    /// Where there is room for one only because it has not been looked for long, a batch would be torn into pieces.
    #[inline(always)]
    fn look(&mut self) -> Result<()> {
        let seen = self.connection.shared.taken.seen();
        if seen.closed() {
            return Err(peer_gone());
        }
        self.taken = self.taken.wrapping_add_signed(seen.ahead_of(self.taken));
        Ok(())
    }
}

impl<const WORDS: usize> Sender<WORDS> for ForeignSender<WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.room(1)?.copy_from_slice(std::slice::from_ref(message));
        self.publish(1);
        Ok(())
    }

    #[inline]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.fill(messages.len(), |done, room| {
            for (place, message) in room.iter_mut().zip(messages.iter().skip(done)) {
                *place = *message;
            }
        })
    }

    /// Makes it where the receiver will find it.
    #[inline(always)]
    fn make(&mut self, number: u64, _desk: &mut Message<WORDS>) -> Result<()> {
        for place in self.room(1)? {
            place.renumber(number);
        }
        self.publish(1);
        Ok(())
    }

    /// Makes them where the receiver will find them.
    #[inline(always)]
    fn make_batch(&mut self, first: u64, desk: &mut [Message<WORDS>]) -> Result<()> {
        self.fill(desk.len(), |done, room| {
            for (place, number) in room.iter_mut().zip(first.wrapping_add(done as u64)..) {
                place.renumber(number);
            }
        })
    }
}

impl<const WORDS: usize> Drop for ForeignSender<WORDS> {
    fn drop(&mut self) {
        if let Err(error) = self.await_taken(self.sent, self.sent) {
            if !matches!(*error, Error::PeerGone { .. }) {
                // Somebody may yet read it.
                std::mem::forget(std::mem::take(&mut self.ring));
            }
        }
        self.connection.shared.sent.close();
    }
}

impl<const WORDS: usize> ForeignReceiver<WORDS> {
    /// Waits until there is something, and says how many messages there are.
    #[inline(always)]
    fn there(&mut self) -> Result<usize> {
        let known = self.sent.map_or(0, |sent| sent.ahead_of(self.taken));
        if known > 0 {
            return Ok(known as usize);
        }
        let Connection { shared, wait, lifeline } = &self.connection;
        let next = self.taken.wrapping_add(1);
        let sent = shared.sent.wait(ProcessVmReadv::NAME, *wait, next, next, lifeline)?;
        self.sent = Some(sent);
        match usize::try_from(sent.ahead_of(self.taken)) {
            // What a sender has left before it went comes first.
            Ok(0) | Err(_) => Err(peer_gone()),
            Ok(there) => Ok(there),
        }
    }

    /// Copies messages that are there, from the next on, by one call.
    #[inline(always)]
    fn fetch(&mut self, messages: &mut [Message<WORDS>]) -> Result<()> {
        let depth = Slots::depth::<WORDS>();
        let shared = &self.connection.shared;
        let process = shared.process.load(Ordering::Relaxed);
        let ring = shared.address.load(Ordering::Relaxed) as usize;
        let size = size_of::<Message<WORDS>>();
        let first = self.taken as usize % depth;
        let straight = messages.len().min(depth - first);
        let parts = [(ring + first * size, straight * size), (ring, (messages.len() - straight) * size)];
        let count = messages.len() as u32;
        read(process, parts, bytemuck::cast_slice_mut(messages)).map_err(failure)?;
        self.taken = self.taken.wrapping_add(count);
        shared.taken.advance(self.taken, self.connection.wait);
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for ForeignReceiver<WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        self.there()?;
        self.fetch(std::slice::from_mut(message))
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        // What has come since the last look too: a call for many is what a batch is for.
        self.sent = None;
        let count = self.there()?.min(messages.len());
        self.fetch(messages.get_mut(..count).unwrap_or_default())?;
        Ok(count)
    }
}

impl<const WORDS: usize> Drop for ForeignReceiver<WORDS> {
    fn drop(&mut self) {
        self.connection.shared.taken.close();
    }
}

#[cold]
fn failure(error: Errno) -> Box<Error> {
    match error {
        // The process is no more, or its memory is not.
        Errno::SRCH => peer_gone(),
        // Found out at `open` as a rule; but a sender may have become untraceable since, by a change of its user or of a setting.
        Errno::PERM | Errno::NOSYS => Error::unavailable(ProcessVmReadv::NAME, "process_vm_readv", error),
        error => Error::system(ProcessVmReadv::NAME, "process_vm_readv", error),
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: ProcessVmReadv::NAME })
}
