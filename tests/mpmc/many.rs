//! Many that sleep at once: as many messages as sleepers, and each gets one.

use std::sync::atomic::Ordering;
use std::thread;

use rondel::Wait;
use rondel::mpmc::Ring;

use crate::scratch::{wait_until, within};
use crate::words::Words;

/// One; two; all bits but the one that is shared; that one, for two; and for many.
const COUNTS: [u32; 5] = [1, 2, 64, 65, 200];

fn ring(capacity: usize, sleepers: u32) -> Ring<u64> {
    Ring::builder().capacity(capacity).participants(sleepers + 1).anonymous().expect("a ring")
}

/// Waits until all lines but that of `awake` have said that they sleep.
fn wait_for_sleepers(ring: &Ring<u64>, awake: u32) {
    let words = Words::of(ring);
    let sleeps = |line| line == awake || words.asleep(line).load(Ordering::SeqCst) == 1;
    wait_until(|| (0..ring.places() as u32).all(sleeps));
}

#[test]
fn each_of_many_sleeping_consumers_gets_one_message() {
    for count in COUNTS {
        let ring = ring(256, count);
        let mut tx = ring.producer().expect("a place");
        let mut found: Vec<u64> = within("sleeping consumers", || {
            thread::scope(|scope| {
                let pop = || {
                    let mut rx = ring.consumer().expect("a place");
                    rx.set_wait(Wait::Park);
                    scope.spawn(move || (rx.pop().expect("a message"), rx))
                };
                let sleepers: Vec<_> = (0..count).map(|_| pop()).collect();
                wait_for_sleepers(&ring, tx.participant());
                (0..u64::from(count)).for_each(|message| tx.push(message).expect("room"));
                sleepers.into_iter().map(|sleeper| sleeper.join().expect("no panic").0).collect()
            })
        });
        found.sort_unstable();
        assert_eq!(found, (0..u64::from(count)).collect::<Vec<_>>());
    }
}

#[test]
fn each_of_many_sleeping_producers_finds_room() {
    const SLOTS: u64 = 4;
    for count in COUNTS {
        let ring = ring(SLOTS as usize, count);
        let mut rx = ring.consumer().expect("a place");
        let mut first = ring.producer().expect("a place");
        (0..SLOTS).for_each(|message| first.push(message).expect("room"));
        drop(first);
        let mut found: Vec<u64> = within("sleeping producers", || {
            thread::scope(|scope| {
                for message in SLOTS..SLOTS + u64::from(count) {
                    let mut tx = ring.producer().expect("a place");
                    tx.set_wait(Wait::Park);
                    scope.spawn(move || tx.push(message).expect("room in the end"));
                }
                wait_for_sleepers(&ring, rx.participant());
                rx.iter().collect()
            })
        });
        assert_eq!(found[..SLOTS as usize], [0, 1, 2, 3], "those come first that were pushed first");
        found.sort_unstable();
        assert_eq!(found, (0..SLOTS + u64::from(count)).collect::<Vec<_>>());
    }
}

/// Nobody is left sleeping when the last producer goes.
#[test]
fn all_sleeping_consumers_are_told_that_the_producers_have_gone() {
    for count in COUNTS {
        let ring = ring(4, count);
        let tx = ring.producer().expect("a place");
        within("sleeping consumers", || {
            thread::scope(|scope| {
                for _ in 0..count {
                    let mut rx = ring.consumer().expect("a place");
                    rx.set_wait(Wait::Park);
                    scope.spawn(move || assert_eq!(rx.pop(), Err(rondel::mpmc::PopError::Closed)));
                }
                wait_for_sleepers(&ring, tx.participant());
                drop(tx);
            });
        });
    }
}
