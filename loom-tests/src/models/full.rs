//! "Full" and "empty" are true when they are said.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::ends;
use super::{Explore, check};
use crate::memory::Shared;

/// The ring has 4 lines of 1 slot and a lag of 1: it is made for a capacity of 1, which therefore always fits.
#[test]
fn full_is_said_only_when_more_than_capacity_are_unread() {
    check(Explore::All, || {
        let shared = Shared::<1>::new(4, 1);
        let (mut tx, mut rx) = ends(&shared);
        // How many the consumer has consumed at least, by its own account.
        let consumed = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&consumed);
        let consumer = thread::spawn(move || {
            for _ in 0..2 {
                if rx.half.peek().unwrap().is_some() {
                    rx.half.advance();
                    account.fetch_add(1, Ordering::Release);
                }
            }
        });
        let mut pushed = 0;
        for element in 0..5 {
            let at_least = consumed.load(Ordering::Acquire);
            if tx.half.try_push(element).unwrap() {
                pushed += 1;
            } else {
                let unread = pushed - at_least;
                assert!(unread > 1, "full with {unread} unread");
            }
        }
        assert!(pushed >= 4, "an untouched ring takes all its lines");
        consumer.join().unwrap();
    });
}

#[test]
fn empty_is_said_only_when_nothing_was_published_before() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::<2>::new(2, 1);
        let (mut tx, mut rx) = ends(&shared);
        let published = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&published);
        let producer = thread::spawn(move || {
            for element in 1..=3 {
                assert!(tx.half.try_push(element).unwrap(), "four slots hold three elements");
                account.store(element, Ordering::Release);
            }
        });
        let mut popped = 0;
        for _ in 0..4 {
            let before = published.load(Ordering::Acquire);
            let len = rx.half.len().unwrap();
            assert!(popped + len >= before, "len {len} after {popped} pops, {before} published");
            match rx.half.peek().unwrap() {
                Some(element) => {
                    popped += 1;
                    assert_eq!(element, popped);
                    rx.half.advance();
                }
                None => assert_eq!(popped, before.max(popped), "empty with {before} published, {popped} popped"),
            }
        }
        producer.join().unwrap();
    });
}
