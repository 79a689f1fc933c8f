//! Who sees a message sees its bytes, and that nothing is published behind it.
//!
//! Two messages have passed through the ring, and have left in it what would publish a third:
//!
//! ```text
//!   offset      0        8       16       24       32       40       48
//!            ┌────────┬────────┬────────┬────────┬────────┬────────┬────────┐
//!   1, 2     │  (16)  │   1    │   1    │  (8)   │   2    │   (slack)       │
//!            └────────┴────────┴────────┴────────┴────────┴────────┴────────┘
//!   3, 4, 5  │  (0)   │  (16)  │   4    │   4    │  (16)  │   5    │   5    │
//!            └────────┴────────┴────────┴────────┴────────┴────────┴────────┘
//! ```

use loom::sync::Arc;
use loom::thread;

use super::participants::{Rx, Tx, ends_after};
use crate::messages::{Handle, Message, Shared};
use crate::models::{Explore, check};
use crate::protocol::bytes::Memory;
use crate::sync::Ordering;

fn ring(lag: u64) -> (Arc<Shared>, Tx, Rx) {
    let shared = Shared::new(40, 16, lag);
    let (tx, rx) = ends_after(&shared, &[16, 8]);
    (shared, tx, rx)
}

/// Without this, a missing 0 would only be noticed as damage, if at all.
#[test]
fn what_messages_leave_passes_for_a_length() {
    for (position, length) in [(48, 1), (72, 2)] {
        check(Explore::All, move || {
            let (shared, _tx, _rx) = ring(8);
            let words = Handle(Arc::clone(&shared));
            // A consumer that has lost its place.
            words.consumed().store(position, Ordering::Relaxed);
            words.released().store(position, Ordering::Relaxed);
            let mut lost = Rx::attach(&shared);
            let record = lost.half.look(lost.half.head()).expect("no damage").expect("a length");
            assert_eq!(record.len, length);
        });
    }
}

#[test]
fn a_message_is_seen_whole_and_nothing_behind_it() {
    check(Explore::All, || {
        let (_, mut tx, mut rx) = ring(8);
        let producer = thread::spawn(move || assert!(tx.put(Message::new(3, 0))));
        let mut taken = 0;
        for _ in 0..2 {
            if let Some(message) = rx.take() {
                assert_eq!(message, Message::new(3, 0));
                taken += 1;
            }
        }
        producer.join().unwrap();
        taken += u32::from(rx.take().is_some());
        assert_eq!((taken, rx.take()), (1, None));
    });
}

#[test]
fn the_next_one_too_and_one_that_runs_over_the_end() {
    check(Explore::Preemptions(4), || {
        let (_, mut tx, mut rx) = ring(8);
        let producer = thread::spawn(move || {
            assert!(tx.put(Message::new(3, 0)));
            assert!(tx.put(Message::new(4, 16)));
            // Has room once the third has been consumed.
            tx.put(Message::new(5, 16))
        });
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.extend(rx.take());
        }
        let last = producer.join().unwrap();
        while let Some(message) = rx.take() {
            taken.push(message);
        }
        let all = [Message::new(3, 0), Message::new(4, 16), Message::new(5, 16)];
        assert_eq!(taken, all[..2 + usize::from(last)]);
    });
}

/// What is written over the end lies where the slack was written a lap ago, and what follows begins where the last lap did.
#[test]
fn a_message_over_the_end_of_the_next_lap() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(40, 16, 8);
        let (mut tx, mut rx) = ends_after(&shared, &[16, 16, 8, 0]);
        assert_eq!(rx.half.head().offset(), 24);
        let producer = thread::spawn(move || {
            assert!(tx.put(Message::new(5, 12)));
            tx.put(Message::new(6, 3))
        });
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.extend(rx.take());
        }
        let last = producer.join().unwrap();
        while let Some(message) = rx.take() {
            taken.push(message);
        }
        let all = [Message::new(5, 12), Message::new(6, 3)];
        assert_eq!(taken, all[..1 + usize::from(last)]);
    });
}
