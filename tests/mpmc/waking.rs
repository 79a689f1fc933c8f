//! Who is woken, and how many: one for each element, or slot, that others can have now, and all when somebody goes.

use std::thread;

use rondel::mpmc::{Consumer, Producer, Ring};

use crate::scratch::within;
use crate::words::{For, Sleeper, Words, bit};

/// Slots, and elements that make a ring full.
const SLOTS: u64 = 8;
const PARTICIPANTS: u32 = 80;
/// The lines on which the test's sleepers lie, each with a bit of its own. The first three are the handles'.
const BEDS: [u32; 5] = [3, 4, 17, 40, 62];

struct Scene {
    ring: Ring<u64>,
    words: Words,
}

struct Handles {
    tx: Producer<u64>,
    rx: Consumer<u64>,
    other: Consumer<u64>,
}

impl Scene {
    fn new() -> Scene {
        let ring = Ring::builder().capacity(SLOTS as usize).participants(PARTICIPANTS).anonymous().expect("a ring");
        let words = Words::of(&ring);
        Scene { ring, words }
    }

    /// The handles, after `pushed` elements.
    fn handles(&self, pushed: u64) -> Handles {
        let mut tx = self.ring.producer().expect("a place");
        for element in 0..pushed {
            tx.try_push(element).expect("room");
        }
        Handles { tx, rx: self.ring.consumer().expect("a place"), other: self.ring.consumer().expect("a place") }
    }
}

/// How many of the sleepers are woken by `wake`, in a ring of so many elements.
fn woken_by(side: For, pushed: u64, wake: impl FnOnce(&mut Handles)) -> usize {
    woken_of(&BEDS, side, pushed, wake).len()
}

/// Which of the sleepers are woken.
fn woken_of(beds: &[u32], side: For, pushed: u64, wake: impl FnOnce(&mut Handles)) -> Vec<u32> {
    let scene = Scene::new();
    let mut handles = scene.handles(pushed);
    within("sleepers", || {
        thread::scope(|scope| {
            let words = &scene.words;
            let sleepers: Vec<_> = beds.iter().map(|&line| Sleeper::lie_down(scope, words, side, line)).collect();
            wake(&mut handles);
            sleepers.iter().filter(|sleeper| sleeper.was_woken()).map(|sleeper| sleeper.line).collect()
        })
    })
}

type Push = fn(&mut Producer<u64>);
type Pop = fn(&mut Consumer<u64>);

#[test]
fn one_push_wakes_one_consumer() {
    let pushes: [(&str, Push); 5] = [
        ("try_push", |tx| tx.try_push(1).expect("room")),
        ("push", |tx| tx.push(1).expect("room")),
        ("push_timeout", |tx| tx.push_timeout(1, std::time::Duration::ZERO).expect("room")),
        ("try_push_slice", |tx| assert_eq!(tx.try_push_slice(&[1]), Ok(1))),
        ("push_slice", |tx| tx.push_slice(&[1]).expect("room")),
    ];
    for (name, push) in pushes {
        for before in 0..SLOTS {
            let woken = woken_by(For::Data, before, |handles| push(&mut handles.tx));
            assert_eq!(woken, 1, "{name} after {before}");
        }
    }
}

#[test]
fn a_slice_wakes_as_many_as_it_has_elements() {
    for len in 1..=SLOTS as usize {
        let woken = woken_by(For::Data, 0, |handles| assert_eq!(handles.tx.try_push_slice(&vec![1; len]), Ok(len)));
        assert_eq!(woken, len.min(BEDS.len()), "{len} elements");
        let pop = |handles: &mut Handles| assert_eq!(handles.rx.try_pop_slice(&mut vec![0; len]), Ok(len));
        assert_eq!(woken_by(For::Space, SLOTS, pop), len.min(BEDS.len()), "{len} slots");
    }
}

#[test]
fn one_pop_wakes_one_producer() {
    let pops: [(&str, Pop); 7] = [
        ("try_pop", |rx| assert_eq!(rx.try_pop(), Ok(0))),
        ("pop", |rx| assert_eq!(rx.pop(), Ok(0))),
        ("pop_timeout", |rx| assert_eq!(rx.pop_timeout(std::time::Duration::ZERO), Ok(0))),
        ("try_pop_slice", |rx| assert_eq!(rx.try_pop_slice(&mut [0]), Ok(1))),
        ("pop_slice", |rx| assert_eq!(rx.pop_slice(&mut [0]), Ok(1))),
        ("try_pop_guard", |rx| assert_eq!(rx.try_pop_guard().map(|guard| guard.consume()), Ok(0))),
        ("pop_guard", |rx| assert_eq!(rx.pop_guard().map(|guard| *guard), Ok(0))),
    ];
    for (name, pop) in pops {
        assert_eq!(woken_by(For::Space, SLOTS, |handles| pop(&mut handles.rx)), 1, "{name}");
    }
}

/// Nothing can be pushed as long as the guard lives, so nobody is woken.
#[test]
fn a_guard_wakes_when_it_is_dropped_and_not_before() {
    let scene = Scene::new();
    let Handles { tx: _tx, mut rx, .. } = scene.handles(SLOTS);
    within("sleepers", || {
        thread::scope(|scope| {
            let sleeper = Sleeper::lie_down(scope, &scene.words, For::Space, BEDS[0]);
            let guard = rx.try_pop_guard().expect("an element");
            assert!(!sleeper.was_woken(), "woken for a slot that is held");
            drop(guard);
            assert!(sleeper.was_woken());
        });
    });
}

/// Forgotten, it counts as dropped at the next pop: two slots are free then.
#[test]
fn a_forgotten_guard_wakes_at_the_next_pop() {
    let forget = |handles: &mut Handles| std::mem::forget(handles.rx.try_pop_guard());
    assert_eq!(woken_by(For::Space, SLOTS, forget), 0);
    let forget_and_pop = |handles: &mut Handles| {
        forget(handles);
        assert_eq!(handles.rx.try_pop(), Ok(1));
    };
    assert_eq!(woken_by(For::Space, SLOTS, forget_and_pop), 2);
    let forget_and_go = |handles: &mut Handles| {
        let mut rx = handles.rx.try_clone().expect("a place");
        std::mem::forget(rx.try_pop_guard());
        drop(rx);
    };
    // A participant that goes wakes everybody.
    assert_eq!(woken_by(For::Space, SLOTS, forget_and_go), BEDS.len());
}

/// A slot that is freed behind one that is held is of no use yet; whoever frees the first wakes for both.
#[test]
fn slots_that_were_freed_out_of_order_wake_when_their_turn_comes() {
    let scene = Scene::new();
    let Handles { mut tx, mut rx, mut other } = scene.handles(SLOTS);
    within("sleepers", || {
        thread::scope(|scope| {
            let lie_down = |line| Sleeper::lie_down(scope, &scene.words, For::Space, line);
            let first = rx.try_pop_guard().expect("an element");
            assert_eq!(other.try_pop(), Ok(1));
            assert_eq!(other.try_pop(), Ok(2));
            let sleepers = BEDS.map(lie_down);
            drop(first);
            let woken = sleepers.iter().filter(|sleeper| sleeper.was_woken()).count();
            assert_eq!(woken, 3, "one for each slot that can be had now");
            assert_eq!(tx.try_push_slice(&[0; 9]), Ok(3));
        });
    });
}

/// A bit that a killed sleeper has left swallows no wake-up.
#[test]
fn where_the_chosen_one_is_dead_another_is_woken() {
    let scene = Scene::new();
    let mut handles = scene.handles(0);
    within("sleepers", || {
        thread::scope(|scope| {
            let sleeper = Sleeper::lie_down(scope, &scene.words, For::Data, 62);
            for dead in [3, 4, 17, 40] {
                scene.words.asleep(dead).store(1, std::sync::atomic::Ordering::SeqCst);
                scene.words.mask(For::Data).fetch_or(bit(dead), std::sync::atomic::Ordering::SeqCst);
            }
            handles.tx.try_push(1).expect("room");
            assert!(sleeper.was_woken(), "the wake-up went to the dead");
        });
    });
}

/// From line 63 on all share a bit: who wakes one of them wakes all.
#[test]
fn those_that_share_a_bit_are_woken_together() {
    let beds = [63, 64, 70, PARTICIPANTS - 1];
    let woken = woken_of(&beds, For::Data, 0, |handles| handles.tx.try_push(1).expect("room"));
    assert_eq!(woken, beds);
    let woken = woken_of(&beds, For::Space, SLOTS, |handles| assert_eq!(handles.rx.try_pop(), Ok(0)));
    assert_eq!(woken, beds);
}

/// What the others are told when the last of a side has gone concerns each of them.
#[test]
fn all_are_woken_when_a_participant_goes() {
    let beds = [3, 17, 62, 63, 64, PARTICIPANTS - 1];
    for side in [For::Data, For::Space] {
        let go = |handles: &mut Handles| drop(handles.other.clone());
        assert_eq!(woken_of(&beds, side, 0, go), beds, "{side:?}, a consumer");
        let go = |handles: &mut Handles| drop(handles.tx.clone());
        assert_eq!(woken_of(&beds, side, 0, go), beds, "{side:?}, a producer");
    }
}
