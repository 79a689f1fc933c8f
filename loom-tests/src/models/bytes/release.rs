//! The producer writes over what was given back, and over nothing else. Writing over what is still read is a race that loom reports.

use loom::thread;

use super::participants::{Tx, ends_after};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

/// Fills a ring of 48 bytes, with `lengths`, and has the consumer give back while the producer goes on as `put` does.
fn goes_on(lag: u64, unread: &'static [u64], more: &'static [u64], put: fn(&mut Tx, Message) -> bool) {
    check(Explore::Preemptions(4), move || {
        let shared = Shared::new(48, 16, lag);
        let (mut tx, mut rx) = ends_after(&shared, &[16, 8]);
        let mut published = 0;
        for (number, &len) in (1..).zip(unread) {
            assert!(tx.put(Message::new(number, len)));
            published = number;
        }
        let mut next = 1;
        let producer = thread::spawn(move || {
            for &len in more {
                if put(&mut tx, Message::new(published + 1, len)) {
                    published += 1;
                }
            }
            published
        });
        let length = |number: u64| unread.iter().chain(more).copied().nth(number as usize - 1);
        for _ in unread {
            let message = rx.take().expect("published before");
            assert_eq!(message, Message::new(next, length(next).unwrap()));
            next += 1;
        }
        let published = producer.join().unwrap();
        while let Some(message) = rx.take() {
            assert!(message.number == next || message.len == 0);
            next += 1;
        }
        assert_eq!(next, published + 1);
    });
}

fn put_into_released(tx: &mut Tx, message: Message) -> bool {
    let written = tx.write_into_released(message);
    if written {
        tx.half.stage(message.len);
        tx.half.publish();
    }
    written
}

#[test]
fn what_released_says() {
    goes_on(8, &[0, 16], &[8, 8], put_into_released);
}

#[test]
fn what_consumed_says() {
    goes_on(1 << 20, &[0, 16], &[8, 8], Tx::put);
}

/// The one that is being read lies in the slack; the producer comes to it a lap later.
#[test]
fn the_slack() {
    goes_on(8, &[16, 8, 8], &[16, 16], Tx::put);
}
