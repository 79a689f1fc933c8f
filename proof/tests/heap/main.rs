//! The protocols over plain heap memory: the very files of `src/protocol`, with the standard library's atomics.
//!
//! No mapping, no futex call, no process: so an interpreter that knows the language's memory model can run them and judge each access,
//! plain ones too. The public workflow has Miri do so. Where loom sees every interleaving of a few steps through cells of its own, this sees
//! few interleavings of many steps through pointers into one block of memory, as the library has them.
//!
//! Under `cargo test` it is a short test of threads.
// The library uses all of it, and makes some of it public; here most is used.
#![allow(dead_code, unreachable_pub)]

mod bytes;
#[path = "../../../tests/shared/heap/mod.rs"]
mod heap;
mod kernel;
mod mpmc;
mod pair;
mod spsc;

// What is not used here is handed on all the same.
#[allow(unused_imports)]
#[path = "../../../src/protocol/mod.rs"]
mod protocol;

/// What the protocol's files name their atomics by.
mod sync {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

/// How many messages a test passes on: an interpreter takes a thousand times as long for each.
const MESSAGES: u64 = if cfg!(miri) { 150 } else { 20_000 };

/// Fewer turns of a scheduler are needed if who waits lets others go on.
fn wait_a_little() {
    std::thread::yield_now();
}
