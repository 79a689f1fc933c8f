//! UDP over the loopback device.
//!
//! UDP promises nothing: a datagram for which the receiver's buffer has no room is dropped without a word. Over the loopback device
//! that is all that happens to it, so the sender keeps a *window*: no more messages are under way than there is room for. The
//! receiver says by a small datagram in the other direction, every half window, how many messages it has received in all. Such a
//! *grant* can be neither lost for want of room, since two of them are under way at the most, nor doubled in its effect.
//!
//! How many make a window is measured, not guessed: the kernel is asked how much of the buffer one message takes with all of its
//! bookkeeping ([`footprint`]). Half of the buffer is kept free, because the kernel takes up to a quarter of it for occupied still
//! after it has been read, and adds up what lies there in strides.
//!
//! Nor is anybody told that the other end has gone. Who has waited long sends an empty datagram, a *question*. If there is no
//! socket any more where it goes, an ICMP message comes back, which makes the next call fail with `ECONNREFUSED`. Otherwise the
//! receiver answers by repeating its grant.

use super::grant::{BUFFER, buffer_granted};
use super::many::{MOST, receive_many, send_many};
use super::packet::{failure, wrong_length};
use super::stream::set_wait;
use crate::error::check_wait;
use crate::patience::{SLICE, call_until};
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{self, Errno};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrV4, SocketFlags, SocketType, bind, connect, getsockname, recv, send,
    socket_with,
};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

/// A pair of UDP sockets, connected to each other over the loopback device, with a window.
#[derive(Clone, Copy, Debug)]
pub struct Udp;

impl Transport for Udp {
    const NAME: &'static str = "udp";
    const NOTE: &'static str = "UDP over 127.0.0.1; one send and one recv a message, sendmmsg and recvmmsg a batch. UDP promises neither arrival \
         nor order and drops what finds no room: a window, granted anew by a datagram every half of it, leaves it nothing to drop";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        let told = sockopt::socket_recv_buffer_size(socket().ok()?).ok()?;
        Some(buffer_granted(told, "net.core.rmem_max"))
    }
}

impl<const WORDS: usize> Carries<WORDS> for Udp {
    type Sending = UdpSender;
    type Receiving = UdpReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let unavailable = |what| move |error: Errno| Error::unavailable(Self::NAME, what, error);
        if Message::<WORDS>::BYTES > LONGEST {
            let why = format!("a message of {} bytes, and the longest datagram has {LONGEST}", Message::<WORDS>::BYTES);
            return Err(Error::unavailable(Self::NAME, "one datagram a message", why));
        }
        let from = socket().map_err(unavailable("binding a socket to 127.0.0.1"))?;
        let to = socket().map_err(unavailable("binding a socket to 127.0.0.1"))?;
        join(&from, &to).map_err(unavailable("connecting two sockets"))?;
        let window =
            window(&from, &to, Message::<WORDS>::BYTES).map_err(unavailable("measuring what a datagram takes"))?;
        if window < 2 {
            let what = "a receive buffer for two messages, more than net.core.rmem_max allows";
            return Err(unavailable(what)(Errno::NOBUFS));
        }
        for end in [&from, &to] {
            set_wait(Self::NAME, end, wait)?;
            sockopt::set_socket_timeout(end, Timeout::Recv, Some(SLICE)).map_err(unavailable("setting SO_RCVTIMEO"))?;
        }
        let sending = UdpSender { wait, socket: from, window, sent: 0, granted: window };
        let receiving = UdpReceiver { wait, socket: to, half: window / 2, received: 0, told: 0, gone: false };
        Ok((sending, receiving))
    }
}

/// The longest datagram: what an IPv4 packet of 65,535 bytes leaves when its header and that of UDP are taken off.
const LONGEST: usize = 65_535 - 20 - 8;

/// A socket on a port of the kernel's choice, with large buffers.
fn socket() -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, BUFFER)?;
    sockopt::set_socket_send_buffer_size(&socket, BUFFER)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    Ok(socket)
}

/// Connects two sockets to each other: from now on, either hears nobody else. What strangers have sent before is thrown away.
fn join(one: &OwnedFd, other: &OwnedFd) -> io::Result<()> {
    connect(one, &getsockname(other)?)?;
    connect(other, &getsockname(one)?)?;
    for end in [one, other] {
        while recv(end, &mut [0; 1], RecvFlags::DONTWAIT).is_ok() {}
    }
    Ok(())
}

/// How many messages of a length may be under way.
fn window(from: &OwnedFd, to: &OwnedFd, bytes: usize) -> io::Result<u64> {
    let footprint = footprint(from, to, bytes)?.max(1);
    Ok(u64::from(memory(to)?.buffer / 2 / footprint))
}

/// How much of its receiver's buffer a datagram takes. One is sent and received, to see it.
fn footprint(from: &OwnedFd, to: &OwnedFd, bytes: usize) -> io::Result<u32> {
    let mut datagram = vec![0; bytes];
    send(from, &datagram, SendFlags::NOSIGNAL)?;
    let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
    poll(&mut [PollFd::new(to, PollFlags::IN)], Some(&patience))?;
    let footprint = memory(to)?.taken;
    recv(to, &mut datagram, RecvFlags::DONTWAIT)?;
    Ok(footprint)
}

/// What the kernel says of a socket's memory.
struct Memory {
    /// Bytes of the receive buffer that are taken.
    taken: u32,
    /// How many may be.
    buffer: u32,
    /// How many datagrams found no room.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests see by it that none was dropped"))]
    dropped: u32,
}

fn memory(socket: &OwnedFd) -> io::Result<Memory> {
    let mut told = [0_u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut length = size_of_val(&told) as libc::socklen_t;
    let place = told.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes to `place`, which is where as many lie in `told`, and any bytes are
    // values of integers; it writes how many these were to `length`, which is borrowed too.
    let done =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, place, &raw mut length) };
    if done != 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    }
    let word = |place: libc::c_int| told.get(place as usize).copied().unwrap_or_default();
    Ok(Memory {
        taken: word(libc::SK_MEMINFO_RMEM_ALLOC),
        buffer: word(libc::SK_MEMINFO_RCVBUF),
        dropped: word(libc::SK_MEMINFO_DROPS),
    })
}

/// A question, which is nothing but its own arrival.
const QUESTION: &[u8] = &[];

/// Asks the other end whether it is there, and says whether it is known not to be. That may become known only a moment later, and
/// is then told by whatever call comes next.
fn ask(socket: &OwnedFd) -> bool {
    matches!(send(socket, QUESTION, SendFlags::DONTWAIT | SendFlags::NOSIGNAL), Err(Errno::CONNREFUSED))
}

/// The sending end of a pair.
pub struct UdpSender {
    wait: Wait,
    socket: OwnedFd,
    window: u64,
    sent: u64,
    /// How many messages may be sent in all.
    granted: u64,
}

/// The receiving end of a pair.
pub struct UdpReceiver {
    wait: Wait,
    socket: OwnedFd,
    half: u64,
    received: u64,
    /// How many messages the sender has been told of.
    told: u64,
    /// Whether the sender is known to have gone.
    gone: bool,
}

its_own_seat!(UdpSender, UdpReceiver);

impl UdpSender {
    /// How many messages may be sent at once: one at the least, for which it waits.
    #[inline(always)]
    fn room(&mut self) -> Result<usize> {
        if self.sent == self.granted {
            self.wait_for_grant()?;
        }
        Ok((self.granted - self.sent) as usize)
    }

    /// Called twice a window.
    #[inline(never)]
    fn wait_for_grant(&mut self) -> Result<()> {
        call_until(Udp::NAME, self.wait, self, Self::hear, |sender| ask(&sender.socket))?
    }

    /// Hears grants until one of them gives room; nothing, if there is none.
    fn hear(&mut self) -> Option<Result<()>> {
        while self.granted == self.sent {
            let mut grant = [0; 8];
            match recv(&self.socket, &mut grant, RecvFlags::empty()) {
                Ok((_, length)) if length == grant.len() => {
                    let received = u64::from_ne_bytes(grant);
                    if received > self.sent {
                        return Some(Err(Error::system(Udp::NAME, "grant", "more was received than was sent")));
                    }
                    // The greatest counts, should one overtake another.
                    self.granted = self.granted.max(received + self.window);
                }
                Err(Errno::INTR) => {}
                // A question is answered by the fact that this socket is open. It gives no room; and it must not keep this end from
                // asking, and from looking at the time, or two ends that wait for each other would do so for ever.
                Ok(_) | Err(Errno::AGAIN) => return None,
                Err(error) => return Some(Err(failure(Udp::NAME, "recv", error))),
            }
        }
        Some(Ok(()))
    }

    /// Sends by a call that says how many messages it has sent.
    #[inline(always)]
    fn send_by(&mut self, mut call: impl FnMut(&OwnedFd) -> io::Result<usize>) -> Result<usize> {
        let sent = call_until(
            Udp::NAME,
            self.wait,
            &mut self.socket,
            |socket| match call(socket) {
                Err(Errno::AGAIN | Errno::INTR) => None,
                result => Some(result),
            },
            |_| false,
        )?
        .map_err(|error| failure(Udp::NAME, "send", error))?;
        self.sent += sent as u64;
        Ok(sent)
    }
}

impl UdpReceiver {
    /// Receives by a call that says what it has received.
    #[inline(always)]
    fn receive_by<R>(&mut self, mut call: impl FnMut(&OwnedFd) -> io::Result<R>) -> Result<R> {
        call_until(
            Udp::NAME,
            self.wait,
            self,
            |receiver| loop {
                match call(&receiver.socket) {
                    Ok(received) => return Some(Ok(received)),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return None,
                    // An answer to a grant or a question. It is told before what the sender has sent, which comes first.
                    Err(Errno::CONNREFUSED) => receiver.gone = true,
                    Err(error) => return Some(Err(failure(Udp::NAME, "recv", error))),
                }
            },
            |receiver| receiver.gone || ask(&receiver.socket),
        )?
    }

    /// Counts messages, and grants as much room when that is half a window.
    #[inline(always)]
    fn count(&mut self, messages: usize) {
        self.received += messages as u64;
        if self.received - self.told >= self.half {
            self.grant();
        }
    }

    /// Tells the sender how many messages have been received in all. If that fails, the sender asks.
    fn grant(&mut self) {
        match send(&self.socket, &self.received.to_ne_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(_) => self.told = self.received,
            Err(Errno::CONNREFUSED) => self.gone = true,
            Err(_) => {}
        }
    }
}

impl<const WORDS: usize> Sender<WORDS> for UdpSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.room()?;
        self.send_by(|socket| send(socket, bytemuck::bytes_of(message), SendFlags::NOSIGNAL).map(|_| 1))?;
        Ok(())
    }

    #[inline]
    fn send_batch(&mut self, mut messages: &[Message<WORDS>]) -> Result<()> {
        while !messages.is_empty() {
            let now = messages.len().min(self.room()?);
            let sent = self.send_by(|socket| send_many(socket, messages.get(..now).unwrap_or_default()))?;
            messages = messages.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for UdpReceiver {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        loop {
            let (_, length) =
                self.receive_by(|socket| recv(socket, bytemuck::bytes_of_mut(message), RecvFlags::TRUNC))?;
            if length == Message::<WORDS>::BYTES {
                self.count(1);
                return Ok(());
            }
            if length != QUESTION.len() {
                return Err(wrong_length(Udp::NAME, length, Message::<WORDS>::BYTES));
            }
            self.grant();
        }
    }

    #[inline]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        let mut kept = 0;
        while kept == 0 && !messages.is_empty() {
            let mut lengths = [0; MOST];
            let received = self.receive_by(|socket| receive_many(socket, messages, &mut lengths))?;
            for (place, length) in lengths.into_iter().take(received).enumerate() {
                if length == Message::<WORDS>::BYTES {
                    if place != kept {
                        messages.copy_within(place..=place, kept);
                    }
                    kept += 1;
                } else if length == QUESTION.len() {
                    self.grant();
                } else {
                    return Err(wrong_length(Udp::NAME, length, Message::<WORDS>::BYTES));
                }
            }
            self.count(kept);
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests;
