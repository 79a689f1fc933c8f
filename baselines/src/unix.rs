//! The Unix stream socket.

use crate::error::check_wait;
use crate::stream::{StreamReceiver, StreamSender};
use crate::{Carries, Error, Result, Scope, Transport, Wait};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair, sockopt};

/// A connected pair of Unix stream sockets, used in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Unix;

impl Transport for Unix {
    const NAME: &'static str = "unix";
    const NOTE: &'static str = "pair of Unix stream sockets, send buffer as large as wmem_max allows up to 1 MiB; one write and one read a message";
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

/// The send buffer that is asked for. The kernel silently grants less where `net.core.wmem_max` is lower.
const BUFFER: usize = 1 << 20;

impl<const WORDS: usize> Carries<WORDS> for Unix {
    type Sending = StreamSender;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (from, to) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| Error::unavailable(Self::NAME, "socketpair", error))?;
        // Unix sockets count what is under way against the sender's buffer only.
        sockopt::set_socket_send_buffer_size(&from, BUFFER)
            .map_err(|error| Error::unavailable(Self::NAME, "setting SO_SNDBUF", error))?;
        // One direction only, as promised: writing at the receiving end is an error from now on.
        shutdown(&to, Shutdown::Write).map_err(|error| Error::unavailable(Self::NAME, "shutdown", error))?;
        Ok((StreamSender::new(Self::NAME, from), StreamReceiver::new(Self::NAME, to)))
    }
}
