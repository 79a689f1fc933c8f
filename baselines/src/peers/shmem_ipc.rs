//! shmem-ipc: a ring in a sealed memfd with one producer, and two event descriptors to sleep on.
//!
//! How many items are in the ring is one counter, which both ends change; an end that has made an empty ring non-empty, or a full one
//! less than full, is told to signal. The layer above the ring, `sharedring`, does that by a write to an event descriptor. It is used by
//! ends that park; those that poll need no signals, and use the ring by itself (`sender_mut`, `receiver_mut`).

use super::rtrb::pause;
use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::{LIMIT, poll_until};
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, ring_capacity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use shmem_ipc::sharedring;
use std::fs::File;
use std::io::Read;

/// shmem-ipc's ring between two processes.
#[derive(Clone, Copy, Debug)]
pub struct ShmemIpc;

impl Transport for ShmemIpc {
    const NAME: &'static str = "shmem-ipc";
    const NOTE: &'static str = "sharedring of the crate shmem-ipc in a sealed memfd, between processes; the same room as rtrb; parks on its event descriptors, which are polled together with a pipe that tells the end of a peer; polls without signals";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

/// A message as the crate wants it: of a type of which it knows that all bytes are values.
type Words<const WORDS: usize> = [u64; WORDS];

impl<const WORDS: usize> Carries<WORDS> for ShmemIpc {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let capacity = ring_capacity::<WORDS>();
        let ring = sharedring::Sender::new(capacity)
            .map_err(|error| Error::unavailable(Self::NAME, "creating the ring", error))?;
        let cloned = |file: &File| {
            file.try_clone().map_err(|error| Error::unavailable(Self::NAME, "cloning a descriptor", error))
        };
        let memory = cloned(ring.memfd().as_file())?;
        let (empty, full) = (cloned(ring.empty_signal())?, cloned(ring.full_signal())?);
        let again = sharedring::Receiver::open(capacity, memory, empty, full)
            .map_err(|error| Error::unavailable(Self::NAME, "attaching to the ring", error))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes for the lifelines", error))?;
        let parks = wait == Wait::Park;
        Ok((Sending { ring, parks, lifeline: here }, Receiving { ring: again, parks, lifeline: there }))
    }
}

/// The end that sends. Dropped, it does nothing to the ring, so its copy in the process that does not use it does no harm.
pub struct Sending<const WORDS: usize> {
    ring: sharedring::Sender<Words<WORDS>>,
    parks: bool,
    lifeline: Lifeline,
}

/// The end that receives; as harmless.
pub struct Receiving<const WORDS: usize> {
    ring: sharedring::Receiver<Words<WORDS>>,
    parks: bool,
    lifeline: Lifeline,
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

/// Tries until it succeeds, and sleeps between two tries until the signal comes, or the other end goes.
#[inline]
fn park_until<S, R>(
    subject: &mut S,
    mut attempt: impl FnMut(&mut S) -> Result<Option<R>>,
    signal: impl Fn(&S) -> (&File, &Lifeline),
) -> Result<R> {
    loop {
        if let Some(found) = attempt(subject)? {
            return Ok(found);
        }
        let (signal, lifeline) = signal(subject);
        if sleep(signal, lifeline)? {
            // Asked once more: what the other end left before it went is still found.
            return attempt(subject)?.ok_or_else(|| Box::new(Error::PeerGone { transport: ShmemIpc::NAME }));
        }
    }
}

/// Sleeps until the signal comes, and takes it; or until the other end goes, and says whether it has.
///
/// The crate's own way is to read the descriptor, which sleeps for ever if nobody is left to write to it. So it is read when there is
/// something to read.
fn sleep(mut signal: &File, lifeline: &Lifeline) -> Result<bool> {
    let patience = Timespec::try_from(LIMIT).ok();
    let mut asked =
        [PollFd::new(signal, PollFlags::IN), PollFd::from_borrowed_fd(lifeline.other(), PollFlags::empty())];
    match poll(&mut asked, patience.as_ref()) {
        Ok(0) => return Err(Box::new(Error::Stalled { transport: ShmemIpc::NAME, after: LIMIT })),
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(false),
        Err(error) => return Err(Error::system(ShmemIpc::NAME, "poll", error)),
    }
    if asked[0].revents().is_empty() {
        return Ok(true);
    }
    signal.read(&mut [0; 8]).map_err(|error| Error::system(ShmemIpc::NAME, "reading a signal", error))?;
    Ok(false)
}

impl<const WORDS: usize> Sending<WORDS> {
    /// Copies as many messages as there is room for in one piece into the ring, with or without the signal.
    #[inline(always)]
    fn put(&mut self, messages: &[Message<WORDS>]) -> Result<Option<usize>> {
        let mut put = 0;
        let fill = |place: *mut Words<WORDS>, room: usize| {
            put = room.min(messages.len());
            let from = messages.as_ptr().cast();
            // SAFETY: there are at least `put` messages, which are nothing but their words, and at `place` room for as many, which
            // the ring lends to nobody else; it is aligned for them.
            unsafe { std::ptr::copy_nonoverlapping(from, place, put) };
            put
        };
        if self.parks {
            self.ring.send_raw(fill).map_err(|error| Error::system(ShmemIpc::NAME, "send_raw", error))?;
        } else {
            self.ring.sender_mut().send(fill).map_err(|error| Error::system(ShmemIpc::NAME, "send", error))?;
        }
        Ok(if put == 0 { None } else { Some(put) })
    }

    /// The same, once there is room for one at the least.
    #[inline(always)]
    fn put_some(&mut self, messages: &[Message<WORDS>]) -> Result<usize> {
        if self.parks {
            return park_until(self, |end| end.put(messages), |end| (end.ring.full_signal(), &end.lifeline));
        }
        let attempt = |end: &mut Self| end.put(messages).transpose().or_else(pause);
        poll_until(ShmemIpc::NAME, self, attempt, |end| end.lifeline.other_is_gone())?
    }
}

impl<const WORDS: usize> Receiving<WORDS> {
    /// Copies as many messages as lie there in one piece out of the ring, with or without the signal.
    #[inline(always)]
    fn get(&mut self, messages: &mut [Message<WORDS>]) -> Result<Option<usize>> {
        let mut got = 0;
        let empty = |place: *const Words<WORDS>, there: usize| {
            got = there.min(messages.len());
            let to = messages.as_mut_ptr().cast();
            // SAFETY: at `place` there are at least `got` messages, which the sender does not touch until they are given back, and in
            // `messages` there is room for them; a message is nothing but its words.
            unsafe { std::ptr::copy_nonoverlapping(place, to, got) };
            got
        };
        if self.parks {
            self.ring.receive_raw(empty).map_err(|error| Error::system(ShmemIpc::NAME, "receive_raw", error))?;
        } else {
            self.ring.receiver_mut().recv(empty).map_err(|error| Error::system(ShmemIpc::NAME, "recv", error))?;
        }
        Ok(if got == 0 { None } else { Some(got) })
    }

    /// The same, once there is one at the least.
    #[inline(always)]
    fn get_some(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if self.parks {
            return park_until(self, |end| end.get(messages), |end| (end.ring.empty_signal(), &end.lifeline));
        }
        let attempt = |end: &mut Self| end.get(messages).transpose().or_else(pause);
        poll_until(ShmemIpc::NAME, self, attempt, |end| end.lifeline.other_is_gone())?
    }
}

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.put_some(std::slice::from_ref(message)).map(drop)
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            let put = self.put_some(rest)?;
            rest = rest.get(put..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        self.get_some(std::slice::from_mut(message)).map(drop)
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() { Ok(0) } else { self.get_some(messages) }
    }
}
