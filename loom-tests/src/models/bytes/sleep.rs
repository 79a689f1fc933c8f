//! No wake-up is lost, on either side. A lost one is a deadlock, which loom reports.

use loom::thread;

use super::participants::{Rx, ends};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

/// Takes up to message `last`, each of which has the length that `len` says, without sleeping.
fn take_up_to(rx: &mut Rx, last: u64, len: impl Fn(u64) -> u64) {
    let mut expected = 1;
    while expected <= last {
        match rx.try_pop() {
            Some(message) => {
                assert_eq!(message, Message::new(expected, len(expected)));
                expected += 1;
            }
            None => thread::yield_now(),
        }
    }
}

#[test]
fn a_sleeping_consumer_is_woken_by_a_message() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.pop(), Some(Message::new(1, 8)));
            assert_eq!(rx.pop(), Some(Message::new(2, 0)));
        });
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(tx.try_push(Message::new(2, 0)));
        consumer.join().unwrap();
    });
}

#[test]
fn a_sleeping_consumer_is_woken_by_a_batch() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.pop(), Some(Message::new(1, 8)));
            assert_eq!(rx.pop(), Some(Message::new(2, 0)));
        });
        assert!(tx.stage(Message::new(1, 8)));
        assert!(tx.stage(Message::new(2, 0)));
        tx.publish();
        consumer.join().unwrap();
    });
}

#[test]
fn a_sleeping_producer_is_woken_when_room_is_given_back() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(tx.try_push(Message::new(2, 8)));
        let producer = thread::spawn(move || assert!(tx.push(Message::new(3, 8))));
        take_up_to(&mut rx, 3, |_| 8);
        producer.join().unwrap();
    });
}

/// The consumer takes one, which gives room back, leaves the other, and does nothing more.
#[test]
fn a_sleeping_producer_is_woken_though_the_ring_is_not_empty() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(40, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(tx.try_push(Message::new(2, 8)));
        let producer = thread::spawn(move || assert!(tx.push(Message::new(3, 8))));
        assert_eq!(rx.try_pop(), Some(Message::new(1, 8)));
        producer.join().unwrap();
    });
}

/// It needs the room of several, and is woken for each.
#[test]
fn a_producer_sleeps_until_enough_small_ones_are_gone() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(40, 24, 8);
        let (mut tx, mut rx) = ends(&shared);
        for number in 1..=4 {
            assert!(tx.try_push(Message::new(number, 0)));
        }
        let len = |number| if number == 5 { 24 } else { 0 };
        let producer = thread::spawn(move || {
            // Lies over the end, and needs the second lap's first word.
            assert!(tx.push(Message::new(5, 24)));
        });
        take_up_to(&mut rx, 5, len);
        producer.join().unwrap();
    });
}

/// It keeps back whatever it consumes, and gives it back when it runs dry: so a producer that sleeps must be woken then.
#[test]
fn a_lagging_release_does_not_leave_the_producer_asleep() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(40, 16, 1 << 20);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(tx.try_push(Message::new(2, 8)));
        let producer = thread::spawn(move || {
            assert!(tx.push(Message::new(3, 8)));
            assert!(tx.push(Message::new(4, 16)));
        });
        for number in 1..=4 {
            assert_eq!(rx.pop(), Some(Message::new(number, if number == 4 { 16 } else { 8 })));
        }
        producer.join().unwrap();
    });
}

#[test]
fn both_sides_sleep_in_turn() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(24, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let producer = thread::spawn(move || {
            assert!(tx.push(Message::new(1, 8)));
            assert!(tx.push(Message::new(2, 8)));
        });
        assert_eq!(rx.pop(), Some(Message::new(1, 8)));
        assert_eq!(rx.pop(), Some(Message::new(2, 8)));
        producer.join().unwrap();
    });
}

/// The consumer has consumed a message, keeps its room back, and does nothing more. The producer's last look finds it all the same.
#[test]
fn a_producer_does_not_sleep_over_room_that_is_only_kept_back() {
    check(Explore::All, || {
        let shared = Shared::new(40, 8, 1 << 20);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(tx.try_push(Message::new(2, 8)));
        assert_eq!(rx.try_pop(), Some(Message::new(1, 8)));
        assert!(
            !tx.write_into_released(Message::new(3, 8)),
            "the room should be kept back, or this test shows nothing"
        );
        assert!(tx.push(Message::new(3, 8)));
    });
}
