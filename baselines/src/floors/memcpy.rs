//! The floor of throughput: a message copied into a buffer, and out of it again, by one thread.
//!
//! Whoever sends copies has a copy in and a copy out for each message, however it is handed over. This is what these two take
//! when nothing is handed over: the buffer is as large as the `bytes` ring and lies in the same core's caches.

use crate::slots::ROOM;
use crate::{Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use std::time::Duration;

/// A buffer, and one thread that copies. It has no connections; its [`Buffer`] is used as it is.
#[derive(Clone, Copy, Debug)]
pub struct Memcpy;

impl Transport for Memcpy {
    const NAME: &'static str = "memcpy";
    const NOTE: &'static str =
        "copied into a private buffer of 256 KiB and out again by one thread; nobody is told of it";
    const KIND: Kind = Kind::Floor;
    const SCOPE: Scope = Scope::OneThread;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

/// Room for at least two messages, and for 256 KiB of them; they come out in the order in which they went in.
///
/// Nobody else could ever make room or fill it, so what finds it full or empty fails at once, with
/// [`Error::Stalled`] after no time at all.
#[derive(Debug)]
pub struct Buffer<const WORDS: usize> {
    messages: Box<[Message<WORDS>]>,
    /// Where the oldest message lies, and how many there are.
    oldest: usize,
    held: usize,
}

impl<const WORDS: usize> Buffer<WORDS> {
    /// An empty buffer. Its memory has been written, so that no page is missing later.
    pub fn new() -> Self {
        let fit = (ROOM / 8).checked_div(WORDS).unwrap_or(0);
        // The loop writes each page; zeroes alone could be promised memory that is not there yet.
        let messages = (0..fit.max(2) as u64).map(Message::numbered).collect();
        Buffer { messages, oldest: 0, held: 0 }
    }

    /// How many messages fit.
    pub fn depth(&self) -> usize {
        self.messages.len()
    }

    /// The place that lies so far behind the oldest message, less than [`depth`](Buffer::depth).
    #[inline(always)]
    fn place(&self, offset: usize) -> usize {
        let place = self.oldest + offset;
        if place < self.messages.len() { place } else { place - self.messages.len() }
    }
}

impl<const WORDS: usize> Default for Buffer<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> Sender<WORDS> for Buffer<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        if self.held == self.messages.len() {
            return Err(stuck());
        }
        let place = self.place(self.held);
        match self.messages.get_mut(place) {
            Some(place) => *place = *message,
            None => return Err(stuck()),
        }
        self.held += 1;
        Ok(())
    }

    /// All of them, or none where there is not room for all.
    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        if messages.len() > self.messages.len() - self.held {
            return Err(stuck());
        }
        let place = self.place(self.held);
        // What goes to the end of the buffer, and what goes to its begin.
        let (first, rest) = messages.split_at(messages.len().min(self.messages.len() - place));
        copy(self.messages.get_mut(place..place + first.len()), first)?;
        copy(self.messages.get_mut(..rest.len()), rest)?;
        self.held += messages.len();
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Buffer<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        if self.held == 0 {
            return Err(stuck());
        }
        match self.messages.get(self.oldest) {
            Some(oldest) => *message = *oldest,
            None => return Err(stuck()),
        }
        self.oldest = self.place(1);
        self.held -= 1;
        Ok(())
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        if self.held == 0 {
            return Err(stuck());
        }
        let count = messages.len().min(self.held);
        let straight = count.min(self.messages.len() - self.oldest);
        copy(messages.get_mut(..straight), self.messages.get(self.oldest..self.oldest + straight).unwrap_or_default())?;
        copy(messages.get_mut(straight..count), self.messages.get(..count - straight).unwrap_or_default())?;
        self.oldest = self.place(count);
        self.held -= count;
        Ok(count)
    }
}

/// Copies where both are equally long, as they always are.
#[inline(always)]
fn copy<const WORDS: usize>(to: Option<&mut [Message<WORDS>]>, from: &[Message<WORDS>]) -> Result<()> {
    match to {
        Some(to) if to.len() == from.len() => {
            to.copy_from_slice(from);
            Ok(())
        }
        _ => Err(stuck()),
    }
}

#[cold]
fn stuck() -> Box<Error> {
    Box::new(Error::Stalled { transport: Memcpy::NAME, after: Duration::ZERO })
}
