//! The messages of many producers: how they are numbered, and how a consumer keeps account of them.
//!
//! Message `s` of producer `p` has the number `256 s + p`. A consumer does not know which message comes next, but it knows
//! which cannot come any more: those before the last that it has seen of the same producer. And it adds up the numbers and
//! their squares. A producer sends `0, 1, 2 …` without a gap, so what the sums over all consumers must come to follows
//! from the counts alone, and costs the producers nothing.
//!
//! Sums of both powers notice whatever can go wrong with up to two messages: if `a` and `b` are lost and `c` and `d` arrive
//! in their place then `a + b = c + d` and `a² + b² = c² + d²` only if they are the same two.

use crate::{Error, Message, Result};

/// Numbers of one producer lie so far apart, and so many producers can be told apart.
const STRIDE: u64 = 256;

/// The number of a message.
#[inline(always)]
pub(super) fn number(producer: usize, sequence: u64) -> u64 {
    sequence * STRIDE + producer as u64 % STRIDE
}

/// How many messages, the sum of their numbers, and that of the squares, both modulo 2⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) sum: u64,
    pub(super) squares: u64,
}

impl Sums {
    /// Those of the first `count` messages of a producer.
    pub(super) fn of_stream(producer: usize, count: u64) -> Self {
        let Some(last) = count.checked_sub(1) else {
            return Sums::default();
        };
        let producer = producer as u64 % STRIDE;
        // 0 + 1 + … and 0 + 1 + 4 + …, divided before they are multiplied: what wraps cannot be divided any more.
        let sequences = product_by([last, count, 1], 2);
        let squares = product_by([last, count, last.wrapping_add(count)], 6);
        let times = u64::wrapping_mul;
        Sums {
            count,
            sum: times(STRIDE, sequences).wrapping_add(times(producer, count)),
            squares: times(STRIDE * STRIDE, squares)
                .wrapping_add(times(2 * STRIDE * producer, sequences))
                .wrapping_add(times(producer * producer, count)),
        }
    }

    pub(super) fn add(&mut self, other: &Sums) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
        self.squares = self.squares.wrapping_add(other.squares);
    }

    #[inline(always)]
    fn note(&mut self, number: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(number);
        self.squares = self.squares.wrapping_add(number.wrapping_mul(number));
    }
}

/// A product modulo 2⁶⁴ divided by 2 or 6, of factors among which each prime divisor has one that it divides.
fn product_by(mut factors: [u64; 3], by: u64) -> u64 {
    for prime in [2, 3].into_iter().filter(|prime| by % prime == 0) {
        if let Some(factor) = factors.iter_mut().find(|factor| **factor % prime == 0) {
            *factor /= prime;
        }
    }
    factors.into_iter().fold(1, u64::wrapping_mul)
}

/// A consumer's account.
pub(super) struct Tally {
    transport: &'static str,
    /// For each producer the least number that it may come with next.
    due: Vec<u64>,
    sums: Sums,
}

impl Tally {
    pub(super) fn new(transport: &'static str, producers: usize) -> Self {
        Tally { transport, due: (0..producers).map(|producer| number(producer, 0)).collect(), sums: Sums::default() }
    }

    /// Checks a message and keeps account of it.
    #[inline(always)]
    pub(super) fn note(&mut self, message: &Message<1>) -> Result<()> {
        let number = message.number();
        match self.due.get_mut((number % STRIDE) as usize) {
            Some(due) if number >= *due => *due = number.wrapping_add(STRIDE),
            _ => return Err(self.refuse(number)),
        }
        self.sums.note(number);
        Ok(())
    }

    /// What has been noted.
    #[inline(always)]
    pub(super) fn sums(&self) -> &Sums {
        &self.sums
    }

    #[cold]
    fn refuse(&self, number: u64) -> Box<Error> {
        let producer = (number % STRIDE) as usize;
        Box::new(match self.due.get(producer) {
            None => Error::Stranger { transport: self.transport, found: number },
            Some(due) => {
                Error::Disorder { transport: self.transport, producer, sequence: number / STRIDE, due: due / STRIDE }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(producer: usize, sequence: u64) -> Message<1> {
        Message::numbered(number(producer, sequence))
    }

    fn tally(messages: &[(usize, u64)]) -> Sums {
        // One tally a message: order is not what is asked here.
        let mut sums = Sums::default();
        for (producer, sequence) in messages {
            let mut tally = Tally::new("test", 3);
            tally.note(&message(*producer, *sequence)).unwrap();
            sums.add(tally.sums());
        }
        sums
    }

    fn everything(counts: &[u64]) -> Sums {
        let mut sums = Sums::default();
        (0..).zip(counts).for_each(|(producer, count)| sums.add(&Sums::of_stream(producer, *count)));
        sums
    }

    #[test]
    fn the_sums_of_a_stream_are_those_of_its_messages() {
        for producer in [0, 1, 2] {
            for count in 0..50 {
                let sent: Vec<_> = (0..count).map(|sequence| (producer, sequence)).collect();
                assert_eq!(Sums::of_stream(producer, count), tally(&sent), "producer {producer}, {count} messages");
            }
        }
        // Also where squares wrap.
        let mut sums = Sums::of_stream(255, 1 << 40);
        for sequence in (1 << 40)..(1 << 40) + 100 {
            sums.note(number(255, sequence));
        }
        assert_eq!(sums, Sums::of_stream(255, (1 << 40) + 100));
    }

    #[test]
    fn whatever_happens_to_two_messages_is_noticed() {
        let sent: Vec<(usize, u64)> = (0..3).flat_map(|producer| (0..8).map(move |n| (producer, n))).collect();
        let expected = everything(&[8, 8, 8]);
        assert_eq!(tally(&sent), expected);
        for a in 0..sent.len() {
            for b in 0..sent.len() {
                for c in 0..sent.len() {
                    let mut received = sent.clone();
                    // Once only the first is replaced, and else both, by messages that have arrived before.
                    received[a] = sent[b];
                    let one = a != b;
                    assert_eq!(tally(&received) != expected, one);
                    let other = (a + 5) % sent.len();
                    received[other] = sent[c];
                    let mut sorted = received.clone();
                    sorted.sort_unstable();
                    assert_eq!(tally(&received) != expected, sorted != sent, "{a} {b} {c}");
                }
            }
        }
        assert_ne!(tally(&sent[1..]), expected, "one is missing");
    }

    #[test]
    fn a_consumer_may_miss_messages_but_not_see_one_late_or_twice() {
        let mut tally = Tally::new("test", 2);
        for (producer, sequence) in [(0, 0), (1, 7), (0, 1), (0, 9), (1, 8)] {
            tally.note(&message(producer, sequence)).unwrap();
        }
        for late in [(0, 9), (0, 3), (1, 0)] {
            match *tally.note(&message(late.0, late.1)).unwrap_err() {
                Error::Disorder { transport: "test", producer, sequence, due } => {
                    assert_eq!((producer, sequence), late);
                    assert_eq!(due, if producer == 0 { 10 } else { 9 });
                }
                ref other => panic!("{other}"),
            }
        }
        assert_eq!(tally.sums().count, 5, "what is wrong does not count");
    }

    #[test]
    fn a_message_of_nobody_is_noticed() {
        let mut tally = Tally::new("test", 2);
        for stranger in [message(2, 0), message(255, 3), Message::numbered(crate::STOP), Message::default()] {
            let error = tally.note(&stranger).unwrap_err();
            assert!(matches!(*error, Error::Stranger { .. } | Error::Disorder { .. }), "{error}");
        }
    }
}
