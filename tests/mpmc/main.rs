//! The many-to-many ring within one process: its table, its options, its ends, and who is woken by what.
//!
//! Answers that follow from the operations before them are compared in `mpmc_model`; here is what takes threads, a limit of
//! the process, or a look at the words in the segment. A hang is a failure: see [`scratch::within`].

mod asking;
mod attach;
mod child;
mod closing;
mod forged;
mod forked;
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod limits;
mod many;
mod passing_on;
mod refusing;
mod scratch;
mod table;
mod threads;
mod waking;
#[path = "../shared/watchdog.rs"]
mod watchdog;
mod words;
