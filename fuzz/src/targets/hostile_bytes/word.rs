//! The words of a ring of messages, and values that are nearly right for them.

use std::sync::atomic::Ordering::Relaxed;

use crate::hostile::{self, Scribbler};
use arbitrary::Arbitrary;

/// Where the body begins, in words, and where in it the ring does.
const BODY: usize = 512;
const RING: usize = BODY + 128;
/// `body_len` in the header, in words.
const BODY_LEN: usize = 8;

/// A position near one of the two ends of what is unread.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) struct Near {
    /// The producer's, not the consumer's.
    tail: bool,
    /// Half of them 0: the end itself. Others in words of 8 bytes from there.
    by: i8,
    /// A position that is no multiple of 8, if it is more than 240.
    odd: u8,
    /// Mostly the same lap; the next one, or the one before, if it is more than 192.
    laps: u8,
}

/// A shared word.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Place {
    /// The roles, the two events, `consumed`, `released`.
    Control(u8),
    /// Where a length word may be.
    Length(Near),
    /// Any word of the segment, the header and the slack included.
    Anywhere(u16),
}

/// What is written.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Value {
    /// Nothing that means anything there.
    Plain(hostile::Value),
    Position(Near),
    /// A length with the tag that belongs to the place, where that is a length word's.
    Length(u32),
    Short(u8),
    Medium(u16),
    /// With another position's tag.
    Misplaced(Near, u16),
}

/// One word, overwritten.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) struct Scribble(Place, Value);

/// Where both handles stand, as they say themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    pub(super) head: u64,
    pub(super) tail: u64,
}

/// Where the words of a ring lie, as `src/bytes/memory.rs` says.
pub(super) struct Layout {
    /// Bytes of the ring without its slack.
    data: u64,
}

impl Layout {
    /// Of a segment that nobody has scribbled on.
    pub(super) fn of(scribbler: &Scribbler, largest: usize) -> Layout {
        let body_len = scribbler.word(BODY_LEN).load(Relaxed);
        let words = (RING - BODY) as u64 * 8;
        Layout { data: body_len - words - (largest as u64).next_multiple_of(64) }
    }

    pub(super) fn data(&self) -> u64 {
        self.data
    }

    fn position(&self, positions: Positions, near: Near) -> u64 {
        let end = if near.tail { positions.tail } else { positions.head };
        let words = if near.by & 1 == 0 { 0 } else { i64::from(near.by >> 1) };
        let by = words * 8 + i64::from(near.odd.saturating_sub(240));
        let lap = match near.laps {
            0..=192 => 0,
            laps if laps % 2 == 0 => self.data as i64,
            _ => -(self.data as i64),
        };
        end.wrapping_add_signed(by).wrapping_add_signed(lap)
    }

    fn index(&self, positions: Positions, place: Place) -> usize {
        match place {
            Place::Control(which) => BODY + 16 * usize::from(which % 6),
            Place::Length(near) => RING + (self.position(positions, near) % self.data / 8) as usize,
            Place::Anywhere(index) => index.into(),
        }
    }

    pub(super) fn write(&self, scribbler: &Scribbler, positions: Positions, Scribble(place, value): Scribble) {
        let index = self.index(positions, place);
        let here = match place {
            Place::Length(near) => near,
            Place::Control(_) | Place::Anywhere(_) => Near { tail: false, by: 0, odd: 0, laps: 0 },
        };
        let length = |near, len: u32| 1 << 63 | (self.position(positions, near) / 8) << 32 | u64::from(len);
        let value = match value {
            Value::Plain(value) => return scribbler.write(index, value),
            Value::Position(near) => self.position(positions, near),
            Value::Length(len) => length(here, len),
            Value::Short(len) => length(here, len.into()),
            Value::Medium(len) => length(here, len.into()),
            Value::Misplaced(near, len) => length(near, len.into()),
        };
        scribbler.word(index).store(value, Relaxed);
    }
}
