//! The ring of messages against its [model](rondel_models::bytes): any operations of any two participants, who come, go, die and are
//! succeeded, answer as a queue of the standard library would, and positions are known to the byte.

use arbitrary::{Arbitrary, Unstructured};
use rondel::bytes::Ring;
use rondel_models::bytes::Model;
use rondel_models::bytes::operation::Operation;

use crate::kept::{Stage, kept};

/// The smallest, and such as begin a line, or end one, or span several.
const CAPACITIES: [usize; 16] = [16, 17, 23, 24, 40, 48, 64, 100, 128, 200, 250, 264, 300, 777, 1500, 5000];

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let [capacity, largest, script @ ..] = input else { return };
    let again = capacity / 16 % 8 == 0;
    let capacity = CAPACITIES[usize::from(*capacity) % CAPACITIES.len()];
    let most = capacity / 8 * 8 - 8;
    let largest = [most, 1, most.div_ceil(3), most.min(20), most - 1, most / 2][usize::from(*largest) % 6].max(1);
    let stage = kept([capacity, largest, 0, 0], || {
        let builder = || Ring::builder().capacity(capacity).largest(largest);
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
    let mut script = Unstructured::new(script);
    while let (false, Ok(operation)) = (script.is_empty(), Operation::arbitrary(&mut script)) {
        model.apply(&operation);
        model.check();
    }
    // To map it costs as much as a hundred operations.
    model.finish(again);
}
