//! How the end of a peer is noticed where the mechanism itself does not tell of it.
//!
//! Memory says nothing about who maps it. So each end of a connection also holds one socket of a pair, over which nothing is ever
//! sent: when its holder has gone, by an orderly drop or by SIGKILL, the kernel closes it, and the other can see that. To look is
//! a system call, so an end looks only after it has waited for a whole [`SLICE`], never on its way to a message.

use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long an end sleeps before it asks whether the other is still there: long beside any wait of a conversation that goes on, short
/// beside a human's patience.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// One end's hold on the other.
pub(crate) struct Lifeline(OwnedFd);

impl Lifeline {
    /// One for each end. After a fork both processes hold both; each drops the other's with the other's seat.
    pub(crate) fn pair(transport: &'static str) -> Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| Error::unavailable(transport, "socketpair", error))?;
        Ok((Lifeline(one), Lifeline(other)))
    }

    /// Whether the other end has gone. What it did before it went can be seen after this has said so: the kernel closes the socket
    /// of a process that was killed when none of its threads runs any more.
    #[cold]
    pub(crate) fn cut(&self) -> bool {
        // A hang-up is told whether it is asked for or not. A call that fails says nothing, and is made again a slice later.
        let mut wanted = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut wanted, Some(&at_once)).is_ok()
            && wanted.iter().any(|end| end.revents().intersects(PollFlags::HUP | PollFlags::ERR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_other_is_seen_and_nothing_else() {
        let (one, other) = Lifeline::pair("test").unwrap();
        assert!(!one.cut() && !other.cut());
        drop(other);
        assert!(one.cut());
    }
}
