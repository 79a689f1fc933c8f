//! The length word: a tag that says whose place it is, and a length.
//!
//! ```text
//!   63   62                    32 31                     0
//!   ┌───┬────────────────────────┬────────────────────────┐
//!   │ 1 │ position / 8, 31 bits  │ length in bytes        │      0: nothing is published here
//!   └───┴────────────────────────┴────────────────────────┘
//! ```
//!
//! Two positions have the same tag only if they are a multiple of 16 GiB apart. The protocol does not need the tag, for every word
//! is zeroed before it can be looked at; it turns a stray write, and a participant that has lost its place, into an error.

/// Bytes of a length word, and what every position is a multiple of.
pub(crate) const WORD_BYTES: u64 = 8;

/// The longest message that a length word can tell, in bytes.
pub(crate) const MOST: u64 = u32::MAX as u64;

const LENGTH_BITS: u32 = 32;

/// Bytes of the record of a message of `len` bytes, at most [`MOST`].
#[inline(always)]
pub(crate) fn bytes(len: u64) -> u64 {
    WORD_BYTES + ((len + (WORD_BYTES - 1)) & !(WORD_BYTES - 1))
}

/// The word that publishes a message of 0 bytes at `position`; with `len` added, of `len` bytes.
#[inline(always)]
pub(crate) fn tag(position: u64) -> u64 {
    1 << 63 | (position / WORD_BYTES) << LENGTH_BITS
}
