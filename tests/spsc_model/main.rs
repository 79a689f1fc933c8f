//! The single-producer ring against a queue of the standard library: random operations on random rings.
//!
//! One thread does everything, so every answer is determined by the operations before it, but for one freedom: how much
//! more than its capacity a ring takes. What is known is in `rondel_models`; [`operation`] draws what is done. A failure is shrunk by
//! proptest and kept in `proptest-regressions`.

mod operation;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rondel_models::Where;
use rondel_models::element::{Aligned, Element};
use rondel_models::spsc::Model;
use rondel_models::spsc::operation::Operation;

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

/// Capacities of every size up to 200, the smallest more often: there a lap is over after a few operations.
fn capacities() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 1..=4_usize, 1 => 1..=20_usize, 2 => 1..=200_usize]
}

fn places() -> impl Strategy<Value = Where> {
    prop_oneof![Just(Where::Named), Just(Where::Anonymous), Just(Where::Unwritable)]
}

fn run<T: Element>(capacity: usize, place: Where, operations: &[Operation]) {
    let mut model = Model::<T>::new(capacity, place);
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
            proptest!(configuration(), |(
                capacity in capacities(),
                place in places(),
                operations in vec(operation::any(), 1..OPERATIONS),
            )| {
                run::<$element>(capacity, place, &operations);
            });
        }
    )+ };
}

agrees_with_a_queue! {
    one_byte: [u8; 1],
    two_bytes: u16,
    three_bytes: [u8; 3],
    eight_bytes: u64,
    sixteen_bytes_aligned_to_sixteen: u128,
    twenty_four_bytes: [u8; 24],
    // The largest that shares a line with its stamp, and the smallest that does not.
    fifty_six_bytes: [u8; 56],
    fifty_seven_bytes: [u8; 57],
    sixty_four_bytes: [u64; 8],
    two_hundred_bytes: [u8; 200],
    a_line_aligned_to_a_line: Aligned,
}
