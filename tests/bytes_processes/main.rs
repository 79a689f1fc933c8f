//! The ring of messages between real processes: kills at random and at every instruction, stops, sleeps, forks, ends.
//!
//! Children are made as in `tests/processes`, whose files are used here where they know nothing of the ring. Delays are printed,
//! never asserted: what is asserted is that a survivor goes on at all, within a time that means "never" on any machine.

// Each of these serves several test programs, and not all of it each of them.
#[allow(dead_code)]
#[path = "../processes/bytes.rs"]
mod bytes;
#[allow(dead_code)]
#[path = "../processes/child.rs"]
mod child;
#[allow(dead_code)]
#[path = "../processes/filter.rs"]
mod filter;
#[allow(dead_code)]
#[path = "../processes/forking.rs"]
mod forking;
#[path = "../shared/leftovers.rs"]
mod leftovers;
#[path = "../processes/peers.rs"]
mod peers;
#[allow(dead_code, unused_imports)]
#[path = "../processes/scratch.rs"]
mod scratch;
#[allow(dead_code)]
#[path = "../processes/traced.rs"]
mod traced;

mod busy;
mod corrupted;
mod ends;
mod every_instruction;
mod forked;
mod letters;
mod million;
mod noticing;
mod place;
mod stopped;
mod storm;
mod tasks;
mod wakes;
