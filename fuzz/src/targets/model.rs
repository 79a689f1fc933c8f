//! The ring between two against its [model](rondel_models::spsc): any operations of any two participants, who come, go, die and are
//! succeeded, answer as a queue of the standard library would.

use arbitrary::{Arbitrary, Unstructured};
use rondel::spsc::Ring;
use rondel_models::element::{Aligned, Element};
use rondel_models::spsc::Model;
use rondel_models::spsc::operation::Operation;

use crate::kept::{Stage, kept};

/// Those at which something changes: where a line is full, a lap over, or the room beyond the capacity grows.
const CAPACITIES: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 17, 31, 56, 64, 129, 200];

fn run_of<T: Element>(capacity: u8, again: bool, script: &mut Unstructured<'_>) {
    let capacity = CAPACITIES[usize::from(capacity) % CAPACITIES.len()];
    let stage = kept([capacity, 0, 0, 0], || {
        let builder = || Ring::<T>::builder().capacity(capacity);
        Stage::new(
            || builder().anonymous().expect("a memfd"),
            Ring::segment,
            |segment| builder().from_fd(segment.try_clone_fd().expect("a descriptor")).expect("as it was made"),
        )
    });
    let mut model = Model::of(stage.ring());
    // Both are there from the beginning, or what is first done would mostly be nothing.
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
    let [kind, capacity, script @ ..] = input else { return };
    let script = &mut Unstructured::new(script);
    // To map it costs as much as a hundred operations.
    let again = capacity / 16 % 8 == 0;
    match kind % 6 {
        0 => run_of::<u64>(*capacity, again, script),
        1 => run_of::<[u8; 1]>(*capacity, again, script),
        2 => run_of::<[u8; 24]>(*capacity, again, script),
        3 => run_of::<[u8; 57]>(*capacity, again, script),
        4 => run_of::<[u8; 200]>(*capacity, again, script),
        _ => run_of::<Aligned>(*capacity, again, script),
    }
}
