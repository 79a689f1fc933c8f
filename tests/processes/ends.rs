//! Closed and dead, told apart; what was published comes first; a successor revives the surviving handle.

use rondel::spsc::{PopError, PopTimeoutError, PushError, TryPopError, TryPushError, WaitError};
use rondel::{Peer, SegmentError};
use std::time::Duration;

use crate::child::{Running, Task, start, tell, wait_for_parent};
use crate::peers::holder;
use crate::scratch::{Directory, attach, message, within};

const CAPACITY: usize = 32;
const LIMIT: Duration = Duration::from_secs(20);

/// Pushes ten, says so, and waits to be killed, or to be told to end in good order.
pub(crate) fn child_produce_ten(task: &Task) {
    let mut tx = attach(&task.path).producer().expect("free");
    for _ in 0..10 {
        tx.push(message(tx.position())).expect("room");
    }
    tell("pushed");
    wait_for_parent();
}

pub(crate) fn child_consume_ten(task: &Task) {
    let mut rx = attach(&task.path).consumer().expect("free");
    for _ in 0..10 {
        let number = rx.position();
        assert_eq!(rx.pop(), Ok(message(number)));
    }
    tell("popped");
    wait_for_parent();
}

fn ten(task: &str, said: &str, directory: &Directory) -> Running {
    let mut child = start(task, directory.path(), &[]);
    child.expect(said);
    child
}

/// One consumer outlives four producers, which close and die by turns.
#[test]
fn a_consumer_outlives_its_producers() {
    let directory = Directory::new("ends-producers");
    let mut rx = directory.create(CAPACITY).consumer().expect("free");
    assert_eq!(rx.peer(), Ok(Peer::NotAttached));
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    for closing in [true, false, true, false] {
        let producer = ten("produce-ten", "pushed", &directory);
        let pid = producer.pid() as u32;
        assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
        if closing {
            producer.succeed();
            assert_eq!(rx.peer(), Ok(Peer::Closed));
        } else {
            producer.kill();
            assert_eq!(rx.peer(), Ok(Peer::Dead { pid }));
        }
        within(LIMIT, "drained first", || {
            for _ in 0..10 {
                let number = rx.position();
                assert_eq!(rx.pop(), Ok(message(number)));
            }
            if closing {
                assert_eq!(rx.try_pop(), Err(TryPopError::Closed));
                assert_eq!(rx.pop(), Err(PopError::Closed));
                assert_eq!(rx.pop_timeout(LIMIT), Err(PopTimeoutError::Closed));
            } else {
                // Without asking the kernel nobody can tell.
                assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
                assert_eq!(rx.pop(), Err(PopError::Dead));
                assert_eq!(rx.pop_timeout(LIMIT), Err(PopTimeoutError::Dead));
            }
        });
    }
    assert_eq!(rx.position(), 40);
}

/// One producer outlives four consumers.
#[test]
fn a_producer_outlives_its_consumers() {
    let directory = Directory::new("ends-consumers");
    let mut tx = directory.create(CAPACITY).producer().expect("free");
    assert_eq!(tx.peer(), Ok(Peer::NotAttached));
    for closing in [true, false, true, false] {
        while tx.try_push(message(tx.position())).is_ok() {}
        let unread = tx.len().expect("intact");
        let consumer = ten("consume-ten", "popped", &directory);
        let pid = consumer.pid() as u32;
        assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
        assert_eq!(tx.len(), Ok(unread - 10));
        if closing {
            consumer.succeed();
            assert_eq!(tx.peer(), Ok(Peer::Closed));
        } else {
            consumer.kill();
            assert_eq!(tx.peer(), Ok(Peer::Dead { pid }));
        }
        within(LIMIT, "filled first", || {
            // There is room, and a push into it needs no consumer.
            let refused = loop {
                let number = tx.position();
                if let Err(refused) = tx.push(message(number)) {
                    break refused;
                }
            };
            let number = tx.position();
            if closing {
                assert_eq!(refused, PushError::Closed(message(number)));
                assert_eq!(tx.try_push(message(number)), Err(TryPushError::Closed(message(number))));
                assert_eq!(tx.wait_until_empty(), Err(WaitError::Closed));
            } else {
                assert_eq!(refused, PushError::Dead(message(number)));
                assert_eq!(tx.try_push(message(number)), Err(TryPushError::Full(message(number))));
                assert_eq!(tx.wait_until_empty(), Err(WaitError::Dead));
            }
        });
        assert!(tx.len().expect("intact") >= CAPACITY);
    }
}

/// The rendezvous with a consumer in another process that ends in good order.
#[test]
fn waiting_until_empty_needs_a_consumer_that_takes_everything() {
    let directory = Directory::new("ends-empty");
    let mut tx = directory.create(CAPACITY).producer().expect("free");
    for _ in 0..10 {
        tx.push(message(tx.position())).expect("room");
    }
    let consumer = start("consume-ten", directory.path(), &[]);
    within(LIMIT, "waiting until empty", || assert_eq!(tx.wait_until_empty(), Ok(())));
    consumer.succeed();
    assert_eq!(tx.wait_until_empty(), Ok(()), "empty is empty, whoever has gone");
}

#[test]
fn a_taken_role_names_its_holder() {
    for role in ["producer", "consumer"] {
        let directory = Directory::new(&format!("ends-taken-{role}"));
        let ring = directory.create(CAPACITY);
        let holder = holder(&directory, role);
        let taken = if role == "producer" { ring.producer().map(drop) } else { ring.consumer().map(drop) };
        match taken {
            Err(SegmentError::RoleTaken { role: found, pid }) => {
                assert_eq!((found, pid), (role, Some(holder.pid() as u32)));
            }
            other => panic!("{other:?}"),
        }
        holder.kill();
        let free = if role == "producer" { ring.producer().map(drop) } else { ring.consumer().map(drop) };
        free.expect("the holder is dead");
    }
}
