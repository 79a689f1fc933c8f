#![no_main]
//! A hostile peer of a ring of messages: operations on both handles, between which, and while something is lent by them,
//! somebody writes any value to any shared word: length words, positions, events, roles, bytes of messages, the header.
//!
//! No operation panics, hangs, or touches anything outside the segment (which lies between walls); every byte of every message and of
//! every reservation is touched; no message is longer than the largest; and a handle that has reported a fault reports
//! the same one at every later call.

#[path = "hostile_bytes/lent.rs"]
mod lent;
#[path = "hostile_bytes/operate.rs"]
mod operate;
#[path = "hostile_bytes/word.rs"]
mod word;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use operate::{Handles, Popping, Pushing};
use rondel::bytes::Ring;
use rondel_fuzz::hostile::Scribbler;
use rondel_fuzz::walled;
use word::{Layout, Scribble};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    Push(Pushing),
    Pop(Popping),
    /// With something lent meanwhile.
    Lend(lent::Lending, Scribble),
    Scribble(Scribble),
    ReattachProducer,
    ReattachConsumer,
    /// Without a successor, until it is reattached.
    CloseProducer,
    CloseConsumer,
}

#[derive(Arbitrary, Debug)]
struct Script {
    capacity: u16,
    largest: u16,
    steps: Vec<Step>,
}

fuzz_target!(|script: Script| {
    let capacity = 16 + usize::from(script.capacity) % 5000;
    let most = capacity / 8 * 8 - 8;
    let largest = 1 + usize::from(script.largest) % most;
    let builder = || Ring::builder().capacity(capacity).largest(largest);
    // Its length is only known once there is one.
    let model = builder().anonymous().expect("a memfd");
    let fd = model.try_clone_fd().expect("a descriptor");
    let scribbler = Scribbler::new(model.segment());
    let layout = Layout::of(&scribbler, largest);
    let (ring, walls) = walled(|| builder().from_fd(fd).expect("as it was made"));
    assert!(walls.check(), "the walls are not where the mapping is");
    drop(model);
    let mut handles = Handles::attach(&ring);
    for &step in &script.steps {
        match step {
            Step::Push(pushing) => handles.push(pushing),
            Step::Pop(popping) => handles.pop(popping),
            Step::Lend(lending, scribble) => {
                let positions = handles.positions();
                handles.lend(lending, || layout.write(&scribbler, positions, scribble));
            }
            Step::Scribble(scribble) => layout.write(&scribbler, handles.positions(), scribble),
            Step::ReattachProducer => handles.reattach_producer(&ring),
            Step::ReattachConsumer => handles.reattach_consumer(&ring),
            Step::CloseProducer => handles.close_producer(),
            Step::CloseConsumer => handles.close_consumer(),
        }
        handles.check(layout.data());
    }
});
