//! What the messages say, by number: how long each is, every byte of it, and where it lies in the ring.

use crate::place::Shape;
use crate::scratch::Random;

/// Where in the noise a message may begin.
const BEGINNINGS: u64 = 1 << 16;

/// The messages of a test. Each is a stretch of the same noise that begins at a place of its own, so that whole messages are compared at
/// the speed of memory, and one that is torn, moved or mixed with another differs.
pub(crate) struct Letters {
    noise: Vec<u8>,
    shape: Shape,
}

/// A message, and where it begins: bytes of the ring since it was made, as the handles' `position` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) position: u64,
}

impl Letters {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut random = Random::new(1);
        let len = shape.largest as u64 + BEGINNINGS;
        Self { noise: (0..len).map(|_| random.below(256) as u8).collect(), shape }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Many are short, some empty, one in sixteen is as long as can be.
    pub(crate) fn len(&self, number: u64) -> usize {
        let (kind, any) = (hash(number) % 16, hash(number) >> 32);
        let largest = self.shape.largest as u64;
        let len = match kind {
            0 => 0,
            1..=8 => any % 65,
            9..=12 => any % 1025,
            13 | 14 => any % (largest + 1),
            _ => largest,
        };
        len.min(largest) as usize
    }

    pub(crate) fn bytes(&self, number: u64) -> &[u8] {
        let begin = (hash(!number) % BEGINNINGS) as usize;
        &self.noise[begin..begin + self.len(number)]
    }

    /// What is found has to be this message, to the last byte.
    #[track_caller]
    pub(crate) fn check(&self, number: u64, found: &[u8]) {
        assert_eq!(found.len(), self.len(number), "length of message {number}");
        self.check_part(number, 0, found);
    }

    /// The same for a part of a message, from byte `from` on.
    #[track_caller]
    pub(crate) fn check_part(&self, number: u64, from: usize, found: &[u8]) {
        let expected = &self.bytes(number)[from..from + found.len()];
        if found != expected {
            let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
            panic!("message {number} is torn: byte {} of {}", from + same, self.len(number));
        }
    }

    /// Bytes of its record.
    pub(crate) fn record(&self, number: u64) -> u64 {
        8 + (self.len(number) as u64).next_multiple_of(8)
    }

    /// Whether the record of this message runs over the end of the ring.
    pub(crate) fn runs_over(&self, place: Place) -> bool {
        let data = self.shape.data();
        place.position % data + self.record(place.number) > data
    }

    /// The next message, and where it lies if this one lies there: in the same lap, or at the beginning of the next.
    pub(crate) fn behind(&self, place: Place) -> Place {
        let data = self.shape.data();
        let end = place.position + self.record(place.number);
        let lap = (place.position / data + 1) * data;
        Place { number: place.number + 1, position: end.min(lap) }
    }

    /// The message that lies at this position, given an earlier one. None may begin anywhere else.
    #[track_caller]
    pub(crate) fn at(&self, position: u64, mut place: Place) -> Place {
        let from = place;
        while place.position < position {
            place = self.behind(place);
        }
        assert_eq!(place.position, position, "no message begins there, counted from {from:?}");
        place
    }
}

/// The finisher of splitmix64: neighbours have nothing in common.
fn hash(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
