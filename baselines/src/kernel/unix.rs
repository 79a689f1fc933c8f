//! The Unix sockets: a byte stream, and two kinds that keep messages apart.

use super::packet::{PacketReceiver, PacketSender};
use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait, display_bytes};
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
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        granted(SocketType::STREAM)
    }
}

impl Transport for UnixDatagram {
    const NAME: &'static str = "unix-datagram";
    const NOTE: &'static str =
        "pair of Unix datagram sockets, buffer as unix-stream's; one send and one recv a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;

    fn granted() -> Option<String> {
        granted(SocketType::DGRAM)
    }
}

impl Transport for UnixSeqpacket {
    const NAME: &'static str = "unix-seqpacket";
    const NOTE: &'static str =
        "pair of Unix sockets of sequenced packets, buffer as unix-stream's; one send and one recv a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;

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
        Ok((StreamSender::new(Self::NAME, from), StreamReceiver::new(Self::NAME, to)))
    }
}

impl<const WORDS: usize> Carries<WORDS> for UnixDatagram {
    type Sending = PacketSender;
    type Receiving = PacketReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair::<Self>(wait, SocketType::DGRAM)?;
        Ok((PacketSender::new(Self::NAME, from), PacketReceiver::asking(Self::NAME, to)?))
    }
}

impl<const WORDS: usize> Carries<WORDS> for UnixSeqpacket {
    type Sending = PacketSender;
    type Receiving = PacketReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = pair::<Self>(wait, SocketType::SEQPACKET)?;
        one_way::<Self>(&to)?;
        Ok((PacketSender::new(Self::NAME, from), PacketReceiver::told(Self::NAME, to)))
    }
}

/// The send buffer that is asked for, as large as the largest pipe is by default. The kernel silently grants less where
/// `net.core.wmem_max` is lower, as it is by default. Where it is higher no more is asked for: what is under way would
/// leave the processor's caches, to the sockets' disadvantage.
const BUFFER: usize = 1 << 20;

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

/// The send buffer that is granted. The kernel tells twice as much: it adds as much again for its own bookkeeping.
fn granted(kind: SocketType) -> Option<String> {
    let (from, _to) = pair::<UnixStream>(Wait::Park, kind).ok()?;
    sockopt::socket_send_buffer_size(&from).ok().map(|told| display_bytes(told / 2))
}
