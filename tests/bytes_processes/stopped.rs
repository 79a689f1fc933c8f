//! A stopped process is not a dead one, however long it stands still.

use std::io::Read;
use std::time::Duration;

use rondel::Peer;
use rondel::bytes::{PopTimeoutError, PushTimeoutError, WaitError};

use crate::child::{Task, start, tell, wait_for_parent};
use crate::peers::stop;
use crate::place::{NEVER, Shape, attach};
use crate::scratch::{Directory, STRATEGIES, within};

const SHAPE: Shape = Shape::new(1024, 1000);
/// Many times the slice after which a blocked handle asks after its peer.
const LONG: Duration = Duration::from_millis(400);

/// Pushes a message each time it is told to.
pub(crate) fn child_produce(task: &Task) {
    let mut tx = attach(&task.path).producer().expect("free");
    tell("ready");
    loop {
        wait_for_parent();
        tx.push(b"message").expect("room");
    }
}

/// Pops a message each time it is told to.
pub(crate) fn child_consume(task: &Task) {
    let mut rx = attach(&task.path).consumer().expect("free");
    tell("ready");
    loop {
        wait_for_parent();
        rx.pop().map(drop).expect("a message");
    }
}

#[test]
fn a_stopped_producer_is_waited_for() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("bytes-stopped-producer-{strategy}"));
        let mut rx = directory.create(SHAPE).consumer().expect("free");
        rx.set_wait(wait);
        let mut producer = start("produce-when-told", directory.path(), &[]);
        producer.expect("ready");
        stop(&producer);
        within(NEVER, "waiting for a stopped producer", || {
            assert_eq!(rx.pop_timeout(LONG).map(drop), Err(PopTimeoutError::Timeout), "{strategy}");
            let pid = producer.pid() as u32;
            assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
            assert!(rx.ring().producer().is_err(), "its role is not for others");
            producer.go_on();
            producer.signal(libc::SIGCONT);
            assert_eq!(rx.pop().as_deref(), Ok(&b"message"[..]));
            producer.go_on();
            let mut stream = [0; 7];
            rx.read_exact(&mut stream).expect("a stream waits, too");
            assert_eq!(&stream, b"message");
        });
        producer.kill();
    }
}

#[test]
fn a_stopped_consumer_is_waited_for() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("bytes-stopped-consumer-{strategy}"));
        let mut tx = directory.create(SHAPE).producer().expect("free");
        tx.set_wait(wait);
        let mut unread = 0;
        while tx.try_push(&[0; 56]).is_ok() {
            unread += 1;
        }
        let mut consumer = start("consume-when-told", directory.path(), &[]);
        consumer.expect("ready");
        stop(&consumer);
        within(NEVER, "waiting for a stopped consumer", || {
            let refused = tx.reserve_timeout(SHAPE.largest, LONG).map(drop);
            assert_eq!(refused, Err(PushTimeoutError::Timeout), "{strategy}");
            assert_eq!(tx.wait_until_empty_timeout(LONG), Err(WaitError::Timeout), "{strategy}");
            let pid = consumer.pid() as u32;
            assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
            // For the largest nearly all of the ring has to be given back.
            (0..unread).for_each(|_| consumer.go_on());
            consumer.signal(libc::SIGCONT);
            assert_eq!(tx.push(&[0; SHAPE.largest]), Ok(()));
            consumer.go_on();
            assert_eq!(tx.wait_until_empty(), Ok(()));
        });
        consumer.kill();
    }
}
