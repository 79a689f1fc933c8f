//! Batches: published a line at a time, consumed all at once.

use loom::thread;

use super::participants::ends;
use super::{Explore, check};
use crate::memory::Shared;

#[test]
fn a_batch_arrives_in_order_across_a_wrap() {
    check(Explore::All, || {
        let shared = Shared::<2>::new(2, 1);
        let (mut tx, mut rx) = ends(&shared);
        let producer = thread::spawn(move || {
            let elements = [1, 2, 3, 4, 5, 6];
            let mut rest = &elements[..];
            while !rest.is_empty() {
                let pushed = tx.half.try_push_slice(rest).unwrap();
                rest = &rest[pushed..];
                if pushed == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut received = Vec::new();
        while received.len() < 6 {
            let mut batch = [0; 3];
            let (count, _) = rx.half.pop_slice(&mut batch).unwrap();
            received.extend_from_slice(&batch[..count]);
            if count == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(received, [1, 2, 3, 4, 5, 6]);
        producer.join().unwrap();
    });
}
