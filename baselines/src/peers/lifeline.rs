//! How the ends of a peer that has no notion of an end learn that the other has gone.
//!
//! Each end holds one end of a pair of sockets, through which nothing is ever sent. When the other end is dropped, or its process
//! dies in whatever way, the kernel closes what it held, and this end becomes readable. To ask costs a system call, so it is asked only when a
//! wait has been long; the peer's own path stays as it is.

use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// One end of the pair.
pub(super) struct Lifeline(UnixStream);

impl Lifeline {
    /// A pair, for the two ends of a connection of `transport`.
    pub(super) fn pair(transport: &'static str) -> Result<(Self, Self)> {
        let (here, there) =
            UnixStream::pair().map_err(|error| Error::unavailable(transport, "socketpair for the lifeline", error))?;
        Ok((Lifeline(here), Lifeline(there)))
    }

    /// Whether the other end has gone.
    #[cold]
    pub(super) fn is_cut(&self) -> bool {
        let mut asked = [PollFd::new(&self.0, PollFlags::IN)];
        // What interrupts the question does not answer it: it is asked again after the next long wait.
        poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// What becomes readable when the other end goes, for those who sleep.
    pub(super) fn ear(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole_until_the_other_end_goes() {
        let (here, there) = Lifeline::pair("test").unwrap();
        assert!(!here.is_cut() && !there.is_cut());
        drop(there);
        assert!(here.is_cut());
    }
}
