//! Both ends as a stream of bytes: code that was written against a pipe works on a ring.

use std::io::{self, BufRead, IoSlice, Read, Write};

use super::consumer::Consumer;
use super::error::PushError;
use super::producer::Producer;
use crate::outcome::PopError;

/// A part of the ring's capacity that one write takes at most, so that the consumer reads one message while the next is written.
const PARTS: usize = 4;

impl Producer {
    /// The longest message that a write makes, in bytes.
    fn write_len(&self) -> usize {
        (self.capacity() / PARTS).clamp(1, self.largest())
    }
}

/// Each write is one message: of all bytes given, or of as many as [`largest`](Producer::largest) and a quarter of the capacity
/// allow. It waits for room as long as it takes. `BrokenPipe`, with a [`PushError`] inside, when there is no room and the consumer
/// has closed or died; `Other` for a handle that has failed. A write of nothing pushes nothing. Nothing is buffered: `flush` has nothing
/// to do.
impl Write for Producer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.write_len());
        let Some(message) = bytes.get(..len).filter(|message| !message.is_empty()) else { return Ok(0) };
        self.push(message).map_err(write_error)?;
        Ok(len)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let most = self.write_len();
        let mut len = 0;
        // As many whole slices as fit; of the first, as much as fits.
        let count = slices.iter().take_while(|slice| match slice.len().checked_add(len) {
            Some(sum) if sum <= most => {
                len = sum;
                true
            }
            _ => false,
        });
        let count = count.count();
        if len == 0 {
            return slices.iter().find(|slice| !slice.is_empty()).map_or(Ok(0), |slice| self.write(slice));
        }
        self.push_vectored(slices.get(..count).unwrap_or_default()).map_err(write_error)?;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_error(error: PushError) -> io::Error {
    let kind = match error {
        PushError::Closed | PushError::Dead => io::ErrorKind::BrokenPipe,
        PushError::TooLong(_) | PushError::Failed(_) => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Reads the messages' bytes one behind the other, without their boundaries. Waits for the first byte as long as it takes, then
/// gives what is ready. End of file when the ring is drained and the producer has closed; `UnexpectedEof`, with a [`PopError`]
/// inside, when it has died; `Other` for a handle that has failed. Neither is final: after a successor has attached, read again.
///
/// A message is consumed when its last byte has been read. What was read of one before is repeated to a successor, should the process be
/// killed.
impl Read for Consumer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut read = 0;
        loop {
            // Waits only while there is nothing to return.
            let bytes = if read == 0 { self.fill_buf()? } else { self.ready() };
            let rest = buffer.get_mut(read..).unwrap_or_default();
            let len = bytes.len().min(rest.len());
            let (Some(from), Some(to)) = (bytes.get(..len), rest.get_mut(..len)) else { return Ok(read) };
            to.copy_from_slice(from);
            if !self.is_open() {
                self.vouch().map_err(|fault| io::Error::other(PopError::Failed(fault)))?;
            }
            self.consume(len);
            read += len;
            if len == 0 || read == buffer.len() {
                return Ok(read);
            }
        }
    }
}

/// The buffer is the ring: [`fill_buf`](BufRead::fill_buf) gives what is left of the first message, where it lies, without a copy, and
/// [`consume`](BufRead::consume) gives it back. Empty messages are passed over. For the rest see [`Read`](#impl-Read-for-Consumer).
impl BufRead for Consumer {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.begin() {
                Ok(0) => self.read_on(0),
                Ok(_) => return Ok(self.ready()),
                Err(PopError::Closed) => return Ok(&[]),
                Err(PopError::Dead) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, PopError::Dead)),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    fn consume(&mut self, len: usize) {
        self.read_on(len);
    }
}
