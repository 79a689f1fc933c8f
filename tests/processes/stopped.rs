//! A stopped process is not a dead one, however long it stands still.

use std::time::Duration;

use rondel::Peer;
use rondel::spsc::{PopTimeoutError, PushTimeoutError, WaitError};

use crate::child::{Task, start, tell, wait_for_parent};
use crate::peers::stop;
use crate::scratch::{Directory, STRATEGIES, attach, message, within};

const CAPACITY: usize = 16;
/// Many times the slice after which a blocked handle asks after its peer.
const LONG: Duration = Duration::from_millis(400);
const LIMIT: Duration = Duration::from_secs(20);

/// Pushes one message each time it is told to.
pub(crate) fn child_produce(task: &Task) {
    let mut tx = attach(&task.path).producer().expect("free");
    tell("ready");
    loop {
        wait_for_parent();
        tx.push(message(tx.position())).expect("room");
    }
}

/// Pops one message each time it is told to.
pub(crate) fn child_consume(task: &Task) {
    let mut rx = attach(&task.path).consumer().expect("free");
    tell("ready");
    loop {
        wait_for_parent();
        let number = rx.position();
        assert_eq!(rx.pop(), Ok(message(number)));
    }
}

#[test]
fn a_stopped_producer_is_waited_for() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("stopped-producer-{strategy}"));
        let mut rx = directory.create(CAPACITY).consumer().expect("free");
        rx.set_wait(wait);
        let mut producer = start("produce-when-told", directory.path(), &[]);
        producer.expect("ready");
        stop(&producer);
        within(LIMIT, "waiting for a stopped producer", || {
            assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout), "{strategy}");
            let pid = producer.pid() as u32;
            assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
            assert!(rx.ring().producer().is_err(), "its role is not for others");
            producer.go_on();
            producer.signal(libc::SIGCONT);
            assert_eq!(rx.pop(), Ok(message(0)));
            producer.go_on();
            assert_eq!(rx.pop(), Ok(message(1)));
        });
        producer.kill();
    }
}

#[test]
fn a_stopped_consumer_is_waited_for() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("stopped-consumer-{strategy}"));
        let mut tx = directory.create(CAPACITY).producer().expect("free");
        tx.set_wait(wait);
        while tx.try_push(message(tx.position())).is_ok() {}
        let mut consumer = start("consume-when-told", directory.path(), &[]);
        consumer.expect("ready");
        stop(&consumer);
        within(LIMIT, "waiting for a stopped consumer", || {
            let next = message(tx.position());
            let refused = tx.push_timeout(next, LONG);
            assert_eq!(refused, Err(PushTimeoutError::Timeout(next)), "{strategy}");
            assert_eq!(tx.wait_until_empty_timeout(LONG), Err(WaitError::Timeout), "{strategy}");
            let pid = consumer.pid() as u32;
            assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
            let unread = tx.len().expect("intact");
            // As many pops as there are elements, so that at least one line is given back.
            for _ in 0..unread {
                consumer.go_on();
            }
            consumer.signal(libc::SIGCONT);
            assert_eq!(tx.push(next), Ok(()));
            consumer.go_on();
            assert_eq!(tx.wait_until_empty(), Ok(()));
        });
        consumer.kill();
    }
}
