//! What can be done to a ring between two.

use rondel::Wait;

/// What becomes of a guard.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// The element is consumed.
    Dropped,
    /// The same, by the method that returns the element.
    Consumed,
    /// The element stays.
    Kept,
    /// The element stays, too: who was killed under a guard has consumed nothing.
    Forgotten,
}

/// One call, or a few that belong together.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "most have the names of the calls")]
pub enum Operation {
    TryPush,
    PushTimeout,
    PushDeadline,
    TryPushSlice(usize),
    PushSliceTimeout(usize),
    /// `try_push` until it is refused.
    Fill,
    TryPop,
    PopTimeout,
    PopDeadline,
    TryPopSlice(usize),
    PopSliceTimeout(usize),
    Peek,
    TryPopGuard(Fate),
    PopGuardTimeout(Fate),
    TryIter(usize),
    /// The iterator that waits: only where the producer has gone, for otherwise it would wait.
    Drain,
    WaitUntilEmpty,
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

/// Made of two bytes at most, of which the first says what: coming and going is rarer than pushing and popping, so that rings get full.
#[cfg(feature = "arbitrary")]
impl arbitrary::Arbitrary<'_> for Operation {
    fn arbitrary(bytes: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Operation> {
        use Operation::*;
        let fate = [Fate::Dropped, Fate::Consumed, Fate::Kept, Fate::Forgotten];
        Ok(match bytes.int_in_range(0..=63_u8)? {
            0..=7 => TryPush,
            8..=9 => PushTimeout,
            10 => PushDeadline,
            11..=16 => TryPushSlice(crate::batch(bytes)?),
            17..=19 => PushSliceTimeout(crate::batch(bytes)?),
            20 => Fill,
            21..=28 => TryPop,
            29..=30 => PopTimeout,
            31 => PopDeadline,
            32..=36 => TryPopSlice(crate::batch(bytes)?),
            37..=39 => PopSliceTimeout(crate::batch(bytes)?),
            40..=41 => Peek,
            42..=44 => TryPopGuard(*bytes.choose(&fate)?),
            45..=47 => PopGuardTimeout(*bytes.choose(&fate)?),
            48..=49 => TryIter(crate::batch(bytes)?),
            50 => Drain,
            51..=52 => WaitUntilEmpty,
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
