//! Many sleepers on one side: who sleeps, who is woken, and the proof that no wake-up is lost.
//!
//! It is the protocol of [`event`](crate::protocol::event), whose proof is not repeated here, with the flag in two parts. Each
//! participant has a futex word in its own line, `asleep`; and for each side of the ring there is one *mask*, with a bit for each line,
//! which is all that a publisher looks at while nobody sleeps.
//!
//! ```text
//!   sleeper                                     waker
//!   S1  asleep := ASLEEP; mask |= bit           W1  publish (or free)
//!   S2  heavy fence                             W2  light fence
//!   S3  look again: something there? → leave    W3  mask ≠ 0? → W4
//!   S4  futex_wait(asleep == ASLEEP)            W4  choose a bit and clear it; asleep := AWAKE, futex_wake
//! ```
//!
//! **One publication, one sleeper.** Whoever clears a bit has chosen that sleeper, and nobody else has. Two publications clear two bits.
//! If the kernel finds nobody asleep there, the sleeper is dead, or on its way into or out of sleep; another is chosen as well.
//!
//! **No wake-up is lost** between S1 and S4: the proof of `event`, with W3 reading the mask. And:
//!
//! - *A sleeper that is chosen and leaves for another reason* (its time is up; it took an earlier message) finds its bit cleared when it
//!   retracts. It then owes a wake-up: if there is something for others, it wakes one ([`Leaving::Chosen`]).
//! - *A position published behind one that is not* is of no use to the sleeper that is woken for it: it looks, and sleeps again.
//!   When the earlier one is published, all that are ready behind it become available at once, so its publisher wakes
//!   one sleeper for each ([`wake_for_each`]). It sees them: a sleeper that went back to sleep has set its bit (AcqRel) after the
//!   later publisher had cleared it (AcqRel, after its publication), and W4 reads that bit with Acquire.
//! - *A sleeper that is killed after it was chosen* takes its wake-up with it; so does a waker killed between W1 and W4. That is what the
//!   slices are for: each sleeper looks by itself after one.
//!
//! **A sleeper that is killed** leaves its bit behind; the next publication clears it at the cost of one futile system call. A line
//! that is leased anew may find its bit set, with the same effect.
//!
//! **Lines from 63 on** share the last bit. Whoever chooses it wakes all of them: nobody could tell which of them were owed another.

use crate::protocol::event::{ASLEEP, AWAKE, Kernel};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The bit that several lines share.
const SHARED_BIT: u32 = 63;

/// The words of one side's sleepers.
pub(crate) trait Beds {
    /// Lines in the table of participants.
    fn lines(&self) -> u32;
    /// A bit for each line.
    fn mask(&self) -> &AtomicU64;
    /// The futex of a line.
    fn asleep(&self, line: u32) -> &AtomicU32;
}

/// How a sleeper finds the mask when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Nobody has chosen it.
    Unnoticed,
    /// Somebody may have chosen it: if there is more than it has use for, another one is to be woken.
    Chosen,
}

fn bit(line: u32) -> u64 {
    1 << line.min(SHARED_BIT)
}

/// S1.
pub(crate) fn announce(beds: &impl Beds, line: u32) {
    // ORDER [lie-down]: Relaxed; the heavy fence that follows orders it before the last look. Before the bit, so that whoever
    // chooses the line finds it asleep.
    beds.asleep(line).swap(ASLEEP, Ordering::Relaxed);
    // ORDER [show-bit]: AcqRel. Release: whoever clears the bit finds the line asleep. With Acquire, partner [choose], it hands on what the
    // one who had cleared the bit before had published.
    beds.mask().fetch_or(bit(line), Ordering::AcqRel);
}

/// The end of S4, and of the sleep.
pub(crate) fn retract(beds: &impl Beds, line: u32) -> Leaving {
    // ORDER [get-up]: Relaxed; who still finds it asleep makes one futile system call and chooses another one.
    beds.asleep(line).swap(AWAKE, Ordering::Relaxed);
    if line >= SHARED_BIT {
        // The others' bit too. The next waker will clear it.
        return Leaving::Chosen;
    }
    // ORDER [hide-bit]: Acquire, partner [choose]: what the one who chose us published is seen when we look whether there is more.
    let mask = beds.mask().fetch_and(!bit(line), Ordering::Acquire);
    if mask & bit(line) == 0 { Leaving::Chosen } else { Leaving::Unnoticed }
}

/// W2 and W3: what follows every publication. True if somebody sleeps: then [`wake_for_each`].
#[inline(always)]
pub(crate) fn someone_sleeps(mask: &AtomicU64, kernel: &impl Kernel) -> bool {
    kernel.light_fence();
    // ORDER [look-for-sleepers]: Relaxed; the light fence orders it after the publication. Without the pair of fences the publication could
    // still be in the store buffer when this reads 0: a lost wake-up.
    mask.load(Ordering::Relaxed) != 0
}

/// W4 for `count` publications from position `p` on, and for each further position that is `ready` right behind them.
#[cold]
#[inline(never)]
pub(crate) fn wake_for_each(beds: &impl Beds, kernel: &impl Kernel, p: u64, count: u64, ready: impl Fn(u64) -> bool) {
    // No more than there are lines: whoever lies down meanwhile looks for itself.
    for i in 0..u64::from(beds.lines()) {
        // The choice begins at a different line each time, so that none is always last.
        if (i >= count && !ready(p.wrapping_add(i))) || !wake_one(beds, kernel, p.wrapping_add(i) as u32) {
            return;
        }
    }
}

/// W4 for one publication. False if nobody sleeps any more.
fn wake_one(beds: &impl Beds, kernel: &impl Kernel, begin: u32) -> bool {
    for _ in 0..=SHARED_BIT {
        // ORDER [see-bits]: Acquire, partner [show-bit].
        let mask = beds.mask().load(Ordering::Acquire);
        if mask == 0 {
            return false;
        }
        let begin = begin % (SHARED_BIT + 1);
        let line = (mask.rotate_right(begin).trailing_zeros() + begin) % (SHARED_BIT + 1);
        // ORDER [choose]: AcqRel. Release, partners [show-bit] and [hide-bit]: what we have published is seen by whoever finds the bit
        // cleared. Acquire: the line is seen asleep.
        if beds.mask().fetch_and(!bit(line), Ordering::AcqRel) & bit(line) == 0 {
            continue;
        }
        let last = if line == SHARED_BIT { beds.lines() } else { line + 1 };
        let mut woken = false;
        for line in line..last.max(line + 1) {
            let word = beds.asleep(line);
            // ORDER [wake]: Relaxed; the futex's own lock orders it against S4.
            if word.swap(AWAKE, Ordering::Relaxed) != AWAKE {
                woken |= kernel.futex_wake(word);
            }
        }
        if woken {
            return true;
        }
    }
    true
}

/// W4 for everybody: something has changed that concerns all.
#[cold]
pub(crate) fn wake_all(beds: &impl Beds, kernel: &impl Kernel) {
    for i in 0..beds.lines().max(SHARED_BIT + 1) {
        if !wake_one(beds, kernel, i) {
            return;
        }
    }
}
