//! The messages, how long each is, and where it lies: computed beside the library, from what its documentation says of positions.

use std::sync::LazyLock;

use crate::kills::pair::{POD_BYTES, Spot};

/// Bytes of unread records that always fit, and of the largest message. A stream writes pieces of a quarter of the capacity: any message
/// is one piece.
pub(super) const CAPACITY: u64 = 800;
pub(super) const LARGEST: usize = 200;
/// Bytes of the ring, in which these always fit, given that a consumer may keep back an eighth.
const DATA: u64 = 960;
/// Bytes of a length word.
const WORD: u64 = 8;

/// No scenario needs more.
const MESSAGES: u64 = 4096;
/// Lengths at which something changes.
const LENGTHS: [u64; 16] = [24, 0, 1, 7, 8, 9, 16, 40, 56, 63, 64, 65, 100, 128, 129, LARGEST as u64];

/// All the messages.
pub(super) struct Letters {
    /// Where each lies, and where the one behind the last would.
    positions: Vec<u64>,
    lens: Vec<u64>,
    /// Where its bytes begin, in `noise`.
    begins: Vec<usize>,
    noise: Vec<u8>,
    /// The number of the message at each position, by words.
    numbers: Vec<u32>,
}

static LETTERS: LazyLock<Letters> = LazyLock::new(Letters::new);

/// The messages; made when they are first asked for, which has to be before anything is forked.
pub(super) fn letters() -> &'static Letters {
    &LETTERS
}

/// Bytes of the record of a message of `len` bytes.
fn record(len: u64) -> u64 {
    WORD + len.next_multiple_of(WORD)
}

/// Numbers that look random, and are the same each time.
fn mixed(number: u64) -> u64 {
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    word ^ word >> 32
}

impl Letters {
    fn new() -> Self {
        let (mut positions, mut lens, mut begins) = (Vec::new(), Vec::new(), Vec::new());
        let (mut position, mut begin) = (0, 0);
        for number in 0..MESSAGES {
            let len = Self::choose(number, position);
            positions.push(position);
            lens.push(len);
            begins.push(begin);
            begin += len as usize;
            position = behind(position, len);
        }
        positions.push(position);
        let noise = (0..begin as u64).map(|place| mixed(place + MESSAGES) as u8).collect();
        let mut numbers = vec![u32::MAX; (position / WORD + 1) as usize];
        for (number, position) in positions.iter().enumerate() {
            numbers[(position / WORD) as usize] = number as u32;
        }
        Self { positions, lens, begins, noise, numbers }
    }

    /// Any length; but each second lap is made to end exactly where the ring does, as soon as one message can bring that about.
    fn choose(number: u64, position: u64) -> u64 {
        let word = mixed(number);
        let left = DATA - position % DATA;
        if position / DATA % 2 == 0 && left <= record(LARGEST as u64) {
            // Not always a multiple of 8, which comes to the same place.
            (left - WORD).saturating_sub(word % WORD)
        } else {
            LENGTHS[(word >> 32) as usize % LENGTHS.len()]
        }
    }

    pub(super) fn bytes(&self, number: u64) -> &[u8] {
        let begin = self.begins[number as usize];
        &self.noise[begin..begin + self.lens[number as usize] as usize]
    }

    pub(super) fn position(&self, number: u64) -> u64 {
        self.positions[number as usize]
    }

    /// The number of the message at a position.
    pub(super) fn at(&self, position: u64) -> u64 {
        let number = self.numbers.get((position / WORD) as usize).filter(|_| position % WORD == 0);
        match number {
            Some(&number) if number != u32::MAX => number.into(),
            _ => panic!("no message lies at position {position}"),
        }
    }

    /// How many messages from this one on have records of no more bytes than the capacity: so many are promised to fit.
    pub(super) fn promised(&self, first: u64) -> u64 {
        let mut bytes = 0;
        let fits = |len: &&u64| {
            bytes += record(**len);
            bytes <= CAPACITY
        };
        self.lens[first as usize..].iter().take_while(fits).count() as u64
    }

    /// How many do fit into an empty ring: they, and the word behind the last.
    pub(super) fn filled(&self, first: u64) -> u64 {
        let end = self.position(first) + DATA - WORD;
        self.positions[first as usize + 1..].iter().take_while(|behind| **behind <= end).count() as u64
    }

    pub(super) fn is_at(&self, spot: Spot, number: u64) -> bool {
        let len = self.lens[number as usize];
        let end = self.position(number) % DATA + record(len);
        match spot {
            Spot::Beginning => number == 0,
            Spot::End => end == DATA,
            Spot::OverTheEnd => end > DATA,
            Spot::OverTheEndSoon => self.is_at(Spot::OverTheEnd, number + 2),
            Spot::Largest => len == LARGEST as u64,
            Spot::Nothing => len == 0,
            Spot::Pod => len == POD_BYTES as u64,
        }
    }
}

/// The position behind a record: one that reaches the ring's end, or runs over it, is the last of its lap.
fn behind(position: u64, len: u64) -> u64 {
    let lap = position / DATA * DATA;
    (position + record(len)).min(lap + DATA)
}

#[cfg(test)]
mod tests {
    use rondel::bytes::Ring;

    use super::*;

    /// The scenarios rest on it: what is computed here is what the library does.
    #[test]
    fn positions_are_the_librarys() {
        let ring = Ring::builder().capacity(CAPACITY as usize).largest(LARGEST).anonymous().unwrap();
        let (mut tx, mut rx) = (ring.producer().unwrap(), ring.consumer().unwrap());
        let mut next = 0;
        while next < MESSAGES - 200 {
            let first = next;
            assert!(letters().promised(first) >= 3 && letters().filled(first) >= letters().promised(first));
            while tx.try_push(letters().bytes(next)).is_ok() {
                next += 1;
                assert_eq!(letters().at(tx.position()), next);
            }
            assert_eq!(next - first, letters().filled(first));
            while rx.try_pop().map(drop).is_ok() {}
            assert_eq!(letters().at(rx.position()), next);
        }
    }

    #[test]
    fn no_lap_has_more_messages_than_are_pushed_for_one() {
        let laps = letters().positions.iter().map(|position| position / DATA);
        let counts = laps.fold(vec![0; MESSAGES as usize], |mut counts, lap| {
            counts[lap as usize] += 1;
            counts
        });
        let most = counts.iter().max().unwrap();
        assert!(*most <= 30, "{most}");
    }
}
