//! Fork without exec: a ring may be carried across; a handle may not, nor what it has lent.
//!
//! The processes that fork are programs of their own; but for the thread that forks, only the test harness's own is there,
//! and that waits.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rondel::bytes::{
    CommitError, Consumer, PopError, PopIntoError, PopTimeoutError, Producer, PushError, PushTimeoutError, Ring,
    TryPopError, TryPushError, WaitError,
};
use rondel::{Fault, Peer};

use crate::bytes::Bytes;
use crate::child::{Task, start};
use crate::forking::{fork, reap};
use crate::letters::Letters;
use crate::place::{RELEASED, Shape, attach, shape_of};
use crate::scratch::{Directory, Ledger, wait_until};

const SHAPE: Shape = Shape::new(1024, 500);
const MESSAGES: u64 = 10_000;

fn in_a_program_of_its_own(task: &str) {
    let directory = Directory::new(&format!("bytes-{task}"));
    let _ring = directory.create(SHAPE);
    let _ledger = directory.ledger();
    start(task, directory.path(), &[]).succeed();
}

#[test]
fn a_ring_may_be_carried_across() {
    in_a_program_of_its_own("ring-across-fork");
}

pub(crate) fn child_ring(task: &Task) {
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let forked = fork(|| {
        let mut tx = ring.producer().expect("free");
        for number in 0..MESSAGES {
            tx.push(letters.bytes(number)).expect("the parent reads");
        }
    });
    let mut rx = ring.consumer().expect("free");
    for number in 0..MESSAGES {
        letters.check(number, &rx.pop().expect("the child writes"));
    }
    // The forked process left by `_exit` after its handle was dropped.
    assert_eq!(rx.pop().map(drop), Err(PopError::Closed));
    reap(forked);
}

#[test]
fn a_handle_and_what_it_has_lent_are_refused_and_the_parents_are_untouched() {
    in_a_program_of_its_own("handle-across-fork");
}

pub(crate) fn child_handles(task: &Task) {
    let ring = attach(&task.path);
    handles_are_refused(&ring);
    a_batch_is_looked_through_long_after_the_fork(&ring, &Ledger::open(&task.path));
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    // In all laps of the ring, and at its end.
    for _ in 0..100 {
        a_reservation_is_not_committed(&mut tx, &mut rx);
        a_batch_is_not_published(&mut tx, &mut rx);
        a_message_is_not_consumed(&mut tx, &mut rx);
        messages_of_a_batch_are_not_consumed(&mut tx, &mut rx);
        a_stream_is_not_read_on(&mut tx, &mut rx);
    }
}

/// What a handle of this process says in a forked one. To be called before the fork.
fn fault_in_a_fork() -> impl Fn() -> Fault {
    let attached_in = std::process::id();
    move || Fault::Forked { attached_in, used_in: std::process::id() }
}

fn handles_are_refused(ring: &Ring) {
    let mut handles = Some((ring.producer().expect("free"), ring.consumer().expect("free")));
    let (tx, _) = handles.as_mut().expect("kept");
    tx.push(b"before").expect("room");
    let fault = fault_in_a_fork();
    reap(fork(|| {
        let (tx, rx) = handles.take().expect("a copy");
        refused_by_a_producer(tx, fault());
        refused_by_a_consumer(rx, fault());
        // Both are dropped.
    }));
    // The copies of this program's handles in the forked one are gone by now; those here go on.
    let pid = std::process::id();
    assert!(ring.producer().is_err() && ring.consumer().is_err(), "the roles are still taken");
    let (mut tx, mut rx) = handles.take().expect("only the copy was taken");
    assert_eq!((tx.peer(), rx.peer()), (Ok(Peer::Attached { pid }), Ok(Peer::Attached { pid })));
    assert_eq!(tx.used(), Ok(16));
    tx.push(b"behind").expect("room");
    assert_eq!(rx.pop().as_deref(), Ok(&b"before"[..]));
    assert_eq!(rx.pop().as_deref(), Ok(&b"behind"[..]));
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
}

fn refused_by_a_producer(mut tx: Producer, fault: Fault) {
    let soon = Duration::from_secs(1);
    assert_eq!(tx.try_push(b"x"), Err(TryPushError::Failed(fault)));
    assert_eq!(tx.push(b"x"), Err(PushError::Failed(fault)));
    assert_eq!(tx.push_timeout(b"x", soon), Err(PushTimeoutError::Failed(fault)));
    assert_eq!(tx.push_vectored(&[]), Err(PushError::Failed(fault)));
    assert_eq!(tx.push_pod(&1_u64), Err(PushError::Failed(fault)));
    assert_eq!(tx.try_reserve(1).map(drop), Err(TryPushError::Failed(fault)));
    assert_eq!(tx.reserve(1).map(drop), Err(PushError::Failed(fault)));
    assert_eq!(tx.reserve_timeout(1, soon).map(drop), Err(PushTimeoutError::Failed(fault)));
    assert_eq!(tx.batch().map(drop), Err(fault));
    assert_eq!(tx.write(b"x").map_err(|error| error.kind()), Err(ErrorKind::Other));
    assert_eq!(tx.wait_until_empty(), Err(WaitError::Failed(fault)));
    assert_eq!(tx.used(), Err(fault));
    assert_eq!(tx.is_empty(), Err(fault));
    assert_eq!(tx.is_full(1), Err(fault));
    assert_eq!(tx.peer(), Err(fault));
}

fn refused_by_a_consumer(mut rx: Consumer, fault: Fault) {
    let soon = Duration::from_secs(1);
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Failed(fault)));
    assert_eq!(rx.pop().map(drop), Err(PopError::Failed(fault)));
    assert_eq!(rx.pop_timeout(soon).map(drop), Err(PopTimeoutError::Failed(fault)));
    assert_eq!(rx.peek(), Err(TryPopError::Failed(fault)));
    assert_eq!(rx.try_pop_into(&mut [0; 8]), Err(PopIntoError::Pop(TryPopError::Failed(fault))));
    assert_eq!(rx.pop_into(&mut [0; 8]), Err(PopIntoError::Pop(PopError::Failed(fault))));
    assert_eq!(rx.try_pop_batch().map(drop), Err(TryPopError::Failed(fault)));
    assert_eq!(rx.pop_batch().map(drop), Err(PopError::Failed(fault)));
    assert_eq!(rx.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::Other));
    assert_eq!(rx.fill_buf().map_err(|error| error.kind()), Err(ErrorKind::Other));
    rx.consume(6);
    assert_eq!(rx.is_empty(), Err(fault));
    assert_eq!(rx.peer(), Err(fault));
}

/// The next message is this one, and it is the only one.
#[track_caller]
fn only(rx: &mut Consumer, message: &[u8]) {
    assert_eq!(rx.try_pop().as_deref(), Ok(message));
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
}

fn a_reservation_is_not_committed(tx: &mut Producer, rx: &mut Consumer) {
    let fault = fault_in_a_fork();
    for way in 0..3 {
        let mut reservation = Some(tx.reserve(100).expect("room"));
        reservation.as_mut().expect("kept").fill(7);
        reap(fork(|| {
            let reservation = reservation.take().expect("a copy");
            match way {
                0 => assert_eq!(reservation.commit(), Err(fault())),
                1 => assert_eq!(reservation.commit_len(5), Err(CommitError::Failed(fault()))),
                _ => drop(reservation),
            }
        }));
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "committed by a forked child");
        reservation.take().expect("only the copy was taken").commit().expect("the parent's is intact");
        only(rx, &[7; 100]);
    }
}

fn a_batch_is_not_published(tx: &mut Producer, rx: &mut Consumer) {
    let fault = fault_in_a_fork();
    for way in 0..3 {
        let mut batch = Some(tx.batch().expect("intact"));
        batch.as_mut().expect("kept").try_push(b"one").expect("room");
        reap(fork(|| {
            let mut batch = batch.take().expect("a copy");
            match way {
                0 => assert_eq!(batch.publish(), Err(fault())),
                1 => {
                    assert_eq!(batch.try_push(b"another"), Err(TryPushError::Failed(fault())));
                    assert_eq!(batch.try_reserve(5).map(drop), Err(TryPushError::Failed(fault())));
                }
                _ => drop(batch),
            }
        }));
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "published by a forked child");
        let mut batch = batch.take().expect("only the copy was taken");
        batch.try_push(b"two").expect("room");
        assert_eq!(batch.len(), 2);
        batch.publish().expect("the parent's is intact");
        assert_eq!(rx.try_pop().as_deref(), Ok(&b"one"[..]));
        only(rx, b"two");
    }
}

fn a_message_is_not_consumed(tx: &mut Producer, rx: &mut Consumer) {
    tx.push(b"message").expect("room");
    let mut message = Some(rx.try_pop().expect("pushed"));
    reap(fork(|| {
        drop(message.take());
    }));
    assert_eq!(tx.used(), Ok(16), "consumed by a forked child");
    assert_eq!(&*message.take().expect("only the copy was taken"), b"message");
    assert_eq!(tx.used(), Ok(0));
}

fn messages_of_a_batch_are_not_consumed(tx: &mut Producer, rx: &mut Consumer) {
    let ends = [b"one", b"two"];
    ends.iter().for_each(|message| tx.push(&message[..]).expect("room"));
    let used = tx.used();
    {
        let mut batch = Some(rx.try_pop_batch().expect("pushed"));
        batch.as_mut().expect("kept").into_iter().take(1).for_each(drop);
        reap(fork(|| {
            let mut batch = batch.take().expect("a copy");
            assert_eq!(batch.into_iter().count(), 0, "it is the parent's");
        }));
        assert_eq!(tx.used(), used, "consumed by a forked child");
    }
    only(rx, b"two");
}

/// It gives nothing, and above all it does not tell the producer, or a successor, what is long out of date.
fn a_batch_is_looked_through_long_after_the_fork(ring: &Ring, ledger: &Ledger) {
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    let bytes = Bytes::of(ring.segment());
    // One is given back, of which the producer is told later; and in these bytes nothing seems to be published, wherever one looks.
    let message = [0; 200];
    (0..2).for_each(|_| tx.push(&message[..8]).expect("room"));
    drop(rx.try_pop().expect("pushed"));
    let forked = {
        let mut batch = Some(rx.try_pop_batch().expect("pushed"));
        fork(|| {
            let mut batch = batch.take().expect("a copy");
            wait_until("the parent to go on", || ledger.word(0).load(SeqCst) > 0);
            batch.into_iter().for_each(drop);
        })
    };
    for _ in 0..1000 {
        tx.push(&message).expect("room");
        drop(rx.pop().expect("pushed"));
    }
    while rx.try_pop().map(drop).is_ok() {}
    let released = bytes.word(RELEASED).load(SeqCst);
    ledger.word(0).store(1, SeqCst);
    reap(forked);
    assert_eq!(bytes.word(RELEASED).load(SeqCst), released, "a forked child has stored what it knew");
    drop((tx, rx));
    drop((ring.producer().expect("a successor"), ring.consumer().expect("a successor")));
}

fn a_stream_is_not_read_on(tx: &mut Producer, rx: &mut Consumer) {
    tx.push(b"stream").expect("room");
    rx.read_exact(&mut [0; 2]).expect("pushed");
    let mut rx = Some(rx);
    reap(fork(|| {
        let rx = rx.take().expect("a copy");
        assert_eq!(rx.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::Other));
        // What it can still do without asking.
        rx.consume(100);
    }));
    assert_eq!(tx.used(), Ok(16), "consumed by a forked child");
    only(rx.expect("only the copy was taken"), b"ream");
}
