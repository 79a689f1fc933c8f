//! Everything arrives, once, in order and whole, across several laps.

use loom::thread;

use super::participants::ends;
use super::{Explore, check};
use crate::memory::Shared;

fn arrives_in_order<const K: usize>(explore: Explore, lines: u64, lag: u64, elements: u64) {
    check(explore, move || {
        let shared = Shared::<K>::new(lines, lag);
        let (mut tx, mut rx) = ends(&shared);
        let producer = thread::spawn(move || {
            for element in 1..=elements {
                while !tx.half.try_push(element).unwrap() {
                    thread::yield_now();
                }
            }
        });
        for expected in 1..=elements {
            let element = loop {
                match rx.half.peek().unwrap() {
                    Some(element) => break element,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(element, expected);
            rx.half.advance();
        }
        assert_eq!(rx.half.peek().unwrap(), None);
        assert_eq!(rx.half.len().unwrap(), 0);
        producer.join().unwrap();
    });
}

#[test]
fn across_a_wrap_with_one_slot_a_line() {
    arrives_in_order::<1>(Explore::All, 2, 1, 4);
}

#[test]
fn across_a_wrap_with_two_slots_a_line() {
    arrives_in_order::<2>(Explore::Preemptions(4), 2, 1, 6);
}

#[test]
fn across_a_wrap_with_a_lagging_release() {
    arrives_in_order::<1>(Explore::Preemptions(4), 4, 2, 6);
}
