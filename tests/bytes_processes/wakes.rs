//! Whoever sleeps is woken by each call that may end its wait.
//!
//! A handle's own sleep is sliced, so that a lost wake-up costs it time and no test of answers sees it. The sleepers here are
//! processes that lie down as the protocol has it, and know no slices: if nobody wakes them they sleep for ever. No clock is asked.

use std::io::{BufRead, IoSlice, Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rondel::bytes::{Consumer, Producer, Ring};

use crate::bytes::Bytes;
use crate::child::{Running, Task, start, tell};
use crate::place::{DATA_EVENT, NEVER, SPACE_EVENT, Shape, attach, event};
use crate::scratch::{Directory, within};

const SHAPE: Shape = Shape::new(1024, 500);
const MESSAGE: [u8; 56] = [7; 56];
/// For the sleeper to get from its last word into its sleep. If it does not, the kernel finds the flag cleared, and lets it go.
const NAP: Duration = Duration::from_millis(1);

/// Words: the index of the event.
pub(crate) fn child_sleep(task: &Task) {
    let ring = attach(&task.path);
    let bytes = Bytes::of(ring.segment());
    let event = event(&bytes, task.number(0) as usize);
    event.store(1, SeqCst);
    tell("asleep");
    while event.load(SeqCst) == 1 {
        // SAFETY: the word is mapped; no time limit, no second word.
        unsafe {
            libc::syscall(libc::SYS_futex, event.as_ptr(), libc::FUTEX_WAIT, 1, std::ptr::null::<libc::timespec>())
        };
    }
    tell("woken");
}

fn sleeper(directory: &Directory, event: usize) -> Running {
    let mut sleeper = start("sleep-until-woken", directory.path(), &[&event.to_string()]);
    sleeper.expect("asleep");
    std::thread::sleep(NAP);
    sleeper
}

/// Makes sure that `call` wakes who sleeps on that event.
fn wakes(name: &str, directory: &Directory, event: usize, call: impl FnOnce()) {
    let mut sleeper = sleeper(directory, event);
    call();
    within(NEVER, &format!("asleep after {name}"), || sleeper.expect("woken"));
    sleeper.succeed();
}

type Publish = fn(&mut Producer);

#[test]
fn a_sleeping_consumer_is_woken_by_whatever_is_published() {
    let calls: [(&str, Publish); 9] = [
        ("push", |tx| tx.push(&MESSAGE).expect("room")),
        ("an empty push", |tx| tx.try_push(&[]).expect("room")),
        ("push_vectored", |tx| tx.push_vectored(&[IoSlice::new(&MESSAGE)]).expect("room")),
        ("push_pod", |tx| tx.push_pod(&7_u64).expect("room")),
        ("push_timeout", |tx| tx.push_timeout(&MESSAGE, NEVER).expect("room")),
        ("commit", |tx| tx.reserve(8).expect("room").commit().expect("intact")),
        ("commit_len", |tx| tx.try_reserve(8).expect("room").commit_len(4).expect("shorter")),
        ("publish", |tx| {
            let mut batch = tx.batch().expect("intact");
            (0..3).for_each(|_| batch.try_push(&MESSAGE).expect("room"));
            batch.publish().expect("intact");
        }),
        ("write", |tx| tx.write_all(&MESSAGE).expect("room")),
    ];
    let directory = Directory::new("bytes-wakes-consumer");
    let ring = directory.create(SHAPE);
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    for (name, call) in calls {
        wakes(name, &directory, DATA_EVENT, || call(&mut tx));
        while rx.try_pop().map(drop).is_ok() {}
    }
    wakes("close", &directory, DATA_EVENT, || drop(tx));
}

type GiveBack = fn(&mut Consumer);

/// Takes one message in each way.
const WAYS: [(&str, GiveBack); 6] = [
    ("pop", |rx| drop(rx.pop().expect("unread"))),
    ("try_pop", |rx| drop(rx.try_pop().expect("unread"))),
    ("pop_into", |rx| assert_eq!(rx.pop_into(&mut [0; 56]), Ok(56))),
    ("pop_batch", |rx| assert_eq!(rx.pop_batch().expect("unread").into_iter().take(1).count(), 1)),
    ("read", |rx| rx.read_exact(&mut [0; 56]).expect("unread")),
    ("consume", |rx| {
        let len = rx.fill_buf().expect("unread").len();
        rx.consume(len);
    }),
];

fn ring(name: &str) -> (Directory, Ring, Producer, Consumer) {
    let directory = Directory::new(name);
    let ring = directory.create(SHAPE);
    let (tx, rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    (directory, ring, tx, rx)
}

/// It may wait for the ring to be empty, or for room for the largest message.
#[test]
fn a_sleeping_producer_is_woken_when_the_last_message_is_given_back() {
    let (directory, _ring, mut tx, mut rx) = ring("bytes-wakes-empty");
    for (name, take) in WAYS {
        // Alone on its way: what is given back now and then, and would wake, too, is far.
        tx.push(&MESSAGE).expect("room");
        wakes(name, &directory, SPACE_EVENT, || take(&mut rx));
    }
}

/// Long before the ring is empty, and as soon as the capacity allows.
#[test]
fn a_sleeping_producer_is_woken_when_there_is_room() {
    const RECORD: usize = MESSAGE.len() + 8;
    let room = SHAPE.capacity - (SHAPE.largest + 8).next_multiple_of(8);
    let (directory, _ring, mut tx, mut rx) = ring("bytes-wakes-room");
    for (name, take) in WAYS {
        let mut unread = 0;
        while tx.try_push(&MESSAGE).is_ok() {
            unread += 1;
        }
        wakes(name, &directory, SPACE_EVENT, || {
            while unread * RECORD > room {
                take(&mut rx);
                unread -= 1;
            }
        });
        assert_eq!(tx.is_full(SHAPE.largest), Ok(false), "{name}");
        assert_eq!(tx.is_empty(), Ok(false), "{name}");
        while rx.try_pop().map(drop).is_ok() {}
    }
}

#[test]
fn a_sleeping_producer_is_woken_by_a_consumer_that_comes_or_goes() {
    let (directory, ring, mut tx, rx) = ring("bytes-wakes-ends");
    tx.push(&MESSAGE).expect("room");
    wakes("close", &directory, SPACE_EVENT, || drop(rx));
    let mut next = None;
    wakes("attach", &directory, SPACE_EVENT, || next = Some(ring.consumer().expect("free")));
    assert!(next.is_some_and(|mut rx| rx.try_pop().as_deref() == Ok(&MESSAGE)));
}
