//! How many lines a ring has, and where a position lies in them.

use super::Corruption;

/// Positions beyond this are taken for corruption, so that sums of positions cannot overflow.
pub(crate) const MAX_POSITION: u64 = 1 << 62;

/// The most lines by which `released` lags behind `consumed`. Measured at 8 and at 32, with a prototype and rings of 1024 and
/// 8192 lines: 32 carried a fifth to two fifths more 8-byte elements a second.
const MAX_LAG: u64 = 32;

/// The shape of one ring: fixed at creation, derived anew (never read) at every attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Lines in the ring, `L`.
    pub(crate) lines: u64,
    /// Slots in a line, `K`.
    pub(crate) slots: u64,
    /// Lines by which `released` may lag behind `consumed`.
    pub(crate) lag: u64,
}

impl Geometry {
    /// The shape of a ring in which `capacity` unread elements always fit, with `slots` to a line.
    ///
    /// `None` if `capacity` is 0 or the figures do not fit into 62 bits.
    pub(crate) fn new(capacity: u64, slots: u64) -> Option<Geometry> {
        if capacity == 0 || slots == 0 {
            return None;
        }
        let full = capacity.div_ceil(slots);
        let lag = (full / 8).clamp(1, MAX_LAG);
        let lines = full.checked_add(lag)?.checked_add(2)?;
        if lines.checked_mul(slots)? > MAX_POSITION {
            return None;
        }
        Some(Geometry { lines, slots, lag })
    }

    /// The number of the line that holds `position`.
    #[inline]
    pub(crate) fn number(self, position: u64) -> u64 {
        position / self.slots
    }

    /// Where line `number` lies in the array.
    pub(crate) fn index(self, number: u64) -> u64 {
        number % self.lines
    }

    /// The index behind `index`.
    #[inline(always)]
    pub(crate) fn next_index(self, index: u64) -> u64 {
        if index + 1 == self.lines { 0 } else { index + 1 }
    }

    /// The first position of line `number`.
    pub(crate) fn start(self, number: u64) -> u64 {
        number * self.slots
    }

    /// The position behind the last of line `number`: the stamp of the complete line.
    pub(crate) fn end(self, number: u64) -> u64 {
        self.start(number) + self.slots
    }

    /// The stamp that a line still bears from the lap before, when nothing of this lap is published in it: where that lap's
    /// elements ended, or 0 if this is the first. `start` is the line's first position.
    #[inline(always)]
    pub(crate) fn stale(self, start: u64) -> u64 {
        start.saturating_sub((self.lines - 1) * self.slots)
    }

    /// The stamp of line `number` as a position that lies in that line: `Some(start)` if the line still bears its
    /// stale stamp, `None` if the stamp is neither that nor one of this lap.
    pub(crate) fn published(self, number: u64, stamp: u64) -> Option<u64> {
        let (start, end) = (self.start(number), self.end(number));
        if start < stamp && stamp <= end {
            Some(stamp)
        } else if stamp == self.stale(start) {
            Some(start)
        } else {
            None
        }
    }

    /// Checks the two positions of a consumer against each other: `released ≤ consumed`, and not too far behind.
    pub(crate) fn check_positions(self, consumed: u64, released: u64) -> Result<(), Corruption> {
        if consumed > MAX_POSITION {
            return Err(Corruption { word: "consumed", least: 0, most: MAX_POSITION, found: consumed });
        }
        // A consumer that was killed between its two stores may have consumed a whole ring at once, on top of what
        // `released` lagged behind before: a producer that looks at `consumed` need not wait for that. The lag is less than a
        // ring, so two rings bound both.
        let least = consumed.saturating_sub(2 * self.lines * self.slots);
        if released < least || released > consumed {
            return Err(Corruption { word: "released", least, most: consumed, found: released });
        }
        Ok(())
    }
}
