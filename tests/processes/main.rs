//! The single-producer ring between real processes: floods of messages, kills, stops, forks, filters of system calls.
//!
//! Where a test needs another process, it runs this very test binary again with the one test [`child::entry`] and a task
//! in the environment: a program of its own, started by exec. What only a fork shows is forked by such a program, not
//! by the threaded test harness. Children end with their parent, and by an alarm of their own, so that a hang is a failure.
//!
//! Delays are printed, never asserted closely: a loaded machine may be slow, and is not to fail a test by that.

mod busy;
mod bytes;
mod child;
mod corrupted;
mod ends;
mod every_instruction;
mod filter;
mod forked;
mod forking;
mod killed;
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod membarrier;
mod million;
mod noticing;
mod peers;
mod place;
mod races;
mod scratch;
mod stopped;
mod tasks;
mod traced;
mod wakes;
