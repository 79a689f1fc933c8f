//! rondel's protocols under loom.
//!
//! `src/protocol` of the library is compiled here unchanged, by `#[path]`, against a `crate::sync` of loom's atomics. Loom
//! then runs each model under every interleaving, and under every value that the memory orderings let a load return.
//! Slots and the bytes of messages are loom cells, so that two accesses that no ordering separates are an error even if the values agree.
//!
//! Run with `cargo test --release -p rondel-loom-tests`.
#![cfg(test)]
// The library uses all of it, and makes some of it public; the models use most.
#![allow(dead_code, unreachable_pub)]

mod crash;
mod crowd;
mod futex;
mod memory;
mod messages;
mod models;
mod overlap;
mod sync;

#[path = "../../src/protocol/mod.rs"]
mod protocol;
