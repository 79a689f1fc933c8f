//! "Closed" is the last thing that is said: what was done before the close counts, and a successor revives the other side.

use std::thread;
use std::time::{Duration, Instant};

use rondel::bytes::{
    Consumer, PopError, PopTimeoutError, Producer, PushError, PushTimeoutError, TryPopError, TryPushError, WaitError,
    pair,
};

use crate::scratch::{A_MOMENT, STRATEGIES, within};

/// How long two sides race. Bounded by time: rounds are slow on a busy machine.
const RACE: Duration = Duration::from_secs(1);

fn race(mut round: impl FnMut()) {
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < RACE {
        round();
        rounds += 1;
    }
    println!("{rounds} rounds");
}

fn fill(tx: &mut Producer) -> usize {
    let mut count = 0;
    while tx.try_push(&[count as u8; 8]).is_ok() {
        count += 1;
    }
    count
}

/// Everything that was pushed right before the close comes first, whichever way it is asked for.
#[test]
fn a_pop_is_not_refused_for_a_producer_that_pushed_and_closed() {
    let pops: [fn(&mut Consumer) -> bool; 5] = [
        |rx| match rx.try_pop().as_deref() {
            Ok(message) => message == b"the last",
            Err(TryPopError::Empty) => false,
            Err(error) => panic!("{error}, but there was a message"),
        },
        |rx| match rx.try_pop_into(&mut [0; 8]) {
            Ok(len) => len == 8,
            Err(rondel::bytes::PopIntoError::Pop(TryPopError::Empty)) => false,
            Err(error) => panic!("{error}, but there was a message"),
        },
        |rx| match rx.try_pop_batch() {
            Ok(mut batch) => (&mut batch).into_iter().count() == 1,
            Err(TryPopError::Empty) => false,
            Err(error) => panic!("{error}, but there was a message"),
        },
        |rx| match rx.pop_timeout(Duration::ZERO).as_deref() {
            Ok(message) => message == b"the last",
            Err(PopTimeoutError::Timeout) => false,
            Err(error) => panic!("{error}, but there was a message"),
        },
        |rx| rx.pop().expect("there was a message").len() == 8,
    ];
    for pop in pops {
        race(|| {
            let (mut tx, mut rx) = pair(64).expect("a ring");
            thread::scope(|scope| {
                scope.spawn(move || tx.try_push(b"the last"));
                while !pop(&mut rx) {}
                while rx.try_pop().map(drop) != Err(TryPopError::Closed) {}
            });
        });
    }
}

/// A full ring whose consumer has gone stays full; one that was given room before it went is not refused.
#[test]
fn a_push_is_not_refused_for_a_consumer_that_made_room_and_closed() {
    let pushes: [fn(&mut Producer) -> bool; 3] = [
        |tx| match tx.try_push(&[1; 8]) {
            Ok(()) => true,
            Err(TryPushError::Full) => false,
            Err(error) => panic!("{error}, but there is room"),
        },
        |tx| match tx.push_timeout(&[1; 8], Duration::ZERO) {
            Ok(()) => true,
            Err(PushTimeoutError::Timeout) => false,
            Err(error) => panic!("{error}, but there is room"),
        },
        |tx| tx.push(&[1; 8]).is_ok() || panic!("refused, but there is room"),
    ];
    for push in pushes {
        race(|| {
            let (mut tx, mut rx) = pair(64).expect("a ring");
            fill(&mut tx);
            thread::scope(|scope| {
                scope.spawn(move || drop(rx.try_pop()));
                while !push(&mut tx) {}
            });
        });
    }
}

#[test]
fn closed_is_said_when_there_is_nothing_left_and_never_before() {
    let (mut tx, mut rx) = pair(64).expect("a ring");
    let ring = tx.ring();
    let count = fill(&mut tx);
    // Neither what was lent and not committed, nor what was gathered and not published, is published by the end.
    drop(rx.try_pop());
    drop(tx.try_reserve(8).expect("room"));
    let mut batch = tx.batch().expect("intact");
    batch.try_push(&[99; 8]).expect("room");
    drop(batch);
    drop(tx);
    for number in 1..count {
        assert_eq!(rx.pop().as_deref(), Ok(&[number as u8; 8][..]), "drained first");
    }
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Closed));
    assert_eq!(rx.pop().map(drop), Err(PopError::Closed));
    assert_eq!(rx.pop_timeout(Duration::MAX).map(drop), Err(PopTimeoutError::Closed));
    assert_eq!(rx.pop_batch().map(drop), Err(PopError::Closed));

    let mut tx = ring.producer().expect("free");
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "not final");
    tx.push(b"revived").expect("room");
    assert_eq!(rx.pop().as_deref(), Ok(&b"revived"[..]));

    drop(rx);
    assert_eq!(tx.wait_until_empty(), Ok(()), "nothing is left for anybody");
    fill(&mut tx);
    assert_eq!(tx.try_push(&[1; 8]), Err(TryPushError::Closed));
    assert_eq!(tx.try_reserve(8).map(drop), Err(TryPushError::Closed));
    assert_eq!(tx.push(&[1; 8]), Err(PushError::Closed));
    assert_eq!(tx.push_timeout(&[1; 8], Duration::MAX), Err(PushTimeoutError::Closed));
    assert_eq!(tx.wait_until_empty(), Err(WaitError::Closed));
    let mut rx = ring.consumer().expect("free");
    assert_eq!(tx.try_push(&[1; 8]), Err(TryPushError::Full), "not final");
    drop(rx.pop().expect("pushed"));
    tx.push(&[1; 8]).expect("room");
}

/// A message that is too long for what is free is refused though a shorter one would fit.
#[test]
fn closed_is_said_of_the_message_and_not_of_the_ring() {
    let (mut tx, rx) = pair(200).expect("a ring");
    tx.push(&[1; 150]).expect("room");
    drop(rx);
    assert_eq!(tx.push(&[2; 190]), Err(PushError::Closed));
    assert_eq!(tx.push(&[2; 10]), Ok(()));
}

/// Whoever is blocked is told, however it waits.
#[test]
fn a_blocked_handle_is_told() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = pair(64).expect("a ring");
        let ring = tx.ring();
        tx.set_wait(wait);
        rx.set_wait(wait);
        within("a blocked consumer", || {
            thread::scope(|scope| {
                let blocked = scope.spawn(move || rx.pop().map(drop));
                thread::sleep(A_MOMENT);
                drop(tx);
                assert_eq!(blocked.join().expect("no panic"), Err(PopError::Closed), "{wait:?}");
            });
        });
        let (mut tx, rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        tx.set_wait(wait);
        fill(&mut tx);
        within("a blocked producer", || {
            thread::scope(|scope| {
                let blocked = scope.spawn(move || tx.push(&[2; 8]));
                thread::sleep(A_MOMENT);
                drop(rx);
                assert_eq!(blocked.join().expect("no panic"), Err(PushError::Closed), "{wait:?}");
            });
        });
        let (mut tx, rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        tx.set_wait(wait);
        within("a producer that waits for the ring to be empty", || {
            thread::scope(|scope| {
                let blocked = scope.spawn(move || tx.wait_until_empty());
                thread::sleep(A_MOMENT);
                drop(rx);
                assert_eq!(blocked.join().expect("no panic"), Err(WaitError::Closed), "{wait:?}");
            });
        });
    }
}
