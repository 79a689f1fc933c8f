//! A participant that attaches while the other side is at work.

use loom::thread;

use super::participants::{Rx, Tx, ends, ends_after};
use crate::messages::{Message, Shared};
use crate::models::{Explore, check};

#[test]
fn a_producer_attaches_to_a_full_ring_while_the_consumer_takes() {
    check(Explore::All, || {
        let shared = Shared::new(48, 16, 1 << 20);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.put(Message::new(1, 16)));
        assert!(tx.put(Message::new(2, 8)));
        drop(tx);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.take(), Some(Message::new(1, 16)));
            rx
        });
        // What it may write over follows from the `consumed` that it finds, and from nothing else.
        let mut successor = Tx::attach(&shared);
        assert_eq!(successor.half.position(), 40);
        let third = Message::new(3, 16);
        let fourth = Message::new(4, 8);
        let put = successor.write_into_released(third);
        if put {
            successor.half.stage(third.len);
            successor.half.publish();
        }
        let put_fourth = put && successor.put(fourth);
        let mut rx = consumer.join().unwrap();
        assert_eq!(rx.take(), Some(Message::new(2, 8)));
        assert_eq!(rx.take(), put.then_some(third));
        assert_eq!(rx.take(), put_fourth.then_some(fourth));
    });
}

#[test]
fn a_consumer_attaches_while_the_producer_publishes() {
    check(Explore::All, || {
        let shared = Shared::new(40, 16, 8);
        let (mut tx, rx) = ends_after(&shared, &[16, 8]);
        drop(rx);
        let producer = thread::spawn(move || {
            assert!(tx.put(Message::new(3, 0)));
            assert!(tx.put(Message::new(4, 8)));
        });
        let mut successor = Rx::attach(&shared);
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.extend(successor.take());
        }
        producer.join().unwrap();
        while let Some(message) = successor.take() {
            taken.push(message);
        }
        assert_eq!(taken, [Message::new(3, 0), Message::new(4, 8)]);
    });
}

/// What a consumer has kept back, its successor gives back; and with it, that the predecessor has read it. The producer never asks
/// `consumed`.
#[test]
fn a_consumer_gives_back_what_its_predecessor_has_read() {
    check(Explore::All, || {
        let shared = Shared::new(48, 16, 1 << 20);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.put(Message::new(1, 16)));
        assert!(tx.put(Message::new(2, 8)));
        let predecessor = thread::spawn(move || assert_eq!(rx.take(), Some(Message::new(1, 16))));
        let producer = thread::spawn(move || {
            // The second lies where the predecessor has read.
            for (number, len) in [(3, 16), (4, 8)] {
                if tx.write_into_released(Message::new(number, len)) {
                    tx.half.stage(len);
                    tx.half.publish();
                }
            }
        });
        predecessor.join().unwrap();
        let mut successor = Rx::attach(&shared);
        assert_eq!(successor.take(), Some(Message::new(2, 8)));
        producer.join().unwrap();
    });
}

#[test]
fn both_attach_at_once() {
    check(Explore::All, || {
        let shared = Shared::new(48, 16, 1 << 20);
        let (mut tx, mut rx) = ends_after(&shared, &[16]);
        assert!(tx.put(Message::new(2, 8)));
        assert!(tx.put(Message::new(3, 0)));
        assert_eq!(rx.take(), Some(Message::new(2, 8)));
        drop((tx, rx));
        let words = loom::sync::Arc::clone(&shared);
        let producer = thread::spawn(move || {
            let mut tx = Tx::attach(&words);
            assert_eq!(tx.half.position(), 48);
            tx.put(Message::new(4, 16)).then_some(Message::new(4, 16))
        });
        let mut rx = Rx::attach(&shared);
        assert_eq!(rx.take(), Some(Message::new(3, 0)));
        let early = rx.take();
        let put = producer.join().unwrap();
        assert!(put.is_some(), "24 bytes beside one record of 8");
        assert_eq!(early.or_else(|| rx.take()), put);
        assert_eq!(rx.take(), None);
    });
}
