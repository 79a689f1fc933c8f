//! Batches against single operations, on either side, and against batches around the ring.

use loom::thread;

use super::dead::{self, WITH_A_CLAIM};
use super::order::drain;
use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::{Policy, Pushed};

#[test]
fn a_batch_and_a_push_do_not_mix() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(4, 3, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        let single = thread::spawn(move || two.half.try_push(9));
        let consumer = thread::spawn(move || (rx.try_pop(), rx));
        let batch = one.half.try_push_slice(&[1, 2]);
        let single = single.join().unwrap();
        let (popped, mut rx) = consumer.join().unwrap();
        let mut popped: Vec<u64> = popped.into_iter().collect();
        popped.extend(drain(&mut rx));
        match (batch, single) {
            (Ok(Pushed::At(0, 2)), Ok(Pushed::At(2, 1))) => assert_eq!(popped, [1, 2, 9]),
            (Ok(Pushed::At(1, 2)), Ok(Pushed::At(0, 1))) => assert_eq!(popped, [9, 1, 2]),
            refused => panic!("there was room for all: {refused:?}"),
        }
    });
}

#[test]
fn a_batch_pop_and_a_pop_share() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        assert_eq!(tx.try_push_slice(&[1, 2]), 2);
        let single = thread::spawn(move || (two.try_pop(), two));
        // Meanwhile the ring goes round.
        let producer = thread::spawn(move || tx.try_push(3));
        let mut popped = one.try_pop_slice(2);
        assert!(popped.is_sorted(), "{popped:?}");
        let third = producer.join().unwrap();
        let (second, mut rest) = single.join().unwrap();
        popped.extend(second);
        popped.extend(drain(&mut rest));
        popped.sort_unstable();
        assert_eq!(popped, if third { vec![1, 2, 3] } else { vec![1, 2] });
    });
}

#[test]
fn a_batch_goes_where_a_batch_was_freed() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert_eq!(tx.try_push_slice(&[1, 2]), 2);
        let consumer = thread::spawn(move || ([rx.try_pop_slice(2), rx.try_pop_slice(2)].concat(), rx));
        let count = tx.try_push_slice(&[3, 4]);
        let (mut popped, mut rx) = consumer.join().unwrap();
        popped.extend(drain(&mut rx));
        assert_eq!(popped, [1, 2, 3, 4][..2 + count]);
    });
}

/// Two consumers step over a hole that a dead producer left, one of them in a batch, and the ring goes round.
#[test]
fn a_batch_steps_over_what_a_dead_producer_left() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(4, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 1);
        let [mut one, mut two] = [2, 3].map(|line| Rx::new(&shared, line));
        assert!(tx.try_push(1));
        dead::producer(&shared, 0, WITH_A_CLAIM);
        assert!(tx.try_push(2));
        assert_eq!(tx.recover().skipped, 1);
        let single = thread::spawn(move || two.try_pop());
        let mut popped = one.try_pop_slice(4);
        assert!(popped.is_sorted(), "{popped:?}");
        popped.extend(single.join().unwrap());
        popped.extend(drain(&mut one));
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
        assert_eq!(tx.try_push_slice(&[3, 4, 5, 6]), 4, "a slot is lost");
    });
}
