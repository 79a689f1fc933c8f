//! Batches against single operations.

use loom::sync::Arc;
use loom::thread;

use super::order::pop_all;
use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::Policy;

#[test]
fn a_batch_and_a_push_do_not_mix() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(4, 3, Policy::Redeliver);
        let batch = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert_eq!(Tx::new(&shared, 0).try_push_slice(&[1, 2]), 2))
        };
        let single = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::new(&shared, 1).try_push(9)))
        };
        let mut rx = Rx::new(&shared, 2);
        let popped = pop_all(&mut rx, 3);
        assert!(popped == [1, 2, 9] || popped == [9, 1, 2], "{popped:?}");
        batch.join().unwrap();
        single.join().unwrap();
    });
}

#[test]
fn a_batch_pop_and_a_pop_share() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert_eq!(tx.try_push_slice(&[1, 2]), 2);
        let batch = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut place = [0; 2];
                let count = Rx::new(&shared, 1).try_pop_slice(&mut place);
                place[..count].to_vec()
            })
        };
        let single = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, 2).try_pop())
        };
        // Meanwhile the ring goes round.
        let third = tx.try_push(3);
        let mut popped = batch.join().unwrap();
        popped.extend(single.join().unwrap());
        let mut rx = Rx::new(&shared, 3);
        popped.extend(std::iter::from_fn(|| rx.try_pop()));
        popped.sort_unstable();
        assert_eq!(popped, if third { vec![1, 2, 3] } else { vec![1, 2] });
    });
}

#[test]
fn a_batch_waits_for_the_slots_that_a_batch_frees() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert_eq!(tx.try_push_slice(&[1, 2]), 2);
        let consumer = thread::spawn(move || {
            let mut popped = Vec::<u64>::new();
            while popped.len() < 4 {
                let mut place = [0; 2];
                match rx.try_pop_slice(&mut place) {
                    0 => thread::yield_now(),
                    count => popped.extend(&place[..count]),
                }
            }
            popped
        });
        let mut rest = &[3, 4][..];
        while !rest.is_empty() {
            match tx.try_push_slice(rest) {
                0 => thread::yield_now(),
                count => rest = &rest[count..],
            }
        }
        assert_eq!(consumer.join().unwrap(), [1, 2, 3, 4]);
    });
}
