//! What comes in on stdin, in blocks, without waiting for a block to be full.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use anyhow::Context;
use rustix::event::PollFlags;
use rustix::io::{Errno, read};

use super::interrupt::{Interrupt, Wakeup};

/// So much is asked for at once. A pipe gives 64 KiB at most, a file all of it; more would only spill the caches.
pub(super) const BLOCK: usize = 128 * 1024;

/// What became of waiting for input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// So many bytes; never 0.
    Bytes(usize),
    /// There is no more.
    End,
    /// Nothing in this time.
    Nothing,
    Interrupted,
}

/// Waits for input, and reads what has come into `place`, which is not empty.
pub(super) fn arrive(
    fd: BorrowedFd<'_>,
    place: &mut [u8],
    interrupt: &Interrupt,
    timeout: Duration,
) -> anyhow::Result<Arrival> {
    // Asked first: an input that never runs dry would keep the signal from being seen.
    if interrupt.signal().is_some() {
        return Ok(Arrival::Interrupted);
    }
    match interrupt.wait_for(fd, PollFlags::IN, timeout).context("cannot wait for stdin")? {
        Wakeup::Ready => {}
        Wakeup::TimedOut => return Ok(Arrival::Nothing),
        Wakeup::Interrupted => return Ok(Arrival::Interrupted),
    }
    match read(fd, place) {
        Ok(0) => Ok(Arrival::End),
        Ok(count) => Ok(Arrival::Bytes(count)),
        // Another reader was quicker, or it was a signal.
        Err(Errno::AGAIN | Errno::INTR) => Ok(Arrival::Nothing),
        Err(error) => Err(io::Error::from(error)).context("cannot read stdin"),
    }
}

/// A buffer that input is read into and records are cut from. It grows as a record that is not complete does.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: Range<usize>,
}

impl Buffer {
    pub(super) fn new() -> Buffer {
        Buffer { bytes: vec![0; 2 * BLOCK], filled: 0..0 }
    }

    /// What was read and is not done with.
    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[self.filled.clone()]
    }

    /// The first `len` bytes are done with.
    pub(super) fn consume(&mut self, len: usize) {
        self.filled.start = (self.filled.start + len).min(self.filled.end);
        if self.filled.is_empty() {
            self.filled = 0..0;
        }
    }

    /// Room for another block.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.filled.end < BLOCK {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
            // Twice what is held, so that a long record is not moved at every block.
            let wanted = 2 * (self.filled.end + BLOCK);
            if self.bytes.len() < wanted && self.bytes.len() - self.filled.end < BLOCK {
                self.bytes.resize(wanted, 0);
            }
        }
        &mut self.bytes[self.filled.end..][..BLOCK]
    }

    /// So many bytes have been read into the [room](Self::room).
    pub(super) fn add(&mut self, len: usize) {
        self.filled.end += len.min(BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_gives_back_what_was_put_in_whatever_is_left_in_it() {
        let (mut buffer, mut next, mut expected) = (Buffer::new(), 0_u8, Vec::new());
        // Odd lengths, and now and then nothing consumed for long: a record of several blocks.
        for round in 0..200 {
            let room = buffer.room();
            assert_eq!(room.len(), BLOCK);
            let len = 1 + (round * 7919) % BLOCK;
            for byte in &mut room[..len] {
                *byte = next;
                expected.push(next);
                next = next.wrapping_mul(5).wrapping_add(1);
            }
            buffer.add(len);
            assert_eq!(buffer.filled(), expected);
            if round % 17 < 8 {
                let done = expected.len() * (round % 5) / 4;
                buffer.consume(done);
                expected.drain(..done);
            }
            assert_eq!(buffer.filled(), expected);
        }
    }

    #[test]
    fn a_buffer_that_is_emptied_does_not_grow() {
        let mut buffer = Buffer::new();
        for _ in 0..10 {
            buffer.room();
            buffer.add(BLOCK);
            buffer.consume(BLOCK - 100);
            buffer.room();
            buffer.add(BLOCK - 100);
            buffer.consume(BLOCK);
        }
        assert_eq!(buffer.bytes.len(), 2 * BLOCK);
    }
}
