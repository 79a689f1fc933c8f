//! The Unix sockets: a byte stream, and two kinds that keep messages apart.

use super::grant::{BUFFER, buffer_granted};
use super::packet::{PacketReceiver, PacketSender};
use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::{Carries, Error, Kind, Message, Result, Scope, Transport, Wait};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair, sockopt};
use std::os::fd::OwnedFd;

/// A connected pair of Unix stream sockets, used in one direction.
#[derive(Clone, Copy, Debug)]
pub struct UnixStream;

/// A connected pair of Unix datagram sockets, used in one direction.
#[derive(Clone, Copy, Debug)]
pub struct UnixDatagram;

/// A connected pair of Unix sockets of sequenced packets, used in one direction.
#[derive(Clone, Copy, Debug)]
pub struct UnixSeqpacket;

impl Transport for UnixStream {
    const NAME: &'static str = "unix-stream";
    const NOTE: &'static str = "pair of Unix stream sockets, send buffer as large as wmem_max allows up to 1 MiB; one write and one read a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        granted(SocketType::STREAM)
    }
}

impl Transport for UnixDatagram {
    const NAME: &'static str = "unix-datagram";
    const NOTE: &'static str = "pair of Unix datagram sockets, buffer as unix-stream's; one send and one recv a message, sendmmsg and recvmmsg a batch";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        granted(SocketType::DGRAM)
    }
}

impl Transport for UnixSeqpacket {
    const NAME: &'static str = "unix-seqpacket";
    const NOTE: &'static str = "pair of Unix sockets of sequenced packets, buffer as unix-stream's; one send and one recv a message, sendmmsg and recvmmsg a batch";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        granted(SocketType::SEQPACKET)
    }
}

impl<const WORDS: usize> Carries<WORDS> for UnixStream {
    type Sending = StreamSender;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair::<Self>(wait, SocketType::STREAM)?;
        one_way::<Self>(&to)?;
        Ok((StreamSender::new(Self::NAME, from, wait)?, StreamReceiver::new(Self::NAME, to, wait)?))
    }
}

impl<const WORDS: usize> Carries<WORDS> for UnixDatagram {
    type Sending = PacketSender;
    type Receiving = PacketReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair::<Self>(wait, SocketType::DGRAM)?;
        fits::<Self>(&from, Message::<WORDS>::BYTES)?;
        Ok((PacketSender::new(Self::NAME, from, wait)?, PacketReceiver::asking(Self::NAME, to, wait)?))
    }
}

impl<const WORDS: usize> Carries<WORDS> for UnixSeqpacket {
    type Sending = PacketSender;
    type Receiving = PacketReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair::<Self>(wait, SocketType::SEQPACKET)?;
        one_way::<Self>(&to)?;
        fits::<Self>(&from, Message::<WORDS>::BYTES)?;
        Ok((PacketSender::new(Self::NAME, from, wait)?, PacketReceiver::told(Self::NAME, to, wait)?))
    }
}

/// A connected pair: the end that sends, and the end that receives.
fn pair<T: Transport>(wait: Wait, kind: SocketType) -> Result<(OwnedFd, OwnedFd)> {
    check_wait(T::NAME, wait, T::WAITS)?;
    let (from, to) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(|error| Error::unavailable(T::NAME, "socketpair", error))?;
    // Unix sockets count what is under way against the sender's buffer only.
    sockopt::set_socket_send_buffer_size(&from, BUFFER)
        .map_err(|error| Error::unavailable(T::NAME, "setting SO_SNDBUF", error))?;
    Ok((from, to))
}

/// One direction only, as promised: writing at the receiving end is an error from now on.
fn one_way<T: Transport>(to: &OwnedFd) -> Result<()> {
    shutdown(to, Shutdown::Write).map_err(|error| Error::unavailable(T::NAME, "shutdown", error))
}

/// Bytes of its send buffer that a Unix socket never gives to one message.
const RESERVED: usize = 32;

/// Refuses messages that do not fit into the send buffer whole.
fn fits<T: Transport>(from: &OwnedFd, bytes: usize) -> Result<()> {
    match sockopt::socket_send_buffer_size(from) {
        Ok(told) if bytes + RESERVED <= told => Ok(()),
        Ok(told) => {
            let most = told.saturating_sub(RESERVED);
            let why = format!("a message of {bytes} bytes, and net.core.wmem_max leaves it {most}");
            Err(Error::unavailable(T::NAME, "one packet a message", why))
        }
        Err(error) => Err(Error::unavailable(T::NAME, "reading SO_SNDBUF", error)),
    }
}

/// The send buffer that is granted.
fn granted(kind: SocketType) -> Option<String> {
    let (from, _to) = pair::<UnixStream>(Wait::Park, kind).ok()?;
    sockopt::socket_send_buffer_size(&from).ok().map(|told| buffer_granted(told, "net.core.wmem_max"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use rustix::net::{SendFlags, send};

    /// The smallest buffer that there is: one message just fits, and one byte more does not, whoever is asked.
    #[test]
    fn what_is_said_to_fit_is_what_the_kernel_takes() {
        for kind in [SocketType::DGRAM, SocketType::SEQPACKET] {
            let (from, _to) = pair::<UnixDatagram>(Wait::Park, kind).unwrap();
            sockopt::set_socket_send_buffer_size(&from, 0).unwrap();
            let most = sockopt::socket_send_buffer_size(&from).unwrap() - RESERVED;
            let send = |bytes| send(&from, &vec![0; bytes], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            assert_eq!(send(most + 1), Err(Errno::MSGSIZE));
            assert_eq!(send(most), Ok(most));
            fits::<UnixDatagram>(&from, most).unwrap();
            let refusal = fits::<UnixDatagram>(&from, most + 1).unwrap_err();
            assert!(
                matches!(*refusal, Error::Unavailable { .. }) && refusal.to_string().contains("wmem_max"),
                "{refusal}"
            );
        }
    }
}
