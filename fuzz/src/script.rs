//! What to do, from the bytes that a fuzzer thinks of: a byte or two for each step, so that a change of one byte is a change of one step.

/// How the memory is treated between the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Nobody writes but the protocol, and every answer is known.
    Honest,
    /// Somebody writes what consumers may write, where the producer says what it was told: what is vouched for is right nevertheless.
    Lies,
    /// Somebody writes any word: no operation panics, goes on without end, or leaves the block.
    Hostile,
}

/// The bytes that are left.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Of all of an input.
    pub fn new(input: &'a [u8]) -> Self {
        Script(input)
    }

    /// The next byte; 0 behind the end.
    pub fn operand(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }
}

impl Iterator for Script<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
}
