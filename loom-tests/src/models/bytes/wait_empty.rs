//! The rendezvous: a producer that waits for empty is woken, and only when everything has been consumed.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::{Rx, ends};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

fn meets(explore: Explore, lag: u64) {
    check(explore, move || {
        let shared = Shared::new(48, 16, lag);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.put(Message::new(1, 16)));
        assert!(tx.put(Message::new(2, 8)));
        let processed = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&processed);
        let consumer = thread::spawn(move || {
            for number in 1..=2 {
                // Relaxed: consuming is what publishes it to the waiting producer.
                account.store(number, Ordering::Relaxed);
                assert_eq!(Rx::try_pop(&mut rx).map(|message| message.number), Some(number));
            }
            // It never looks at the ring again.
        });
        assert!(tx.wait_until_empty());
        assert_eq!(processed.load(Ordering::Relaxed), 2);
        consumer.join().unwrap();
    });
}

#[test]
fn with_room_given_back_at_once() {
    meets(Explore::Preemptions(3), 8);
}

#[test]
fn with_room_that_is_kept_back() {
    meets(Explore::All, 1 << 20);
}
