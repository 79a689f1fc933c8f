//! While both sides are busy there is no system call at all.
//!
//! Not counted but forbidden: once attached, a process installs a filter under which any call ends it, and goes on to
//! exchange its messages. What the filter allows is leaving, and where a side may have to wait for long the one
//! documented question whether the peer lives.

use std::hint::spin_loop;
use std::time::Duration;

use rondel::Wait;
use rondel::spsc::{TryPopError, TryPushError};

use crate::child::{Task, start};
use crate::filter::{allow_nothing, leave, succeed};
use crate::scratch::{Directory, Ledger, Message, attach, message};

const MESSAGES: u64 = 300_000;
const CAPACITY: usize = 256;

#[test]
fn one_thread_that_never_has_to_wait_makes_no_call() {
    let directory = Directory::new("busy-alone");
    let _ring = directory.create(CAPACITY);
    let ledger = directory.ledger();
    let child = start("one-thread-busy", directory.path(), &[]);
    succeed(vec![child], &ledger);
}

/// Every call of the interface that has nothing to wait for, with the default strategy.
pub(crate) fn child_one_thread(task: &Task) {
    let ring = attach(&task.path);
    let mut tx = ring.producer().expect("free");
    let mut rx = ring.consumer().expect("free");
    let mut batch = [[0; 2]; 100];
    allow_nothing(Ledger::open(&task.path), false);
    let mut good = true;
    for _ in 0..MESSAGES / 100 {
        let from = tx.position();
        for number in from..from + 50 {
            good &= tx.push(message(number)).is_ok();
            good &= tx.try_push(message(number)).is_ok();
        }
        good &= rx.peek().is_ok() && rx.len() == Ok(100) && tx.len() == Ok(100);
        for number in from..from + 50 {
            good &= rx.pop() == Ok(message(number));
            good &= rx.pop_guard().is_ok_and(|guard| *guard == message(number));
        }
        good &= rx.try_pop() == Err(TryPopError::Empty);
        good &= tx.push_slice(&batch).is_ok();
        good &= rx.pop_slice(&mut batch) == Ok(100);
        good &= tx.is_empty() == Ok(true);
    }
    leave(if good { 0 } else { 1 });
}

fn exchange(manner: &str) {
    let directory = Directory::new(&format!("busy-{manner}"));
    let _ring = directory.create(CAPACITY);
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
    let ledger = Ledger::open(&task.path);
    let manner = task.word(1);
    let polling = manner == "try";
    let wait = match manner {
        "long-spin" => Wait::SpinThenPark { spin: Duration::from_secs(3600) },
        _ => Wait::BusySpin,
    };
    match task.word(0) {
        "producer" => {
            let mut tx = ring.producer().expect("free");
            tx.set_wait(wait);
            allow_nothing(ledger, !polling);
            for number in 0..MESSAGES {
                let good =
                    if polling { push_polling(&mut tx, message(number)) } else { tx.push(message(number)).is_ok() };
                if !good {
                    leave(1);
                }
            }
            // The handle is not dropped: to close it would be a call.
            leave(0);
        }
        _ => {
            let mut rx = ring.consumer().expect("free");
            rx.set_wait(wait);
            allow_nothing(ledger, !polling);
            for number in 0..MESSAGES {
                let found = if polling { pop_polling(&mut rx) } else { rx.pop().ok() };
                if found != Some(message(number)) {
                    leave(1);
                }
            }
            leave(0);
        }
    }
}

fn push_polling(tx: &mut rondel::spsc::Producer<Message>, element: Message) -> bool {
    loop {
        match tx.try_push(element) {
            Ok(()) => return true,
            Err(TryPushError::Full(_)) => spin_loop(),
            Err(_) => return false,
        }
    }
}

fn pop_polling(rx: &mut rondel::spsc::Consumer<Message>) -> Option<Message> {
    loop {
        match rx.try_pop() {
            Ok(element) => return Some(element),
            Err(TryPopError::Empty) => spin_loop(),
            Err(_) => return None,
        }
    }
}
