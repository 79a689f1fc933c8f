//! An intent: the range of positions that a participant is about to claim, or has claimed last, in one word.

use crate::sync::{AtomicU64, Ordering};

const LEN_BITS: u32 = 16;
const START_MASK: u64 = u64::MAX >> LEN_BITS;

/// A range of positions; empty for none.
///
/// The start is cut to 48 bits, the length has 16. A position that differs by a multiple of 2⁴⁸ looks the same; the
/// worst that a stale intent can do so is to make a recoverer wait for its participant's next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intent(u64);

impl Intent {
    /// The most positions that one intent covers.
    pub(crate) const MOST: u64 = (1 << LEN_BITS) - 1;

    /// Nothing; all-zero memory says so.
    const NONE: Intent = Intent(0);

    /// One position.
    #[inline(always)]
    pub(super) fn one(start: u64) -> Intent {
        Intent(start << LEN_BITS | 1)
    }

    /// A range of at most [`MOST`](Self::MOST) positions.
    #[inline(always)]
    pub(super) fn range(start: u64, len: u64) -> Intent {
        debug_assert!(len <= Self::MOST);
        Intent(start << LEN_BITS | len)
    }

    /// As it stands in a participant's line.
    #[inline(always)]
    pub(super) fn word(self) -> u64 {
        self.0
    }

    /// Reads an intent.
    pub(super) fn see(word: &AtomicU64) -> Intent {
        // ORDER [see-intent]: Acquire, partners [push-intent], [pop-intent], [taking] and [clear]: if the intent has moved on, the slot's
        // stamp is seen to have moved on too.
        Intent(word.load(Ordering::Acquire))
    }

    /// Takes an intent back: what it covered is settled, or was not claimed.
    pub(crate) fn clear(word: &AtomicU64) {
        // ORDER [clear]: Release, partner [see-intent]: what the word covered is settled before it is gone.
        word.store(Intent::NONE.word(), Ordering::Release);
    }

    fn len(self) -> u64 {
        self.0 & Self::MOST
    }

    /// True if it covers nothing.
    pub(super) fn is_none(self) -> bool {
        self.len() == 0
    }

    /// True if it covers `p`.
    pub(super) fn covers(self, p: u64) -> bool {
        (p.wrapping_sub(self.0 >> LEN_BITS) & START_MASK) < self.len()
    }

    /// The positions that it covers and that can be unsettled: in the `slots` before `end`, which is behind all that have been claimed.
    pub(super) fn positions(self, end: u64, slots: u64) -> core::ops::Range<u64> {
        let start = end.wrapping_sub(end.wrapping_sub(self.0 >> LEN_BITS) & START_MASK);
        let last = start.wrapping_add(self.len()).min(end);
        start.max(end.saturating_sub(slots)).min(last)..last
    }
}
