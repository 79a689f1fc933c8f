//! Waiting for a message, for room and for emptiness, under every strategy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rondel::Wait;
use rondel::bytes::{Consumer, PopError, PopTimeoutError, Producer, PushTimeoutError, Ring, WaitError, pair};

use crate::scratch::{A_MOMENT, STRATEGIES, message, within};

fn with(capacity: usize, tx_waits: Wait, rx_waits: Wait) -> (Producer, Consumer) {
    let (mut tx, mut rx) = pair(capacity).expect("a ring");
    tx.set_wait(tx_waits);
    rx.set_wait(rx_waits);
    assert_eq!((tx.wait_strategy(), rx.wait_strategy()), (tx_waits, rx_waits));
    (tx, rx)
}

/// Every call with a time limit, when there is nothing and when there is something; without a look at a clock.
#[test]
fn when_the_time_is_up_a_call_says_so() {
    for wait in STRATEGIES {
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2), Duration::from_millis(60)] {
            let (mut tx, mut rx) = with(64, wait, wait);
            let deadline = || Instant::now() + limit;
            let mut buffer = [0; 64];
            assert_eq!(rx.pop_timeout(limit).map(drop), Err(PopTimeoutError::Timeout));
            assert_eq!(rx.pop_deadline(deadline()).map(drop), Err(PopTimeoutError::Timeout));
            assert_eq!(rx.pop_batch_timeout(limit).map(drop), Err(PopTimeoutError::Timeout));
            assert_eq!(rx.pop_batch_deadline(deadline()).map(drop), Err(PopTimeoutError::Timeout));
            assert!(rx.pop_into_timeout(&mut buffer, limit).is_err());
            assert!(rx.pop_into_deadline(&mut buffer, deadline()).is_err());
            while tx.push_timeout(&[1; 8], limit).is_ok() {}
            assert_eq!(tx.push_timeout(&[1; 8], limit), Err(PushTimeoutError::Timeout));
            assert_eq!(tx.push_deadline(&[1; 8], deadline()), Err(PushTimeoutError::Timeout));
            assert_eq!(tx.reserve_timeout(8, limit).map(drop), Err(PushTimeoutError::Timeout));
            assert_eq!(tx.reserve_deadline(8, deadline()).map(drop), Err(PushTimeoutError::Timeout));
            assert_eq!(tx.wait_until_empty_timeout(limit), Err(WaitError::Timeout));
            assert_eq!(tx.wait_until_empty_deadline(deadline()), Err(WaitError::Timeout));
        }
    }
}

/// Each call has its own first look, which no time limit forbids.
#[test]
fn a_deadline_that_has_passed_allows_one_look() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = with(64, wait, wait);
        let past = Instant::now();
        tx.push_deadline(&[1; 3], past).expect("room");
        assert_eq!(rx.pop_deadline(past).as_deref(), Ok(&[1; 3][..]));
        tx.reserve_deadline(3, past).expect("room").commit().expect("intact");
        assert_eq!(rx.pop_into_deadline(&mut [0; 3], past), Ok(3));
        // Room that is not in the word that a producer polls, but in the exact one: this is less than the lag.
        while tx.try_push(&[2; 8]).is_ok() {}
        drop(rx.try_pop().expect("pushed"));
        tx.push_deadline(&[3; 8], past).expect("room");
        assert_eq!(rx.pop_batch_deadline(past).map(|mut batch| (&mut batch).into_iter().count() > 1), Ok(true));
        assert_eq!(tx.wait_until_empty_deadline(past), Ok(()));
    }
}

/// A limit beyond the end of time is none: there is something to wait for, and it comes.
#[test]
fn a_timeout_beyond_the_end_of_time_is_none() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = with(64, wait, wait);
        within("an endless timeout", || {
            thread::scope(|scope| {
                let popped = scope.spawn(move || (rx.pop_timeout(Duration::MAX).map(|message| message.to_vec()), rx));
                thread::sleep(A_MOMENT);
                tx.push(b"late").expect("room");
                let (popped, mut rx) = popped.join().expect("no panic");
                assert_eq!(popped.as_deref(), Ok(&b"late"[..]));
                while tx.try_push(&[2; 8]).is_ok() {}
                let pushed = scope.spawn(move || (tx.push_timeout(&[3; 40], Duration::MAX), tx));
                thread::sleep(A_MOMENT);
                while !matches!(rx.pop_timeout(Duration::MAX).as_deref(), Ok([3, ..])) {}
                let (pushed, mut tx) = pushed.join().expect("no panic");
                assert_eq!(pushed, Ok(()));
                assert_eq!(tx.wait_until_empty_timeout(Duration::MAX), Ok(()));
            });
        });
    }
}

/// Who waits for a peer that was never there waits until one is, whatever the other one does meanwhile.
#[test]
fn a_peer_that_was_never_there_is_waited_for() {
    for wait in STRATEGIES {
        let ring = Ring::builder().capacity(64).anonymous().expect("a ring");
        within("a peer that comes late", || {
            let mut rx = ring.consumer().expect("free");
            rx.set_wait(wait);
            thread::scope(|scope| {
                let popped = scope.spawn(move || rx.pop().map(|message| message.len()));
                thread::sleep(A_MOMENT);
                ring.producer().expect("free").push(&[1; 5]).expect("room");
                assert_eq!(popped.join().expect("no panic"), Ok(5));
            });
            let ring = Ring::builder().capacity(64).anonymous().expect("a ring");
            let mut tx = ring.producer().expect("free");
            tx.set_wait(wait);
            while tx.try_push(&[2; 8]).is_ok() {}
            thread::scope(|scope| {
                let pushed = scope.spawn(move || (tx.push(&[3; 8]), tx.wait_until_empty()));
                thread::sleep(A_MOMENT);
                let mut rx = ring.consumer().expect("free");
                while *rx.pop().expect("pushed") != [3; 8] {}
                assert_eq!(pushed.join().expect("no panic"), (Ok(()), Ok(())));
            });
        });
    }
}

/// To and fro, one message at a time: each waits for the other, and is woken, not left to its slice of sleep; with those
/// this would take longer than `within` allows.
#[test]
fn to_and_fro_under_every_strategy() {
    const ROUNDS: usize = 2000;
    for (one, other) in [(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (2, 0), (0, 3)] {
        let (one, other) = (STRATEGIES[one], STRATEGIES[other]);
        let (mut there_tx, mut there_rx) = with(200, one, other);
        let (mut back_tx, mut back_rx) = with(200, other, one);
        within(&format!("to and fro, {one:?} and {other:?}"), || {
            thread::scope(|scope| {
                scope.spawn(move || {
                    let end = loop {
                        match there_rx.pop() {
                            Ok(message) => back_tx.push(&message).expect("room"),
                            Err(error) => break error,
                        }
                    };
                    assert_eq!(end, PopError::Closed);
                });
                for round in 0..ROUNDS {
                    let sent = message(round, round % 150);
                    there_tx.push(&sent).expect("room");
                    assert_eq!(back_rx.pop().as_deref(), Ok(&sent[..]));
                }
                drop(there_tx);
            });
        });
    }
}

/// A ring that is full all the time, and empty all the time, with messages of every length: in place, in batches and as copies.
#[test]
fn a_flood_arrives_whole_under_every_strategy() {
    const MESSAGES: usize = 6000;
    let len = |number: usize| number * 7919 % 185;
    for (number, wait) in STRATEGIES.into_iter().enumerate() {
        for slow in [None, Some(true), Some(false)] {
            let (mut tx, mut rx) = with(200, wait, STRATEGIES[(number + 1) % 4]);
            let dawdle = |here: bool, number: usize| {
                if slow == Some(here) && number % 64 == 0 {
                    thread::sleep(Duration::from_micros(200));
                }
            };
            within(&format!("a flood under {wait:?}"), || {
                thread::scope(|scope| {
                    scope.spawn(move || {
                        for number in 0..MESSAGES {
                            dawdle(true, number);
                            let sent = message(number, len(number));
                            if number % 3 == 0 {
                                // Longer than needed: the rest is free again.
                                let mut reservation =
                                    tx.reserve(sent.len().next_multiple_of(50).min(192)).expect("room");
                                reservation[..sent.len()].copy_from_slice(&sent);
                                reservation.commit_len(sent.len()).expect("intact");
                            } else {
                                tx.push(&sent).expect("room");
                            }
                        }
                    });
                    let mut buffer = [0; 192];
                    let mut next = 0;
                    while next < MESSAGES {
                        dawdle(false, next);
                        match next % 5 {
                            0 => {
                                let len_here = rx.pop_into(&mut buffer).expect("more to come");
                                assert_eq!(buffer[..len_here], message(next, len(next)));
                                next += 1;
                            }
                            1 | 2 => {
                                assert_eq!(rx.pop().as_deref(), Ok(&message(next, len(next))[..]));
                                next += 1;
                            }
                            _ => {
                                for received in &mut rx.pop_batch().expect("more to come") {
                                    assert_eq!(received, message(next, len(next)));
                                    next += 1;
                                }
                            }
                        }
                    }
                });
            });
        }
    }
}

/// Who waits for room for a large message gets it in the end, though each message that goes makes only a little.
#[test]
fn a_large_message_gets_its_room_from_many_small_ones() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = with(4096, wait, wait);
        within("room for a large message", || {
            thread::scope(|scope| {
                let mut small = 0;
                while tx.try_push(&[small as u8; 3]).is_ok() {
                    small += 1;
                }
                let pushed = scope.spawn(move || tx.push(&vec![9; tx.largest()]));
                for number in 0..small {
                    assert_eq!(rx.pop().as_deref(), Ok(&[number as u8; 3][..]));
                }
                assert_eq!(rx.pop().map(|message| message.len()), Ok(4088));
                assert_eq!(pushed.join().expect("no panic"), Ok(()));
            });
        });
    }
}

/// Consumed is what was dropped, not what was popped: `wait_until_empty` returns when everything has been processed.
#[test]
fn waiting_for_emptiness_ends_with_the_last_message() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = with(200, wait, wait);
        let processed = AtomicBool::new(false);
        tx.push(b"one").expect("room");
        tx.push(b"two").expect("room");
        within("a producer that waits for emptiness", || {
            thread::scope(|scope| {
                let waited = scope.spawn(|| (tx.wait_until_empty(), processed.load(Ordering::Acquire), tx));
                let mut batch = rx.pop_batch().expect("pushed");
                assert_eq!((&mut batch).into_iter().count(), 2);
                thread::sleep(A_MOMENT);
                processed.store(true, Ordering::Release);
                drop(batch);
                let (waited, was_processed, mut tx) = waited.join().expect("no panic");
                assert_eq!((waited, was_processed), (Ok(()), true));
                // The same of a single message, and of one that is read as a stream to its last byte.
                tx.push(b"three").expect("room");
                let message = rx.pop().expect("pushed");
                assert_eq!(tx.wait_until_empty_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
                drop(message);
                assert_eq!(tx.wait_until_empty(), Ok(()));
            });
        });
    }
}
