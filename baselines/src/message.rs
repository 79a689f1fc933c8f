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

/// Word `word` of the message with the given number.
#[inline(always)]
const fn content(number: u64, word: usize) -> u64 {
    ORIGIN.wrapping_add(number).wrapping_add(STEP.wrapping_mul(word as u64))
}

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The message that was due.
    Due,
    /// The one with number [`STOP`]: the stream has ended.
    Stop,
}

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
        let mut message = Message::default();
        message.renumber(number);
        message
    }

    /// Makes this the message with the given number, in every word. Large messages are made in place: to make one and then
    /// move it would be a copy that no transport has asked for.
    #[inline(always)]
    pub fn renumber(&mut self, number: u64) {
        for (word, place) in self.0.iter_mut().enumerate() {
            *place = content(number, word);
        }
    }

    /// Gives a message that was made before another number, in its first and last word only: the cheapest way to keep
    /// messages of the same content apart.
    #[inline(always)]
    pub fn stamp(&mut self, number: u64) {
        if let Some(first) = self.0.first_mut() {
            *first = content(number, 0);
        }
        if let Some(last) = self.0.last_mut() {
            *last = content(number, WORDS - 1);
        }
    }

    /// Looks at the first and the last word, and says whether this is the message with the given number or the last of
    /// its stream.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when it is neither.
    #[inline(always)]
    pub fn stamped(&self, transport: &'static str, number: u64) -> Result<Arrival> {
        if self.has_stamp(number) {
            Ok(Arrival::Due)
        } else if self.has_stamp(STOP) {
            Ok(Arrival::Stop)
        } else {
            Err(self.mismatch(transport, number))
        }
    }

    #[inline(always)]
    fn has_stamp(&self, number: u64) -> bool {
        let is = |word, found: Option<&u64>| found.is_none_or(|found| *found == content(number, word));
        is(0, self.0.first()) && is(WORDS.saturating_sub(1), self.0.last())
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

    /// Looks at every word, and says whether this is the message with the given number or the last of its stream.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when it is neither.
    #[inline(always)]
    pub fn arrived(&self, transport: &'static str, number: u64) -> Result<Arrival> {
        if self.is(number) { Ok(Arrival::Due) } else { self.stop_or_wrong(transport, number) }
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

    /// Looks at every word of a batch, and says how many of its messages were due, if the first is to have the given number, and whether
    /// the stream has ended behind them. The last message of all goes alone, so it is the last of whatever batch it arrives in.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when one is neither due nor the last.
    #[inline(always)]
    pub fn arrived_batch(transport: &'static str, first: u64, batch: &[Self]) -> Result<(usize, Arrival)> {
        match Self::first_wrong(batch, first) {
            None => Ok((batch.len(), Arrival::Due)),
            Some(place) => Self::ended(transport, first, batch, place),
        }
    }

    /// What a batch is in which the message in the given place is not the one that was due.
    #[cold]
    fn ended(transport: &'static str, first: u64, batch: &[Self], place: usize) -> Result<(usize, Arrival)> {
        let number = first.wrapping_add(place as u64);
        match batch.get(place..) {
            Some([last]) => last.arrived(transport, number).map(|arrival| (place, arrival)),
            Some([wrong, ..]) => Err(wrong.mismatch(transport, number)),
            _ => Ok((place, Arrival::Due)),
        }
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
        for (word, found) in self.0.iter().enumerate() {
            difference |= found ^ content(number, word);
        }
        difference
    }

    #[cold]
    fn search_wrong(batch: &[Self], first: u64) -> Option<usize> {
        batch.iter().zip(first..).position(|(message, number)| !message.is(number))
    }

    #[cold]
    fn stop_or_wrong(&self, transport: &'static str, number: u64) -> Result<Arrival> {
        if self.is(STOP) { Ok(Arrival::Stop) } else { Err(self.mismatch(transport, number)) }
    }

    #[cold]
    fn mismatch(&self, transport: &'static str, index: u64) -> Box<Error> {
        let wrong = self.0.iter().enumerate().find(|(word, found)| **found != content(index, *word));
        let (word, found) = wrong.map_or((0, 0), |(word, found)| (word, *found));
        Box::new(Error::Corrupt { transport, index, word, expected: content(index, word), found })
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
