//! Everything arrives, once, in order and whole, across several laps.

use loom::thread;

use super::participants::ends;
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

fn arrives_in_order(explore: Explore, data: u64, lag: u64, lengths: &'static [u64]) {
    check(explore, move || {
        let shared = Shared::new(data, 16, lag);
        let (mut tx, mut rx) = ends(&shared);
        let producer = thread::spawn(move || {
            for (number, &len) in (1..).zip(lengths) {
                while !tx.put(Message::new(number, len)) {
                    thread::yield_now();
                }
            }
        });
        for (number, &len) in (1..).zip(lengths) {
            let message = loop {
                match rx.take() {
                    Some(message) => break message,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(message, Message::new(number, len));
        }
        assert_eq!(rx.take(), None);
        producer.join().unwrap();
    });
}

#[test]
fn across_a_wrap() {
    arrives_in_order(Explore::Preemptions(3), 40, 8, &[16, 8, 0, 16]);
}

#[test]
fn across_two_wraps_over_the_end() {
    arrives_in_order(Explore::Preemptions(3), 32, 8, &[8, 16, 8, 12]);
}

#[test]
fn across_a_wrap_with_a_lagging_release() {
    arrives_in_order(Explore::Preemptions(3), 56, 32, &[16, 8, 0, 16, 8]);
}

#[test]
fn empty_messages() {
    arrives_in_order(Explore::Preemptions(3), 16, 8, &[0, 0, 0]);
}
