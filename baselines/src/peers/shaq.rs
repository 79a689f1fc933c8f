//! shaq: a single-producer queue in shared memory, from the validator of a blockchain.
//!
//! It works in any file that can be mapped; here that is a memfd, so that there is no name that could be left behind. It has no way of
//! waiting, and knows nothing of a peer's end: both ends poll, and a lifeline tells. What is written becomes visible by `commit`, and
//! what was read makes room by `finalize`, once for as many messages as one likes, which is what a batch is. Where the other end has
//! got to is looked up by `sync`, which takes the line from it, so only when nothing is left of what the last look has found.

use super::rtrb::pause;
use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, ring_capacity};
use rustix::fs::{MemfdFlags, memfd_create};
use shaq::spsc::{Consumer, Producer, minimum_file_size};
use std::fs::File;

/// shaq's queue with one producer between two processes.
#[derive(Clone, Copy, Debug)]
pub struct Shaq;

impl Transport for Shaq {
    const NAME: &'static str = "shaq";
    const NOTE: &'static str = "the spsc queue of the crate shaq 3 in a memfd, between processes, both polling; the same room as rtrb; sync only when nothing is left of the last; it does not notice the end of a peer, a pipe beside it does";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Shaq {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let memory = memfd_create("shaq", MemfdFlags::CLOEXEC)
            .map_err(|error| Error::unavailable(Self::NAME, "memfd_create", error))?;
        let memory = File::from(memory);
        let size = minimum_file_size::<Message<WORDS>>(ring_capacity::<WORDS>());
        // SAFETY: the file is new, so the queue in it is initialized once, here; nobody else becomes its producer; a message may be read
        // by any process, as it is nothing but numbers.
        let producer = unsafe { Producer::create(&memory, size) }
            .map_err(|error| Error::unavailable(Self::NAME, "creating the queue", error.to_string()))?;
        // Joined by the file, not by the producer: each end maps the memory for itself, as a process does that was handed the descriptor.
        // SAFETY: nobody else becomes this queue's consumer; the messages are as long as the producer's.
        let consumer = unsafe { Consumer::join(&memory) }
            .map_err(|error| Error::unavailable(Self::NAME, "joining the queue", error.to_string()))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes for the lifelines", error))?;
        Ok((Sending { producer, lifeline: here }, Receiving { consumer, lifeline: there }))
    }
}

/// The producer.
pub struct Sending<const WORDS: usize> {
    producer: Producer<Message<WORDS>>,
    lifeline: Lifeline,
}

/// The consumer.
pub struct Receiving<const WORDS: usize> {
    consumer: Consumer<Message<WORDS>>,
    lifeline: Lifeline,
}

// Neither end does anything to the queue when it is dropped, so the copy of an end in the process that does not use it does no harm.

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sending<WORDS> {
    /// Writes a message, if there is room for it. It is not visible yet.
    #[inline(always)]
    fn write(&mut self, message: &Message<WORDS>) -> Option<()> {
        if self.producer.try_write(*message).is_ok() {
            return Some(());
        }
        self.producer.sync();
        self.producer.try_write(*message).ok()
    }
}

impl<const WORDS: usize> Receiving<WORDS> {
    /// Reads a message, if there is one. Its place is not free yet.
    #[inline(always)]
    fn read(&mut self, message: &mut Message<WORDS>) -> Option<()> {
        if self.consumer.is_empty() {
            self.consumer.sync();
        }
        *message = *self.consumer.try_read()?;
        Some(())
    }
}

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        poll_until(Shaq::NAME, self, |end| end.write(message).or_else(pause), |end| end.lifeline.other_is_gone())?;
        self.producer.commit();
        Ok(())
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let mut rest = messages;
        while let [first, others @ ..] = rest {
            poll_until(Shaq::NAME, self, |end| end.write(first).or_else(pause), |end| end.lifeline.other_is_gone())?;
            let written = others.iter().take_while(|message| self.producer.try_write(**message).is_ok()).count();
            self.producer.commit();
            rest = others.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        poll_until(Shaq::NAME, self, |end| end.read(message).or_else(pause), |end| end.lifeline.other_is_gone())?;
        self.consumer.finalize();
        Ok(())
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        let Some((first, others)) = messages.split_first_mut() else {
            return Ok(0);
        };
        poll_until(Shaq::NAME, self, |end| end.read(first).or_else(pause), |end| end.lifeline.other_is_gone())?;
        let mut received = 1;
        for message in others {
            match self.consumer.try_read() {
                Some(read) => *message = *read,
                None => break,
            }
            received += 1;
        }
        self.consumer.finalize();
        Ok(received)
    }
}
