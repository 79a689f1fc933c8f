//! What all byte streams of the kernel have in common: a message is a `write` of its bytes and a `read` of as many.
//!
//! A single message is one call at either end. A reader that asked for more than one message a call would be quicker
//! where messages have piled up, but it would no longer be receiving one message at a time, as the rings do; that
//! comparison is made by the batches, where one call moves as many messages as there are at both ends.

use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Error, Message, Receiver, Result, Sender, Wait};
use rustix::io::{self, Errno, ioctl_fionbio, read, write};
use std::os::fd::OwnedFd;

/// The writing end of a stream.
pub struct StreamSender {
    transport: &'static str,
    end: OwnedFd,
}

/// The reading end of a stream.
pub struct StreamReceiver {
    transport: &'static str,
    end: OwnedFd,
}

impl StreamSender {
    pub(crate) fn new(transport: &'static str, end: OwnedFd, wait: Wait) -> Result<Self> {
        set_wait(transport, &end, wait)?;
        Ok(StreamSender { transport, end })
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        move_all(self.transport, "write", bytes.len(), |done| write(&self.end, bytes.get(done..).unwrap_or_default()))
    }
}

impl StreamReceiver {
    pub(crate) fn new(transport: &'static str, end: OwnedFd, wait: Wait) -> Result<Self> {
        set_wait(transport, &end, wait)?;
        Ok(StreamReceiver { transport, end })
    }

    /// Fills all of the bytes.
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> Result<()> {
        move_all(self.transport, "read", bytes.len(), |done| read(&self.end, bytes.get_mut(done..).unwrap_or_default()))
    }
}

/// Lets the calls on a descriptor block or not. Either is a property of the open file, which a fork shares, so it is decided
/// before; the two ends are two open files.
pub(crate) fn set_wait(transport: &'static str, end: &OwnedFd, wait: Wait) -> Result<()> {
    ioctl_fionbio(end, wait == Wait::Spin).map_err(|error| Error::unavailable(transport, "setting O_NONBLOCK", error))
}

/// Calls until a call has moved something, and says how many bytes. A call that would block, and therefore comes back with
/// EAGAIN, is made again and again; one that may block comes back when something was moved, and is made once.
#[inline(always)]
fn move_some(
    transport: &'static str,
    what: &'static str,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Result<usize> {
    let poll = |_: &mut ()| match call() {
        Err(Errno::AGAIN | Errno::INTR) => None,
        result => Some(result),
    };
    match poll_until(transport, &mut (), poll, |_| false)? {
        // The end of a file. Nobody writes or splices nothing, so no other call says this.
        Ok(0) => Err(Box::new(Error::PeerGone { transport })),
        Ok(moved) => Ok(moved),
        Err(error) => Err(failure(transport, what, error)),
    }
}

/// Calls until `length` bytes have been moved, and tells each call how many have been: a call may move a part.
#[inline(always)]
pub(crate) fn move_all(
    transport: &'static str,
    what: &'static str,
    length: usize,
    mut call: impl FnMut(usize) -> io::Result<usize>,
) -> Result<()> {
    let mut done = 0;
    while done < length {
        done += move_some(transport, what, || call(done))?;
    }
    Ok(())
}

its_own_seat!(StreamSender, StreamReceiver);

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
        self.read(bytemuck::bytes_of_mut(message))
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        let size = size_of::<Message<WORDS>>();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(messages);
        if bytes.is_empty() {
            return Ok(0);
        }
        let moved = move_some(self.transport, "read", || read(&self.end, &mut *bytes))?;
        // A stream knows nothing of messages: the last one may have come in part.
        let whole = moved.next_multiple_of(size);
        if let Some(rest) = bytes.get_mut(moved..whole) {
            self.read(rest)?;
        }
        Ok(whole / size)
    }
}

#[cold]
fn failure(transport: &'static str, what: &'static str, error: Errno) -> Box<Error> {
    match error {
        // Rust programs ignore SIGPIPE, so that a write to nobody is an error.
        Errno::PIPE | Errno::CONNRESET => Box::new(Error::PeerGone { transport }),
        _ => Error::system(transport, what, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    /// The pipe is smaller than a message, so that every message comes in parts, and every write is of a part.
    #[test]
    fn messages_that_come_in_parts_are_put_together() {
        for wait in [Wait::Spin, Wait::Park] {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            assert_eq!(fcntl_setpipe_size(&write, 4096).unwrap(), 4096);
            let sent: Vec<Message<640>> = (0..5).map(Message::numbered).collect();
            let mut sender = StreamSender::new("test", write, wait).unwrap();
            let to_send = sent.clone();
            let sending = std::thread::spawn(move || sender.send_batch(&to_send));
            let mut receiver = StreamReceiver::new("test", read, wait).unwrap();
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

    /// Who spins never sleeps in a call, and who parks always does: otherwise the one would be measured as the other.
    #[test]
    fn only_who_spins_has_calls_that_do_not_block() {
        for (wait, expected) in [(Wait::Spin, true), (Wait::Park, false)] {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
            let sender = StreamSender::new("test", write, wait).unwrap();
            let receiver = StreamReceiver::new("test", read, wait).unwrap();
            for end in [&sender.end, &receiver.end] {
                let flags = rustix::fs::fcntl_getfl(end).unwrap();
                assert_eq!(flags.contains(rustix::fs::OFlags::NONBLOCK), expected, "{wait:?}");
            }
        }
    }

    /// The same for both ways of waiting: an end that has no other is told, by what it reads and by what it writes.
    #[test]
    fn the_end_of_the_other_side_is_told_after_what_it_sent() {
        for wait in [Wait::Spin, Wait::Park] {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            let mut sender = StreamSender::new("test", write, wait).unwrap();
            let mut receiver = StreamReceiver::new("test", read, wait).unwrap();
            let mut message = Message::<8>::default();
            sender.send(&Message::<8>::numbered(1)).unwrap();
            drop(sender);
            receiver.receive(&mut message).unwrap();
            assert!(message.is(1));
            assert!(matches!(*receiver.receive(&mut message).unwrap_err(), Error::PeerGone { transport: "test" }));

            let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            drop(StreamReceiver::new("test", read, wait).unwrap());
            let mut sender = StreamSender::new("test", write, wait).unwrap();
            assert!(matches!(*sender.send(&message).unwrap_err(), Error::PeerGone { transport: "test" }));
        }
    }
}
