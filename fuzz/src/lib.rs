//! The fuzz [`targets`], and what they share: segments that are [`kept`] from one execution to the next, descriptors of hostile
//! [`bytes`], [`hostile`] peers, [`faults`] of answers, and [walls](wall) around the mappings.
//!
//! A target is a function of the bytes that a fuzzer thinks of, and panics where the library has failed. So libFuzzer is one way to
//! run it (`fuzz_targets/`), and a test that replays what is kept is another (`tests/replay.rs`).

pub mod bytes;
pub mod faults;
pub mod header;
pub mod hostile;
pub mod kept;
pub mod targets;
pub mod wall;
