//! A sleeper that was chosen, and finds more than it has use for, wakes another one.
//!
//! The one that chooses it is killed before its second wake-up. That is played here: the bit of a sleeping participant is
//! cleared, as a waker does first, and two elements (or slots) come while nobody else is to be seen asleep. At the end of its
//! slice the participant finds one, and owes somebody a wake-up for the other.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use rondel::Wait;
use rondel::mpmc::{Consumer, Producer, Ring};

use crate::scratch::{wait_until, within};
use crate::words::{For, Sleeper, Words, bit, is_sleeping, sleeps, this_thread};

/// Tries until the participant slept through the whole of the play. One is nearly always enough.
const ROUNDS: usize = 100;
const BED: u32 = 7;

struct Handles {
    tx: Producer<u64>,
    rx: Consumer<u64>,
}

/// Plays it once. `None` if the participant was up too early; otherwise whether the other sleeper was woken.
fn passes_on<H: Send>(
    side: For,
    ring: &Ring<u64>,
    line: u32,
    sleeping: &mut H,
    sleep: impl FnOnce(&mut H) + Send,
    publish_two: impl FnOnce(),
) -> Option<bool> {
    let words = Words::of(ring);
    let mask = words.mask(side);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let participant = scope.spawn(move || {
            sender.send(this_thread()).expect("somebody listens");
            sleep(sleeping);
        });
        let number = receiver.recv().expect("it has begun");
        let other = Sleeper::hidden(scope, &words, BED);
        wait_until(|| mask.load(Ordering::SeqCst) == bit(line) && is_sleeping(number));
        let before = sleeps(number);
        mask.fetch_and(!bit(line), Ordering::SeqCst);
        publish_two();
        mask.fetch_or(bit(BED), Ordering::SeqCst);
        // It has slept the whole time, if it sleeps still, and never fell asleep anew.
        let slept = is_sleeping(number) && sleeps(number) == before;
        participant.join().expect("no panic");
        slept.then(|| other.was_woken())
    })
}

fn handles(ring: &Ring<u64>) -> Handles {
    let mut handles = Handles { tx: ring.producer().expect("a place"), rx: ring.consumer().expect("a place") };
    handles.tx.set_wait(Wait::Park);
    handles.rx.set_wait(Wait::Park);
    handles
}

fn ring() -> Ring<u64> {
    Ring::builder().capacity(4).participants(8).anonymous().expect("a ring")
}

#[test]
fn a_consumer_passes_on_what_it_has_no_use_for() {
    let passed = within("a chosen consumer", || {
        (0..ROUNDS).find_map(|_| {
            let ring = ring();
            let Handles { mut tx, mut rx } = handles(&ring);
            let line = rx.participant();
            let pop = |rx: &mut Consumer<u64>| assert_eq!(rx.pop(), Ok(1));
            passes_on(For::Data, &ring, line, &mut rx, pop, || assert_eq!(tx.try_push_slice(&[1, 2]), Ok(2)))
        })
    });
    assert_eq!(passed, Some(true));
}

#[test]
fn a_producer_passes_on_what_it_has_no_use_for() {
    let passed = within("a chosen producer", || {
        (0..ROUNDS).find_map(|_| {
            let ring = ring();
            let Handles { mut tx, mut rx } = handles(&ring);
            assert_eq!(tx.try_push_slice(&[0; 9]), Ok(4));
            let line = tx.participant();
            let push = |tx: &mut Producer<u64>| tx.push(1).expect("room in the end");
            passes_on(For::Space, &ring, line, &mut tx, push, || assert_eq!(rx.try_pop_slice(&mut [0; 2]), Ok(2)))
        })
    });
    assert_eq!(passed, Some(true));
}
