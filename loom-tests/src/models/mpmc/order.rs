//! Nothing lost, doubled, torn or overtaken, while nobody dies.

use loom::sync::Arc;
use loom::thread;

use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::{Policy, Popped, Pushed};

/// Pops until it has `count`, yielding while there is nothing.
pub(super) fn pop_all(rx: &mut Rx, count: usize) -> Vec<u64> {
    let mut popped = Vec::new();
    while popped.len() < count {
        match rx.try_pop() {
            Some(element) => popped.push(element),
            None => thread::yield_now(),
        }
    }
    popped
}

#[test]
fn two_producers_and_a_consumer() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let producers = [(0, 10), (1, 20)].map(|(line, base)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut tx = Tx::new(&shared, line);
                assert!(tx.try_push(base + 1), "there is room for both");
            })
        });
        let mut rx = Rx::new(&shared, 2);
        let mut popped = pop_all(&mut rx, 2);
        popped.sort_unstable();
        assert_eq!(popped, [11, 21]);
        assert_eq!(rx.try_pop(), None);
        producers.map(|producer| producer.join().unwrap());
    });
}

#[test]
fn a_producer_and_two_consumers() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = [1, 2].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut rx = Rx::new(&shared, line);
                (rx.try_pop(), rx.try_pop())
            })
        });
        assert!(tx.try_push(1) && tx.try_push(2));
        let mut popped = Vec::new();
        for (first, second) in consumers.map(|consumer| consumer.join().unwrap()) {
            assert!(first.is_none() || second.is_none() || first < second, "overtaken");
            popped.extend(first.into_iter().chain(second));
        }
        let mut rx = Rx::new(&shared, 3);
        popped.extend(std::iter::from_fn(|| rx.try_pop()));
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// One slot: every push finds the ring full or freed just now, every pop empty or published just now.
#[test]
fn a_wrap_with_two_producers() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let producers = [(0, 10), (1, 20)].map(|(line, element)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut tx = Tx::new(&shared, line);
                while !tx.try_push(element) {
                    thread::yield_now();
                }
            })
        });
        let mut rx = Rx::new(&shared, 2);
        let mut popped = pop_all(&mut rx, 2);
        popped.sort_unstable();
        assert_eq!(popped, [10, 20]);
        producers.map(|producer| producer.join().unwrap());
    });
}

#[test]
fn a_wrap_with_two_consumers() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = [1, 2].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || pop_all(&mut Rx::new(&shared, line), 1)[0])
        });
        for element in 1..=2 {
            while !tx.try_push(element) {
                thread::yield_now();
            }
        }
        let mut popped = consumers.map(|consumer| consumer.join().unwrap());
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// A refusal is the truth: full only with as many claims as slots, empty only with as many pops as pushes.
#[test]
fn full_and_empty_are_true() {
    check(Explore::All, || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert!(tx.try_push(1) && tx.try_push(2));
        let consumer = thread::spawn(move || (rx.half.try_pop(), rx));
        let third = tx.half.try_push(3).unwrap();
        let (popped, mut rx) = consumer.join().unwrap();
        assert_eq!(popped, Ok(Popped::At(0, 1)));
        assert!(matches!(third, Pushed::At(2, 1) | Pushed::Full | Pushed::Pending));
        assert_eq!(rx.try_pop(), Some(2));
        assert_eq!(rx.try_pop(), (third == Pushed::At(2, 1)).then_some(3));
        assert_eq!(rx.half.try_pop(), Ok(Popped::Empty));
    });
}
