//! What was vouched for has not been written over, whenever the producer was told that it may be.

use loom::sync::Arc;
use loom::thread;

use super::{Explore, check};
use crate::protocol::freed;
use crate::sync::{AtomicU64, Ordering};

/// A slot of two words, where the one consumer stands, at position 0; and the word that only producers write.
///
/// The words of the slot are atomics here, for they are read while they may be written: that is what is modelled.
struct Slot {
    words: [AtomicU64; 2],
    freed: AtomicU64,
}

const BEFORE: u64 = 0;
const AFTER: u64 = 1;

impl Slot {
    fn new(freed: u64) -> Arc<Self> {
        let word = || AtomicU64::new(BEFORE);
        Arc::new(Slot { words: [word(), word()], freed: AtomicU64::new(freed) })
    }

    fn write_over(&self) {
        for word in &self.words {
            word.store(AFTER, Ordering::Relaxed);
        }
    }

    /// What the consumer has read, if that is vouched for.
    fn read(&self) -> Option<[u64; 2]> {
        let [one, two] = &self.words;
        let read = [one.load(Ordering::Relaxed), two.load(Ordering::Relaxed)];
        freed::vouch(Some(&self.freed), 0).is_ok().then_some(read)
    }
}

#[test]
fn nothing_is_vouched_for_that_was_written_over() {
    check(Explore::All, || {
        let slot = Slot::new(0);
        let producer = Arc::clone(&slot);
        let producer = thread::spawn(move || {
            // A liar has told it so.
            freed::tell(Some(&producer.freed), 1);
            producer.write_over();
        });
        if let Some(read) = slot.read() {
            assert_eq!(read, [BEFORE; 2]);
        }
        producer.join().unwrap();
        assert_eq!(slot.read(), None);
    });
}

/// A producer that was told less than its predecessor, which may have written over more.
#[test]
fn what_a_predecessor_was_told_is_not_taken_back() {
    check(Explore::All, || {
        let slot = Slot::new(0);
        let producers = Arc::clone(&slot);
        let producers = thread::spawn(move || {
            freed::tell(Some(&producers.freed), 1);
            producers.write_over();
            freed::tell(Some(&producers.freed), 0);
        });
        if let Some(read) = slot.read() {
            assert_eq!(read, [BEFORE; 2]);
        }
        producers.join().unwrap();
        assert_eq!(slot.read(), None);
    });
}

#[test]
fn without_the_word_everything_is_vouched_for() {
    check(Explore::All, || {
        freed::tell(None, 1);
        assert!(freed::vouch(None, 0).is_ok());
    });
}
