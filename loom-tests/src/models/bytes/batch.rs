//! Batches: published by one store, consumed by one store.

use loom::sync::Arc;
use loom::thread;

use super::participants::{Rx, Tx, ends_after};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

/// A ring in which earlier messages have left what would publish a message, where the second of a batch and the one behind it are to
/// be published.
///
/// ```text
///   offset      0        8       16       24       32       40       48       56
///            ┌────────┬────────┬────────┬────────┬────────┬────────┬────────┬────────┐
///   1, 2, 3  │  (16)  │   1    │   1    │  (16)  │   2    │   2    │  (8)   │   3    │
///            └────────┴────────┴────────┴────────┴────────┴────────┴────────┴────────┘
///   4, 5, 6  │  (8)   │   4    │  (0)   │  (8)   │   6    │   0    │
///            └────────┴────────┴────────┴────────┴────────┴────────┴
/// ```
fn ring() -> (Arc<Shared>, Tx, Rx) {
    let shared = Shared::new(64, 16, 8);
    let (tx, rx) = ends_after(&shared, &[16, 16, 8]);
    (shared, tx, rx)
}

const BATCH: [(u64, u64); 3] = [(4, 8), (5, 0), (6, 8)];

fn messages(batch: &[(u64, u64)]) -> Vec<Message> {
    batch.iter().map(|&(number, len)| Message::new(number, len)).collect()
}

#[test]
fn all_of_a_batch_or_none_is_seen() {
    check(Explore::All, || {
        let (_, mut tx, mut rx) = ring();
        let producer = thread::spawn(move || {
            for message in messages(&BATCH) {
                assert!(tx.stage(message));
            }
            tx.half.publish();
        });
        let taken = rx.take_all();
        assert!(taken.is_empty() || taken == messages(&BATCH), "a part of a batch: {taken:?}");
        producer.join().unwrap();
        let rest = rx.take_all();
        assert_eq!([taken, rest].concat(), messages(&BATCH));
        assert_eq!(rx.take(), None);
    });
}

#[test]
fn a_batch_taken_one_by_one_over_the_end() {
    const LENGTHS: [(u64, u64); 3] = [(3, 8), (4, 16), (5, 0)];
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(56, 16, 8);
        let (mut tx, mut rx) = ends_after(&shared, &[0, 16]);
        assert_eq!(rx.half.head().offset(), 32);
        let producer = thread::spawn(move || {
            for message in messages(&LENGTHS) {
                assert!(tx.stage(message));
            }
            tx.half.publish();
        });
        let mut taken = Vec::new();
        for _ in 0..3 {
            let before = taken.len();
            taken.extend(rx.take());
            assert!(taken.len() > before || before == 0, "a part of a batch: {taken:?}");
        }
        producer.join().unwrap();
        while let Some(message) = rx.take() {
            taken.push(message);
        }
        assert_eq!(taken, messages(&LENGTHS));
    });
}

/// The consumer takes several at once and gives them back by one store; the producer goes on when they were read, all of them.
#[test]
fn nothing_is_written_over_a_batch_that_is_being_read() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(48, 16, 8);
        let (mut tx, mut rx) = ends_after(&shared, &[]);
        assert!(tx.put(Message::new(1, 8)));
        assert!(tx.put(Message::new(2, 16)));
        let producer =
            thread::spawn(move || (3..=4).filter(|&number| tx.put(Message::new(number, 8))).collect::<Vec<_>>());
        assert_eq!(rx.take_all(), messages(&[(1, 8), (2, 16)]));
        let mut taken = rx.take_all();
        let put = producer.join().unwrap();
        taken.extend(rx.take_all());
        assert_eq!(taken, put.into_iter().map(|number| Message::new(number, 8)).collect::<Vec<_>>());
    });
}
