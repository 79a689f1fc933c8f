//! What the kernel's sockets that keep messages apart have in common: a message is a `send` and a `recv`.

use super::many::{MOST, receive_many, send_many};
use super::stream::set_wait;
use crate::patience::{SLICE, call_until};
use crate::seat::its_own_seat;
use crate::{Error, Message, Receiver, Result, Sender, Wait};
use rustix::io::{self, Errno};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::os::fd::OwnedFd;

/// The sending end of a pair.
pub struct PacketSender {
    transport: &'static str,
    wait: Wait,
    socket: OwnedFd,
}

/// The receiving end of a pair.
pub struct PacketReceiver {
    transport: &'static str,
    wait: Wait,
    socket: OwnedFd,
}

impl PacketSender {
    pub(crate) fn new(transport: &'static str, socket: OwnedFd, wait: Wait) -> Result<Self> {
        set_wait(transport, &socket, wait)?;
        Ok(PacketSender { transport, wait, socket })
    }

    /// Sends by a call that says how much it has sent. A sender that waits for room is always told that nobody will make any.
    #[inline(always)]
    fn send_by<R>(&mut self, call: impl FnMut(&OwnedFd) -> io::Result<R>) -> Result<R> {
        call_until(self.transport, self.wait, &mut self.socket, attempt(call), |_| false)?
            .map_err(|error| failure(self.transport, "send", error))
    }
}

impl PacketReceiver {
    /// Of a kind of socket whose receiver is woken when its sender has gone.
    pub(crate) fn told(transport: &'static str, socket: OwnedFd, wait: Wait) -> Result<Self> {
        set_wait(transport, &socket, wait)?;
        Ok(PacketReceiver { transport, wait, socket })
    }

    /// Of a kind whose receiver would sleep on for ever: it wakes up now and then and asks. What a message takes is the same:
    /// where it sleeps at all, the kernel sets a timer, which goes off when nothing has come for a long while.
    pub(crate) fn asking(transport: &'static str, socket: OwnedFd, wait: Wait) -> Result<Self> {
        set_socket_timeout(&socket, Timeout::Recv, Some(SLICE))
            .map_err(|error| Error::unavailable(transport, "setting SO_RCVTIMEO", error))?;
        Self::told(transport, socket, wait)
    }

    #[inline(always)]
    fn receive_by<R>(&mut self, call: impl FnMut(&OwnedFd) -> io::Result<R>) -> Result<R> {
        call_until(self.transport, self.wait, &mut self.socket, attempt(call), abandoned)?
            .map_err(|error| failure(self.transport, "recv", error))
    }
}

/// Makes a call that has nothing to say yet come back with nothing.
#[inline(always)]
fn attempt<R>(mut call: impl FnMut(&OwnedFd) -> io::Result<R>) -> impl FnMut(&mut OwnedFd) -> Option<io::Result<R>> {
    move |socket| {
        loop {
            match call(socket) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                result => return Some(result),
            }
        }
    }
}

/// Whether the sender has gone. What may be sent to it, and is never read, is empty.
fn abandoned(socket: &OwnedFd) -> bool {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    matches!(send(socket, &[], flags), Err(Errno::CONNREFUSED | Errno::CONNRESET | Errno::NOTCONN))
}

/// Nobody sends empty messages: an empty one is the end of the other side. But of sequenced packets Linux (6.18 and before) looks at the
/// queue first, and then whether the other end is closed: of one that sends and closes between the two it tells the end, and the message at
/// the next call. Nothing comes any more once the end was told, so that the second look is the last word.
const LOOKS_AT_AN_END: usize = 2;

its_own_seat!(PacketSender, PacketReceiver);

impl<const WORDS: usize> Sender<WORDS> for PacketSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        // Whole or not at all, which is what these sockets are for.
        self.send_by(|socket| send(socket, bytemuck::bytes_of(message), SendFlags::NOSIGNAL).map(|_| ()))
    }

    #[inline]
    fn send_batch(&mut self, mut messages: &[Message<WORDS>]) -> Result<()> {
        while !messages.is_empty() {
            let sent = self.send_by(|socket| send_many(socket, messages))?;
            messages = messages.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for PacketReceiver {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        for _ in 0..LOOKS_AT_AN_END {
            let (_, length) =
                self.receive_by(|socket| recv(socket, bytemuck::bytes_of_mut(message), RecvFlags::TRUNC))?;
            match length {
                0 => {}
                length if length == Message::<WORDS>::BYTES => return Ok(()),
                length => return Err(wrong_length(self.transport, length, Message::<WORDS>::BYTES)),
            }
        }
        Err(Box::new(Error::PeerGone { transport: self.transport }))
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        for _ in 0..LOOKS_AT_AN_END {
            let mut lengths = [0; MOST];
            let received = self.receive_by(|socket| receive_many(socket, messages, &mut lengths))?;
            let lengths = lengths.get(..received).unwrap_or_default();
            match lengths.iter().enumerate().find(|(_, length)| **length != Message::<WORDS>::BYTES) {
                None => return Ok(received),
                Some((0, 0)) => {}
                // The end of the other side, which is told again when it is due.
                Some((place, 0)) => return Ok(place),
                Some((_, length)) => return Err(wrong_length(self.transport, *length, Message::<WORDS>::BYTES)),
            }
        }
        Err(Box::new(Error::PeerGone { transport: self.transport }))
    }
}

#[cold]
pub(crate) fn wrong_length(transport: &'static str, found: usize, expected: usize) -> Box<Error> {
    Error::system(transport, "recv", format!("a message of {found} bytes arrived, and not of {expected}"))
}

#[cold]
pub(crate) fn failure(transport: &'static str, what: &'static str, error: Errno) -> Box<Error> {
    match error {
        Errno::PIPE | Errno::CONNRESET | Errno::CONNREFUSED | Errno::NOTCONN => Box::new(Error::PeerGone { transport }),
        _ => Error::system(transport, what, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transports::{UnixDatagram, UnixSeqpacket};
    use crate::{Carries, Transport};

    /// Both ends in one thread, of either kind, waiting in either way.
    fn with_both(body: impl Fn(PacketSender, PacketReceiver)) {
        for wait in [Wait::Spin, Wait::Park] {
            let (from, to) = <UnixDatagram as Carries<1>>::open(wait).unwrap();
            body(from, to);
            let (from, to) = <UnixSeqpacket as Carries<1>>::open(wait).unwrap();
            body(from, to);
        }
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

    /// Of sockets that tell the end: see [`LOOKS_AT_AN_END`]. It comes between a look at the queue and one at the end about once in some hundred rounds.
    #[test]
    fn an_end_is_not_told_before_what_came_with_it() {
        for wait in [Wait::Spin, Wait::Park] {
            for round in 0..3000 {
                let (mut from, mut to) = <UnixSeqpacket as Carries<1>>::open(wait).unwrap();
                std::thread::scope(|scope| {
                    scope.spawn(move || {
                        let message = Message::<1>::numbered(0);
                        if round % 2 == 0 { from.send(&message) } else { from.send_batch(&[message]) }.unwrap();
                    });
                    let mut messages = [Message::<1>::default()];
                    if round % 4 < 2 {
                        to.receive(&mut messages[0]).unwrap();
                    } else {
                        assert_eq!(to.receive_batch(&mut messages).unwrap(), 1);
                    }
                });
            }
        }
    }

    /// The end comes within a batch, or as a batch of its own; it is told once all else has been.
    #[test]
    fn a_batch_that_is_under_way_arrives_though_its_sender_has_gone() {
        with_both(|mut from, mut to| {
            let sent: Vec<Message<8>> = (0..5).map(Message::numbered).collect();
            from.send_batch(&sent).unwrap();
            drop(from);
            let mut received = [Message::<8>::default(); MOST * 2];
            assert_eq!(to.receive_batch(&mut received).unwrap(), 5);
            assert_eq!(received.get(..5).unwrap(), sent);
            assert!(matches!(*to.receive_batch(&mut received).unwrap_err(), Error::PeerGone { .. }));
        });
    }

    /// Longer than one call carries: it takes several calls at either end, and no message is sent or received twice.
    #[test]
    fn a_batch_is_as_long_as_it_likes() {
        with_both(|mut from, mut to| {
            let sent: Vec<Message<1>> = (0..MOST as u64 * 2 + 3).map(Message::numbered).collect();
            from.send_batch(&sent).unwrap();
            let mut received = [Message::<1>::default(); MOST * 3];
            let mut count = 0;
            while count < sent.len() {
                count += to.receive_batch(received.get_mut(count..).unwrap()).unwrap();
            }
            assert_eq!(received.get(..count).unwrap(), sent);
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
            from.send_batch(&[Message::<8>::numbered(0)]).unwrap();
            let longer = to.receive_batch(&mut [Message::<1>::default(); 4]).unwrap_err().to_string();
            assert!(longer.ends_with("a message of 64 bytes arrived, and not of 8"), "{longer}");
        });
    }

    /// It wakes up in vain, and finds that its sender is still there.
    #[test]
    fn a_receiver_that_is_not_told_waits_for_a_sender_that_is_late() {
        for wait in [Wait::Spin, Wait::Park] {
            let (mut from, mut to) = <UnixDatagram as Carries<1>>::open(wait).unwrap();
            let sending = std::thread::spawn(move || {
                std::thread::sleep(SLICE * 3);
                from.send(&Message::<1>::numbered(5))
            });
            let mut message = Message::<1>::default();
            to.receive(&mut message).unwrap();
            assert!(message.is(5), "{}", UnixDatagram::NAME);
            sending.join().unwrap().unwrap();
        }
    }
}
