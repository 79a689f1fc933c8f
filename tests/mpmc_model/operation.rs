//! What can be done to a many-to-many ring, at random. Who does it is a number, taken modulo those who can.

use proptest::prelude::*;
use rondel_models::WAITS;
use rondel_models::mpmc::operation::{Fate, How, Operation};

fn who() -> impl Strategy<Value = usize> {
    0..12_usize
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![3 => Just(How::Try), 1 => Just(How::Timeout), 1 => Just(How::Deadline)]
}

/// Nothing, some, and now and then several times the whole ring.
fn batch() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..=10_usize, 1 => 0..=300_usize]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        1 => Just(Fate::Dropped),
        1 => Just(Fate::Consumed),
        4 => Just(Fate::Held),
        2 => Just(Fate::Forgotten),
    ]
}

fn wait() -> impl Strategy<Value = rondel::Wait> {
    prop::sample::select(WAITS.to_vec())
}

/// Any operation. Coming and going is rarer than pushing and popping, so that rings get full.
pub(crate) fn any() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        16 => (who(), how()).prop_map(|(who, how)| Push(who, how)),
        8 => (who(), how(), batch()).prop_map(|(who, how, len)| PushSlice(who, how, len)),
        3 => who().prop_map(Fill),
        12 => (who(), how()).prop_map(|(who, how)| Pop(who, how)),
        7 => (who(), how(), batch()).prop_map(|(who, how, len)| PopSlice(who, how, len)),
        8 => (who(), how(), fate()).prop_map(|(who, how, fate)| Guard(who, how, fate)),
        4 => who().prop_map(DropGuard),
        3 => (who(), batch()).prop_map(|(who, len)| TryIter(who, len)),
        2 => who().prop_map(Drain),
        2 => Just(Stuck),
        1 => Just(Recover),
        1 => Just(Participants),
        2 => who().prop_map(DropProducer),
        2 => who().prop_map(DropConsumer),
        1 => who().prop_map(KillProducer),
        2 => who().prop_map(KillConsumer),
        3 => Just(AttachProducer),
        3 => Just(AttachConsumer),
        2 => who().prop_map(CloneProducer),
        2 => who().prop_map(CloneConsumer),
        1 => Just(MapAgain),
        1 => (who(), wait()).prop_map(|(who, wait)| SetWait(who, wait)),
    ]
}
