//! What can be done to a ring of messages.

use rondel::Wait;

/// A length, in terms of a largest one that is known when it is used.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// Itself.
    Bytes(usize),
    /// So many less than the largest, as far as there are.
    Below(usize),
    /// So many more.
    Above(usize),
    /// So many parts of 256 of the largest.
    Part(usize),
}

impl Length {
    /// In bytes.
    pub fn of(self, largest: usize) -> usize {
        match self {
            Length::Bytes(len) => len,
            Length::Below(less) => largest.saturating_sub(less),
            Length::Above(more) => largest + more,
            Length::Part(part) => largest * part / 256,
        }
    }
}

/// How a call is made; those that could wait are given no time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names of the calls")]
pub enum How {
    Try,
    Timeout,
    Deadline,
    /// Without a limit: only where the answer has not to be waited for.
    Endless,
}

/// What becomes of a reservation.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// It is committed whole.
    Commit,
    /// With a length in terms of what is reserved.
    CommitLen(Length),
    /// It is abandoned.
    Drop,
}

/// One attempt to add a message to a batch.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// By `try_push`.
    Copy(Length),
    /// Of two slices.
    Vectored(Length, Length),
    /// In place.
    Reserve(Length, Fate),
}

/// What becomes of a message, or of a batch of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// What was given is consumed.
    Drop,
    /// It stays.
    Keep,
    /// It stays, too.
    Forget,
}

/// The buffer of a pop into one.
#[derive(Debug, Clone, Copy)]
pub enum Buffer {
    /// Than the message, by so many bytes.
    Longer(usize),
    /// By so many, as far as there are.
    Shorter(usize),
}

/// How a batch of messages is taken.
#[derive(Debug, Clone, Copy)]
pub struct Taking {
    /// By which call.
    pub how: How,
    /// How many at first,
    pub first: usize,
    /// what is pushed then,
    pub push: Option<Length>,
    /// and how many after that.
    pub more: usize,
    /// What becomes of it.
    pub end: End,
}

/// One call, or a few that belong together.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "most have the names of the calls")]
pub enum Operation {
    Push(How, Length),
    /// `Try` or `Endless`.
    PushVectored(How, Vec<Length>),
    /// The same.
    PushPod(How),
    Reserve(How, Length, Fate),
    /// Published or dropped.
    Batch(Vec<Item>, bool),
    /// `try_push` until it is refused.
    Fill(Length),
    IsFull(Length),
    /// As a stream: one slice by `write`, any other number by `write_vectored`.
    Write(Vec<Length>),
    WaitUntilEmpty,
    Pop(How, End),
    PopInto(How, Buffer),
    Peek,
    PopBatch(Taking),
    Pod,
    IsEmpty,
    /// As a stream.
    Read(Length),
    FillBuf(Length),
    /// To the end of the stream, where there is one.
    ReadToEnd,
    Peers,
    DropProducer,
    DropConsumer,
    KillProducer,
    KillConsumer,
    AttachProducer,
    AttachConsumer,
    /// Both handles and the ring go, and come back from the name or the descriptor.
    Reattach,
    SetWait(Wait),
}

/// Of few bytes, the first of which says what. Handles mostly are there, and pushes are a little ahead of pops, so that rings get full.
#[cfg(feature = "arbitrary")]
mod arbitrary {
    use ::arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Buffer, End, Fate, How, Item, Length, Operation, Taking};

    impl Arbitrary<'_> for Length {
        /// Mostly those at which something changes.
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Length> {
            let byte: u8 = bytes.arbitrary()?;
            Ok(match byte {
                0..=71 => Length::Bytes(byte.into()),
                72..=111 => Length::Bytes([0, 1, 7, 8, 9][usize::from(byte % 5)]),
                112..=151 => Length::Below(usize::from(byte % 2)),
                152..=159 => Length::Above(1),
                160..=255 => Length::Part(usize::from(byte - 159) * 8 / 3),
            })
        }
    }

    impl Arbitrary<'_> for How {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<How> {
            bytes.choose(&[How::Try, How::Timeout, How::Deadline, How::Endless]).copied()
        }
    }

    impl Arbitrary<'_> for Fate {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Fate> {
            Ok(match bytes.int_in_range(0..=5_u8)? {
                0..=2 => Fate::Commit,
                3..=4 => Fate::CommitLen(bytes.arbitrary()?),
                _ => Fate::Drop,
            })
        }
    }

    impl Arbitrary<'_> for Item {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Item> {
            Ok(match bytes.int_in_range(0..=5_u8)? {
                0..=2 => Item::Copy(bytes.arbitrary()?),
                3 => Item::Vectored(bytes.arbitrary()?, bytes.arbitrary()?),
                _ => Item::Reserve(bytes.arbitrary()?, bytes.arbitrary()?),
            })
        }
    }

    impl Arbitrary<'_> for End {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<End> {
            bytes.choose(&[End::Drop, End::Drop, End::Keep, End::Forget]).copied()
        }
    }

    impl Arbitrary<'_> for Buffer {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Buffer> {
            let byte = bytes.int_in_range(0..=31_u8)?;
            Ok(if byte < 24 { Buffer::Longer((byte % 12).into()) } else { Buffer::Shorter((byte - 23).into()) })
        }
    }

    impl Arbitrary<'_> for Taking {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Taking> {
            let (first, more) = (bytes.int_in_range(0..=3_u8)?, bytes.int_in_range(0..=15_u8)?);
            Ok(Taking {
                how: bytes.arbitrary()?,
                first: first.into(),
                push: if more % 2 == 0 { None } else { Some(bytes.arbitrary()?) },
                more: (more / 2).into(),
                end: bytes.arbitrary()?,
            })
        }
    }

    /// A few, as many as the next byte says.
    fn few<'a, T: Arbitrary<'a>>(bytes: &mut Unstructured<'a>, least: u8, most: u8) -> Result<Vec<T>> {
        (0..bytes.int_in_range(least..=most)?).map(|_| bytes.arbitrary()).collect()
    }

    impl Arbitrary<'_> for Operation {
        fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Operation> {
            use Operation::*;
            Ok(match bytes.int_in_range(0..=63_u8)? {
                0..=9 => Push(bytes.arbitrary()?, bytes.arbitrary()?),
                10..=11 => PushVectored(bytes.arbitrary()?, few(bytes, 0, 4)?),
                12..=13 => PushPod(bytes.arbitrary()?),
                14..=19 => Reserve(bytes.arbitrary()?, bytes.arbitrary()?, bytes.arbitrary()?),
                20..=23 => Batch(few(bytes, 0, 8)?, bytes.ratio(4, 5)?),
                24 => Fill(bytes.arbitrary()?),
                25 => IsFull(bytes.arbitrary()?),
                26..=28 => Write(few(bytes, 1, 4)?),
                29 => WaitUntilEmpty,
                30..=35 => Pop(bytes.arbitrary()?, bytes.arbitrary()?),
                36..=38 => PopInto(bytes.arbitrary()?, bytes.arbitrary()?),
                39 => Peek,
                40..=43 => PopBatch(bytes.arbitrary()?),
                44 => Pod,
                45 => IsEmpty,
                46..=48 => Read(bytes.arbitrary()?),
                49..=51 => FillBuf(bytes.arbitrary()?),
                52 => ReadToEnd,
                53 => Peers,
                54 => DropProducer,
                55 => DropConsumer,
                56 => KillProducer,
                57 => KillConsumer,
                58..=59 => AttachProducer,
                60..=61 => AttachConsumer,
                62 => SetWait(*bytes.choose(&crate::WAITS)?),
                _ => Reattach,
            })
        }
    }
}
