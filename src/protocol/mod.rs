//! Every atomic access of the rings, and every reason for its ordering; no system call, no address arithmetic.
//!
//! | file | what two processes agree on there |
//! |---|---|
//! | `spsc` | stamps, `consumed` and `released`: which slot is whose |
//! | `bytes` | length words, `consumed` and `released`: which bytes are whose |
//! | `freed` | what the producer was told, so that a consumer can tell whether it was a lie |
//! | `event` | the flag by which a sleeper is noticed without a fence on the fast path |
//! | `mpmc` | stamps, claims and intents: who holds which position, and what becomes of it if they die |
//! | `role` | whether a side is attached, closed, or was never there |
//!
//! Each access carries a label such as `[publish]`, names its partner, and says what breaks without it.
//! The files name their atomics through `crate::sync` and their memory through traits, so that
//! `loom-tests` can compile them unchanged against loom.

pub(crate) mod bytes;
mod corruption;
pub(crate) mod event;
pub(crate) mod freed;
pub(crate) mod mpmc;
pub(crate) mod role;
pub(crate) mod spsc;

pub use corruption::Corruption;
