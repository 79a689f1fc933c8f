//! TCP over the loopback device.
//!
//! A conversation is one connection, as it would be anywhere: an answer then carries the acknowledgement of its question, which
//! would otherwise be a packet of its own.

use super::grant::{BUFFER, buffer_granted};
use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::patience::LIMIT;
use crate::{Carries, Conversation, Error, Kind, Result, Scope, Transport, Wait, display_bytes};
use rustix::io::{self, Errno, fcntl_dupfd_cloexec};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, SocketAddrV4, SocketFlags, SocketType, acceptfrom_with, bind, connect, getsockname, listen,
    socket_with,
};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// A TCP connection over the loopback device.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

impl Transport for Tcp {
    const NAME: &'static str = "tcp";
    const NOTE: &'static str =
        "TCP over 127.0.0.1 with TCP_NODELAY, one connection a conversation; one write and one read a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        let socket = socket().ok()?;
        Some(match enlarge(&socket).ok()? {
            Some(told) => buffer_granted(told, "net.core.wmem_max"),
            None => format!("grows to {} (net.ipv4.tcp_wmem)", display_bytes(grows_to()?)),
        })
    }
}

impl<const WORDS: usize> Carries<WORDS> for Tcp {
    type Sending = StreamSender;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair(wait)?;
        Ok((StreamSender::new(Self::NAME, from, wait)?, StreamReceiver::new(Self::NAME, to, wait)?))
    }

    fn converse(wait: Wait) -> Result<Conversation<Self::Sending, Self::Receiving>> {
        let (near, far) = pair(wait)?;
        let again = |end: &OwnedFd| {
            fcntl_dupfd_cloexec(end, 0).map_err(|error| Error::unavailable(Self::NAME, "duplicating a socket", error))
        };
        let (near_again, far_again) = (again(&near)?, again(&far)?);
        let sending = |end| StreamSender::new(Self::NAME, end, wait);
        let receiving = |end| StreamReceiver::new(Self::NAME, end, wait);
        Ok(((sending(near)?, receiving(far)?), (sending(far_again)?, receiving(near_again)?)))
    }
}

/// A connected pair.
fn pair(wait: Wait) -> Result<(OwnedFd, OwnedFd)> {
    check_wait(Tcp::NAME, wait, Tcp::WAITS)?;
    let unavailable = |what| move |error: Errno| Error::unavailable(Tcp::NAME, what, error);
    let listener = listener().map_err(unavailable("listening on 127.0.0.1"))?;
    let from = dial(&listener).map_err(unavailable("connecting to 127.0.0.1"))?;
    let to = admit(&listener, &from).map_err(unavailable("accepting the connection"))?;
    for end in [&from, &to] {
        sockopt::set_tcp_nodelay(end, true).map_err(unavailable("setting TCP_NODELAY"))?;
    }
    Ok((from, to))
}

/// Connections that may wait to be accepted: ours, and what strangers may try.
const BACKLOG: i32 = 64;

/// A socket that listens on a port of the kernel's choice, which none but this machine can reach.
fn listener() -> io::Result<OwnedFd> {
    let listener = socket()?;
    // Before there is a connection: the window that it starts with, and by how much it can be scaled, follow from the buffers.
    // Those that are accepted inherit them.
    enlarge(&listener)?;
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    listen(&listener, BACKLOG)?;
    sockopt::set_socket_timeout(&listener, Timeout::Recv, Some(LIMIT))?;
    Ok(listener)
}

/// Connects to the listener, of which nobody else can have the port.
fn dial(listener: &OwnedFd) -> io::Result<OwnedFd> {
    let from = socket()?;
    enlarge(&from)?;
    // A connection can be kept waiting, by a backlog that strangers have filled.
    sockopt::set_socket_timeout(&from, Timeout::Send, Some(LIMIT))?;
    connect(&from, &getsockname(listener)?)?;
    sockopt::set_socket_timeout(&from, Timeout::Send, None)?;
    Ok(from)
}

/// Accepts the connection that comes from the given socket. Anybody on this machine can find the port and connect to it in the
/// few microseconds that it is open; those are turned away.
fn admit(listener: &OwnedFd, from: &OwnedFd) -> io::Result<OwnedFd> {
    let expected = getsockname(from)?;
    let begin = Instant::now();
    while begin.elapsed() < LIMIT {
        match acceptfrom_with(listener, SocketFlags::CLOEXEC) {
            Ok((to, Some(address))) if address == expected => return Ok(to),
            // Strangers, and connections that have been broken off while they waited.
            Ok(_) | Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::TIMEDOUT)
}

fn socket() -> io::Result<OwnedFd> {
    socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// Gives a socket buffers as large as every other's, and says what is told of the one for sending; or leaves them to grow as the
/// kernel sees fit, where the system would grant fixed ones less than that. Once a size has been asked for they no longer grow:
/// the limit is therefore found out with a socket that is thrown away.
fn enlarge(socket: &OwnedFd) -> io::Result<Option<usize>> {
    let ask = |socket: &OwnedFd| {
        sockopt::set_socket_send_buffer_size(socket, BUFFER)?;
        sockopt::set_socket_recv_buffer_size(socket, BUFFER)?;
        Ok((sockopt::socket_send_buffer_size(socket)?, sockopt::socket_recv_buffer_size(socket)?))
    };
    let (sending, receiving) = ask(&self::socket()?)?;
    if sending.min(receiving) / 2 < BUFFER {
        return Ok(None);
    }
    ask(socket).map(|(sending, _)| Some(sending))
}

/// How far the kernel lets a buffer grow: the last of three numbers.
fn grows_to() -> Option<usize> {
    std::fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").ok()?.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Receiver, Sender};

    #[test]
    fn a_stranger_that_is_first_is_turned_away() {
        let listener = listener().unwrap();
        let stranger = dial(&listener).unwrap();
        let from = dial(&listener).unwrap();
        let to = admit(&listener, &from).unwrap();
        assert_eq!(rustix::net::getpeername(&to).unwrap(), Some(getsockname(&from).unwrap()));
        assert_eq!(rustix::net::getpeername(&from).unwrap(), Some(getsockname(&to).unwrap()));
        // Its connection is closed, so it reads the end of the stream.
        assert_eq!(rustix::io::read(&stranger, &mut [0; 8]), Ok(0));
    }

    #[test]
    fn neither_end_waits_for_more_to_send() {
        let (from, to) = pair(Wait::Park).unwrap();
        assert!([from, to].iter().all(|end| sockopt::tcp_nodelay(end).unwrap()));
    }

    /// All four ends on one connection, which answers from where it was asked; it ends when both ends of one side have gone.
    #[test]
    fn a_conversation_is_one_connection() {
        for wait in [Wait::Spin, Wait::Park] {
            let ((mut asking, mut asked), (mut answering, mut answered)) = <Tcp as Carries<8>>::converse(wait).unwrap();
            let mut message = Message::<8>::default();
            for number in 0..100 {
                asking.send(&Message::<8>::numbered(number)).unwrap();
                asked.receive(&mut message).unwrap();
                assert!(message.is(number));
                answering.send(&Message::<8>::numbered(number + 1)).unwrap();
                answered.receive(&mut message).unwrap();
                assert!(message.is(number + 1));
            }
            drop((answered, asking));
            assert!(matches!(*asked.receive(&mut message).unwrap_err(), Error::PeerGone { transport: "tcp" }));
        }
    }
}
