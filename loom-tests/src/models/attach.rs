//! A participant that attaches while the other side is at work.

use loom::sync::Arc;
use loom::thread;

use super::participants::{Rx, Tx, ends};
use super::{Explore, check};
use crate::memory::Shared;
use crate::protocol::role::{self, Phase};
use crate::sync::{AtomicU64, Ordering};

#[test]
fn a_producer_attaches_to_a_full_ring_while_the_consumer_pops() {
    check(Explore::All, || {
        let shared = Shared::<1>::new(2, 2);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(1));
        assert!(tx.try_push(2));
        drop(tx);
        let consumer = thread::spawn(move || {
            assert_eq!(rx.try_pop(), Some(1));
            rx
        });
        // What it may write over follows from the `consumed` that it finds, and from nothing else.
        let mut successor = Tx::attach(&shared);
        assert_eq!(successor.half.tail(), 2);
        let pushed = successor.try_push(3);
        let mut rx = consumer.join().unwrap();
        assert_eq!(rx.try_pop(), Some(2));
        assert_eq!(rx.try_pop(), pushed.then_some(3));
    });
}

#[test]
fn a_consumer_attaches_while_the_producer_pushes() {
    check(Explore::All, || {
        let shared = Shared::<1>::new(2, 1);
        let (mut tx, rx) = ends(&shared);
        drop(rx);
        let producer = thread::spawn(move || {
            assert!(tx.try_push(1));
            assert!(tx.try_push(2));
        });
        let mut successor = Rx::attach(&shared);
        let mut next = 1;
        while next <= 2 {
            match successor.try_pop() {
                Some(element) => {
                    assert_eq!(element, next);
                    next += 1;
                }
                None => thread::yield_now(),
            }
        }
        producer.join().unwrap();
    });
}

/// The library stores the holder's pid before it marks the role as taken. Whoever sees the mark is shown this holder, and not the one before.
#[test]
fn whoever_sees_an_attachment_sees_the_pid_of_its_holder() {
    check(Explore::All, || {
        // Who attaches loads the role's word before it stores to it.
        let words = Arc::new((AtomicU64::watched(0), AtomicU64::new(0)));
        let holder = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                let (state, pid) = &*words;
                pid.store(7, Ordering::Relaxed);
                role::attach(state);
            })
        };
        let (state, pid) = &*words;
        if role::decode(role::read(state)) == Phase::Attached {
            assert_eq!(pid.load(Ordering::Relaxed), 7);
        }
        holder.join().unwrap();
    });
}
