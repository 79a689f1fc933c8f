//! Where records end in a stream of bytes.
//!
//! A record has its delimiter, or its header, in it: the records of an input, one behind the other, are the input.

use std::fmt;

use memchr::Memchr;

/// What makes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// It ends with this byte.
    Delimited(u8),
    /// It begins with the length of the rest.
    Frames,
}

/// Length of a frame's header: the payload's length as a little-endian `u32`.
const HEADER: usize = size_of::<u32>();

/// Why an input cannot be cut into records that the ring takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The record is longer than the longest that the ring takes.
    TooLong { len: usize, largest: usize },
    /// The record has not ended yet and is longer already.
    Endless { read: usize, largest: usize },
    /// The input ends in the middle of a frame's header.
    HeaderCut { read: usize },
    /// The input ends in the middle of a frame.
    FrameCut { read: usize, len: usize },
}

/// Cuts an input that comes piece by piece.
pub(super) struct Cutter {
    framing: Framing,
    largest: usize,
    /// So many bytes of the record that has begun are known to hold no delimiter.
    searched: usize,
}

impl Cutter {
    pub(super) fn new(framing: Framing, largest: usize) -> Cutter {
        Cutter { framing, largest, searched: 0 }
    }

    /// The complete records in `input`, which begins where the last complete record ended. What is left behind them is to be
    /// shown again with more behind it, and is looked at by [`check_rest`](Self::check_rest) first.
    pub(super) fn records<'a>(&mut self, input: &'a [u8]) -> Records<'a> {
        let searched = self.searched.min(input.len());
        self.searched = 0;
        let ends = match self.framing {
            Framing::Delimited(byte) => Ends::Delimiters(memchr::memchr_iter(byte, &input[searched..]), searched),
            Framing::Frames => Ends::Headers,
        };
        Records { input, begin: 0, largest: self.largest, ends }
    }

    /// Whether the record that begins with `rest`, and is not complete, can still become one.
    pub(super) fn check_rest(&mut self, rest: &[u8]) -> Result<(), Unfit> {
        if self.framing == Framing::Frames {
            // How long it will be is looked at as soon as the header is complete, by the iterator.
            return Ok(());
        }
        self.searched = rest.len();
        // No longer than this it may be the last of the input, which needs no delimiter.
        if rest.len() > self.largest {
            return Err(Unfit::Endless { read: rest.len(), largest: self.largest });
        }
        Ok(())
    }

    /// What the rest is worth when the input has ended: the last line may do without its newline, a frame is whole or not one.
    pub(super) fn last<'a>(&self, rest: &'a [u8]) -> Result<Option<&'a [u8]>, Unfit> {
        match self.framing {
            _ if rest.is_empty() => Ok(None),
            Framing::Delimited(_) => Ok(Some(rest)),
            Framing::Frames => Err(match frame_len(rest) {
                None => Unfit::HeaderCut { read: rest.len() },
                Some(len) => Unfit::FrameCut { read: rest.len(), len },
            }),
        }
    }
}

/// Length of the frame that begins with `bytes`, its header included, once the header is there.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let header = bytes.first_chunk::<HEADER>()?;
    Some(HEADER + u32::from_le_bytes(*header) as usize)
}

/// The complete records at the front of an input. Ends at the first that the ring does not take.
pub(super) struct Records<'a> {
    input: &'a [u8],
    begin: usize,
    largest: usize,
    ends: Ends<'a>,
}

enum Ends<'a> {
    /// A search, and where in the input it began.
    Delimiters(Memchr<'a>, usize),
    Headers,
}

impl<'a> Records<'a> {
    /// What is not part of a record that was given out.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.input[self.begin..]
    }

    /// The length of the next record, if it is complete.
    fn next_len(&mut self) -> Result<Option<usize>, Unfit> {
        let rest = self.rest();
        let len = match &mut self.ends {
            Ends::Delimiters(delimiters, from) => delimiters.next().map(|at| *from + at + 1 - self.begin),
            Ends::Headers => frame_len(rest),
        };
        match len {
            Some(len) if len > self.largest => Err(Unfit::TooLong { len, largest: self.largest }),
            Some(len) if len > rest.len() => Ok(None),
            len => Ok(len),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], Unfit>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.next_len() {
            Ok(Some(len)) => {
                let record = &self.input[self.begin..self.begin + len];
                self.begin += len;
                Some(Ok(record))
            }
            Ok(None) => None,
            Err(unfit) => Some(Err(unfit)),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::TooLong { len, largest } => {
                write!(f, "it is {len} bytes long, and the ring takes {largest} at most (--largest)")
            }
            Unfit::Endless { read, largest } => write!(
                f,
                "it has not ended after {read} bytes, and the ring takes {largest} at most (--largest, or --stream)"
            ),
            Unfit::HeaderCut { read } => {
                write!(f, "the input ends in the middle of a frame's header, after {read} of its {HEADER} bytes")
            }
            Unfit::FrameCut { read, len } => {
                write!(f, "the input ends in the middle of the frame, after {read} of its {len} bytes, header included")
            }
        }
    }
}

impl std::error::Error for Unfit {}

#[cfg(test)]
mod tests;
