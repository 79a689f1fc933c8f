//! What can be done to a ring, at random.

use proptest::prelude::*;
use rondel_models::WAITS;
use rondel_models::spsc::operation::{Fate, Operation};

/// Long enough to span several lines, and now and then the whole ring.
fn batch() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..=10_usize, 2 => 0..=70_usize, 1 => 0..=600_usize]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![Just(Fate::Dropped), Just(Fate::Consumed), Just(Fate::Kept), Just(Fate::Forgotten)]
}

fn wait() -> impl Strategy<Value = rondel::Wait> {
    prop::sample::select(WAITS.to_vec())
}

/// Any operation. Going through the motions of attaching is rarer than pushing and popping, so that rings get full.
pub(crate) fn any() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        12 => Just(TryPush),
        3 => Just(PushTimeout),
        2 => Just(PushDeadline),
        6 => batch().prop_map(TryPushSlice),
        3 => batch().prop_map(PushSliceTimeout),
        2 => Just(Fill),
        10 => Just(TryPop),
        3 => Just(PopTimeout),
        2 => Just(PopDeadline),
        5 => batch().prop_map(TryPopSlice),
        3 => batch().prop_map(PopSliceTimeout),
        3 => Just(Peek),
        3 => fate().prop_map(TryPopGuard),
        3 => fate().prop_map(PopGuardTimeout),
        3 => batch().prop_map(TryIter),
        2 => Just(Drain),
        2 => Just(WaitUntilEmpty),
        2 => Just(Peers),
        1 => Just(DropProducer),
        1 => Just(DropConsumer),
        1 => Just(KillProducer),
        1 => Just(KillConsumer),
        3 => Just(AttachProducer),
        3 => Just(AttachConsumer),
        1 => Just(Reattach),
        1 => wait().prop_map(SetWait),
    ]
}
