//! The one place from which `src/protocol` takes its atomics.
//!
//! The loom models compile the very files of `src/protocol` with a module of this name that hands out
//! loom's atomics instead, so what is checked is what runs.

pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
