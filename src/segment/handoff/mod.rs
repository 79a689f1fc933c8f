//! Handing an anonymous segment on to another process.
//!
//! - **fork**: nothing to do. Map the ring before the fork, take the roles after it, one in each
//!   process.
//! - **over a Unix socket**: [`send`] and [`receive`].
//! - **to a child, across exec**: [`inherit`] in the parent, [`inherited`] in the child.
//!
//! A ring with [read-only consumers](crate::spsc#consumers-that-cannot-write) has two descriptors, which stay together:
//! [`send_segment`] and [`receive_segment`], [`inherit_segment`] and [`inherited_segment`] hand on any ring, whichever it is, and
//! the ring's `from_fds` attaches to it.
//!
//! What arrives is a descriptor, or two, and nothing more. The ring's `from_fd` or `from_fds` then checks that it is a
//! sealed segment of the right type; until that has passed, the descriptor is whatever the peer
//! chose to send.
//!
//! # Examples
//! ```
//! use std::os::unix::net::UnixStream;
//! use rondel::{handoff, spsc};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ring = spsc::Ring::<u64>::builder().capacity(64).anonymous()?;
//! let (ours, theirs) = UnixStream::pair()?;
//! handoff::send(&ours, ring.as_fd())?;
//! // In the process at the other end:
//! let same_ring = spsc::Ring::<u64>::from_fd(handoff::receive(&theirs)?)?;
//! # let _ = same_ring;
//! # Ok(())
//! # }
//! ```

mod exec;
mod socket;

use std::os::fd::OwnedFd;

pub use self::exec::{inherit, inherit_segment, inherited, inherited_segment};
pub use self::socket::{receive, receive_segment, send, send_segment};

/// What it takes to attach to an anonymous segment in another process.
#[derive(Debug)]
pub struct Descriptors {
    /// The segment, or the part of it that only its producer can write.
    pub segment: OwnedFd,
    /// The part that consumers write, of a ring with [read-only consumers](crate::spsc#consumers-that-cannot-write).
    pub control: Option<OwnedFd>,
}

impl From<OwnedFd> for Descriptors {
    fn from(segment: OwnedFd) -> Self {
        Self { segment, control: None }
    }
}
