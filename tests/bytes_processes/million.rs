//! A million messages of all lengths, each checked, under every strategy, in every manner, with either side the slower one.
//!
//! The ring holds a few dozen, or a few hundred for those who spin, so it fills and runs dry all the time. A lost wake-up costs a slice of sleep each time, and a
//! deadlock would be ended by the children's alarm.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use rondel::bytes::{Consumer, PopError, Producer};

use crate::child::{Task, start};
use crate::filter;
use crate::letters::Letters;
use crate::place::{Shape, attach, shape_of};
use crate::scratch::{Directory, strategy};

const MILLION: u64 = 1_000_000;
const SHAPE: Shape = Shape::new(8192, 1000);
/// Two that spin on one processor pass on one filling of the ring for each share of its time.
const SHAPE_TO_SPIN: Shape = Shape::new(64 << 10, 1000);
/// How often the slower side pauses, in messages, and for how long: long enough for the other to fall asleep.
const PACE: u64 = 2000;
const PAUSE: Duration = Duration::from_micros(50);

/// Two children that send and receive `count` messages. What differs: the manner, who is slower, and refused system calls.
fn run(strategy: &str, count: u64, manner: &str, [sender, receiver]: [&str; 2], [before, behind]: [&str; 2]) {
    let directory = Directory::new(&format!("bytes-million-{strategy}-{manner}-{sender}-{receiver}-{before}-{behind}"));
    let _ring = directory.create(if strategy == "busy-spin" { SHAPE_TO_SPIN } else { SHAPE });
    let count = count.to_string();
    let sending = start("send-million", directory.path(), &[strategy, manner, sender, before, &count]);
    let receiving = start("receive-million", directory.path(), &[strategy, manner, receiver, behind, &count]);
    receiving.succeed();
    sending.succeed();
}

fn exchange(strategy: &str) {
    let refused = ["none", "none"];
    run(strategy, MILLION, "single", ["even", "even"], refused);
    run(strategy, MILLION, "batched", ["slow", "even"], refused);
    run(strategy, MILLION, "stream", ["even", "slow"], refused);
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

/// Slower, and nothing is lost, where a sandbox refuses what the quick way of sleeping needs.
#[test]
fn parked_messages_between_different_sandboxes() {
    for before in ["none", "register", "expedited", "membarrier"] {
        for behind in ["none", "register", "expedited", "membarrier"] {
            run("park", MILLION / 50, "single", ["even", "even"], [before, behind]);
        }
    }
}

/// Bytes that are asked for at once from the stream.
const STREAM: usize = 300;

pub(crate) fn child_send(task: &Task) {
    filter::refuse(task.word(3));
    let count = task.number(4);
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let mut tx = ring.producer().expect("free");
    tx.set_wait(strategy(task.word(0)));
    let pause = |sent: u64| pause_if(task.word(2) == "slow" && sent % PACE == 0);
    match task.word(1) {
        "batched" => send_batches(&mut tx, &letters, count, pause),
        manner => {
            for number in 0..count {
                let bytes = letters.bytes(number);
                match manner {
                    "stream" => tx.write_all(bytes).expect("a consumer that lives"),
                    _ => tx.push(bytes).expect("a consumer that lives"),
                }
                pause(number);
            }
        }
    }
    tx.wait_until_empty().expect("everything is read");
}

/// As many as there is room for, up to a number that changes.
fn send_batches(tx: &mut Producer, letters: &Letters, count: u64, pause: impl Fn(u64)) {
    let mut sent = 0;
    while sent < count {
        drop(tx.reserve(letters.len(sent)).expect("a consumer that lives"));
        let end = count.min(sent + 1 + sent % 50);
        let mut batch = tx.batch().expect("intact");
        let added = (sent..end).take_while(|&number| batch.try_push(letters.bytes(number)).is_ok()).count();
        assert!(added > 0, "there was room before");
        batch.publish().expect("intact");
        for number in sent..sent + added as u64 {
            pause(number);
        }
        sent += added as u64;
    }
}

pub(crate) fn child_receive(task: &Task) {
    filter::refuse(task.word(3));
    let count = task.number(4);
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let mut rx = ring.consumer().expect("free");
    rx.set_wait(strategy(task.word(0)));
    let pause = |received: u64| pause_if(task.word(2) == "slow" && received % PACE == 0);
    match task.word(1) {
        "single" => {
            for number in 0..count {
                letters.check(number, &rx.pop().expect("a producer that lives"));
                pause(number);
            }
        }
        "batched" => {
            let mut received = 0;
            while received < count {
                let mut batch = rx.pop_batch().expect("a producer that lives");
                for message in batch.into_iter().take(1 + received as usize % 70) {
                    letters.check(received, message);
                    pause(received);
                    received += 1;
                }
            }
        }
        _ => receive_stream(&mut rx, &letters, count, pause),
    }
    assert_eq!(rx.pop().map(drop), Err(PopError::Closed), "and nothing more");
}

/// Reads of one length, whatever the messages' lengths are.
fn receive_stream(rx: &mut Consumer, letters: &Letters, count: u64, pause: impl Fn(u64)) {
    let mut buffer = [0; STREAM];
    let (mut have, mut at) = (0, 0);
    for number in 0..count {
        let mut checked = 0;
        while checked < letters.len(number) {
            if at == have {
                (have, at) = (rx.read(&mut buffer).expect("a producer that lives"), 0);
                assert!(have > 0, "the end of the stream at message {number}");
            }
            let here = (have - at).min(letters.len(number) - checked);
            letters.check_part(number, checked, &buffer[at..at + here]);
            at += here;
            checked += here;
        }
        pause(number);
    }
    assert_eq!(at, have, "and nothing more");
}

fn pause_if(slow: bool) {
    if slow {
        thread::sleep(PAUSE);
    }
}
