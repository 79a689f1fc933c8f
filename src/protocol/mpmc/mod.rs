//! The many-to-many ring: slots with stamps, intents, and recovery.
//!
//! The ring has `N` slots, a power of two. *Positions* count the elements since the ring was made and never wrap
//! (below 2⁶¹); position `p` lives in slot `p mod N`, in lap `p − p mod N`. `tail` is the next position to be claimed by
//! a producer, `head` the next to be claimed by a consumer: each is claimed by a compare-and-swap, and after that the slot's own
//! stamp says how far things are. Nobody waits for a neighbour: slots are published and freed in any order.
//!
//! ```text
//!                 claim: tail p → p+1                    claim: head p → p+1
//!                 write the element                      read the element
//!      FREE(p) ─────────────────────────▶ FULL(p) ─────────────────────────▶ FREE(p+N)
//!        │                                   │                                 ▲  ▲
//!        │ the producer died                 │ the consumer died               │  │
//!        ▼                                   ▼                                 │  │
//!      VOID(p) ── a consumer claims it ──▶   RECLAIM(p, taker) ── delivered ───┘  │
//!        │                                                                        │
//!        └──────────── and frees it; or, if that one died, whoever comes ─────────┘
//! ```
//!
//! (Under the discarding policy `FULL(p)` of a dead consumer becomes `FREE(p+N)` at once.)
//!
//! **Participants.** Each handle has a *line* of its own in a table of the segment, under a lock that the kernel drops when
//! its process ends. In the line stand its *intents*: the range of positions that it is about to claim or has claimed last.
//! A producer stores `pushing` before the compare-and-swap on `tail`, a consumer `popping` before the one on `head`, and
//! whoever gives up after a lost one clears it. Hence the invariant on which recovery rests:
//!
//! > Whoever holds a claimed, unsettled position has it in its intent.
//!
//! *Settled* means that the slot's stamp has moved on: published, for a producer; freed, for a consumer.
//!
//! **Recovery.** Position `p` is claimed (`tail > p`) and its slot still `FREE(p)`. If no *living* participant has `p` in
//! `pushing`, its holder is dead, and one compare-and-swap `FREE(p) → VOID(p)` settles it. If the holder had merely moved
//! on, it has published before its intent moved, and the compare-and-swap fails. A living participant with that intent, holder or
//! not, means: not yet. A stopped process lives. The mirror image for consumers is a compare-and-swap from `FULL(p)` to
//! `RECLAIM(p, taker)`, which names the taker's line, so that a taker that dies is taken over in turn: no intent
//! needs to be asked then, only whether that line's participant lives. The taker's line has `p` in `taking` before, so that whoever
//! finds the taker dead finds `p`. Each step of recovery is one compare-and-swap, whoever wins it: a recoverer may die anywhere.
//!
//! **A line is leased anew** only when everything that its former holder claimed is settled, or, by a consumer, together with
//! the messages that the former holder had not freed: those it delivers first.
//!
//! Who writes what:
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `tail`, `head` | claims | everybody |
//! | a slot's stamp | the one that holds the slot; recoverers, by compare-and-swap | everybody |
//! | `pushing`, `popping`, `taking` of a line | its participant | recoverers; the next holder of the line |
//! | `asleep` of a line | its participant, and whoever wakes it | both |
//! | `data`, `space`: who sleeps (a bit for each line) | sleepers and wakers | publishers |
//!
//! **Hostile bytes.** A slot's index is a position modulo `N`, whatever the position is. Every loop is bounded by a number of rounds
//! that is fixed; relations between words that cannot be are a [`Corruption`].

mod consumer;
mod intent;
mod lease;
pub(crate) mod membership;
mod memory;
mod producer;
mod recovery;
pub(crate) mod sleepers;
mod stamp;

pub(crate) use consumer::{Consumer, Popped};
pub(crate) use intent::Intent;
pub(crate) use lease::{Inheritance, Leased, lease};
pub(crate) use memory::{Census, Memory};
pub(crate) use producer::{Producer, Pushed, len};
pub(crate) use recovery::{Orphan, Policy, Recovered, Side, recovery};
pub(crate) use stamp::{Geometry, Taker};

use super::Corruption;

/// How often an operation tries again because somebody else was quicker, before it says "pending" instead. Losing so often in a row takes
/// hundreds of participants, or a hostile one.
const ROUNDS: u32 = 1 << 12;
