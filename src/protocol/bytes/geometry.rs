//! How long the ring and its slack are.

use super::Corruption;
use super::place::Place;
use super::record::{self, WORD_BYTES};

/// Positions beyond this are taken for corruption by who attaches. Nobody gets so far by pushing and popping; but hostile length words can lead on from
/// there until positions overflow. So sums of them wrap: offsets stay what they are, and comparisons answer "corrupted" or "full".
pub(super) const MAX_POSITION: u64 = 1 << 63;

/// Bytes of a cache line. The lengths of ring and slack are multiples of it.
pub(crate) const LINE_BYTES: u64 = 64;

/// The most bytes by which `released` lags behind `consumed`.
const MAX_LAG: u64 = 16 << 10;

/// The shape of one ring: fixed at creation, derived anew from what the header said (never read) at every attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of the ring, `D`.
    pub(crate) data: u64,
    /// Bytes of the slack behind it.
    pub(crate) slack: u64,
    /// The largest message, in bytes.
    pub(crate) largest: u64,
    /// Bytes by which `released` may lag behind `consumed`.
    pub(crate) lag: u64,
}

impl Geometry {
    /// The shape of a ring in which unread records of `capacity` bytes always fit, with messages of up to `largest` bytes.
    ///
    /// `None` if the largest message does not fit, or the figures do not fit into 62 bits.
    pub(crate) fn new(capacity: u64, largest: u64) -> Option<Geometry> {
        if largest > Self::largest_for(capacity) {
            return None;
        }
        let lag = (capacity / 8).clamp(LINE_BYTES, MAX_LAG);
        let data = capacity.checked_add(lag + WORD_BYTES)?.checked_next_multiple_of(LINE_BYTES)?;
        let slack = largest.next_multiple_of(LINE_BYTES);
        if data.checked_add(slack)? > MAX_POSITION / 2 {
            return None;
        }
        Some(Geometry { data, slack, largest, lag })
    }

    /// The largest message that a ring of this capacity can have, in bytes; 0 if none.
    pub(crate) fn largest_for(capacity: u64) -> u64 {
        (capacity & !(WORD_BYTES - 1)).saturating_sub(WORD_BYTES).min(record::MOST)
    }

    /// The place of a position that was read from the segment.
    pub(super) fn place(&self, word: &'static str, position: u64) -> Result<Place, Corruption> {
        if position > MAX_POSITION {
            return Err(Corruption { word, least: 0, most: MAX_POSITION, found: position });
        }
        if position % WORD_BYTES != 0 {
            let word_before = position - position % WORD_BYTES;
            return Err(Corruption { word, least: word_before, most: word_before, found: position });
        }
        Ok(Place::of(position, self.data))
    }

    /// What the length word at `place` says, if nothing before position `consumed` is in the ring any more: the length, and the
    /// place behind the record. `None` if nothing is published there.
    #[inline(always)]
    pub(super) fn read(&self, word: u64, place: Place, consumed: u64) -> Result<Option<(u64, Place)>, Corruption> {
        if word == 0 {
            return Ok(None);
        }
        let len = word.wrapping_sub(record::tag(place.position()));
        if len <= self.largest {
            let next = place.next(len, self.data);
            if next.position().wrapping_add(WORD_BYTES) <= consumed.wrapping_add(self.data) {
                return Ok(Some((len, next)));
            }
        }
        Err(self.impossible(word, place, consumed))
    }

    #[cold]
    fn impossible(&self, found: u64, place: Place, consumed: u64) -> Corruption {
        let least = record::tag(place.position());
        // What of the ring is left from here on, but for the next word: all of it may be one record's that ends there; one
        // that runs over the end of the ring may be longer.
        let left = consumed.saturating_add(self.data).saturating_sub(place.position().saturating_add(2 * WORD_BYTES));
        let runs_over = left.saturating_add(place.offset() + WORD_BYTES) >= self.data;
        let most = if runs_over { self.largest } else { left.min(self.largest) };
        Corruption { word: "length", least, most: least + most, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forged lengths can lead a consumer on until positions overflow, which takes too long to be tried through a ring.
    #[test]
    fn words_are_judged_without_overflow_wherever_positions_are() {
        let geometry = Geometry::new(4096, 1000).expect("it fits");
        let end = u64::MAX - 7;
        let positions = [0, 8, geometry.data - 8, MAX_POSITION, end - geometry.data, end - 8, end];
        let places = positions.map(|position| Place::of(position, geometry.data));
        let behind = places.map(|place| place.next(1000, geometry.data));
        for place in places.into_iter().chain(behind) {
            let position = place.position();
            for consumed in positions {
                for word in
                    [0, 1, u64::MAX].into_iter().chain([0, 1, 1000, 1001].map(|len| record::tag(position) + len))
                {
                    if let Ok(Some((len, next))) = geometry.read(word, place, consumed) {
                        assert!(len <= 1000 && next.offset() < geometry.data && next.offset() % WORD_BYTES == 0);
                        assert!(place.payload() + len <= geometry.data + geometry.slack, "out of ring and slack");
                    }
                }
            }
        }
    }
}
