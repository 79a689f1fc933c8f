//! What a ring's creator decides for all who attach, a bit each.
//!
//! The bits stand in the header's `options`. Which there are is the ring's to say ([`OptionBit`]); a
//! builder may ask for some of them and leave the others open.

use crate::error::SegmentError;

/// An option of a ring, and what errors call it. Its index in the ring's list is its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionBit {
    /// What the option decides.
    pub name: &'static str,
    /// What is decided where the bit is 0, as it is unless the creator asks for something else.
    pub clear: &'static str,
    /// What is decided where the bit is 1.
    pub set: &'static str,
}

impl OptionBit {
    const fn value(&self, set: bool) -> &'static str {
        if set { self.set } else { self.clear }
    }
}

/// The bits that a list of options gives a meaning to.
pub(super) fn known_bits(known: &[OptionBit]) -> u64 {
    match u32::try_from(known.len()) {
        Ok(len) => !u64::MAX.checked_shl(len).unwrap_or(0),
        Err(_) => u64::MAX,
    }
}

/// What a caller has asked of the options.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Choices {
    /// The bits that something was asked of.
    asked: u64,
    /// Those of them that are to be set.
    set: u64,
}

impl Choices {
    /// The same with one more bit asked for; what was asked of this bit before is forgotten. There
    /// are 64 bits: nothing can be asked of one beyond them.
    pub(super) fn with(self, bit: u32, set: bool) -> Self {
        let mask = 1_u64.checked_shl(bit).unwrap_or(0);
        Self { asked: self.asked | mask, set: if set { self.set | mask } else { self.set & !mask } }
    }

    /// The options of a new segment.
    pub(super) fn for_creation(self, known: &[OptionBit]) -> u64 {
        self.set & known_bits(known)
    }

    /// Compares what an attacher asks for with what it has found, the lowest bit first.
    pub(super) fn check(self, known: &[OptionBit], found: u64) -> Result<(), SegmentError> {
        let differing = (self.set ^ found) & self.asked;
        for (bit, option) in (0..u64::BITS).zip(known) {
            let is_set = |bits: u64| bits >> bit & 1 == 1;
            if is_set(differing) {
                let (expected, found) = (option.value(is_set(self.set)), option.value(is_set(found)));
                return Err(SegmentError::RingOption { option: option.name, expected, found });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEED: OptionBit = OptionBit { name: "speed", clear: "slow", set: "fast" };

    #[test]
    fn as_many_bits_are_known_as_there_are_options() {
        assert_eq!(known_bits(&[]), 0);
        assert_eq!(known_bits(&[SPEED; 3]), 0b111);
        assert_eq!(known_bits(&[SPEED; 63]), u64::MAX >> 1);
        assert_eq!(known_bits(&[SPEED; 64]), u64::MAX);
        assert_eq!(known_bits(&[SPEED; 65]), u64::MAX);
    }

    #[test]
    fn what_is_asked_last_counts() {
        let choices = Choices::default().with(1, true).with(0, true).with(1, false);
        assert_eq!(choices.for_creation(&[SPEED; 2]), 0b01);
        choices.check(&[SPEED; 2], 0b01).expect("the same");
        choices.check(&[SPEED; 2], 0b11).expect_err("bit 1 was asked to be clear");
        choices.check(&[SPEED; 2], 0b00).expect_err("bit 0 was asked to be set");
    }

    #[test]
    fn a_bit_without_a_meaning_is_never_set() {
        let choices = Choices::default().with(1, true).with(63, true).with(64, true).with(u32::MAX, true);
        assert_eq!(choices.for_creation(&[SPEED]), 0);
        assert_eq!(choices.for_creation(&[SPEED; 2]), 0b10);
        choices.check(&[SPEED], 0).expect("nothing that has a meaning was asked for");
    }
}
