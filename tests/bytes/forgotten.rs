//! What is lent and never given back (`mem::forget` is safe code): nothing is lost, nothing comes twice, and nobody waits for ever.

use std::mem::forget;
use std::thread;
use std::time::Duration;

use rondel::bytes::{Consumer, PushTimeoutError, TryPopError, TryPushError, pair};

use crate::scratch::within;

fn drain(rx: &mut Consumer) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Ok(message) = rx.try_pop() {
        messages.push(message.to_vec());
    }
    messages
}

#[test]
fn a_forgotten_message_is_still_the_first() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    tx.push(b"one").expect("room");
    tx.push(b"two").expect("room");
    for _ in 0..3 {
        forget(rx.try_pop().expect("published"));
    }
    let mut batch = rx.try_pop_batch().expect("published");
    assert_eq!((&mut batch).into_iter().count(), 2);
    forget(batch);
    assert_eq!(drain(&mut rx), [b"one", b"two"]);
}

#[test]
fn a_forgotten_batch_is_published_with_what_is_pushed_next() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    let mut batch = tx.batch().expect("intact");
    batch.try_push(b"forgotten").expect("room");
    batch.try_push(b"too").expect("room");
    forget(batch);
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "not yet");
    assert_eq!(tx.position(), 0);
    assert_eq!(tx.wait_until_empty_timeout(Duration::ZERO), Ok(()), "nothing is published");
    tx.push(b"next").expect("room");
    assert_eq!(drain(&mut rx), [&b"forgotten"[..], b"too", b"next"]);

    // Another batch goes on with it; and drops it, if it is dropped.
    let mut batch = tx.batch().expect("intact");
    batch.try_push(b"one").expect("room");
    forget(batch);
    let mut batch = tx.batch().expect("intact");
    batch.try_push(b"two").expect("room");
    assert_eq!(batch.len(), 2);
    batch.publish().expect("intact");
    assert_eq!(drain(&mut rx), [b"one", b"two"]);
    let mut batch = tx.batch().expect("intact");
    batch.try_push(b"three").expect("room");
    forget(batch);
    drop(tx.batch().expect("intact"));
    tx.push(b"four").expect("room");
    assert_eq!(drain(&mut rx), [b"four"]);

    // Closing does not publish.
    let mut batch = tx.batch().expect("intact");
    batch.try_push(b"five").expect("room");
    forget(batch);
    drop(tx);
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Closed));
}

/// A batch that fills the ring and is forgotten: who waits for room publishes it first, for otherwise nobody could make any.
#[test]
fn a_forgotten_batch_does_not_block_those_who_wait() {
    let (mut tx, mut rx) = pair(100).expect("a ring");
    let mut batch = tx.batch().expect("intact");
    let mut count = 0;
    while batch.try_push(&[count; 20]).is_ok() {
        count += 1;
    }
    forget(batch);
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
    assert_eq!(tx.push_timeout(&[99; 20], Duration::ZERO), Err(PushTimeoutError::Timeout));
    assert_eq!(tx.try_push(&[99; 20]), Err(TryPushError::Full));
    within("a push behind a forgotten batch", || {
        thread::scope(|scope| {
            scope.spawn(|| tx.push(&[99; 20]).expect("room, in the end"));
            for number in (0..count).chain([99]) {
                assert_eq!(rx.pop().as_deref(), Ok(&[number; 20][..]));
            }
        });
    });
}

#[test]
fn a_forgotten_batch_that_fills_the_ring_does_not_keep_it() {
    let (mut tx, mut rx) = pair(64).expect("a ring");
    let mut batch = tx.batch().expect("intact");
    let mut forgotten = 0;
    while batch.try_push(&[7; 8]).is_ok() {
        forgotten += 1;
    }
    assert_eq!(batch.try_push(&[7; 8]), Err(TryPushError::Full), "a batch does not publish itself");
    forget(batch);
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
    assert_eq!(tx.try_push(&[1; 8]), Err(TryPushError::Full), "there is no room; but what took it is published now");
    assert_eq!(drain(&mut rx), vec![vec![7; 8]; forgotten]);
    tx.try_push(&[1; 8]).expect("room");
    assert_eq!(drain(&mut rx), [[1; 8]]);
}
