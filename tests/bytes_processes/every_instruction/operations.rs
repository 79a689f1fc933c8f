//! The operations that are stepped through, and what precedes them.

use std::io::{BufRead, IoSlice, Read, Write};
use std::mem;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rondel::Wait;
use rondel::bytes::{Consumer, PopTimeoutError, Producer, PushTimeoutError, Ring, TryPopError};

use super::{drain, script};
use crate::bytes::Bytes;
use crate::child::Task;
use crate::forking::{fork, reap};
use crate::letters::{Letters, Place};
use crate::place::{DATA_EVENT, SPACE_EVENT, attach, event};
use crate::scratch::Random;
use crate::traced::{begin, stop_here};

/// What an operation does to the ring, each by one store unless it is said otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Pushes,
    Pops,
    PopsOneByOne,
    Nothing,
}

impl Effect {
    /// Whether so many can have been popped and pushed in all.
    pub(super) fn is_possible(self, (popped, pushed): (u64, u64)) -> bool {
        match self {
            Effect::Pushes => popped == 0 && pushed > 0,
            Effect::Pops => popped > 0 && pushed == 0,
            // A read may end in the middle of its first message.
            Effect::PopsOneByOne => pushed == 0,
            Effect::Nothing => (popped, pushed) == (0, 0),
        }
    }
}

/// The handles of a script, and where they are.
struct Handles<'a> {
    tx: Producer,
    rx: Consumer,
    /// The ring's first message, and the next to be pushed.
    first: Place,
    next: Place,
    letters: &'a Letters,
    random: Random,
}

impl Handles<'_> {
    fn push(&mut self) -> bool {
        let pushed = self.tx.try_push(self.letters.bytes(self.next.number)).is_ok();
        if pushed {
            self.next = self.letters.behind(self.next);
        }
        pushed
    }

    /// Pushes and pops at random; then, for half of the scripts, a producer that has looked at the exact position, as one does before
    /// it sleeps, and has filled all that it then may.
    fn precede(&mut self) {
        for _ in 0..20 + self.random.below(100) {
            match self.random.below(5) {
                0..=2 => drop(self.push()),
                3 => drop(self.rx.try_pop()),
                _ => {
                    let len = self.random.below(8) as usize;
                    if let Ok(mut batch) = self.rx.try_pop_batch() {
                        batch.into_iter().take(len).for_each(drop);
                    }
                }
            }
        }
        if self.random.below(2) == 0 {
            while self.push() {}
            for _ in 0..self.random.below(4) {
                drop(self.rx.try_pop());
            }
            while self.tx.push_timeout(self.letters.bytes(self.next.number), Duration::ZERO).is_ok() {
                self.next = self.letters.behind(self.next);
            }
        }
    }

    fn drain(&mut self) {
        drain(&mut self.rx);
    }

    /// Passes messages through an empty ring until the next one is such.
    fn pass_until(&mut self, is_such: impl Fn(&Letters, Place) -> bool) {
        self.drain();
        while !is_such(self.letters, self.next) {
            assert!(self.push(), "the ring is empty");
            drop(self.rx.try_pop().expect("it was pushed"));
        }
    }
}

/// A sleeper that was killed, or one that is about to be woken, has left its mark.
fn mark_asleep(ring: &Ring, index: usize) {
    event(&Bytes::of(ring.segment()), index).store(1, SeqCst);
}

/// Words: the operation and the script's seed.
pub(crate) fn child_step(task: &Task) {
    let operation = task.word(0);
    let (random, shape, first) = script(task.number(1));
    let letters = Letters::new(shape);
    let ring = attach(&task.path);
    let handles = |random: Random| {
        let (tx, rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        let mut handles = Handles { tx, rx, first, next: first, letters: &letters, random };
        handles.precede();
        handles
    };
    if operation.starts_with("attach") {
        // Done by a process that ends without closing: its last words stay, its locks fall.
        reap(fork(|| mem::forget(handles(random))));
        return attach_stepped(operation, &ring);
    }
    let mut handles = handles(random);
    prepare(operation, &mut handles, &ring);
    if operation == "close" {
        let Handles { tx, rx, .. } = handles;
        begin();
        drop((tx, rx));
        return stop_here();
    }
    let good = match operation {
        "pop" | "pop-over-the-end" | "pop-and-wake" | "pop-into" | "keep" | "pop-batch" | "pop-all" | "read"
        | "fill-buf" | "park-consumer" => consume(operation, &mut handles),
        _ => produce(operation, &mut handles),
    };
    assert!(good, "there was nothing to do");
}

/// Sees to it that there is something to do.
fn prepare(operation: &str, handles: &mut Handles, ring: &Ring) {
    let shape = handles.letters.shape();
    match operation {
        "push-over-the-end" | "pop-over-the-end" | "batch-over-the-end" => {
            handles.pass_until(Letters::runs_over);
            if operation == "pop-over-the-end" {
                assert!(handles.push());
            }
        }
        "write" => handles.pass_until(|letters, next| (1..=shape.write_len()).contains(&letters.len(next.number))),
        "pop-all" | "pop-and-wake" | "park-producer" => while handles.push() {},
        "pop" | "pop-into" | "keep" | "pop-batch" => drop(handles.push()),
        "read" | "fill-buf" => {
            while handles.push() {}
            // For empty messages alone the stream would wait.
            let first = handles.letters.at(handles.rx.position(), handles.first);
            if (first.number..handles.next.number).all(|number| handles.letters.len(number) == 0) {
                handles.pass_until(|letters, next| letters.len(next.number) > 0);
                assert!(handles.push());
            }
        }
        "close" => {}
        _ => handles.drain(),
    }
    match operation {
        "push-and-wake" => mark_asleep(ring, DATA_EVENT),
        "pop-and-wake" => mark_asleep(ring, SPACE_EVENT),
        "park-consumer" => handles.rx.set_wait(Wait::Park),
        "park-producer" => handles.tx.set_wait(Wait::Park),
        _ => {}
    }
}

fn produce(operation: &str, handles: &mut Handles) -> bool {
    let Handles { tx, letters, next, .. } = handles;
    let numbers = next.number..next.number + 3;
    let bytes = letters.bytes(next.number);
    let (first_half, second_half) = bytes.split_at(bytes.len() / 2);
    let longer = tx.largest().min(bytes.len() + 40);
    begin();
    let good = match operation {
        "push" | "push-over-the-end" | "push-and-wake" => tx.try_push(bytes).is_ok(),
        "push-vectored" => tx.try_push_vectored(&[IoSlice::new(first_half), IoSlice::new(second_half)]).is_ok(),
        "reserve" => tx.reserve(bytes.len()).is_ok_and(|mut reservation| {
            reservation.copy_from_slice(bytes);
            reservation.commit().is_ok()
        }),
        "commit-less" => tx.reserve(longer).is_ok_and(|mut reservation| {
            reservation.fill(0xff);
            reservation[..bytes.len()].copy_from_slice(bytes);
            reservation.commit_len(bytes.len()).is_ok()
        }),
        "abandon" => tx.reserve(longer).is_ok_and(|mut reservation| {
            reservation.fill(0xff);
            true
        }),
        "batch" | "batch-over-the-end" | "abandon-batch" => {
            let mut batch = tx.batch().expect("intact");
            let added = numbers.take_while(|&number| batch.try_push(letters.bytes(number)).is_ok()).count();
            added > 0 && added == batch.len() && (operation == "abandon-batch" || batch.publish().is_ok())
        }
        "write" => tx.write(bytes).is_ok_and(|written| written == bytes.len()),
        "park-producer" => tx.push_timeout(bytes, Duration::from_millis(1)) == Err(PushTimeoutError::Timeout),
        unknown => panic!("no operation {unknown:?}"),
    };
    stop_here();
    good
}

fn consume(operation: &str, handles: &mut Handles) -> bool {
    let Handles { rx, letters, random, .. } = handles;
    let mut buffer = vec![0; 3 * letters.shape().largest];
    let some = 1 + random.below(buffer.len() as u64) as usize;
    let count = if operation == "pop-all" { usize::MAX } else { 1 + random.below(4) as usize };
    begin();
    let good = match operation {
        "pop" | "pop-over-the-end" => rx.try_pop().map(drop).is_ok(),
        "pop-into" => rx.try_pop_into(&mut buffer).is_ok(),
        "keep" => rx.try_pop().map(|message| message.keep()).is_ok(),
        "pop-batch" | "pop-all" | "pop-and-wake" => {
            rx.try_pop_batch().is_ok_and(|mut batch| batch.into_iter().take(count).count() > 0)
        }
        "read" => rx.read(&mut buffer[..some]).is_ok_and(|read| read > 0),
        "fill-buf" => {
            let len = rx.fill_buf().map_or(0, <[u8]>::len);
            rx.consume(len);
            len > 0
        }
        "park-consumer" => {
            rx.pop_timeout(Duration::from_millis(1)).map(drop) == Err(PopTimeoutError::Timeout)
                && rx.try_pop().map(drop) == Err(TryPopError::Empty)
        }
        unknown => panic!("no operation {unknown:?}"),
    };
    stop_here();
    good
}

fn attach_stepped(operation: &str, ring: &Ring) {
    begin();
    if operation == "attach-producer" {
        let tx = ring.producer();
        stop_here();
        tx.map(drop).expect("free");
    } else {
        let rx = ring.consumer();
        stop_here();
        rx.map(drop).expect("free");
    }
}
