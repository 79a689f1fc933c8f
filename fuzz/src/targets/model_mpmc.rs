//! The many-to-many ring against its [model](rondel_models::mpmc): any operations of up to four of each side, who come, go, die with
//! something in their hands and are succeeded, lose nothing, double nothing, and answer as a queue of the standard library would.

use arbitrary::{Arbitrary, Unstructured};
use rondel::mpmc::{OnConsumerDeath, Ring};
use rondel_models::Where;
use rondel_models::element::{Aligned, Element};
use rondel_models::mpmc::operation::Operation;
use rondel_models::mpmc::{Model, Shape};

use crate::kept::{Stage, kept};

/// Small ones mostly: there the ring comes round after a few operations, and meets the slots that are still held.
const CAPACITIES: [usize; 8] = [1, 2, 3, 4, 5, 8, 9, 33];
/// The smallest tables are full at once.
const PARTICIPANTS: [u32; 4] = [2, 3, 5, 8];

fn run_of<T: Element>(capacity: u8, options: u8, again: bool, script: &mut Unstructured<'_>) {
    let capacity = CAPACITIES[usize::from(capacity) % CAPACITIES.len()];
    let participants = PARTICIPANTS[usize::from(options / 8) % PARTICIPANTS.len()];
    let options = options % 8;
    let shape = Shape {
        capacity,
        participants,
        place: Where::Anonymous,
        on_consumer_death: if options & 1 == 1 { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver },
        ends_with_producers: options & 2 == 0,
        ends_with_consumers: options & 4 == 0,
    };
    let stage = kept([capacity, participants as usize, options.into(), 0], || {
        Stage::new(
            || Model::<T>::builder(shape).anonymous().expect("a memfd"),
            Ring::segment,
            |segment| Ring::from_fd(segment.try_clone_fd().expect("a descriptor")).expect("as it was made"),
        )
    });
    let mut model = Model::of(stage.ring(), shape);
    // One of each side is there from the beginning, or what is first done would mostly be nothing.
    model.apply(&Operation::AttachProducer);
    model.apply(&Operation::AttachConsumer);
    while let (false, Ok(operation)) = (script.is_empty(), Operation::arbitrary(script)) {
        model.apply(&operation);
        model.check();
    }
    model.finish(again);
}

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let [kind, capacity, options, script @ ..] = input else { return };
    let script = &mut Unstructured::new(script);
    // To map it costs as much as a hundred operations.
    let again = capacity / 8 % 8 == 0;
    match kind % 4 {
        0 => run_of::<u64>(*capacity, *options, again, script),
        1 => run_of::<[u8; 1]>(*capacity, *options, again, script),
        2 => run_of::<[u8; 57]>(*capacity, *options, again, script),
        _ => run_of::<Aligned>(*capacity, *options, again, script),
    }
}
