//! No wake-up is lost, on either side. A lost one is a deadlock, which loom reports.

use loom::thread;

use super::participants::ends;
use super::{Explore, check};
use crate::memory::Shared;

#[test]
fn a_sleeping_consumer_is_woken_by_a_push() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::<1>::new(2, 1);
        let (mut tx, mut rx) = ends(&shared);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.pop(), Some(1));
            assert_eq!(rx.pop(), Some(2));
        });
        assert!(tx.try_push(1));
        assert!(tx.try_push(2));
        consumer.join().unwrap();
    });
}

#[test]
fn a_sleeping_producer_is_woken_by_a_pop() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::<1>::new(2, 1);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(1));
        assert!(tx.try_push(2));
        let producer = thread::spawn(move || assert!(tx.push(3)));
        let mut expected = 1;
        while expected <= 3 {
            match rx.try_pop() {
                Some(element) => {
                    assert_eq!(element, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        producer.join().unwrap();
    });
}

#[test]
fn both_sides_sleep_in_turn() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::<1>::new(1, 1);
        let (mut tx, mut rx) = ends(&shared);
        let producer = thread::spawn(move || {
            assert!(tx.push(1));
            assert!(tx.push(2));
        });
        assert_eq!(rx.pop(), Some(1));
        assert_eq!(rx.pop(), Some(2));
        producer.join().unwrap();
    });
}

/// With a lag of 2 the consumer keeps lines back; a producer must not sleep on lines that were kept back.
#[test]
fn a_lagging_release_does_not_leave_the_producer_asleep() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::<1>::new(3, 2);
        let (mut tx, mut rx) = ends(&shared);
        for element in 1..=3 {
            assert!(tx.try_push(element));
        }
        let producer = thread::spawn(move || assert!(tx.push(4)));
        for expected in 1..=4 {
            assert_eq!(rx.pop(), Some(expected));
        }
        producer.join().unwrap();
    });
}

/// The consumer has consumed a line, keeps it back, and does nothing more. The producer's last look finds it all the same.
#[test]
fn a_producer_does_not_sleep_over_a_line_that_is_only_kept_back() {
    check(Explore::All, || {
        let shared = Shared::<1>::new(3, 2);
        let (mut tx, mut rx) = ends(&shared);
        for element in 1..=3 {
            assert!(tx.try_push(element));
        }
        assert_eq!(rx.try_pop(), Some(1));
        assert!(!tx.try_push(4), "the line should be kept back, or this test shows nothing");
        assert!(tx.push(4));
    });
}
