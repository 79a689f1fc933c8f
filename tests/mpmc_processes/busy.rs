//! While both sides are busy there is no system call.
//!
//! Not counted but forbidden: once attached, a process installs a filter under which any call ends it, and goes on to exchange its
//! messages. Where one may have to wait for the other, the one question is allowed that is documented: whether the other one lives.

use std::hint::spin_loop;

use rondel::Wait;
use rondel::mpmc::{Consumer, Producer, TryPopError, TryPushError};

use crate::child::{Task, start};
use crate::filter::{allow_nothing, leave, succeed};
use crate::place::{Shape, attach, said};
use crate::scratch::{Directory, Ledger, Message};

const MESSAGES: u64 = 200_000;
const CAPACITY: u64 = 256;

#[test]
fn one_thread_that_never_has_to_wait_makes_no_call() {
    let directory = Directory::new("busy-alone");
    let _ring = directory.create(Shape::new(CAPACITY as usize, 4));
    let ledger = directory.ledger();
    succeed(vec![start("one-thread-busy", directory.path(), &[])], &ledger);
}

/// Every call of the interface that has nothing to wait for, with the default strategy; two handles on each side.
pub(crate) fn child_one_thread(task: &Task) {
    let ring = attach(&task.path);
    let mut tx = [ring.producer().expect("free"), ring.producer().expect("free")];
    let mut rx = [ring.consumer().expect("free"), ring.consumer().expect("free")];
    let mut batch = [[0; 2]; 100];
    allow_nothing(Ledger::open(&task.path), false);
    let mut good = true;
    for _ in 0..MESSAGES / 100 {
        for number in 0..25 {
            good &= tx[0].push(said(0, number)).is_ok() && tx[1].try_push(said(1, number)).is_ok();
        }
        good &= rx[0].len() == Ok(50) && tx[0].len() == Ok(50) && tx[0].is_full() == Ok(false);
        for number in 0..25 {
            good &= rx[1].pop() == Ok(said(0, number));
            good &= rx[0].pop_guard().is_ok_and(|guard| *guard == said(1, number));
        }
        good &= rx[0].is_empty() == Ok(true);
        good &= tx[1].push_slice(&batch).is_ok() && rx[1].pop_slice(&mut batch) == Ok(100);
        good &= tx[0].try_push_slice(&batch) == Ok(100) && rx[0].try_pop_slice(&mut batch) == Ok(100);
        good &= tx[1].is_empty() == Ok(true);
        for _ in 0..CAPACITY {
            good &= tx[0].try_push(said(2, 0)).is_ok();
        }
        good &= tx[1].try_push(said(2, 0)) == Err(TryPushError::Full(said(2, 0)));
        good &= rx[0].try_iter().take(CAPACITY as usize).count() as u64 == CAPACITY;
    }
    leave(if good { 0 } else { 1 });
}

/// Full, empty and pending included: whoever polls asks at most who lives.
#[test]
fn processes_that_poll_or_spin_ask_only_who_lives() {
    for manner in ["try", "busy-spin"] {
        let directory = Directory::new(&format!("busy-{manner}"));
        let _ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let ledger = directory.ledger();
        let children = ["producer", "consumer"].map(|role| start("exchange-busy", directory.path(), &[role, manner]));
        succeed(children.into(), &ledger);
    }
}

pub(crate) fn child_exchange(task: &Task) {
    let ring = attach(&task.path);
    let ledger = Ledger::open(&task.path);
    let polling = task.word(1) == "try";
    match task.word(0) {
        "producer" => {
            let mut tx = ring.producer().expect("free");
            tx.set_wait(Wait::BusySpin);
            allow_nothing(ledger, true);
            let mut push = |element| if polling { push_polling(&mut tx, element) } else { tx.push(element).is_ok() };
            let good = (0..MESSAGES).all(|number| push(said(0, number)));
            // The handle is not dropped: to close it would be a call.
            leave(if good { 0 } else { 1 });
        }
        _ => {
            let mut rx = ring.consumer().expect("free");
            rx.set_wait(Wait::BusySpin);
            allow_nothing(ledger, true);
            let mut pop = || if polling { pop_polling(&mut rx) } else { rx.pop().ok() };
            let good = (0..MESSAGES).all(|number| pop() == Some(said(0, number)));
            leave(if good { 0 } else { 1 });
        }
    }
}

fn push_polling(tx: &mut Producer<Message>, element: Message) -> bool {
    loop {
        match tx.try_push(element) {
            Ok(()) => return true,
            Err(TryPushError::Full(_) | TryPushError::Pending(_)) => spin_loop(),
            Err(_) => return false,
        }
    }
}

fn pop_polling(rx: &mut Consumer<Message>) -> Option<Message> {
    loop {
        match rx.try_pop() {
            Ok(element) => return Some(element),
            Err(TryPopError::Empty | TryPopError::Pending) => spin_loop(),
            Err(_) => return None,
        }
    }
}
