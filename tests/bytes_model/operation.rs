//! What can be done to a ring of messages, at random.

use proptest::collection::vec;
use proptest::prelude::*;
use rondel_models::WAITS;
use rondel_models::bytes::operation::{Buffer, End, Fate, How, Item, Length, Operation, Taking};

/// Mostly those at which something changes.
pub(crate) fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 1, 7, 8, 9]).prop_map(Length::Bytes),
        3 => (0..=70_usize).prop_map(Length::Bytes),
        3 => (0..=1_usize).prop_map(Length::Below),
        1 => Just(Length::Above(1)),
        4 => (0..=256_usize).prop_map(Length::Part),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![3 => Just(How::Try), 1 => Just(How::Timeout), 1 => Just(How::Deadline), 1 => Just(How::Endless)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Commit),
        2 => length().prop_map(Fate::CommitLen),
        1 => Just(Fate::Drop),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => length().prop_map(Item::Copy),
        1 => (length(), length()).prop_map(|(one, other)| Item::Vectored(one, other)),
        2 => (length(), fate()).prop_map(|(len, fate)| Item::Reserve(len, fate)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![4 => Just(End::Drop), 1 => Just(End::Keep), 1 => Just(End::Forget)]
}

fn buffer() -> impl Strategy<Value = Buffer> {
    prop_oneof![3 => (0..=9_usize).prop_map(Buffer::Longer), 1 => (1..=9_usize).prop_map(Buffer::Shorter)]
}

fn taking() -> impl Strategy<Value = Taking> {
    // Nothing at all, too: then nothing is consumed, and what was begun as a stream stays begun.
    let more = prop_oneof![1 => 0..=1_usize, 1 => 0..=20_usize];
    (how(), 0..=3_usize, prop::option::of(length()), more, end()).prop_map(|(how, first, push, more, end)| Taking {
        how,
        first,
        push,
        more,
        end,
    })
}

fn wait() -> impl Strategy<Value = rondel::Wait> {
    prop::sample::select(WAITS.to_vec())
}

/// Weighted so that handles mostly are there, and pushes are a little ahead of pops, so that rings get full.
pub(crate) fn any() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        12 => (how(), length()).prop_map(|(how, len)| Push(how, len)),
        4 => (how(), vec(length(), 0..5)).prop_map(|(how, lens)| PushVectored(how, lens)),
        2 => how().prop_map(PushPod),
        8 => (how(), length(), fate()).prop_map(|(how, len, fate)| Reserve(how, len, fate)),
        6 => (vec(item(), 0..9), prop::bool::weighted(0.8)).prop_map(|(items, publish)| Batch(items, publish)),
        2 => length().prop_map(Fill),
        1 => length().prop_map(IsFull),
        4 => vec(length(), 1..5).prop_map(Write),
        2 => Just(WaitUntilEmpty),
        10 => (how(), end()).prop_map(|(how, end)| Pop(how, end)),
        5 => (how(), buffer()).prop_map(|(how, buffer)| PopInto(how, buffer)),
        2 => Just(Peek),
        5 => taking().prop_map(PopBatch),
        3 => Just(Pod),
        1 => Just(IsEmpty),
        5 => length().prop_map(Read),
        4 => length().prop_map(FillBuf),
        2 => Just(ReadToEnd),
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
