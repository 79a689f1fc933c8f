//! The messages: their content follows from their number, so that a receiver can check every word of every one.

use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};

/// The number of the message that ends a stream; no message that counts has it.
pub const STOP: u64 = u64::MAX;

/// Keeps message 0 from being all zeroes, which is what memory that nobody has written looks like.
const ORIGIN: u64 = 0x5bd1_e995_9e37_79b9;

/// The difference between neighbouring words of a message: large and odd, so that a word in the wrong place, and a
/// message of which one half is old and the other new, is always noticed.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A message of `WORDS` 64-bit words.
///
/// Word `w` of message `n` is `ORIGIN + n + w × STEP`, wrapping: one addition a word to make and one to check, in a
/// form that compilers turn into vector instructions, since the check must cost less than the fastest transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Message<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Default for Message<WORDS> {
    /// A message of zeroes, to receive into. It verifies as no number that occurs.
    fn default() -> Self {
        Message([0; WORDS])
    }
}

impl<const WORDS: usize> Message<WORDS> {
    /// How long the message is, in bytes.
    pub const BYTES: usize = 8 * WORDS;

    /// The message with the given number.
    #[inline(always)]
    pub fn numbered(number: u64) -> Self {
        let base = ORIGIN.wrapping_add(number);
        Message(std::array::from_fn(|word| base.wrapping_add(STEP.wrapping_mul(word as u64))))
    }

    /// Whether this is the message with the given number, in every word.
    #[inline(always)]
    pub fn is(&self, number: u64) -> bool {
        self.difference(number) == 0
    }

    /// Checks that this is the message with the given number.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], which names the transport, the message and the first word that is wrong.
    #[inline(always)]
    pub fn verify(&self, transport: &'static str, number: u64) -> Result<()> {
        if self.is(number) { Ok(()) } else { Err(self.mismatch(transport, number)) }
    }

    /// The place of the first message in a batch that is not the one expected there, if the first is to have the
    /// given number.
    #[inline(always)]
    pub fn first_wrong(batch: &[Self], first: u64) -> Option<usize> {
        // One branch a batch where all is well: the differences of all words are gathered and looked at once.
        let mut difference = 0;
        let mut number = first;
        for message in batch {
            difference |= message.difference(number);
            number = number.wrapping_add(1);
        }
        if difference == 0 { None } else { Self::search_wrong(batch, first) }
    }

    /// The words of the message.
    pub fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// The words of the message, to be written.
    pub fn words_mut(&mut self) -> &mut [u64; WORDS] {
        &mut self.0
    }

    /// The bits in which any word differs from what it should be.
    #[inline(always)]
    fn difference(&self, number: u64) -> u64 {
        let mut difference = 0;
        for (found, expected) in self.0.iter().zip(Self::numbered(number).0) {
            difference |= found ^ expected;
        }
        difference
    }

    #[cold]
    fn search_wrong(batch: &[Self], first: u64) -> Option<usize> {
        batch.iter().zip(first..).position(|(message, number)| !message.is(number))
    }

    #[cold]
    fn mismatch(&self, transport: &'static str, index: u64) -> Box<Error> {
        let expected = Self::numbered(index).0;
        let word = self.0.iter().zip(expected).position(|(found, expected)| *found != expected).unwrap_or(0);
        let value = |words: &[u64; WORDS]| words.get(word).copied().unwrap_or(0);
        Box::new(Error::Corrupt { transport, index, word, expected: value(&expected), found: value(&self.0) })
    }
}

impl Message<1> {
    /// The number of a message that is nothing but its number.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        let [word] = self.0;
        word.wrapping_sub(ORIGIN)
    }
}
