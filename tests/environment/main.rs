//! What can be wrong with the world: no room, no descriptors, no such system call, another user, another pid namespace, names and files
//! that others change, processes that end in odd ways. `docs/environment.md` has a row for each test.
//!
//! Children are made as in `tests/processes`, whose files are used here where they know nothing of the ring. What a machine does not
//! allow (namespaces, other users) is passed over, and said to be: `passed over: …` on the standard error.

// Each of these serves several test programs, and not all of it each of them.
#[allow(dead_code)]
#[path = "../processes/child.rs"]
mod child;
#[allow(dead_code)]
#[path = "../processes/filter.rs"]
mod filter;
#[path = "../processes/forking.rs"]
mod forking;
#[path = "../shared/leftovers.rs"]
mod leftovers;
#[allow(dead_code)]
#[path = "../processes/place.rs"]
mod place;
#[allow(dead_code, unused_imports)]
#[path = "../processes/scratch.rs"]
mod scratch;
#[allow(dead_code)]
#[path = "../processes/traced.rs"]
mod traced;

mod agent;
mod apart;
mod circumstances;
mod dying;
mod forks;
mod interrupted;
mod limits;
mod namespaces;
mod refused;
mod replaced;
mod rings;
mod room;
mod sandbox;
mod tasks;
mod truncated;
mod users;
