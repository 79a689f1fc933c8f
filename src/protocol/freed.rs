//! Consumers that do not trust one another, where they cannot write what the producer writes.
//!
//! A consumer's positions are its own, but the words in which it tells them to the producer can be written by anybody who was a
//! consumer once and has kept the mapping. A liar can have the producer write over what an honest consumer is just reading. It
//! cannot hide that: what the producer has been told it says itself, in a word that only it can write, *before* it acts on it.
//!
//! ```text
//!   producer                                    consumer at `head`
//!   P1  load `released`, or `consumed`          C1  read the elements from `head` on
//!   P2  `freed` := that position                C2  Acquire fence
//!   P3  Release fence                           C3  load `freed`: at most `head`?
//!   P4  write over what lies before it          C4  use what was read, consume it
//! ```
//!
//! **What passes C3 is what was published**, for a consumer that began where something was, or will be: `SECURITY.md` says what a liar can do in that. Had C1 read anything of P4, then by the two fences C3 would see P2: a position behind `head`, for
//! the producer writes over position p only when `freed` lies behind p. And nobody has consumed what the one consumer has not: so the
//! position is a lie, or the lie was told earlier, before this consumer came and was made to begin too early. Either way it is an error, and the elements are
//! not used.
//!
//! **No honest consumer fails.** The producer is told nothing but what consumers have consumed, and none of them passes `head` before C4.

use super::Corruption;
use crate::sync::{AtomicU64, Ordering, fence};

/// P2 and P3. For the holder of the producer's role, before it writes over anything.
pub(crate) fn tell(word: Option<&AtomicU64>, freed: u64) {
    let Some(word) = word else { return };
    // ORDER [told]: Relaxed, for only producers write it, and the role's lock orders them. A successor that is told less than its
    // predecessor takes nothing back: that one may have written over all that it was told.
    let freed = freed.max(word.load(Ordering::Relaxed));
    // ORDER [tell]: Relaxed; the fence behind it is what orders it.
    word.store(freed, Ordering::Relaxed);
    // ORDER [tell-fence]: Release, partner [vouch-fence]. Without it what is written next could be seen before the word is, and a consumer
    // could take it for what was there before.
    fence(Ordering::Release);
}

/// C2 and C3: whether what was read from `head` on, where the consumer stands, can have been written over meanwhile.
pub(crate) fn vouch(word: Option<&AtomicU64>, head: u64) -> Result<(), Corruption> {
    let Some(word) = word else { return Ok(()) };
    // ORDER [vouch-fence]: Acquire, partner [tell-fence]. Without it the word could be loaded before the elements are.
    fence(Ordering::Acquire);
    // ORDER [vouch]: Relaxed; the fence before it is what orders it.
    let freed = word.load(Ordering::Relaxed);
    if freed <= head { Ok(()) } else { Err(Corruption { word: "freed", least: 0, most: head, found: freed }) }
}
