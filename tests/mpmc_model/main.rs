//! The many-to-many ring against a queue of the standard library: random operations of several producers and consumers on
//! random rings.
//!
//! One thread plays all of them, so every answer is determined by the operations before it, and there is no freedom left:
//! also who is told "pending", and for whom it waits. What is known is in `rondel_models`; [`operation`] draws what is done. A failure is
//! shrunk by proptest and kept in `proptest-regressions`.

mod operation;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rondel::mpmc::OnConsumerDeath;
use rondel_models::Where;
use rondel_models::element::{Aligned, Element};
use rondel_models::mpmc::operation::Operation;
use rondel_models::mpmc::{Model, Shape};

/// Enough for each pair of operations to meet many times; `PROPTEST_CASES` asks for more.
const CASES: u32 = 64;
const OPERATIONS: usize = 250;

fn configuration() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        max_shrink_iters: 20_000,
        ..ProptestConfig::with_cases(env_cases().unwrap_or(CASES))
    }
}

/// `with_cases` overrides the variable, so it is asked here.
fn env_cases() -> Option<u32> {
    std::env::var("PROPTEST_CASES").ok()?.parse().ok()
}

/// Small ones mostly: there the ring comes round after a few operations, and meets the slots that are still held.
fn capacities() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1..=9_usize, 1 => 10..=100_usize]
}

fn shapes() -> impl Strategy<Value = Shape> {
    let places = prop_oneof![Just(Where::Named), Just(Where::Anonymous)];
    // Room for both sides at least; up to that for four of each, so that the table is full now and then.
    let policies = prop_oneof![Just(OnConsumerDeath::Redeliver), Just(OnConsumerDeath::Discard)];
    (capacities(), 2..=8_u32, places, policies, any::<bool>(), any::<bool>()).prop_map(
        |(capacity, participants, place, on_consumer_death, ends_with_producers, ends_with_consumers)| Shape {
            capacity,
            participants,
            place,
            on_consumer_death,
            ends_with_producers,
            ends_with_consumers,
        },
    )
}

fn run<T: Element>(shape: Shape, operations: &[Operation]) {
    let mut model = Model::<T>::new(shape);
    for operation in operations {
        model.apply(operation);
        model.check();
    }
    model.finish(true);
}

macro_rules! agrees_with_a_queue {
    ($($name:ident: $element:ty),+ $(,)?) => { $(
        #[test]
        fn $name() {
            proptest!(configuration(), |(shape in shapes(), operations in vec(operation::any(), 1..OPERATIONS))| {
                run::<$element>(shape, &operations);
            });
        }
    )+ };
}

agrees_with_a_queue! {
    one_byte: u8,
    three_bytes: [u8; 3],
    // Four slots to a line.
    eight_bytes: u64,
    sixteen_bytes_aligned_to_sixteen: u128,
    // Two to a line, with room to spare.
    twenty_four_bytes: [u8; 24],
    // The largest that shares a line with its stamp, and the smallest that does not.
    fifty_six_bytes: [u8; 56],
    fifty_seven_bytes: [u8; 57],
    ninety_six_bytes: [u64; 12],
    a_line_aligned_to_a_line: Aligned,
}
