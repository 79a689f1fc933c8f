//! Closing while the other side sleeps: it wakes, takes what was published, and is told.

use loom::sync::Arc;
use loom::thread;

use super::participants::ends;
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};
use crate::protocol::role::{self, Phase};

#[test]
fn a_consumer_drains_before_it_is_told_that_the_producer_has_closed() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.pop(), Some(Message::new(1, 8)));
            assert_eq!(rx.pop(), None);
        });
        assert!(tx.try_push(Message::new(1, 8)));
        tx.close();
        consumer.join().unwrap();
    });
}

#[test]
fn a_producer_that_sleeps_is_told_that_the_consumer_has_closed() {
    check(Explore::Preemptions(5), || {
        let shared = Shared::new(24, 8, 8);
        let (mut tx, rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        let producer = thread::spawn(move || assert!(!tx.push(Message::new(2, 8))));
        rx.close();
        producer.join().unwrap();
    });
}

#[test]
fn a_producer_uses_the_room_that_a_consumer_left_before_it_closed() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(24, 8, 1 << 20);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        let producer = thread::spawn(move || assert!(tx.push(Message::new(2, 8))));
        assert_eq!(rx.try_pop(), Some(Message::new(1, 8)));
        rx.close();
        producer.join().unwrap();
    });
}

/// Without fences in between: the phase alone must carry what was published before it.
#[test]
fn whoever_sees_the_close_sees_everything_published_before() {
    check(Explore::All, || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let words = Arc::clone(&shared);
        let producer = thread::spawn(move || {
            assert!(tx.put(Message::new(1, 8)));
            role::close(&words.producer_role, 1);
        });
        if role::decode(role::read(&shared.producer_role)) == Phase::Closed {
            assert_eq!(rx.take(), Some(Message::new(1, 8)));
        }
        producer.join().unwrap();
    });
}
