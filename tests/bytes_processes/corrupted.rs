//! Words that no rondel process writes, met by another process: a typed error that names them, and a handle that stays failed.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::ops::Range;
use std::sync::atomic::Ordering::SeqCst;

use rondel::bytes::{
    Consumer, PopError, PopIntoError, Producer, PushError, Ring, TryPopError, TryPushError, WaitError,
};
use rondel::{Corruption, Fault, SegmentError};

use crate::bytes::Bytes;
use crate::child::{Running, Task, start, tell, wait_for_parent};
use crate::letters::{Letters, Place};
use crate::place::{CONSUMED, CONSUMER_STATE, PRODUCER_STATE, RELEASED, RING, Shape, attach, is_whole};
use crate::scratch::Directory;

const SHAPE: Shape = Shape::new(1024, 800);
const FIRST: Place = Place { number: 0, position: 0 };
/// Enough for some laps.
const BEFORE: u64 = 100;

/// A ring with some laps behind it and two short messages in it, from `first` on.
struct Case {
    directory: Directory,
    ring: Ring,
    bytes: Bytes,
    first: u64,
    second: u64,
}

impl Case {
    /// Both fit before the end of the ring.
    fn new(name: &str) -> Self {
        Self::at(name, 100..300)
    }

    /// The first lies at one of these offsets.
    fn at(name: &str, offsets: Range<u64>) -> Self {
        let directory = Directory::new(&format!("bytes-corrupted-{name}"));
        let ring = directory.create(SHAPE);
        let letters = Letters::new(SHAPE);
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        let mut place = FIRST;
        while place.number < BEFORE || !offsets.contains(&(place.position % SHAPE.data())) {
            tx.push(letters.bytes(place.number)).expect("room");
            letters.check(place.number, &rx.pop().expect("pushed"));
            place = letters.behind(place);
        }
        (0..2).for_each(|_| tx.push(&[7; 24]).expect("room"));
        let bytes = Bytes::of(ring.segment());
        Self { directory, ring, bytes, first: place.position, second: place.position + 32 }
    }

    /// Another process that takes the role, and waits to be told to do that.
    fn other(&self, role: &str, operation: &str) -> Running {
        let mut other = start("meet-corruption", self.directory.path(), &[role, operation]);
        other.expect("attached");
        other
    }

    fn length_word(&self, position: u64) -> usize {
        RING + (position % SHAPE.data()) as usize / 8
    }

    fn scribble(&self, word: usize, value: u64) {
        self.bytes.word(word).store(value, SeqCst);
    }
}

/// Lets the other process go on, which has to meet this word with this value.
#[track_caller]
fn meets(mut other: Running, word: &str, found: u64) {
    other.go_on();
    assert_eq!(other.hear(), format!("{word} {found}"));
    other.succeed();
}

/// A record's length word without its length.
fn tag(position: u64) -> u64 {
    1 << 63 | (position / 8 % (1 << 31)) << 32
}

/// A length word for the record at a position.
type Length = fn(u64) -> u64;

const POPS: [&str; 6] = ["pop", "pop-into", "batch", "peek", "read", "is-empty"];

#[test]
fn a_length_that_cannot_be() {
    let largest = SHAPE.largest as u64;
    let lengths: [(&str, Length); 9] = [
        ("longer than the largest", |position| tag(position) + SHAPE.largest as u64 + 1),
        ("as long as a word can say", |position| tag(position) + u64::from(u32::MAX)),
        ("of the last lap", |position| tag(position - SHAPE.data()) + 24),
        ("of the next lap", |position| tag(position + SHAPE.data()) + 24),
        ("of the next word", |position| tag(position + 8) + 24),
        ("without its highest bit", |position| (tag(position) + 24) & !(1 << 63)),
        ("without a tag", |_| 24),
        ("one", |_| 1),
        ("all bits", |_| u64::MAX),
    ];
    for (name, length) in lengths {
        for operation in POPS {
            let case = Case::new("length");
            let other = case.other("consumer", operation);
            let found = length(case.first);
            case.scribble(case.length_word(case.first), found);
            println!("{name}, {operation}");
            meets(other, "length", found);
            // A successor meets the same.
            meets(case.other("consumer", operation), "length", found);
        }
    }
    // And one that is no longer than the largest is believed: bytes are not the ring's to judge.
    let case = Case::new("length-believed");
    case.scribble(case.length_word(case.first), tag(case.first) + largest);
    assert_eq!(case.ring.consumer().expect("free").try_pop().map(|message| message.len()), Ok(SHAPE.largest));
}

/// A record that would end where the producer cannot have written, for a message before it is unread.
#[test]
fn a_length_that_reaches_around_the_ring() {
    for (reaches_around, ends) in [(true, 1), (false, 2)] {
        let case = Case::at("around", 600..700);
        // The first runs over the end, so the second begins the next lap, and has to end before the first does.
        let offset = case.first % SHAPE.data();
        let second = case.first - offset + SHAPE.data();
        let len = if reaches_around { offset - 8 } else { offset - 16 };
        // Behind the second is nothing, or the first.
        case.scribble(case.length_word(second + 8 + len), 0);
        case.scribble(case.length_word(case.first), tag(case.first) + 700);
        case.scribble(case.length_word(second), tag(second) + len);
        let mut rx = case.ring.consumer().expect("free");
        let given = rx.try_pop_batch().map(|mut batch| {
            let given = (&mut batch).into_iter().count();
            std::mem::forget(batch);
            given
        });
        assert_eq!(given, Ok(ends));
        let producer = case.ring.producer().map(drop);
        if reaches_around {
            refused(producer, "length", tag(second) + len);
        } else {
            producer.expect("it fits");
        }
    }
}

/// A batch ends before it; the next call says so.
#[test]
fn a_second_length_that_cannot_be_ends_a_batch() {
    for found in [1, u64::MAX, tag(0)] {
        let case = Case::new("batch");
        let other = case.other("consumer", "batch-of-one");
        case.scribble(case.length_word(case.second), found);
        meets(other, "length", found);
    }
}

#[test]
fn a_role_that_is_in_no_phase() {
    for found in [3, 0x101_0000_0000_0003, 1, 2] {
        let case = Case::new("role");
        let other = case.other("consumer", "drain");
        case.scribble(PRODUCER_STATE, found);
        meets(other, "role state", found);
        let case = Case::new("role");
        let other = case.other("producer", "fill");
        case.scribble(CONSUMER_STATE, found);
        meets(other, "role state", found);
    }
}

#[test]
fn positions_that_lie_ahead_or_far_behind() {
    for (operation, index, word) in [("fill", RELEASED, "released"), ("used", CONSUMED, "consumed")] {
        for far in [1 << 20, 1 << 62, u64::MAX >> 1] {
            let case = Case::new("position");
            let other = case.other("producer", operation);
            case.scribble(index, case.first + far);
            meets(other, word, case.first + far);
        }
    }
    let case = Case::new("position");
    let other = case.other("producer", "used");
    case.scribble(CONSUMED, 0);
    meets(other, "consumed", 0);
}

/// Successors read the positions of their predecessors, and believe none that cannot be.
#[test]
fn positions_that_no_successor_takes_over() {
    for offset in [4, (1 << 63) + 8, u64::MAX / 8 * 8 - (1 << 40)] {
        let case = Case::new("successor");
        let found = case.first.wrapping_add(offset);
        case.scribble(CONSUMED, found);
        refused(case.ring.consumer().map(drop), "consumed", found);
        refused(case.ring.producer().map(drop), "consumed", found);
    }
    // A producer walks from `consumed` on.
    for (position, found) in [(0, 1), (0, u64::MAX), (1, tag(8) + 24), (1, 24)] {
        let case = Case::new("successor");
        let word = case.length_word([case.first, case.second][position]);
        case.scribble(word, found);
        refused(case.ring.producer().map(drop), "length", found);
    }
}

/// What follows from another word need not be believed: it is stored anew.
#[test]
fn any_released_position_is_put_right_by_a_successor() {
    for found in [0, 8, 12, 1 << 40, u64::MAX] {
        let case = Case::new("released");
        case.scribble(RELEASED, found);
        let (mut tx, mut rx) =
            (case.ring.producer().expect("it asks `consumed`"), case.ring.consumer().expect("it asks `consumed`"));
        assert_eq!(case.bytes.word(RELEASED).load(SeqCst), case.first);
        while rx.try_pop().map(drop).is_ok() {}
        is_whole(&mut tx, &mut rx, &Letters::new(SHAPE), 0);
    }
}

#[track_caller]
fn refused(attached: Result<(), SegmentError>, word: &str, found: u64) {
    match attached {
        Err(SegmentError::Corrupted(corruption)) => assert_eq!((corruption.word, corruption.found), (word, found)),
        other => panic!("{word} {found}: {other:?}"),
    }
}

/// Words: the role, and what to do when the parent says so. Tells which word was met, and its value.
pub(crate) fn child_meet(task: &Task) {
    let ring = attach(&task.path);
    let (role, operation) = (task.word(0), task.word(1));
    if role == "producer" {
        let mut tx = ring.producer().expect("free");
        tell("attached");
        wait_for_parent();
        let fault = fault_of_producer(&mut tx, operation);
        assert_producer_failed(&mut tx, fault);
        return tell_of(fault);
    }
    let mut rx = ring.consumer().expect("free");
    tell("attached");
    wait_for_parent();
    let fault = fault_of_consumer(&mut rx, operation);
    assert_consumer_failed(&mut rx, fault);
    tell_of(fault);
}

fn tell_of(fault: Fault) {
    match fault {
        Fault::Corrupted(Corruption { word, least, most, found, .. }) => {
            // A role's state has a number in its upper bits, so no two bounds can say what it may be.
            assert!(word == "role state" || !(least..=most).contains(&found), "{least}..={most} holds {found}");
            tell(format!("{word} {found}"));
        }
        other => panic!("{other}"),
    }
}

fn fault_of_producer(tx: &mut Producer, operation: &str) -> Fault {
    match operation {
        "used" => tx.used().expect_err("cannot be"),
        _ => loop {
            match tx.try_push(&[0; 100]) {
                Ok(()) => {}
                Err(TryPushError::Failed(fault)) => break fault,
                Err(other) => panic!("{other}"),
            }
        },
    }
}

fn fault_of_consumer(rx: &mut Consumer, operation: &str) -> Fault {
    let result = match operation {
        "pop" => rx.try_pop().map(drop),
        "drain" => loop {
            if let Err(error) = rx.try_pop() {
                break Err(error);
            }
        },
        "pop-into" => match rx.try_pop_into(&mut [0; 1]) {
            Err(PopIntoError::Pop(error)) => Err(error),
            other => panic!("{other:?}"),
        },
        "batch" => rx.try_pop_batch().map(drop),
        "batch-of-one" => {
            assert_eq!(rx.try_pop_batch().map(|mut batch| batch.into_iter().count()), Ok(1));
            rx.try_pop_batch().map(drop)
        }
        "peek" => rx.peek().map(drop),
        "read" => {
            let error = rx.read(&mut [0; 8]).expect_err("nothing is to be read");
            let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<PopError>());
            match inside {
                Some(PopError::Failed(fault)) => return *fault,
                _ => panic!("{error}"),
            }
        }
        "is-empty" => return rx.is_empty().expect_err("cannot be"),
        unknown => panic!("no operation {unknown:?}"),
    };
    match result {
        Err(TryPopError::Failed(fault)) => fault,
        other => panic!("{operation}: {other:?}"),
    }
}

fn assert_consumer_failed(rx: &mut Consumer, fault: Fault) {
    let position = rx.position();
    for _ in 0..2 {
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.pop().map(drop), Err(PopError::Failed(fault)));
        assert_eq!(rx.peek(), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.pop_into(&mut [0; 8]), Err(PopIntoError::Pop(PopError::Failed(fault))));
        assert_eq!(rx.pop_batch().map(drop), Err(PopError::Failed(fault)));
        assert_eq!(rx.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::Other));
        assert_eq!(rx.fill_buf().map_err(|error| error.kind()), Err(ErrorKind::Other));
        rx.consume(8);
        assert_eq!(rx.is_empty(), Err(fault));
        assert_eq!(rx.peer(), Err(fault));
    }
    assert_eq!(rx.position(), position, "a failed handle consumes nothing");
}

fn assert_producer_failed(tx: &mut Producer, fault: Fault) {
    let position = tx.position();
    for _ in 0..2 {
        assert_eq!(tx.try_push(&[]), Err(TryPushError::Failed(fault)));
        assert_eq!(tx.push(&[]), Err(PushError::Failed(fault)));
        assert_eq!(tx.reserve(1).map(drop), Err(PushError::Failed(fault)));
        assert_eq!(tx.batch().map(drop), Err(fault));
        assert_eq!(tx.write(b"x").map_err(|error| error.kind()), Err(ErrorKind::Other));
        assert_eq!(tx.wait_until_empty(), Err(WaitError::Failed(fault)));
        assert_eq!(tx.used(), Err(fault));
        assert_eq!(tx.peer(), Err(fault));
    }
    assert_eq!(tx.position(), position, "a failed handle publishes nothing");
}
