//! What is said of, and done about, a position that somebody holds and does not settle.
//!
//! A claim is three words, so it can be played: of a producer that lives and has been stopped in its push; and, on a line that
//! nobody holds, of a consumer that was killed in its pop.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rondel::mpmc::{Consumer, OnConsumerDeath, PopTimeoutError, Producer, Ring, TryPopError, TryPushError};

use crate::words::Words;

const SLOTS: u64 = 4;
/// A line that nobody has.
const NOBODY: u32 = 5;
/// How often a handle that only polls asks the kernel, at most.
const INTERVAL: Duration = Duration::from_millis(25);

const FULL: u64 = 1;

/// An intent of one position.
fn intent(position: u64) -> u64 {
    position << 16 | 1
}

fn ring() -> Ring<u64> {
    let builder = Ring::builder().capacity(SLOTS as usize).participants(8);
    builder.on_consumer_death(OnConsumerDeath::Discard).anonymous().expect("a ring")
}

/// A claim of the position at the tail, by a producer that goes no further.
fn stop_in_a_push(words: &Words, tx: &Producer<u64>) -> u64 {
    let position = words.tail().load(SeqCst);
    words.pushing(tx.participant()).store(intent(position), SeqCst);
    words.tail().store(position + 1, SeqCst);
    position
}

/// The slot of position 1 as a consumer leaves it that is killed in its pop. Whoever looks for the dead discards it.
fn die_in_a_pop(words: &Words) {
    words.popping(NOBODY).store(intent(1), SeqCst);
    words.stamp(1).store(FULL, SeqCst);
}

/// True if somebody has looked for the dead.
fn is_settled(words: &Words) -> bool {
    words.stamp(1).load(SeqCst) != FULL
}

#[test]
fn behind_a_push_that_is_not_finished_nothing_is_had_and_nothing_is_empty() {
    let ring = ring();
    let words = Words::of(&ring);
    let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    let mut other = ring.producer().expect("a place");
    let position = stop_in_a_push(&words, &tx);
    other.push(7).expect("room behind it");
    assert_eq!(rx.len(), Ok(2), "the one that is being pushed counts");
    for _ in 0..2 {
        assert_eq!(rx.try_pop(), Err(TryPopError::Pending));
        assert_eq!(rx.try_pop_guard().map(drop), Err(TryPopError::Pending));
        assert_eq!(rx.try_pop_slice(&mut [0; 4]), Ok(0));
        assert_eq!(rx.pop_timeout(3 * INTERVAL), Err(PopTimeoutError::Timeout), "a stopped one is waited for");
        let mut iter = rx.try_iter();
        assert_eq!((iter.next(), iter.ended_by()), (None, Some(TryPopError::Pending)));
        let stuck = rx.stuck().expect("intact").expect("somebody is waited for");
        assert_eq!((stuck.participant, stuck.pid, stuck.position), (tx.participant(), std::process::id(), position));
        assert_eq!(other.stuck(), Ok(None), "there is room");
    }
    // It goes on, and publishes.
    words.stamp(position as usize).store(FULL, SeqCst);
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 7]);
    assert_eq!(rx.stuck(), Ok(None));
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    tx.push(8).expect("room");
    assert_eq!(rx.try_pop(), Ok(8));
}

/// Polls twice, with a death in between, until the two polls were so close together that the second must not ask the kernel; then
/// after a while, when it must.
fn asks_now_and_then<H, O>(poll: impl Fn(&mut H), scene: impl Fn() -> (Ring<u64>, H, O)) {
    loop {
        let (ring, mut handle, _others) = scene();
        let words = Words::of(&ring);
        let start = Instant::now();
        poll(&mut handle);
        die_in_a_pop(&words);
        poll(&mut handle);
        if start.elapsed() >= INTERVAL {
            // The machine was busy elsewhere.
            continue;
        }
        assert!(!is_settled(&words), "the kernel is asked at every poll");
        std::thread::sleep(2 * INTERVAL);
        poll(&mut handle);
        assert!(is_settled(&words), "the kernel is not asked");
        break;
    }
}

#[test]
fn a_producer_that_polls_asks_after_the_dead_now_and_then() {
    let poll = |tx: &mut Producer<u64>| assert_eq!(tx.try_push(9), Err(TryPushError::Pending(9)));
    asks_now_and_then(poll, || {
        let ring = ring();
        let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
        assert_eq!(tx.try_push_slice(&[0; SLOTS as usize]), Ok(SLOTS as usize));
        // The next push comes to the slot under this guard.
        std::mem::forget(rx.try_pop_guard().expect("an element"));
        // Position 1 is popped by one who goes: it is nobody's.
        assert_eq!(ring.consumer().expect("a place").try_pop(), Ok(0));
        (ring, tx, rx)
    });
}

#[test]
fn a_consumer_that_polls_asks_after_the_dead_now_and_then() {
    let poll = |rx: &mut Consumer<u64>| assert_eq!(rx.try_pop(), Err(TryPopError::Pending));
    asks_now_and_then(poll, || {
        let ring = ring();
        let (mut tx, rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
        tx.push_slice(&[0; 2]).expect("room");
        // By one who goes: position 1 is nobody's.
        assert_eq!(ring.consumer().expect("a place").try_iter().count(), 2);
        stop_in_a_push(&Words::of(&ring), &tx);
        (ring, rx, tx)
    });
}

/// The position under a guard is in the intent of one who was killed, too: the guard's holder may be the one that merely lost the
/// race, and then the element comes back. "Closed" would be too early.
#[test]
fn what_may_come_back_keeps_the_ring_from_being_closed() {
    let ring = ring();
    let words = Words::of(&ring);
    let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    let mut other = ring.consumer().expect("a place");
    tx.push(7).expect("room");
    let guard = other.try_pop_guard().expect("an element");
    words.popping(NOBODY).store(intent(0), SeqCst);
    drop(tx);
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    assert_eq!(rx.try_pop_slice(&mut [0]), Ok(0));
    assert_eq!(rx.pop_timeout(3 * INTERVAL), Err(PopTimeoutError::Timeout));
    drop(guard);
    assert_eq!(rx.try_pop(), Err(TryPopError::Closed), "it is settled");
    assert_eq!(rx.pop_timeout(3 * INTERVAL), Err(PopTimeoutError::Closed));
}
