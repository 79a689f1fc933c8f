//! Words that no rondel process writes: a typed error that names them, and a handle that stays failed.

use memmap2::{MmapOptions, MmapRaw};
use rondel::spsc::{Consumer, PopError, Producer, PushError, Ring, TryPopError, TryPushError, WaitError};
use rondel::{Corruption, Fault, SegmentError};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::scratch::{Message, message};

const CAPACITY: usize = 32;

/// Where the words lie, in bytes from the start of the segment: `docs/layout.md`.
const BODY: usize = 4096;
const PRODUCER_STATE: usize = BODY;
const CONSUMER_STATE: usize = BODY + 128;
const CONSUMED: usize = BODY + 512;
const RELEASED: usize = BODY + 640;
const FIRST_STAMP: usize = BODY + 1024;

/// The segment once more, as a hostile peer has it.
struct Scribbler(MmapRaw);

impl Scribbler {
    fn of(ring: &Ring<Message>) -> Self {
        let len = ring.segment().total_len().try_into().expect("fits");
        Self(MmapOptions::new().len(len).map_raw(&ring.as_fd()).expect("maps"))
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.0.len());
        let word = self.0.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: inside the mapping, aligned, and used as an atomic by everybody.
        unsafe { AtomicU64::from_ptr(word) }
    }
}

struct Case {
    tx: Producer<Message>,
    rx: Consumer<Message>,
    ring: Ring<Message>,
    scribbler: Scribbler,
}

/// A ring with some laps behind it, `unread` elements in it, and a mark at the end of a line.
fn case(unread: u64) -> Case {
    let ring = Ring::builder().capacity(CAPACITY).anonymous().expect("a memfd");
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    for number in 0..300 {
        tx.push(message(number)).expect("room");
        assert_eq!(rx.pop(), Ok(message(number)));
    }
    for number in 300..300 + unread {
        tx.push(message(number)).expect("room");
    }
    Case { scribbler: Scribbler::of(&ring), tx, rx, ring }
}

fn assert_names(fault: Fault, word: &str, found: u64) {
    match fault {
        Fault::Corrupted(Corruption { word: named, least, most, found: value, .. }) => {
            assert_eq!((named, value), (word, found));
            assert!(!(least..=most).contains(&found), "{least}..={most} holds {found}");
        }
        other => panic!("{other}"),
    }
}

fn assert_consumer_failed(rx: &mut Consumer<Message>, fault: Fault) {
    for _ in 0..2 {
        assert_eq!(rx.try_pop(), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.pop(), Err(PopError::Failed(fault)));
        assert_eq!(rx.peek(), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.try_pop_slice(&mut [[0; 2]; 4]), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.len(), Err(fault));
        assert_eq!(rx.is_empty(), Err(fault));
        assert_eq!(rx.peer(), Err(fault));
    }
}

fn assert_producer_failed(tx: &mut Producer<Message>, fault: Fault) {
    let element = message(0);
    for _ in 0..2 {
        assert_eq!(tx.try_push(element), Err(TryPushError::Failed(element, fault)));
        assert_eq!(tx.push(element), Err(PushError::Failed(element, fault)));
        assert_eq!(tx.try_push_slice(&[element]), Err(TryPushError::Failed((), fault)));
        assert_eq!(tx.wait_until_empty(), Err(WaitError::Failed(fault)));
        assert_eq!(tx.len(), Err(fault));
        assert_eq!(tx.peer(), Err(fault));
    }
}

#[test]
fn a_stamp_that_cannot_be() {
    for found in [1, 299, 304, 1 << 40, u64::MAX] {
        let Case { mut rx, ring, scribbler, .. } = case(0);
        // Three messages to a line, 300 are consumed: the next stamp is that of line 100.
        let lines = (ring.segment().total_len() as usize - FIRST_STAMP) / 64;
        let stamps: Vec<_> = (0..lines).map(|line| FIRST_STAMP + line * 64).collect();
        for stamp in stamps {
            scribbler.word(stamp).store(found, SeqCst);
        }
        let Err(TryPopError::Failed(fault)) = rx.try_pop() else { panic!("taken for good: {found}") };
        assert_names(fault, "stamp", found);
        assert_consumer_failed(&mut rx, fault);
        // The role falls free, and a successor meets the same.
        drop(rx);
        drop(case(0));
        let mut next = ring.consumer().expect("stamps are not its affair before it pops");
        assert!(matches!(next.try_pop(), Err(TryPopError::Failed(_))));
    }
}

#[test]
fn a_released_position_that_lies_ahead() {
    for found in [400, u64::MAX] {
        let Case { mut tx, scribbler, .. } = case(0);
        scribbler.word(RELEASED).store(found, SeqCst);
        let fault = loop {
            match tx.try_push(message(0)) {
                Ok(()) => assert!(tx.position() < 400),
                Err(TryPushError::Failed(_, fault)) => break fault,
                Err(other) => panic!("{other}"),
            }
        };
        assert_names(fault, "released", found);
        assert_producer_failed(&mut tx, fault);
    }
}

/// What was pushed before the fault was met is pushed, and is said to be.
#[test]
fn a_batch_that_meets_a_fault_half_way_counts_what_it_pushed() {
    let Case { mut tx, scribbler, .. } = case(0);
    scribbler.word(RELEASED).store(u64::MAX, SeqCst);
    let before = tx.position();
    let error = tx.push_slice(&[message(0); 10 * CAPACITY]).expect_err("a fault");
    assert!(matches!(error.cause, rondel::spsc::PushTimeoutError::Failed((), Fault::Corrupted(_))));
    assert_ne!(error.pushed, 0);
    assert_eq!(error.pushed as u64, tx.position() - before);
}

#[test]
fn a_consumed_position_that_lies_ahead_or_far_behind() {
    for found in [0, 302, u64::MAX] {
        let Case { mut tx, scribbler, .. } = case(1);
        scribbler.word(CONSUMED).store(found, SeqCst);
        let fault = tx.len().expect_err("cannot be");
        assert_names(fault, "consumed", found);
        assert_producer_failed(&mut tx, fault);
    }
}

#[test]
fn a_role_that_is_in_no_phase() {
    for found in [3, 0x101_0000_0000_0003, 1, 2] {
        let Case { mut tx, mut rx, scribbler, .. } = case(0);
        scribbler.word(PRODUCER_STATE).store(found, SeqCst);
        scribbler.word(CONSUMER_STATE).store(found, SeqCst);
        let Err(TryPopError::Failed(fault)) = rx.try_pop() else { panic!("taken for good: {found}") };
        assert!(
            matches!(fault, Fault::Corrupted(Corruption { word: "role state", found: value, .. }) if value == found)
        );
        assert_consumer_failed(&mut rx, fault);
        let fault = tx.peer().expect_err("cannot be");
        assert_producer_failed(&mut tx, fault);
    }
}

/// Successors read the positions of their predecessors, and believe none that cannot be.
#[test]
fn positions_that_no_successor_takes_over() {
    for (offset, word, found) in [
        (CONSUMED, "consumed", u64::MAX),
        (CONSUMED, "consumed", (1 << 62) + 1),
        (RELEASED, "released", 301),
        (RELEASED, "released", 0),
    ] {
        let Case { tx, rx, ring, scribbler } = case(0);
        drop((tx, rx));
        scribbler.word(offset).store(found, SeqCst);
        match ring.consumer() {
            Err(SegmentError::Corrupted(corruption)) => assert_names(Fault::Corrupted(corruption), word, found),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("taken for good: {word} {found}"),
        }
    }
    // A producer starts from `consumed` and the stamps.
    let Case { tx, rx, ring, scribbler } = case(0);
    drop((tx, rx));
    scribbler.word(CONSUMED).store(4, SeqCst);
    match ring.producer() {
        Err(SegmentError::Corrupted(corruption)) => {
            assert_eq!(corruption.word, "stamp");
        }
        Err(other) => panic!("{other:?}"),
        Ok(tx) => panic!("goes on at {}", tx.position()),
    }
}
