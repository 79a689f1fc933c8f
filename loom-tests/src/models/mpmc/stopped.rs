//! A recoverer leaves those alone who live, however long they stand still between two steps: holders of a position, those who have
//! lost the race for it, those who have moved on, takers. Loom lets each of them stand still anywhere, for as long as the others run,
//! and go on then.
//!
//! A recoverer looks only into the intents of the dead. So in each model there is one who died with an intent for a position that it
//! did not win.

use loom::thread;

use super::dead::{self, WITH_AN_INTENT};
use super::order::drain;
use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::{Policy, Popped};

/// The holder publishes position 0 and moves on to the next.
#[test]
fn a_producer_that_stands_still_is_waited_for() {
    check(Explore::All, || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        dead::producer(&shared, 0, WITH_AN_INTENT);
        let mut tx = Tx::new(&shared, 1);
        let mut rx = Rx::new(&shared, 2);
        let holder = thread::spawn(move || assert!(tx.try_push(1) && tx.try_push(2)));
        assert_eq!(rx.look_for_orphan().1.skipped, 0, "skipped what is under way");
        holder.join().unwrap();
        assert_eq!(drain(&mut rx), [1, 2]);
    });
}

/// The same with two, of whom one loses the race.
#[test]
fn producers_that_race_are_left_alone() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        dead::producer(&shared, 0, WITH_AN_INTENT);
        let [mut one, mut two] = [1, 2].map(|line| Tx::new(&shared, line));
        let rx = Rx::new(&shared, 3);
        let two = thread::spawn(move || assert!(two.try_push(2)));
        let recoverer = thread::spawn(move || {
            assert_eq!(rx.look_for_orphan().1.skipped, 0, "skipped what is under way");
            rx
        });
        assert!(one.try_push(1));
        two.join().unwrap();
        let mut popped = drain(&mut recoverer.join().unwrap());
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// A batch covers its whole range.
#[test]
fn a_batch_that_stands_still_is_waited_for() {
    check(Explore::All, || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut dead = Tx::new(&shared, 0);
        // Two looks at stamps.
        assert!(crash::mortal(WITH_AN_INTENT + 1, || assert_eq!(dead.try_push_slice(&[8, 9]), 0)));
        shared.unlock(0);
        let mut tx = Tx::new(&shared, 1);
        let mut rx = Rx::new(&shared, 2);
        let holder = thread::spawn(move || assert_eq!(tx.try_push_slice(&[1, 2]), 2));
        assert_eq!(rx.look_for_orphan().1.skipped, 0, "skipped what is under way");
        holder.join().unwrap();
        assert_eq!(drain(&mut rx), [1, 2]);
    });
}

fn consumer(policy: Policy) {
    check(Explore::All, move || {
        let shared = Shared::new(2, 4, policy);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        dead::consumer(&shared, 1, WITH_AN_INTENT);
        let [mut holder, mut rx] = [2, 3].map(|line| Rx::new(&shared, line));
        let holder = thread::spawn(move || assert_eq!((holder.try_pop(), holder.try_pop()), (Some(1), Some(2))));
        let (orphan, recovered) = rx.look_for_orphan();
        assert_eq!(recovered.freed, 0, "took what is being read");
        // The orphan may have been seen before it was claimed by one who lives, but not taken.
        if let Some(orphan) = orphan {
            assert_eq!(rx.half.take(orphan, 1), None, "took what is being read");
        }
        holder.join().unwrap();
        assert_eq!(rx.half.try_pop(), Ok(Popped::Empty));
    });
}

#[test]
fn a_consumer_that_stands_still_is_waited_for() {
    consumer(Policy::Redeliver);
}

#[test]
fn a_consumer_that_stands_still_loses_nothing() {
    consumer(Policy::Discard);
}

/// Two living consumers race for what the dead one did not get.
#[test]
fn consumers_that_race_are_left_alone() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 4, Policy::Discard);
        let mut tx = Tx::new(&shared, 3);
        assert!(tx.try_push(1) && tx.try_push(2));
        dead::consumer(&shared, 0, WITH_AN_INTENT);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        let two = thread::spawn(move || two.try_pop().expect("one for each"));
        let recoverer = thread::spawn(move || assert_eq!(tx.recover().freed, 0, "took what is being read"));
        let mut popped = [one.try_pop().expect("one for each"), two.join().unwrap()];
        recoverer.join().unwrap();
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// A taker that stands still keeps what it has taken from the dead.
#[test]
fn a_taker_that_stands_still_is_waited_for() {
    check(Explore::Preemptions(3), || {
        let (shared, mut tx) = dead::consumer_with_a_message(1, 4);
        let [mut one, mut two] = [2, 3].map(|line| Rx::new(&shared, line));
        let other = thread::spawn(move || two.recover());
        let popped = [one.recover(), other.join().unwrap()];
        assert_eq!(popped.iter().flatten().count(), 1, "{popped:?}");
        assert!(tx.try_push(2), "a slot is lost");
    });
}
