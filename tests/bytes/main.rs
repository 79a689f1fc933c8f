//! The ring of messages within one process: as a stream beside a pipe, its limits, its ends, waiting, forks.
//!
//! Answers that follow from the operations before them are compared in `bytes_model`; here is what takes threads, a limit, a
//! fork, or code of the standard library that knows nothing of rings. A hang is a failure: see [`scratch::within`].

mod child;
mod closing;
mod forgotten;
mod forked;
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod limits;
mod offsets;
mod pipe;
mod plan;
mod pod;
mod refusing;
mod scratch;
mod stream;
mod too_short;
mod waiting;
#[path = "../shared/watchdog.rs"]
mod watchdog;
