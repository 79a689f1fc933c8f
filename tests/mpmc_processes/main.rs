//! The many-to-many ring between real processes: kills at random and at every instruction, stops, sleeps, ends, places.
//!
//! Children are made as in `tests/processes`, whose files are used here where they know nothing of the ring. Delays are printed,
//! never asserted: what is asserted is that a survivor goes on at all, within a time that means "never" on any machine.

// Each of these serves two test programs, and not all of it both.
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
#[allow(dead_code, unused_imports)]
#[path = "../processes/scratch.rs"]
mod scratch;
#[allow(dead_code)]
#[path = "../processes/traced.rs"]
mod traced;

mod busy;
mod ends;
mod every_change;
mod orphaned_heir;
mod place;
mod places;
mod sleepers;
mod stepped;
mod stopped;
mod storm;
mod survivors;
mod tasks;
