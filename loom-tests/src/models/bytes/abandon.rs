//! What is abandoned was never there, and what is published behind it is not mistaken.

use loom::thread;

use super::participants::{Rx, Tx, ends_after};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

/// `produce` abandons something and then publishes message 3 of 8 bytes. Nothing else is ever seen.
fn only_the_third_is_seen(produce: impl Fn(&mut Tx) + Copy + Send + Sync + 'static) {
    check(Explore::All, move || {
        let shared = Shared::new(64, 16, 8);
        let (mut tx, mut rx) = ends_after(&shared, &[16, 8]);
        let producer = thread::spawn(move || produce(&mut tx));
        let mut taken = Vec::new();
        let take = |rx: &mut Rx, taken: &mut Vec<Message>| taken.extend(rx.take());
        for _ in 0..2 {
            take(&mut rx, &mut taken);
        }
        producer.join().unwrap();
        for _ in 0..2 {
            take(&mut rx, &mut taken);
        }
        assert_eq!(taken, [Message::new(3, 8)]);
    });
}

#[test]
fn a_reservation() {
    only_the_third_is_seen(|tx| {
        assert!(tx.write(Message::new(7, 16)));
        assert!(tx.put(Message::new(3, 8)));
    });
}

#[test]
fn the_rest_of_a_reservation() {
    only_the_third_is_seen(|tx| {
        // As `commit_len`: 16 bytes are reserved and written, and the first 8 of them are kept.
        assert!(tx.write(Message::new(3, 16)));
        tx.half.stage(8);
        tx.half.publish();
    });
}

/// It has left a length word where the next message's will be.
#[test]
fn a_batch() {
    only_the_third_is_seen(|tx| {
        for (number, len) in [(7, 8), (8, 0), (9, 0)] {
            assert!(tx.stage(Message::new(number, len)));
        }
        tx.half.abandon();
        assert!(tx.put(Message::new(3, 8)));
    });
}

#[test]
fn the_last_of_a_batch() {
    only_the_third_is_seen(|tx| {
        assert!(tx.stage(Message::new(3, 8)));
        assert!(tx.write(Message::new(7, 8)));
        tx.half.publish();
    });
}
