//! A blocked side notices that its peer was killed, whatever it is blocked in and however it waits.

use std::time::Duration;

use rondel::Peer;
use rondel::spsc::{Consumer, PopError, PopTimeoutError, Producer, PushError, PushTimeoutError, WaitError};

use crate::peers::{holder, killed_during};
use crate::scratch::{Directory, Message, STRATEGIES, message};

const CAPACITY: usize = 16;

type Pop = fn(&mut Consumer<Message>) -> PopError;

#[test]
fn a_blocked_consumer_notices_a_killed_producer() {
    let pops: [(&str, Pop); 4] = [
        ("pop", |rx| rx.pop().expect_err("nobody pushes")),
        ("pop_slice", |rx| rx.pop_slice(&mut [[0; 2]; 4]).expect_err("nobody pushes")),
        ("pop_guard", |rx| rx.pop_guard().map(|guard| *guard).expect_err("nobody pushes")),
        ("iter", |rx| {
            let mut iter = rx.iter();
            assert_eq!(iter.next(), None);
            iter.ended_by().expect("it has ended")
        }),
    ];
    for (strategy, wait) in STRATEGIES {
        for (name, pop) in pops {
            let directory = Directory::new("noticing-producer");
            let mut rx = directory.create(CAPACITY).consumer().expect("free");
            rx.set_wait(wait);
            let producer = holder(&directory, "producer");
            let pid = producer.pid() as u32;
            assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
            killed_during(&format!("{name}, {strategy}"), producer, || {
                assert_eq!(pop(&mut rx), PopError::Dead);
            });
            assert_eq!(rx.peer(), Ok(Peer::Dead { pid }));
        }
    }
}

type Push = fn(&mut Producer<Message>);

#[test]
fn a_blocked_producer_notices_a_killed_consumer() {
    let pushes: [(&str, Push); 3] = [
        ("push", |tx| {
            let element = message(tx.position());
            assert_eq!(tx.push(element), Err(PushError::Dead(element)));
        }),
        ("push_slice", |tx| {
            let error = tx.push_slice(&[message(0); 3]).expect_err("nobody pops");
            assert_eq!((error.pushed, error.cause), (0, PushTimeoutError::Dead(())));
        }),
        ("wait_until_empty", |tx| {
            assert_eq!(tx.wait_until_empty(), Err(WaitError::Dead));
        }),
    ];
    for (strategy, wait) in STRATEGIES {
        for (name, push) in pushes {
            let directory = Directory::new("noticing-consumer");
            let mut tx = directory.create(CAPACITY).producer().expect("free");
            tx.set_wait(wait);
            while tx.try_push(message(tx.position())).is_ok() {}
            let consumer = holder(&directory, "consumer");
            let pid = consumer.pid() as u32;
            assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
            killed_during(&format!("{name}, {strategy}"), consumer, || push(&mut tx));
            assert_eq!(tx.peer(), Ok(Peer::Dead { pid }));
        }
    }
}

/// Who looks in for a moment only, over and over, learns of the death, too.
#[test]
fn short_time_limits_do_not_hide_a_death() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new("noticing-limits");
        let ring = directory.create(CAPACITY);
        let mut rx = ring.consumer().expect("free");
        rx.set_wait(wait);
        let producer = holder(&directory, "producer");
        killed_during(&format!("pop_timeout(5 ms), {strategy}"), producer, || {
            let error = loop {
                match rx.pop_timeout(Duration::from_millis(5)) {
                    Err(PopTimeoutError::Timeout) => {}
                    other => break other,
                }
            };
            assert_eq!(error, Err(PopTimeoutError::Dead));
        });
        drop(rx);

        let mut tx = ring.producer().expect("free");
        tx.set_wait(wait);
        while tx.try_push(message(tx.position())).is_ok() {}
        let consumer = holder(&directory, "consumer");
        killed_during(&format!("push_timeout(5 ms), {strategy}"), consumer, || {
            let error = loop {
                match tx.push_timeout(message(0), Duration::from_millis(5)) {
                    Err(PushTimeoutError::Timeout(_)) => {}
                    other => break other,
                }
            };
            assert_eq!(error, Err(PushTimeoutError::Dead(message(0))));
        });
    }
}
