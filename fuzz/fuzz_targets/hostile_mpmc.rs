#![no_main]
//! Hostile participants: operations on two producers and two consumers of a many-to-many ring, between which somebody
//! writes any value to any shared word: stamps, intents, positions, masks of sleepers, the table, the header.
//!
//! No operation panics, hangs, or touches anything outside the segment (which lies between walls); a handle that has
//! reported a fault reports the same one at every later call; and slices are filled no further than the answer says.
//!
//! Lines of the table that nobody holds look dead to the library, so a scribbled intent there is what a killed participant
//! leaves, and recovery and the leasing of lines run over hostile words, too.

#[path = "hostile_mpmc/operate.rs"]
mod operate;
#[path = "hostile_mpmc/word.rs"]
mod word;

use arbitrary::Arbitrary;
use bytemuck::{Pod, Zeroable};
use libfuzzer_sys::fuzz_target;
use operate::{Operation, Pair};
use rondel::mpmc::{OnConsumerDeath, Ring};
use rondel_fuzz::hostile::Scribbler;
use rondel_fuzz::walled;
use word::{Layout, Place, Value};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    /// With the first of each side, or with the second.
    Operate(bool, Operation),
    Scribble(Place, Value),
}

#[derive(Arbitrary, Debug)]
struct Script {
    capacity: u8,
    participants: u8,
    discards: bool,
    outlives: (bool, bool),
    kind: u8,
    steps: Vec<Step>,
}

fn run<T: Pod>(script: &Script) {
    // Five at least, so that there is a line that nobody holds; and more than share no signal.
    let participants = 5 + u32::from(script.participants) % 64;
    let policy = if script.discards { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver };
    let model = Ring::<T>::builder()
        .capacity(usize::from(script.capacity) + 1)
        .participants(participants)
        .on_consumer_death(policy)
        .ends_with_producers(!script.outlives.0)
        .ends_with_consumers(!script.outlives.1)
        .anonymous()
        .expect("a memfd");
    let fd = model.try_clone_fd().expect("a descriptor");
    let scribbler = Scribbler::new(model.segment());
    let layout = Layout::of(&model);
    let (ring, walls) = walled(|| Ring::<T>::from_fd(fd).expect("as it was made"));
    assert!(walls.check(), "the walls are not where the mapping is");
    drop(model);
    let mut pairs = [Pair::attach(&ring), Pair::attach(&ring)];
    for &step in &script.steps {
        match step {
            Step::Scribble(place, value) => layout.write(&scribbler, place, value),
            Step::Operate(second, operation) => pairs[usize::from(second)].operate(&ring, operation),
        }
    }
}

/// A line of its own, aligned as strictly as the ring allows.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Aligned([u64; 8]);

fuzz_target!(|script: Script| {
    match script.kind % 5 {
        0 => run::<u64>(&script),
        1 => run::<[u8; 24]>(&script),
        2 => run::<u8>(&script),
        3 => run::<[u8; 200]>(&script),
        _ => run::<Aligned>(&script),
    }
});
