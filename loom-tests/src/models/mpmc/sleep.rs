//! Several sleepers, and no wake-up lost. A lost one is a deadlock, which loom reports.

use loom::sync::Arc;
use loom::thread;

use super::order::pop_all;
use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::Policy;

#[test]
fn a_sleeping_consumer_is_woken() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let consumer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut rx = Rx::new(&shared, 1);
                assert_eq!((rx.pop(), rx.pop()), (1, 2));
            })
        };
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        consumer.join().unwrap();
    });
}

#[test]
fn two_sleeping_consumers_are_woken_by_two_messages() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let consumers = [1, 2].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, line).pop())
        });
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        let mut popped = consumers.map(|consumer| consumer.join().unwrap());
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

#[test]
fn two_sleeping_consumers_are_woken_by_a_batch() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let consumers = [1, 2].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, line).pop())
        });
        assert_eq!(Tx::new(&shared, 0).try_push_slice(&[1, 2]), 2);
        let mut popped = consumers.map(|consumer| consumer.join().unwrap());
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// Two producers publish out of order: the sleeper that is woken for the later position can do nothing with it.
#[test]
fn a_position_published_early_wakes_again_when_it_can_be_had() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let producers = [0, 1].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::new(&shared, line).try_push(u64::from(line) + 1)))
        });
        let mut rx = Rx::new(&shared, 2);
        let mut popped = [rx.pop(), rx.pop()];
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
        producers.map(|producer| producer.join().unwrap());
    });
}

#[test]
fn two_sleeping_producers_are_woken_by_two_pops() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let producers = [0, 1].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Tx::new(&shared, line).push(u64::from(line) + 1))
        });
        let mut rx = Rx::new(&shared, 2);
        let mut popped = pop_all(&mut rx, 2);
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
        producers.map(|producer| producer.join().unwrap());
    });
}

/// A consumer that is about to sleep looks at a head that others have moved on.
#[test]
fn the_last_look_is_at_the_head_as_it_is() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        let sleeper = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, 1).pop())
        };
        let mut rx = Rx::new(&shared, 2);
        let first = rx.try_pop();
        assert!(tx.try_push(2));
        if first.is_some() {
            assert_eq!(sleeper.join().unwrap(), 2);
        } else {
            assert_eq!(sleeper.join().unwrap(), 1);
            assert_eq!(rx.try_pop(), Some(2));
        }
    });
}
