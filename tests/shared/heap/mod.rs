//! Memory of the heap in the place of a segment, for the protocols of `src/protocol`, which the including crate compiles as
//! `crate::protocol`, with the atomics that it names in `crate::sync`.
//!
//! A ring is one block, and a handle reaches all of it: so an interpreter, a sanitizer or a bound tells whoever leaves it.

pub(crate) mod block;
pub(crate) mod bytes;
pub(crate) mod mpmc;
pub(crate) mod spsc;
