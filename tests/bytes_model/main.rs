//! The ring of messages against a queue of the standard library: random operations on random rings.
//!
//! One thread does everything, so every answer is determined by the operations before it. What is known is in `rondel_models`;
//! [`operation`] draws what is done. A failure is shrunk by proptest and kept in `proptest-regressions`.

#[allow(dead_code, reason = "only the watchdog needs it here")]
#[path = "../shared/leftovers.rs"]
mod leftovers;
mod operation;
#[path = "../shared/watchdog.rs"]
mod watchdog;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rondel_models::Where;
use rondel_models::bytes::Model;
use rondel_models::bytes::operation::{Length, Operation};

/// Enough for each pair of operations to meet many times; `PROPTEST_CASES` asks for more.
const CASES: u32 = 128;
const OPERATIONS: usize = 250;

fn configuration(share: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        max_shrink_iters: 20_000,
        ..ProptestConfig::with_cases(env_cases().unwrap_or(CASES).div_ceil(share))
    }
}

/// `with_cases` overrides the variable, so it is asked here.
fn env_cases() -> Option<u32> {
    std::env::var("PROPTEST_CASES").ok()?.parse().ok()
}

fn places() -> impl Strategy<Value = Where> {
    prop_oneof![Just(Where::Named), Just(Where::Anonymous), Just(Where::Unwritable)]
}

/// What is chosen for the largest message, of the most that is possible; `None`: nothing.
fn largest() -> impl Strategy<Value = Option<Length>> {
    prop_oneof![2 => Just(None), 3 => operation::length().prop_map(Some)]
}

fn run(capacity: usize, largest: Option<Length>, place: Where, operations: &[Operation]) {
    watchdog::within("a case of the model", || {
        let mut model = Model::new(capacity, largest, place);
        for operation in operations {
            model.apply(operation);
            model.check();
        }
        model.finish(true);
    });
}

macro_rules! agrees_with_a_queue {
    ($($name:ident: $capacities:expr, one case in $share:literal;)+) => { $(
        #[test]
        fn $name() {
            proptest!(configuration($share), |(
                capacity in $capacities,
                largest in largest(),
                place in places(),
                operations in vec(operation::any(), 1..OPERATIONS),
            )| {
                run(capacity, largest, place, &operations);
            });
        }
    )+ };
}

agrees_with_a_queue! {
    // A lap is over after a few messages.
    the_smallest: 16..=24_usize, one case in 1;
    up_to_a_few_lines: 16..=300_usize, one case in 1;
    up_to_a_few_kibibytes: 16..=5000_usize, one case in 1;
    // `released` lags by as much as it may.
    where_the_lag_does_not_grow_any_more: 131_072..=140_000_usize, one case in 16;
}
