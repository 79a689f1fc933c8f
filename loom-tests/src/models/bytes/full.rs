//! "Full" is true when it is said, and so is "empty".

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::{Tx, ends};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

/// The ring is made for a capacity of 32 bytes and a lag of 16: two records of 16 bytes always fit, and no refusal is to be had with
/// less than two unread.
fn full_is_true(put: fn(&mut Tx, Message) -> bool) {
    check(Explore::Preemptions(4), move || {
        let shared = Shared::new(56, 8, 16);
        let (mut tx, mut rx) = ends(&shared);
        // How many the consumer has consumed at least, by its own account.
        let consumed = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&consumed);
        let consumer = thread::spawn(move || {
            for _ in 0..2 {
                if rx.take().is_some() {
                    account.fetch_add(1, Ordering::Release);
                }
            }
        });
        let mut published = 0;
        for number in 1..=5 {
            let at_least = consumed.load(Ordering::Acquire);
            if put(&mut tx, Message::new(number, 8)) {
                published += 1;
            } else {
                let unread = published - at_least;
                assert!(unread >= 2, "full with {unread} unread");
            }
        }
        assert!(published >= 3, "an untouched ring takes three");
        consumer.join().unwrap();
    });
}

#[test]
fn full_is_said_only_when_a_message_does_not_fit_beside_the_unread() {
    full_is_true(Tx::put);
}

/// The ring is longer than its capacity by as much as `released` lags behind.
#[test]
fn released_alone_is_good_enough_of_a_consumer_between_its_messages() {
    full_is_true(|tx, message| {
        let written = tx.write_into_released(message);
        if written {
            tx.half.stage(message.len);
            tx.half.publish();
        }
        written
    });
}

#[test]
fn empty_is_said_only_when_nothing_was_published_before() {
    check(Explore::Preemptions(4), || {
        let shared = Shared::new(64, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let published = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&published);
        let producer = thread::spawn(move || {
            for number in 1..=3 {
                assert!(tx.put(Message::new(number, 8)), "56 bytes hold three records");
                account.store(number, Ordering::Release);
            }
        });
        let mut taken = 0;
        for _ in 0..4 {
            let before = published.load(Ordering::Acquire);
            match rx.take() {
                Some(message) => {
                    taken += 1;
                    assert_eq!(message.number, taken);
                }
                None => assert_eq!(taken, before.max(taken), "empty with {before} published, {taken} taken"),
            }
        }
        producer.join().unwrap();
    });
}

/// What the producer says of the bytes in use is never less than what is unread, nor more than it has published.
#[test]
fn used_is_true() {
    check(Explore::All, || {
        let shared = Shared::new(64, 8, 32);
        let (mut tx, mut rx) = ends(&shared);
        let consumer = thread::spawn(move || (rx.take().is_some(), rx.take().is_some()));
        assert!(tx.put(Message::new(1, 8)));
        let first = tx.half.used().unwrap();
        assert!(first == 0 || first == 16, "{first} bytes used by a record of 16");
        assert!(tx.put(Message::new(2, 0)));
        let both = tx.half.used().unwrap();
        assert!([0, 8, 24].contains(&both), "{both} bytes used by records of 16 and 8");
        let taken = consumer.join().unwrap();
        let left = [(true, true), (true, false), (false, true), (false, false)].iter().position(|&each| each == taken);
        assert_eq!(tx.half.used().unwrap(), [0, 8, 8, 24][left.unwrap()]);
    });
}
