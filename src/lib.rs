//! Lock-free ring buffers in shared memory: the fastest path between processes on one Linux machine that does not
//! give up surviving the death of any of them.
//!
//! ```
//! // Two threads; for two processes see `spsc`.
//! let (mut tx, mut rx) = rondel::spsc::pair::<u64>(1024)?;
//! std::thread::spawn(move || tx.push(42));
//! assert_eq!(rx.pop()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Tour
//!
//! - [`spsc`]: one producer, one consumer, elements of a fixed size. Start there.
//! - [`bytes`]: one producer, one consumer, messages of any length, written and read in place; also as a stream of bytes.
//! - [`mpmc`]: any number of each, in one global order; what a killed one had claimed is settled by the others.
//! - [`Wait`]: how a handle waits — busy-spin, spin-then-park, park.
//! - [`segment`], [`Builder`]: how a segment is made and attached to: named, at a path, or an anonymous sealed memfd.
//! - [`handoff`]: passing an anonymous segment on, over a Unix socket or across exec.
//! - [`segment::list`]: the named segments of this user, and who is attached to them.
//! - [`Peer`], [`Fault`], [`SegmentError`]: what can be known of the other side, and what can go wrong.
//!
//! # What is promised
//!
//! A peer may be killed at any instruction, be stopped in a debugger, or write anything into the segment. Safe code then
//! never reads or writes outside the segment, never panics, and never loops without bound; nothing that was published is
//! lost. What cannot be is a typed error. `SECURITY.md` says what is promised against whom, `docs/layout.md` what lies
//! where in a segment.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "rondel is for Linux only: it rests on futexes in shared memory, membarrier, sealed memfds and \
     open-file-description locks, which no other system offers together"
);

#[cfg(not(target_pointer_width = "64"))]
compile_error!("rondel is for 64-bit processors only: positions are 64-bit atomics, sizes are 64-bit in the segment");

mod attachment;
pub mod bytes;
mod error;
mod fault;
mod gate;
mod hint;
mod liveness;
pub mod mpmc;
mod outcome;
mod pair;
mod process;
mod protocol;
pub mod segment;
pub mod spsc;
mod sync;
mod wait;

pub use error::{DescriptorProblem, MessageProblem, SegmentError};
pub use fault::{Fault, NotAttached};
pub use pair::Peer;
pub use protocol::Corruption;
pub use segment::{Builder, HugePages, Place, handoff};
pub use wait::Wait;
