//! While both sides are busy there is no system call at all.
//!
//! Not counted but forbidden: once attached, a process installs a filter under which any call ends it, and goes on to
//! exchange its messages. What the filter allows is leaving, and where a side may have to wait for long the one
//! documented question whether the peer lives.

use std::hint::spin_loop;
use std::io::{BufRead, IoSlice, Read, Write};
use std::time::Duration;

use rondel::Wait;
use rondel::bytes::{Consumer, Producer, TryPopError, TryPushError};

use crate::child::{Task, start};
use crate::filter::{allow_nothing, leave, succeed};
use crate::letters::Letters;
use crate::place::{Shape, attach, shape_of};
use crate::scratch::{Directory, Ledger};

const MESSAGES: u64 = 300_000;
const SHAPE: Shape = Shape::new(16384, 2000);

#[test]
fn one_thread_that_never_has_to_wait_makes_no_call() {
    let directory = Directory::new("bytes-busy-alone");
    let _ring = directory.create(SHAPE);
    let ledger = directory.ledger();
    succeed(vec![start("one-thread-busy", directory.path(), &[])], &ledger);
}

/// Every call of the interface that has nothing to wait for, with the default strategy.
pub(crate) fn child_one_thread(task: &Task) {
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let mut tx = ring.producer().expect("free");
    let mut rx = ring.consumer().expect("free");
    let mut buffer = vec![0; SHAPE.largest];
    allow_nothing(Ledger::open(&task.path), false);
    let mut good = true;
    for number in 0..MESSAGES / 20 {
        let bytes = letters.bytes(number);
        let (begin, end) = bytes.split_at(bytes.len() / 2);
        good &= tx.push(bytes).is_ok() && tx.try_push(bytes).is_ok();
        good &= tx.push_vectored(&[IoSlice::new(begin), IoSlice::new(end)]).is_ok() && tx.push_pod(&number).is_ok();
        good &= tx.reserve(SHAPE.largest).is_ok_and(|reservation| reservation.commit_len(8).is_ok());
        good &= tx.batch().is_ok_and(|mut batch| batch.try_push(bytes).is_ok() && batch.publish().is_ok());
        good &= tx.write_all(bytes).is_ok();
        good &= rx.peek().is_ok_and(|message| message == bytes) && rx.is_empty() == Ok(false);
        good &= rx.pop().is_ok_and(|message| *message == *bytes);
        good &= rx.try_pop().is_ok_and(|message| *message == *bytes);
        good &= rx.pop_into(&mut buffer).is_ok_and(|len| buffer[..len] == *bytes);
        good &= rx.pop().is_ok_and(|message| message.as_pod::<u64>() == Ok(&number));
        good &= rx.read_exact(&mut buffer[..8]).is_ok();
        good &= rx.pop_batch().is_ok_and(|mut batch| batch.into_iter().take(1).all(|message| message == bytes));
        if !bytes.is_empty() {
            let len = rx.fill_buf().map_or(usize::MAX, |found| if found == bytes { found.len() } else { usize::MAX });
            good &= len == bytes.len();
            rx.consume(len);
        }
        good &= rx.try_pop().map(drop) == Err(TryPopError::Empty);
        good &= tx.is_empty() == Ok(true) && tx.is_full(SHAPE.largest) == Ok(false) && tx.wait_until_empty().is_ok();
    }
    leave(if good { 0 } else { 1 });
}

fn exchange(manner: &str) {
    let directory = Directory::new(&format!("bytes-busy-{manner}"));
    let _ring = directory.create(SHAPE);
    let ledger = directory.ledger();
    let children = ["producer", "consumer"].map(|role| start("exchange-busy", directory.path(), &[role, manner]));
    succeed(children.into(), &ledger);
}

/// Full and empty included: whoever polls makes no call, whatever the other side does.
#[test]
fn two_processes_that_poll_make_no_call() {
    exchange("try");
}

/// The blocking calls, while they spin: for `BusySpin` that is always, for `SpinThenPark` until its budget is spent.
#[test]
fn two_processes_that_spin_ask_only_after_their_peer() {
    exchange("busy-spin");
    exchange("long-spin");
}

pub(crate) fn child_exchange(task: &Task) {
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let ledger = Ledger::open(&task.path);
    let manner = task.word(1);
    let polling = manner == "try";
    let wait = match manner {
        "long-spin" => Wait::SpinThenPark { spin: Duration::from_secs(3600) },
        _ => Wait::BusySpin,
    };
    let mut is_good: Box<dyn FnMut(u64) -> bool> = match task.word(0) {
        "producer" => {
            let mut tx = ring.producer().expect("free");
            tx.set_wait(wait);
            Box::new(move |number| {
                let bytes = letters.bytes(number);
                if polling { push_polling(&mut tx, bytes) } else { tx.push(bytes).is_ok() }
            })
        }
        _ => {
            let mut rx = ring.consumer().expect("free");
            rx.set_wait(wait);
            Box::new(move |number| {
                let bytes = letters.bytes(number);
                if polling { pop_polling(&mut rx, bytes) } else { rx.pop().is_ok_and(|message| *message == *bytes) }
            })
        }
    };
    allow_nothing(ledger, !polling);
    // The handle is not dropped: to close it would be a call.
    leave(if (0..MESSAGES).all(&mut is_good) { 0 } else { 1 });
}

fn push_polling(tx: &mut Producer, bytes: &[u8]) -> bool {
    loop {
        match tx.try_push(bytes) {
            Ok(()) => return true,
            Err(TryPushError::Full) => spin_loop(),
            Err(_) => return false,
        }
    }
}

fn pop_polling(rx: &mut Consumer, bytes: &[u8]) -> bool {
    loop {
        match rx.try_pop() {
            Ok(message) => return *message == *bytes,
            Err(TryPopError::Empty) => spin_loop(),
            Err(_) => return false,
        }
    }
}
