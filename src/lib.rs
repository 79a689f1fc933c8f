//! Lock-free ring buffers in shared memory.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "rondel is for Linux only: it rests on futexes in shared memory, membarrier, sealed memfds and \
     open-file-description locks, which no other system offers together"
);

mod error;
mod liveness;
pub mod segment;
pub mod spsc;

pub use crate::error::{DescriptorProblem, MessageProblem, SegmentError};
pub use crate::segment::handoff;
