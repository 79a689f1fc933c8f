//! A million messages, each checked, under every strategy, one by one and in batches, with either side the slower one.

use std::thread;
use std::time::Duration;

use rondel::spsc::{Consumer, PopError, Producer};

use crate::child::{Task, start};
use crate::filter;
use crate::scratch::{Directory, Message, attach, message, strategy};

pub(crate) const MILLION: u64 = 1_000_000;
/// Small enough that the ring fills and runs dry many thousand times.
const CAPACITY: usize = 200;
/// How often the slower side pauses, in messages, and for how long: long enough for the other to fall asleep.
const PACE: u64 = 500;
const PAUSE: Duration = Duration::from_micros(50);

fn exchange(name: &str) {
    for manner in ["single", "batched"] {
        for (sender, receiver) in [("even", "even"), ("slow", "even"), ("even", "slow")] {
            let directory = Directory::new(&format!("million-{name}-{manner}-{sender}-{receiver}"));
            let _ring = directory.create(CAPACITY);
            run(&directory, MILLION, [name, manner, sender, "none"], [name, manner, receiver, "none"]);
        }
    }
}

/// Two children that send and receive `count` messages. Their words: strategy, manner, pace, refused system calls.
pub(crate) fn run(directory: &Directory, count: u64, sender: [&str; 4], receiver: [&str; 4]) {
    let count = count.to_string();
    let with_count = |words: [&str; 4]| format!("{} {count}", words.join(" "));
    let sending = start("send-million", directory.path(), &[&with_count(sender)]);
    let receiving = start("receive-million", directory.path(), &[&with_count(receiver)]);
    receiving.succeed();
    sending.succeed();
}

#[test]
fn a_million_messages_busy_spinning() {
    exchange("busy-spin");
}

#[test]
fn a_million_messages_spinning_then_parking() {
    exchange("spin-then-park");
}

#[test]
fn a_million_messages_parking() {
    exchange("park");
}

pub(crate) fn child_send(task: &Task) {
    filter::refuse(task.word(3));
    let count = task.number(4);
    let mut tx = attach(&task.path).producer().expect("free");
    tx.set_wait(strategy(task.word(0)));
    let pause = |sent: u64| pause_if(task.word(2) == "slow" && sent % PACE == 0);
    match task.word(1) {
        "single" => {
            for number in 0..count {
                tx.push(message(number)).expect("a consumer that lives");
                pause(number);
            }
        }
        _ => send_batches(&mut tx, count, pause),
    }
    tx.wait_until_empty().expect("everything is read");
    assert_eq!(tx.position(), count);
    drop(tx);
    leave_if_nobody_can_be_woken(task);
}

/// Batches of every length from one to more than the ring holds.
fn send_batches(tx: &mut Producer<Message>, count: u64, pause: impl Fn(u64)) {
    let mut sent = 0;
    for len in (1..=2 * CAPACITY as u64).step_by(7).cycle() {
        let batch: Vec<Message> = (sent..count.min(sent + len)).map(message).collect();
        if batch.is_empty() {
            return;
        }
        tx.push_slice(&batch).expect("a consumer that lives");
        sent += batch.len() as u64;
        pause(sent - sent % PACE);
    }
}

pub(crate) fn child_receive(task: &Task) {
    filter::refuse(task.word(3));
    let count = task.number(4);
    let mut rx = attach(&task.path).consumer().expect("free");
    rx.set_wait(strategy(task.word(0)));
    let pause = |received: u64| pause_if(task.word(2) == "slow" && received % PACE == 0);
    match task.word(1) {
        "single" => {
            for number in 0..count {
                assert_eq!(rx.pop(), Ok(message(number)));
                pause(number);
            }
        }
        _ => receive_batches(&mut rx, count, pause),
    }
    assert_eq!(rx.pop(), Err(PopError::Closed), "and nothing more");
    assert_eq!(rx.position(), count);
    drop(rx);
    leave_if_nobody_can_be_woken(task);
}

fn receive_batches(rx: &mut Consumer<Message>, count: u64, pause: impl Fn(u64)) {
    let mut batch = vec![[0; 2]; 2 * CAPACITY];
    let mut received = 0;
    for len in (1..=batch.len()).step_by(11).cycle() {
        if received == count {
            return;
        }
        let popped = rx.pop_slice(&mut batch[..len]).expect("a producer that lives");
        assert!(0 < popped && popped <= len);
        for found in &batch[..popped] {
            assert_eq!(*found, message(received));
            received += 1;
        }
        pause(received - received % PACE);
    }
}

/// Without futexes the test harness, too, would wait in vain: for the end of the task.
fn leave_if_nobody_can_be_woken(task: &Task) {
    if task.word(3) == "futex" {
        // SAFETY: ends the process, with success, and runs nothing of it.
        unsafe { libc::_exit(0) };
    }
}

fn pause_if(slow: bool) {
    if slow {
        thread::sleep(PAUSE);
    }
}
