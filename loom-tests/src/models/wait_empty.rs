//! The rendezvous: a producer that waits for empty is woken, and only when everything has been consumed.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::ends;
use super::{Explore, check};
use crate::memory::Shared;

fn meets<const K: usize>(lines: u64, lag: u64) {
    check(Explore::All, move || {
        let shared = Shared::<K>::new(lines, lag);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(1));
        assert!(tx.try_push(2));
        let processed = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&processed);
        let consumer = thread::spawn(move || {
            for element in 1..=2 {
                // Relaxed: consuming is what publishes it to the waiting producer.
                assert_eq!(rx.half.peek().unwrap(), Some(element));
                account.store(element, Ordering::Relaxed);
                let advanced = rx.half.advance();
                rx.notify(advanced);
            }
            // It never looks at the ring again.
        });
        assert!(tx.wait_until_empty());
        assert_eq!(processed.load(Ordering::Relaxed), 2);
        consumer.join().unwrap();
    });
}

#[test]
fn with_the_last_element_in_the_middle_of_a_line() {
    meets::<3>(2, 1);
}

#[test]
fn with_the_last_element_at_the_end_of_a_line() {
    meets::<2>(2, 1);
}

#[test]
fn with_lines_that_are_kept_back() {
    meets::<1>(4, 3);
}
