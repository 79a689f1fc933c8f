//! What can be done to a ring. Who does it is a number, taken modulo those who can.

use rondel::Wait;

/// What becomes of a guard.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// The element is let go of at once.
    Dropped,
    /// The same, by the method that returns the element.
    Consumed,
    /// It outlives the operation, and is dropped by another.
    Held,
    /// The next pop of the same consumer lets go of the element.
    Forgotten,
}

/// How a handle asks for one element, or offers one.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names of the calls")]
pub enum How {
    Try,
    Timeout,
    Deadline,
}

/// One call, or a few that belong together.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "most have the names of the calls")]
pub enum Operation {
    Push(usize, How),
    PushSlice(usize, How, usize),
    /// Until it is refused.
    Fill(usize),
    Pop(usize, How),
    PopSlice(usize, How, usize),
    Guard(usize, How, Fate),
    DropGuard(usize),
    TryIter(usize, usize),
    /// The iterator that waits: only where it has an end.
    Drain(usize),
    Stuck,
    Recover,
    Participants,
    DropProducer(usize),
    DropConsumer(usize),
    /// With what it holds, as [`death`](crate::death) comes.
    KillProducer(usize),
    KillConsumer(usize),
    AttachProducer,
    AttachConsumer,
    CloneProducer(usize),
    CloneConsumer(usize),
    /// The ring comes back from its name or descriptor, mapped anew, while the handles stay.
    MapAgain,
    SetWait(usize, Wait),
}

/// Of few bytes, the first of which says what. Coming and going is rarer than pushing and popping, so that rings get full.
#[cfg(feature = "arbitrary")]
impl arbitrary::Arbitrary<'_> for Operation {
    fn arbitrary(bytes: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Operation> {
        use Operation::*;
        let hows = [How::Try, How::Try, How::Timeout, How::Deadline];
        let fates =
            [Fate::Dropped, Fate::Consumed, Fate::Held, Fate::Held, Fate::Held, Fate::Forgotten, Fate::Forgotten];
        // Who, and how, of one byte.
        let who = |bytes: &mut arbitrary::Unstructured<'_>| bytes.int_in_range(0..=3_u8).map(usize::from);
        let both = |bytes: &mut arbitrary::Unstructured<'_>| {
            bytes.int_in_range(0..=15_u8).map(|byte| (usize::from(byte / 4), hows[usize::from(byte % 4)]))
        };
        Ok(match bytes.int_in_range(0..=63_u8)? {
            0..=10 => both(bytes).map(|(who, how)| Push(who, how))?,
            11..=15 => PushSlice(who(bytes)?, *bytes.choose(&hows)?, crate::batch(bytes)?),
            16..=17 => Fill(who(bytes)?),
            18..=25 => both(bytes).map(|(who, how)| Pop(who, how))?,
            26..=30 => PopSlice(who(bytes)?, *bytes.choose(&hows)?, crate::batch(bytes)?),
            31..=37 => both(bytes).and_then(|(who, how)| Ok(Guard(who, how, *bytes.choose(&fates)?)))?,
            38..=40 => DropGuard(who(bytes)?),
            41..=42 => TryIter(who(bytes)?, crate::batch(bytes)?),
            43 => Drain(who(bytes)?),
            44..=45 => Stuck,
            46..=47 => Recover,
            48 => Participants,
            49 => DropProducer(who(bytes)?),
            50 => DropConsumer(who(bytes)?),
            51 => KillProducer(who(bytes)?),
            52..=53 => KillConsumer(who(bytes)?),
            54..=56 => AttachProducer,
            57..=59 => AttachConsumer,
            60 => CloneProducer(who(bytes)?),
            61 => CloneConsumer(who(bytes)?),
            62 => SetWait(who(bytes)?, *bytes.choose(&crate::WAITS)?),
            _ => MapAgain,
        })
    }
}
