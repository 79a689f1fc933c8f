//! The segment from outside: creating, attaching, handing on, deleting; with real files and real
//! processes.
//!
//! Where a test needs another process, it runs this very test binary again, with the one test
//! [`child::entry`] and a task in the environment: a program of its own, started by exec, not a
//! fork of a threaded test harness.

mod attach;
mod child;
mod common;
mod create;
mod fork;
mod handoff;
mod header;
mod killed;
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod limits;
mod list;
mod memory;
mod race;
mod random_header;
mod unlink;
