//! The words of a many-to-many ring, and values that are nearly right for them.

use std::sync::atomic::Ordering::Relaxed;

use crate::hostile::{self, Scribbler};
use arbitrary::Arbitrary;
use bytemuck::Pod;
use rondel::mpmc::Ring;

/// Words to a record of the table, and from one of the ring's own words to the next.
const APART: usize = 16;
/// Where the body begins, in words.
const BODY: usize = 512;

/// A shared word.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Place {
    /// Of a line in the table: state, pid, start, side, three intents, asleep. Mostly one of the first eight lines.
    Line { line: u8, word: u8 },
    /// Tail, head, the two masks of sleepers, the count of changes.
    Control(u8),
    /// A slot's stamp.
    Stamp(u8),
    /// Any word of the segment, the header and the elements included.
    Anywhere(u16),
}

/// The position that a value is made from.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) struct Near {
    /// Of the head, not of the tail.
    head: bool,
    by: i8,
    laps: i8,
}

/// What is written.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Value {
    /// Nothing that means anything there.
    Plain(hostile::Value),
    Position(Near),
    /// Free, full, void or taken over, in some lap; the line and the attachment for the last.
    Stamp {
        near: Near,
        state: u8,
        line: u8,
        attachment: u8,
    },
    Intent {
        near: Near,
        len: u8,
    },
    /// The longest that there is.
    LongIntent(Near),
    /// One bit of a mask, besides those that are set.
    Bit(u8),
}

/// Where the words of a ring lie, as `src/mpmc/memory.rs` says.
pub(super) struct Layout {
    lines: usize,
    slots: u64,
    /// From one slot to the next, in words.
    stride: usize,
}

impl Layout {
    pub(super) fn of<T: Pod>(ring: &Ring<T>) -> Layout {
        let bytes = align_of::<T>().max(8) + size_of::<T>();
        let stride = if bytes <= 64 { bytes.next_power_of_two() } else { bytes.next_multiple_of(64) };
        Layout { lines: ring.places(), slots: (ring.capacity() as u64).next_power_of_two(), stride: stride / 8 }
    }

    fn index(&self, place: Place) -> usize {
        let control = BODY + APART * self.lines;
        match place {
            Place::Line { line, word } => {
                let line = if line < 192 { line % 8 } else { line };
                BODY + usize::from(line) % self.lines * APART + usize::from(word % 8)
            }
            Place::Control(which) => control + APART * usize::from(which % 5),
            Place::Stamp(slot) => control + APART * 5 + usize::from(slot) % self.slots as usize * self.stride,
            Place::Anywhere(index) => index.into(),
        }
    }

    fn position(&self, scribbler: &Scribbler, near: Near) -> u64 {
        let end = scribbler.word(self.index(Place::Control(near.head.into()))).load(Relaxed);
        let laps = i64::from(near.laps / 32) * self.slots as i64;
        end.wrapping_add_signed(laps).wrapping_add_signed(near.by.into())
    }

    pub(super) fn write(&self, scribbler: &Scribbler, place: Place, value: Value) {
        let index = self.index(place);
        let word = scribbler.word(index);
        let value = match value {
            Value::Plain(value) => return scribbler.write(index, value),
            Value::Position(near) => self.position(scribbler, near),
            Value::Stamp { near, state, line, attachment } => {
                let p = self.position(scribbler, near);
                let taken = |lap: u64| lap << 30 | u64::from(attachment) << 14 | u64::from(line) << 2 | 3;
                match state % 4 {
                    3 => taken(p >> self.slots.trailing_zeros()),
                    state => (p & !(self.slots - 1)) << 2 | u64::from(state),
                }
            }
            Value::Intent { near, len } => self.position(scribbler, near) << 16 | u64::from(len),
            Value::LongIntent(near) => self.position(scribbler, near) << 16 | 0xffff,
            Value::Bit(bit) => word.load(Relaxed) | 1 << (bit % 64),
        };
        word.store(value, Relaxed);
    }
}
