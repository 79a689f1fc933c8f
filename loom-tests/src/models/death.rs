//! A participant that stops dead before any of its shared accesses, and its successor.
//!
//! Each test runs one model for every k: the victim dies before its k-th access, until it survives.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::{Rx, Tx, ends};
use super::{Explore, for_every_death};
use crate::crash;
use crate::memory::Shared;

/// Pops what is there and checks that it goes on from `next`.
fn drain<const K: usize>(rx: &mut Rx<K>, next: &mut u64) {
    while let Some(element) = rx.try_pop() {
        assert_eq!(element, *next, "lost, doubled or torn");
        *next += 1;
    }
}

fn producer_dies<const K: usize>(lines: u64, elements: u64) {
    for_every_death(Explore::All, move |steps| {
        let shared = Shared::<K>::new(lines, 1);
        let (mut tx, mut rx) = ends(&shared);
        // The last element whose push returned.
        let pushed = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&pushed);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                for element in 1..=elements {
                    if !tx.try_push(element) {
                        return;
                    }
                    account.store(element, Ordering::Relaxed);
                }
            })
        });
        // The consumer lives through it.
        let mut next = 1;
        drain(&mut rx, &mut next);
        let killed = victim.join().unwrap();
        let returned = pushed.load(Ordering::Relaxed);

        let mut successor = Tx::attach(&shared);
        let tail = successor.half.tail();
        assert!(tail == returned || (killed && tail == returned + 1), "{returned} pushed, found {tail}");
        for element in tail + 1..=tail + 2 {
            while !successor.try_push(element) {
                drain(&mut rx, &mut next);
            }
        }
        drain(&mut rx, &mut next);
        assert_eq!(next, tail + 3);
        killed
    });
}

#[test]
fn a_producer_dies_with_one_slot_a_line() {
    producer_dies::<1>(2, 3);
}

#[test]
fn a_producer_dies_with_two_slots_a_line() {
    producer_dies::<2>(2, 3);
}

fn consumer_dies<const K: usize>(lines: u64, lag: u64, filled: u64) {
    for_every_death(Explore::All, move |steps| {
        let shared = Shared::<K>::new(lines, lag);
        let (mut tx, mut rx) = ends(&shared);
        let mut next_push = 1;
        while next_push <= filled {
            assert!(tx.try_push(next_push));
            next_push += 1;
        }
        // The last element that the victim took.
        let taken = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&taken);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                while let Some(element) = rx.try_pop() {
                    account.store(element, Ordering::Relaxed);
                    if element == filled {
                        return;
                    }
                }
            })
        });
        // The producer lives through it, and pushes into whatever the victim gives back.
        if tx.try_push(next_push) {
            next_push += 1;
        }
        let killed = victim.join().unwrap();
        let returned = taken.load(Ordering::Relaxed);

        let mut successor = Rx::attach(&shared);
        let head = successor.half.head();
        assert!(head == returned || (killed && head == returned + 1), "{returned} taken, goes on at {head}");
        let mut next = head + 1;
        drain(&mut successor, &mut next);
        assert_eq!(next, next_push, "all that was published and not taken");
        // And the ring is as good as new.
        for element in next_push..next_push + lines * K as u64 {
            while !tx.try_push(element) {
                drain(&mut successor, &mut next);
            }
        }
        drain(&mut successor, &mut next);
        assert_eq!(next, next_push + lines * K as u64);
        killed
    });
}

#[test]
fn a_consumer_dies_with_one_slot_a_line() {
    consumer_dies::<1>(2, 1, 2);
}

#[test]
fn a_consumer_dies_with_two_slots_a_line() {
    consumer_dies::<2>(2, 1, 4);
}

#[test]
fn a_consumer_dies_with_lines_kept_back() {
    consumer_dies::<1>(4, 2, 4);
}

#[test]
fn a_consumer_dies_in_a_batch() {
    for_every_death(Explore::All, |steps| {
        let shared = Shared::<2>::new(3, 1);
        let (mut tx, mut rx) = ends(&shared);
        assert_eq!(tx.half.try_push_slice(&[1, 2, 3, 4, 5]).unwrap(), 5);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                let mut batch = [0; 4];
                assert_eq!(rx.half.pop_slice(&mut batch).unwrap().0, 4);
            })
        });
        let mut next_push = 6;
        if tx.try_push(next_push) {
            next_push += 1;
        }
        let killed = victim.join().unwrap();
        let mut successor = Rx::attach(&shared);
        let head = successor.half.head();
        assert!(head == 4 || (killed && head == 0), "half a batch was consumed: goes on at {head}");
        let mut next = head + 1;
        drain(&mut successor, &mut next);
        assert_eq!(next, next_push);
        killed
    });
}

/// A sleeper that dies leaves its flag; the waker's next publication clears it, and the successor's sleep works.
#[test]
fn a_consumer_dies_asleep_or_about_to_sleep() {
    for_every_death(Explore::Preemptions(3), |steps| {
        let shared = Shared::<1>::new(2, 1);
        let (mut tx, mut rx) = ends(&shared);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                rx.pop();
            })
        });
        assert!(tx.try_push(1));
        let killed = victim.join().unwrap();
        let mut successor = Rx::attach(&shared);
        let head = successor.half.head();
        assert!(head == 1 || killed, "the victim popped");
        let consumer = thread::spawn(move || {
            for expected in head + 1..=2 {
                assert_eq!(successor.pop(), Some(expected));
            }
        });
        assert!(tx.try_push(2));
        consumer.join().unwrap();
        killed
    });
}
