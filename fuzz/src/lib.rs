//! The fuzz [`targets`], and what they share: segments that are [`kept`] from one execution to the next, descriptors of hostile
//! [`bytes`], [`hostile`] peers, [`faults`] of answers, and [walls](wall) around the mappings. The targets `protocol…` have none of
//! that: they compile the files of `src/protocol` anew, over memory of the heap.
//!
//! A target is a function of the bytes that a fuzzer thinks of, and panics where the library has failed. So libFuzzer is one way to
//! run it (`fuzz_targets/`), and a test that replays what is kept is another (`tests/replay.rs`).

pub mod bytes;
pub mod faults;
pub mod header;
// Shared with the heap tests of `proof/`, each of which uses most of it.
#[allow(dead_code)]
#[path = "../../tests/shared/heap/mod.rs"]
mod heap;
pub mod hostile;
pub mod kept;
// The library uses all of it, and makes some of it public.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../src/protocol/mod.rs"]
mod protocol;
pub mod script;
pub mod targets;
pub mod wall;

/// What the protocol's files name their atomics by.
mod sync {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}
