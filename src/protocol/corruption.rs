//! What is said of a shared word that cannot be.

use core::fmt;

/// A shared word holds what no rondel process writes there.
///
/// Something else wrote into the segment: a stray pointer of a peer, a tool, a hostile process. Nothing was read or
/// written outside the segment, and the handle that met it stays failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corruption {
    /// Which word.
    pub word: &'static str,
    /// The least value that it could have had.
    pub least: u64,
    /// The greatest value that it could have had.
    pub most: u64,
    /// The value that it had.
    pub found: u64,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corruption { word, least, most, found } = self;
        write!(f, "the segment is corrupted: `{word}` should be in {least}..={most}, found {found}")
    }
}

impl core::error::Error for Corruption {}
