//! What the kernel's sockets that keep messages apart have in common: a message is a `send` and a `recv`.

use crate::{Error, Message, Receiver, Result, Seat, Sender};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The sending end of a pair.
pub struct PacketSender {
    transport: &'static str,
    socket: OwnedFd,
}

/// The receiving end of a pair.
pub struct PacketReceiver {
    transport: &'static str,
    socket: OwnedFd,
}

/// How long a receiver sleeps that is not told of its sender's end, before it asks.
const UNTOLD: Duration = Duration::from_millis(100);

impl PacketSender {
    pub(crate) fn new(transport: &'static str, socket: OwnedFd) -> Self {
        PacketSender { transport, socket }
    }
}

impl PacketReceiver {
    /// Of a kind of socket whose receiver is woken when its sender has gone.
    pub(crate) fn told(transport: &'static str, socket: OwnedFd) -> Self {
        PacketReceiver { transport, socket }
    }

    /// Of a kind whose receiver would sleep on for ever: it wakes up now and then and asks. What a message takes is the same:
    /// where it sleeps at all, the kernel sets a timer, which goes off when nothing has come for a long while.
    pub(crate) fn asking(transport: &'static str, socket: OwnedFd) -> Result<Self> {
        set_socket_timeout(&socket, Timeout::Recv, Some(UNTOLD))
            .map_err(|error| Error::unavailable(transport, "setting SO_RCVTIMEO", error))?;
        Ok(PacketReceiver { transport, socket })
    }

    /// Whether the sender has gone. What may be sent to it, and is never read, is empty.
    fn abandoned(&self) -> bool {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        matches!(send(&self.socket, &[], flags), Err(Errno::CONNREFUSED | Errno::CONNRESET | Errno::NOTCONN))
    }

    #[cold]
    fn failure(&self, error: Errno) -> Box<Error> {
        failure(self.transport, "recv", error)
    }
}

impl Seat for PacketSender {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl Seat for PacketReceiver {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<const WORDS: usize> Sender<WORDS> for PacketSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        loop {
            match send(&self.socket, bytemuck::bytes_of(message), SendFlags::NOSIGNAL) {
                // Whole or not at all, which is what these sockets are for.
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(failure(self.transport, "send", error)),
            }
        }
    }
}

impl<const WORDS: usize> Receiver<WORDS> for PacketReceiver {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let mut abandoned = false;
        loop {
            // Asked before the last look, not after: what the sender left before it went is still found.
            let flags = if abandoned { RecvFlags::TRUNC | RecvFlags::DONTWAIT } else { RecvFlags::TRUNC };
            match recv(&self.socket, bytemuck::bytes_of_mut(message), flags) {
                Ok((_, length)) if length == Message::<WORDS>::BYTES => return Ok(()),
                // Nobody sends empty messages: this is the end of the other side.
                Ok((_, 0)) => return Err(Box::new(Error::PeerGone { transport: self.transport })),
                Ok((_, length)) => return Err(self.wrong_length(length, Message::<WORDS>::BYTES)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if abandoned => {
                    return Err(Box::new(Error::PeerGone { transport: self.transport }));
                }
                Err(Errno::AGAIN) => abandoned = self.abandoned(),
                Err(error) => return Err(self.failure(error)),
            }
        }
    }
}

impl PacketReceiver {
    #[cold]
    fn wrong_length(&self, found: usize, expected: usize) -> Box<Error> {
        Error::system(self.transport, "recv", format!("a message of {found} bytes arrived, and not of {expected}"))
    }
}

#[cold]
fn failure(transport: &'static str, what: &'static str, error: Errno) -> Box<Error> {
    match error {
        Errno::PIPE | Errno::CONNRESET | Errno::CONNREFUSED | Errno::NOTCONN => Box::new(Error::PeerGone { transport }),
        _ => Error::system(transport, what, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::transports::{UnixDatagram, UnixSeqpacket};
    use crate::{Carries, Wait};

    /// Both ends in one thread, of either kind.
    fn with_both(body: impl Fn(PacketSender, PacketReceiver)) {
        let (from, to) = <UnixDatagram as Carries<1>>::open(Wait::Park).unwrap();
        body(from, to);
        let (from, to) = <UnixSeqpacket as Carries<1>>::open(Wait::Park).unwrap();
        body(from, to);
    }

    #[test]
    fn what_is_under_way_arrives_though_its_sender_has_gone() {
        with_both(|mut from, mut to| {
            (0..3).for_each(|number| from.send(&Message::<8>::numbered(number)).unwrap());
            drop(from);
            let mut message = Message::<8>::default();
            for number in 0..3 {
                to.receive(&mut message).unwrap();
                assert!(message.is(number));
            }
            assert!(matches!(*to.receive(&mut message).unwrap_err(), Error::PeerGone { .. }));
        });
    }

    #[test]
    fn a_message_of_another_length_is_an_error() {
        with_both(|mut from, mut to| {
            from.send(&Message::<8>::numbered(0)).unwrap();
            let longer = to.receive(&mut Message::<1>::default()).unwrap_err().to_string();
            assert!(longer.ends_with("a message of 64 bytes arrived, and not of 8"), "{longer}");
            from.send(&Message::<1>::numbered(0)).unwrap();
            let shorter = to.receive(&mut Message::<8>::default()).unwrap_err().to_string();
            assert!(shorter.ends_with("a message of 8 bytes arrived, and not of 64"), "{shorter}");
        });
    }

    /// It wakes up in vain, and finds that its sender is still there.
    #[test]
    fn a_receiver_that_is_not_told_waits_for_a_sender_that_is_late() {
        let (mut from, mut to) = <UnixDatagram as Carries<1>>::open(Wait::Park).unwrap();
        let sending = std::thread::spawn(move || {
            std::thread::sleep(UNTOLD * 3);
            from.send(&Message::<1>::numbered(5))
        });
        let mut message = Message::<1>::default();
        to.receive(&mut message).unwrap();
        assert!(message.is(5), "{}", UnixDatagram::NAME);
        sending.join().unwrap().unwrap();
    }
}
