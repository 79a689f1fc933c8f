//! A hostile peer of a ring of messages: operations on both handles, between which, and while something is lent by them,
//! somebody writes any value to any shared word: length words, positions, events, roles, bytes of messages, the header.
//!
//! No operation panics, hangs, or touches anything outside the segment (which lies between walls); every byte of every message and of
//! every reservation is touched; no message is longer than the largest; and a handle that has reported a fault reports
//! the same one at every later call.

mod lent;
mod operate;
mod word;

use arbitrary::{Arbitrary, Unstructured};
use rondel::bytes::Ring;

use self::operate::{Handles, Popping, Pushing};
use self::word::{Layout, Scribble};
use crate::kept::{Stage, kept};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    Push(Pushing),
    Pop(Popping),
    /// With something lent meanwhile.
    Lend(lent::Lending, Scribble),
    Scribble(Scribble),
    /// All words as they are now, to come again.
    Remember,
    ReattachProducer,
    ReattachConsumer,
    /// Without a successor, until it is reattached.
    CloseProducer,
    CloseConsumer,
}

#[derive(Arbitrary, Debug)]
struct Script {
    capacity: u8,
    largest: u8,
    steps: Vec<Step>,
}

/// The smallest, and such as begin a line, or end one, or span several.
const CAPACITIES: [usize; 12] = [16, 17, 24, 40, 64, 100, 128, 250, 264, 777, 1500, 5015];

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let capacity = CAPACITIES[usize::from(script.capacity) % CAPACITIES.len()];
    let most = capacity / 8 * 8 - 8;
    let largest = [most, 1, most.div_ceil(3), most.min(20), most - 1][usize::from(script.largest) % 5].max(1);
    let stage = kept([capacity, largest, 0, 0], || {
        let builder = || Ring::builder().capacity(capacity).largest(largest);
        let stage = Stage::new(
            || builder().anonymous().expect("a memfd"),
            Ring::segment,
            |segment| builder().from_fd(segment.try_clone_fd().expect("a descriptor")).expect("as it was made"),
        );
        let layout = Layout::of(&stage.scribbler, largest);
        (stage, layout)
    });
    let (stage, layout) = &*stage;
    let (ring, scribbler) = (stage.ring(), &stage.scribbler);
    let mut handles = Handles::attach(&ring);
    for &step in &script.steps {
        match step {
            Step::Push(pushing) => handles.push(pushing),
            Step::Pop(popping) => handles.pop(popping),
            Step::Lend(lending, scribble) => {
                let positions = handles.positions();
                handles.lend(lending, || layout.write(scribbler, positions, scribble));
            }
            Step::Scribble(scribble) => layout.write(scribbler, handles.positions(), scribble),
            Step::Remember => scribbler.remember(),
            Step::ReattachProducer => handles.reattach_producer(&ring),
            Step::ReattachConsumer => handles.reattach_consumer(&ring),
            Step::CloseProducer => handles.close_producer(),
            Step::CloseConsumer => handles.close_consumer(),
        }
        handles.check(layout.data());
    }
}
