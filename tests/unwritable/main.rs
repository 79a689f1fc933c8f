//! Rings whose consumers cannot write what they read: a hostile consumer that tries everything, one that lies wherever it can write, and
//! the life of such a ring between processes.
//!
//! Where a test needs another process, it runs this very test binary again with the one test [`child::entry`] and a task
//! in the environment, and hands it the ring across exec. Children end with their parent, and by an alarm of their own, so that a hang is a failure.
//!
//! That such a ring is a ring is for the property tests (`spsc_model`, `bytes_model`) to show, which have it as one of their places.

mod attaching;
mod attempts;
mod child;
mod family;
mod flood;
mod hostile;
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod liar;
mod ring;
mod seccomp;
#[path = "../shared/watchdog.rs"]
mod watchdog;
