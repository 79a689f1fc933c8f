//! Closed and dead, told apart; what was published comes first; a successor revives the surviving handle.

use std::io::{BufRead, ErrorKind, Read, Write};

use rondel::bytes::{PopError, PopTimeoutError, PushError, TryPopError, TryPushError, WaitError};
use rondel::{Peer, SegmentError};

use crate::child::{Running, Task, start, tell, wait_for_parent};
use crate::letters::{Letters, Place};
use crate::peers::holder;
use crate::place::{NEVER, Shape, attach, shape_of};
use crate::scratch::{Directory, within};

/// Ten messages always fit, with some to spare.
const SHAPE: Shape = Shape::new(4096, 300);
/// The first of a new ring.
const FIRST: Place = Place { number: 1000, position: 0 };

/// Pushes ten, says so, and waits to be killed, or to be told to end in good order.
pub(crate) fn child_produce_ten(task: &Task) {
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let mut tx = ring.producer().expect("free");
    let first = letters.at(tx.position(), FIRST).number;
    for number in first..first + 10 {
        tx.push(letters.bytes(number)).expect("room");
    }
    tell("pushed");
    wait_for_parent();
}

pub(crate) fn child_consume_ten(task: &Task) {
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let mut rx = ring.consumer().expect("free");
    let first = letters.at(rx.position(), FIRST).number;
    for number in first..first + 10 {
        letters.check(number, &rx.pop().expect("published"));
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
    let directory = Directory::new("bytes-ends-producers");
    let letters = Letters::new(SHAPE);
    let mut rx = directory.create(SHAPE).consumer().expect("free");
    assert_eq!(rx.peer(), Ok(Peer::NotAttached));
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
    let mut number = FIRST.number;
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
        within(NEVER, "drained first", || {
            for number in number..number + 10 {
                letters.check(number, &rx.pop().expect("it comes first"));
            }
            if closing {
                assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Closed));
                assert_eq!(rx.pop().map(drop), Err(PopError::Closed));
                assert_eq!(rx.pop_timeout(NEVER).map(drop), Err(PopTimeoutError::Closed));
                assert_eq!(rx.fill_buf().expect("the end of the file"), &[]);
                assert_eq!(rx.read(&mut [0; 8]).expect("the end of the file"), 0);
            } else {
                // Without asking the kernel nobody can tell.
                assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
                assert_eq!(rx.pop().map(drop), Err(PopError::Dead));
                assert_eq!(rx.pop_timeout(NEVER).map(drop), Err(PopTimeoutError::Dead));
                assert_eq!(rx.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::UnexpectedEof));
            }
        });
        number += 10;
    }
}

/// The same as a stream: a reader of a killed producer gets every byte that was published before it gets the error.
#[test]
fn half_a_stream_is_no_whole_one() {
    for closing in [true, false] {
        let directory = Directory::new(&format!("bytes-ends-stream-{closing}"));
        let letters = Letters::new(SHAPE);
        let mut rx = directory.create(SHAPE).consumer().expect("free");
        let producer = ten("produce-ten", "pushed", &directory);
        if closing {
            producer.succeed();
        } else {
            producer.kill();
        }
        let expected =
            (FIRST.number..FIRST.number + 10).map(|number| letters.bytes(number)).collect::<Vec<_>>().concat();
        let mut found = Vec::new();
        let ended = within(NEVER, "the end of the stream", || rx.read_to_end(&mut found));
        assert_eq!(found, expected);
        match ended {
            Ok(len) => assert!(closing && len == expected.len()),
            Err(error) => assert!(!closing && error.kind() == ErrorKind::UnexpectedEof, "{error}"),
        }
    }
}

/// One producer outlives four consumers.
#[test]
fn a_producer_outlives_its_consumers() {
    let directory = Directory::new("bytes-ends-consumers");
    let letters = Letters::new(SHAPE);
    let mut tx = directory.create(SHAPE).producer().expect("free");
    assert_eq!(tx.peer(), Ok(Peer::NotAttached));
    let (mut next, mut first) = (FIRST, FIRST);
    for closing in [true, false, true, false] {
        while tx.try_push(letters.bytes(next.number)).is_ok() {
            next = letters.behind(next);
        }
        let consumer = ten("consume-ten", "popped", &directory);
        let pid = consumer.pid() as u32;
        assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
        (0..10).for_each(|_| first = letters.behind(first));
        assert_eq!(tx.used(), Ok((next.position - first.position) as usize));
        if closing {
            consumer.succeed();
            assert_eq!(tx.peer(), Ok(Peer::Closed));
        } else {
            consumer.kill();
            assert_eq!(tx.peer(), Ok(Peer::Dead { pid }));
        }
        within(NEVER, "filled first", || {
            // There is room, and a push into it needs no consumer.
            let refused = loop {
                match tx.push(letters.bytes(next.number)) {
                    Ok(()) => next = letters.behind(next),
                    Err(refused) => break refused,
                }
            };
            let bytes = letters.bytes(next.number);
            if closing {
                assert_eq!(refused, PushError::Closed);
                assert_eq!(tx.try_push(bytes), Err(TryPushError::Closed));
                assert_eq!(tx.wait_until_empty(), Err(WaitError::Closed));
            } else {
                assert_eq!(refused, PushError::Dead);
                assert_eq!(tx.try_push(bytes), Err(TryPushError::Full));
                assert_eq!(tx.wait_until_empty(), Err(WaitError::Dead));
            }
            // No message is longer, so it has no room either.
            let written = tx.write(&[0; SHAPE.largest]).map_err(|error| error.kind());
            assert_eq!(written, Err(ErrorKind::BrokenPipe));
        });
        let unread = (first.number..next.number).map(|number| letters.record(number)).sum::<u64>();
        assert!(unread + letters.record(next.number) > SHAPE.capacity as u64, "refused too early");
    }
}

/// The rendezvous with a consumer in another process that ends in good order.
#[test]
fn waiting_until_empty_needs_a_consumer_that_takes_everything() {
    let directory = Directory::new("bytes-ends-empty");
    let letters = Letters::new(SHAPE);
    let mut tx = directory.create(SHAPE).producer().expect("free");
    for number in FIRST.number..FIRST.number + 10 {
        tx.push(letters.bytes(number)).expect("room");
    }
    let consumer = start("consume-ten", directory.path(), &[]);
    within(NEVER, "waiting until empty", || assert_eq!(tx.wait_until_empty(), Ok(())));
    consumer.succeed();
    assert_eq!(tx.wait_until_empty(), Ok(()), "empty is empty, whoever has gone");
}

#[test]
fn a_taken_role_names_its_holder() {
    for role in ["producer", "consumer"] {
        let directory = Directory::new(&format!("bytes-ends-taken-{role}"));
        let ring = directory.create(SHAPE);
        let take = || if role == "producer" { ring.producer().map(drop) } else { ring.consumer().map(drop) };
        let holder = holder(&directory, role);
        match take() {
            Err(SegmentError::RoleTaken { role: found, pid }) => {
                assert_eq!((found, pid), (role, Some(holder.pid() as u32)));
            }
            other => panic!("{other:?}"),
        }
        holder.kill();
        take().expect("the holder is dead");
    }
}
