//! The single-producer ring: lines, stamps and two positions.
//!
//! The ring is an array of `L` *lines*. A line holds one stamp and `K` slots: a cache line, or a block of several. *Positions* count elements since
//! the ring was made and never wrap (at 10⁹ a second, 2⁶² last a century and more); position `p` lives in line
//! number `p / K`, which lies at index `(p / K) mod L`, in slot `p mod K`.
//!
//! ```text
//!   line  n:   ┌──────────┬────────┬────────┬─ … ─┬────────┐
//!              │  stamp   │ slot 0 │ slot 1 │     │ slot K-1 │
//!              └──────────┴────────┴────────┴─ … ─┴────────┘
//!   stamp of line n, over its life:   0 (never written), or (n-L+1)·K (complete in the lap before)
//!                                  →  nK+1 → nK+2 → … → nK+K (complete) → the next lap
//! ```
//!
//! The stamp is the position behind the last element published in its line: absolute, hence no stamp of an
//! earlier lap can pass for one of this lap, and the consumer never needs to write into a line.
//! One line transfer brings the stamp and the elements.
//!
//! Who writes what:
//!
//! | word | written by | read by |
//! |---|---|---|
//! | stamp, slots | producer | consumer; a succeeding producer, to find its place |
//! | `consumed`: first position not yet consumed | consumer, at every pop | a succeeding consumer; a producer that waits for empty, is about to refuse or to sleep, or attaches |
//! | `released`: lags behind `consumed` | consumer, every few lines and when it runs dry | producer, when its copy says "full" |
//!
//! **Full.** The producer may enter line `n` when `n < released/K + L`. The consumer lets `released` lag at most
//! `lag` lines behind `consumed`, and one more between the two stores at a line's end. With
//! `L = ⌈capacity/K⌉ + lag + 2` lines, a refusal to enter line `n` then means that more than `capacity` elements are unread.
//! A consumer that is held up, or killed, between the two stores of a batch leaves `released` farther behind; so a producer that
//! is about to refuse, or to sleep, asks `consumed`, which is exact.
//!
//! **A kill.** Publication is one store, so an element is published or not. A succeeding producer walks the stamps
//! from `consumed` on to the first line that is not complete and goes on behind its stamp; what the dead one wrote
//! without publishing is written over. A succeeding consumer goes on at `consumed`. `released ≤ consumed` holds
//! at every instant, so no unconsumed slot is ever written over.
//!
//! **Hostile bytes.** Indices come from private positions only, never from the segment; every word that is read
//! is compared with what it can be, and a [`Corruption`] names the word if it is not.

mod consumer;
mod geometry;
mod memory;
mod producer;

pub(crate) use consumer::{Advanced, Consumer};
pub(crate) use geometry::Geometry;
pub(crate) use memory::{Memory, Push};
pub(crate) use producer::Producer;

use super::Corruption;
