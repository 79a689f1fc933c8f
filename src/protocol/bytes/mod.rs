//! The ring of messages: records, their length words and two positions.
//!
//! The data area is a ring of `D` bytes. *Positions* count bytes of the ring since it was made, are multiples of 8 and never wrap
//! (at 50 GB/s, 2⁶³ last some six years); position `p` lies at offset `p mod D`. A message lies in a *record*: a word that
//! holds its length, and behind it its bytes, filled up to a multiple of 8. A record is contiguous. One that begins near the end
//! of the ring runs over into the *slack* behind it, which is as long as the largest message; the next one then begins at offset 0,
//! at the next multiple of `D`.
//!
//! ```text
//!                  ┌────────┬─ … ─┬──┐┌────────┬─ … ─┬┐┌────────┐
//!      offset o:   │ length │ bytes  ││ length │ bytes │   0    │
//!                  └────────┴─ … ─┴──┘└────────┴─ … ─┴┘└────────┘
//!                  head: the consumer's                 tail: nothing published here
//!
//!      0                                                     D           D + slack
//!      ├──────────────────────── ring ───────────────────────┼───────────────┤
//!                                                    ┌────────┬─ … ─┐
//!                                                    │ length │ bytes   the last record of a lap
//! ```
//!
//! The length word is 0 where nothing is published, and otherwise bears a *tag* made of its own position beside the length
//! (see `record`), so that what a message left at that place a lap ago cannot pass for a length.
//!
//! **Zero ahead.** The place of a length word was a message's bytes a lap ago, which can be anything. So the producer stores 0 where
//! the next length word will be, before it publishes this one; and publishing a record is one Release store of its length word.
//! The consumer never writes into the ring's data. One that sees a record published sees the 0, or more, behind it.
//!
//! **Batches.** The length words behind the first are stored when their records are made, the 0 behind the last, and at the end
//! the first one's: that one store publishes them all.
//!
//! Who writes what:
//!
//! | word | written by | read by |
//! |---|---|---|
//! | length words, bytes | producer | consumer; a succeeding producer reads the words, to find its place |
//! | `consumed`: first position not yet consumed | consumer, whenever it gives messages back | a succeeding consumer; a producer that waits for empty, is about to refuse or to sleep, or attaches |
//! | `released`: lags behind `consumed` | consumer, every so many bytes and when it runs dry | producer, when its copy says "full" |
//!
//! **Full.** A record and the word behind it, which is to be zeroed, must lie in front of `released + D`. `D` exceeds the
//! capacity by that word and by as much as `released` may lag, so a refusal means that the message does not fit beside those that
//! are unread. A consumer that is held up, or killed, between its two stores leaves `released` farther behind; so a
//! producer that is about to refuse, or to sleep, asks `consumed`, which is exact. A record that runs over into the
//! slack takes less of the ring than its length, never more; and the slack is free when the place behind it, offset 0 of the next lap, is.
//!
//! **A kill.** The word at the producer's position is 0 until the one store that publishes, so a message, or a batch, is
//! published or not. A succeeding producer walks the words from `consumed` on to the first 0 and goes on there; what the dead one
//! wrote behind it is written over. A succeeding consumer goes on at `consumed`. `released ≤ consumed` holds at every
//! instant, so nothing unconsumed is ever written over.
//!
//! **Hostile bytes.** Offsets come from private positions only. A length word is loaded once for each look; its tag must be its
//! position's, its length no more than the largest message, and its record must end where a producer could have
//! written it, or it is a [`Corruption`]. Whatever changes in the segment afterwards changes no length that is in use.

mod consumer;
mod geometry;
mod memory;
mod place;
mod producer;
mod record;

pub(crate) use consumer::{Consumer, Record};
pub(crate) use geometry::{Geometry, LINE_BYTES};
pub(crate) use memory::Memory;
pub(crate) use place::Place;
pub(crate) use producer::Producer;

use super::Corruption;
