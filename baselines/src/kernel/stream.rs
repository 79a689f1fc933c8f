//! What all byte streams of the kernel have in common: a message is a `write` of its bytes and a `read` of as many.
//!
//! A single message is one call at either end. A reader that asked for more than one message a call would be quicker
//! where messages have piled up, but it would no longer be receiving one message at a time, as the rings do; that
//! comparison is made by the batches, where one call moves as many messages as there are at both ends.

use crate::{Error, Message, Receiver, Result, Seat, Sender};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

/// The writing end of a stream.
pub struct StreamSender {
    transport: &'static str,
    file: File,
}

/// The reading end of a stream.
pub struct StreamReceiver {
    transport: &'static str,
    file: File,
}

impl StreamSender {
    pub(crate) fn new(transport: &'static str, end: OwnedFd) -> Self {
        StreamSender { transport, file: File::from(end) }
    }

    /// Writes all of the bytes; std's `write_all` goes on after EINTR and after a part.
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| failure(self.transport, "write", error))
    }
}

impl StreamReceiver {
    pub(crate) fn new(transport: &'static str, end: OwnedFd) -> Self {
        StreamReceiver { transport, file: File::from(end) }
    }
}

impl Seat for StreamSender {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl Seat for StreamReceiver {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<const WORDS: usize> Sender<WORDS> for StreamSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.write(bytemuck::bytes_of(message))
    }

    #[inline]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.write(bytemuck::cast_slice(messages))
    }
}

impl<const WORDS: usize> Receiver<WORDS> for StreamReceiver {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        // std's `read_exact` goes on after EINTR and after a part.
        self.file.read_exact(bytemuck::bytes_of_mut(message)).map_err(|error| failure(self.transport, "read", error))
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        let size = size_of::<Message<WORDS>>();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(messages);
        if bytes.is_empty() {
            return Ok(0);
        }
        let read = loop {
            match self.file.read(bytes) {
                Ok(0) => {
                    return Err(failure(self.transport, "read", io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(self.transport, "read", error)),
            }
        };
        // A stream knows nothing of messages: the last one may have come in part.
        let whole = read.next_multiple_of(size);
        if let Some(rest) = bytes.get_mut(read..whole) {
            self.file.read_exact(rest).map_err(|error| failure(self.transport, "read", error))?;
        }
        Ok(whole / size)
    }
}

#[cold]
fn failure(transport: &'static str, what: &'static str, error: io::Error) -> Box<Error> {
    match error.kind() {
        // Rust programs ignore SIGPIPE, so that a write to nobody is an error.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            Box::new(Error::PeerGone { transport })
        }
        _ => Error::system(transport, what, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    /// The pipe is smaller than a message, so that every message comes in parts.
    #[test]
    fn messages_that_come_in_parts_are_put_together() {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        assert_eq!(fcntl_setpipe_size(&write, 4096).unwrap(), 4096);
        let sent: Vec<Message<640>> = (0..5).map(Message::numbered).collect();
        let mut sender = StreamSender::new("test", write);
        let to_send = sent.clone();
        let sending = std::thread::spawn(move || sender.send_batch(&to_send));
        let mut receiver = StreamReceiver::new("test", read);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let mut messages = [Message::<640>::default(); 3];
            let count = receiver.receive_batch(&mut messages).unwrap();
            assert!(count > 0, "nothing received, and no error");
            received.extend_from_slice(messages.get(..count).unwrap());
        }
        sending.join().unwrap().unwrap();
        assert_eq!(received, sent);
    }
}
