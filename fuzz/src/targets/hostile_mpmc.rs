//! Hostile participants: operations on two producers and two consumers of a many-to-many ring, between which somebody
//! writes any value to any shared word: stamps, intents, positions, masks of sleepers, the table, the header.
//!
//! No operation panics, hangs, or touches anything outside the segment (which lies between walls); a handle that has
//! reported a fault reports the same one at every later call; and slices are filled no further than the answer says.
//!
//! Lines of the table that nobody holds look dead to the library, so a scribbled intent there is what a killed participant
//! leaves, and recovery and the leasing of lines run over hostile words, too.

mod operate;
mod word;

use arbitrary::{Arbitrary, Unstructured};
use bytemuck::Pod;
use rondel::mpmc::{OnConsumerDeath, Ring};
use rondel_models::element::Aligned;

use self::operate::{Operation, Pair};
use self::word::{Layout, Place, Value};
use crate::kept::{Stage, kept};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    /// With the first of each side, or with the second.
    Operate(bool, Operation),
    Scribble(Place, Value),
    /// All words as they are now, to come again.
    Remember,
}

#[derive(Arbitrary, Debug)]
struct Script {
    capacity: u8,
    participants: u8,
    /// A bit each: it discards, it outlives its producers, or its consumers.
    options: u8,
    kind: u8,
    steps: Vec<Step>,
}

/// Few, so that the ring comes round, or so many that a batch does not come to the end.
const CAPACITIES: [usize; 7] = [1, 2, 3, 5, 8, 17, 64];
/// Five at least, so that there is a line that nobody holds; and more than share no signal.
const PARTICIPANTS: [u32; 3] = [5, 8, 68];

fn run_of<T: Pod>(script: &Script) {
    let capacity = CAPACITIES[usize::from(script.capacity) % CAPACITIES.len()];
    let participants = PARTICIPANTS[usize::from(script.participants) % PARTICIPANTS.len()];
    let options = script.options % 8;
    let stage = kept([capacity, participants as usize, options.into(), 0], || {
        let policy = if options & 1 == 1 { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver };
        let builder = Ring::<T>::builder()
            .capacity(capacity)
            .participants(participants)
            .on_consumer_death(policy)
            .ends_with_producers(options & 2 == 0)
            .ends_with_consumers(options & 4 == 0);
        Stage::new(
            || builder.anonymous().expect("a memfd"),
            Ring::segment,
            |segment| builder.from_fd(segment.try_clone_fd().expect("a descriptor")).expect("as it was made"),
        )
    });
    let (ring, scribbler) = (stage.ring(), &stage.scribbler);
    let layout = Layout::of(&ring);
    let mut pairs = [Pair::attach(&ring), Pair::attach(&ring)];
    for &step in &script.steps {
        match step {
            Step::Remember => scribbler.remember(),
            Step::Scribble(place, value) => layout.write(scribbler, place, value),
            Step::Operate(second, operation) => pairs[usize::from(second)].operate(&ring, operation),
        }
    }
}

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(input)) else { return };
    match script.kind % 4 {
        0 => run_of::<u64>(&script),
        1 => run_of::<[u8; 24]>(&script),
        2 => run_of::<[u8; 200]>(&script),
        _ => run_of::<Aligned>(&script),
    }
}
