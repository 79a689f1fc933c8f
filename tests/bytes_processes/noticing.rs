//! A blocked side notices that its peer was killed, whatever it is blocked in and however it waits.

use std::io::{BufRead, Error, ErrorKind, IoSlice, Read, Write};
use std::time::Duration;

use rondel::Peer;
use rondel::bytes::{
    Consumer, PopError, PopIntoError, PopTimeoutError, Producer, PushError, PushTimeoutError, TryPushError, WaitError,
};

use crate::peers::{holder, killed_during};
use crate::place::Shape;
use crate::scratch::{Directory, STRATEGIES};

const SHAPE: Shape = Shape::new(1024, 1000);
/// Half of the ring: there is always room for a short message, and none for the largest.
const HALF: usize = 504;

type Pop = fn(&mut Consumer);

/// What an error of the stream has inside.
fn inside<E: std::error::Error + Copy + 'static>(error: &Error) -> Option<E> {
    error.get_ref().and_then(|inside| inside.downcast_ref()).copied()
}

fn is_dead_end(error: &Error) -> bool {
    error.kind() == ErrorKind::UnexpectedEof && inside(error) == Some(PopError::Dead)
}

fn is_broken_pipe(error: &Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe && inside(error) == Some(PushError::Dead)
}

#[test]
fn a_blocked_consumer_notices_a_killed_producer() {
    let pops: [(&str, Pop); 5] = [
        ("pop", |rx| assert_eq!(rx.pop().map(drop), Err(PopError::Dead))),
        ("pop_into", |rx| assert_eq!(rx.pop_into(&mut [0; 8]), Err(PopIntoError::Pop(PopError::Dead)))),
        ("pop_batch", |rx| assert_eq!(rx.pop_batch().map(drop), Err(PopError::Dead))),
        ("read", |rx| assert!(is_dead_end(&rx.read(&mut [0; 8]).expect_err("nobody writes")))),
        ("fill_buf", |rx| assert!(is_dead_end(&rx.fill_buf().expect_err("nobody writes")))),
    ];
    for (strategy, wait) in STRATEGIES {
        for (name, pop) in pops {
            let directory = Directory::new("bytes-noticing-producer");
            let mut rx = directory.create(SHAPE).consumer().expect("free");
            rx.set_wait(wait);
            let producer = holder(&directory, "producer");
            let pid = producer.pid() as u32;
            assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
            killed_during(&format!("{name}, {strategy}"), producer, || pop(&mut rx));
            assert_eq!(rx.peer(), Ok(Peer::Dead { pid }));
        }
    }
}

type Push = fn(&mut Producer);

#[test]
fn a_blocked_producer_notices_a_killed_consumer() {
    let pushes: [(&str, Push); 6] = [
        ("push", |tx| assert_eq!(tx.push(&[0; HALF]), Err(PushError::Dead))),
        ("reserve", |tx| assert_eq!(tx.reserve(HALF).map(drop), Err(PushError::Dead))),
        ("push_vectored", |tx| {
            let halves = [[0; HALF / 2]; 2];
            assert_eq!(tx.push_vectored(&halves.each_ref().map(|half| IoSlice::new(half))), Err(PushError::Dead));
        }),
        ("push_pod", |tx| assert_eq!(tx.push_pod(&[0_u64; HALF / 8]), Err(PushError::Dead))),
        ("write", |tx| assert!(is_broken_pipe(&tx.write(&[0; HALF]).expect_err("nobody reads")))),
        ("wait_until_empty", |tx| assert_eq!(tx.wait_until_empty(), Err(WaitError::Dead))),
    ];
    for (strategy, wait) in STRATEGIES {
        for (name, push) in pushes {
            let directory = Directory::new("bytes-noticing-consumer");
            let mut tx = directory.create(SHAPE).producer().expect("free");
            tx.set_wait(wait);
            while tx.try_push(&[0; 56]).is_ok() {}
            killed_while_blocked(&directory, tx, &format!("{name}, {strategy}"), push);
        }
    }
}

/// Room for others is none for this one.
#[test]
fn a_producer_of_a_large_message_notices_it_while_the_ring_is_partly_full() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new("bytes-noticing-large");
        let mut tx = directory.create(SHAPE).producer().expect("free");
        tx.set_wait(wait);
        tx.push(&[0; HALF]).expect("room");
        killed_while_blocked(&directory, tx, &format!("reserve of the largest, {strategy}"), |tx| {
            assert_eq!(tx.try_push(&[0; SHAPE.largest]), Err(TryPushError::Full));
            assert_eq!(tx.reserve(SHAPE.largest).map(drop), Err(PushError::Dead));
            tx.push(&[0; HALF / 2]).expect("there is room, and a push into it needs no consumer");
        });
    }
}

fn killed_while_blocked(directory: &Directory, mut tx: Producer, what: &str, push: Push) {
    let consumer = holder(directory, "consumer");
    let pid = consumer.pid() as u32;
    assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
    let position = tx.position();
    killed_during(what, consumer, || push(&mut tx));
    assert_eq!(tx.peer(), Ok(Peer::Dead { pid }));
    assert!(tx.position() <= position + HALF as u64, "what was refused was pushed");
}

/// Who looks in for a moment only, over and over, learns of the death, too.
#[test]
fn short_time_limits_do_not_hide_a_death() {
    let soon = Duration::from_millis(5);
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new("bytes-noticing-limits");
        let ring = directory.create(SHAPE);
        let mut rx = ring.consumer().expect("free");
        rx.set_wait(wait);
        killed_during(&format!("pop_timeout(5 ms), {strategy}"), holder(&directory, "producer"), || {
            while rx.pop_timeout(soon).map(drop) == Err(PopTimeoutError::Timeout) {}
            assert_eq!(rx.pop_timeout(soon).map(drop), Err(PopTimeoutError::Dead));
            assert_eq!(rx.pop_into_timeout(&mut [0; 8], soon), Err(PopIntoError::Pop(PopTimeoutError::Dead)));
            assert_eq!(rx.pop_batch_timeout(soon).map(drop), Err(PopTimeoutError::Dead));
        });
        drop(rx);

        let mut tx = ring.producer().expect("free");
        tx.set_wait(wait);
        while tx.try_push(&[0; 56]).is_ok() {}
        killed_during(&format!("reserve_timeout(5 ms), {strategy}"), holder(&directory, "consumer"), || {
            while tx.reserve_timeout(HALF, soon).map(drop) == Err(PushTimeoutError::Timeout) {}
            assert_eq!(tx.reserve_timeout(HALF, soon).map(drop), Err(PushTimeoutError::Dead));
            assert_eq!(tx.push_timeout(&[0; HALF], soon), Err(PushTimeoutError::Dead));
            assert_eq!(tx.wait_until_empty_timeout(soon), Err(WaitError::Dead));
        });
    }
}
