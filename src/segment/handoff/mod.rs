//! Handing an anonymous segment on to another process.
//!
//! - **fork**: nothing to do. Map the ring before the fork, take the roles after it, one in each
//!   process.
//! - **over a Unix socket**: [`send`] and [`receive`].
//! - **to a child, across exec**: [`inherit`] in the parent, [`inherited`] in the child.
//!
//! What arrives is a descriptor and nothing more. The ring's `from_fd` then checks that it is a
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

pub use self::exec::{inherit, inherited};
pub use self::socket::{receive, send};
