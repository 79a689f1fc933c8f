//! A kill at every instruction of an operation.
//!
//! A child carries out one operation under ptrace(2), an instruction at a time. After each instruction that has changed the
//! segment, its bytes are copied into a segment of their own. That copy is what a kill at this very instruction would leave
//! behind: the bytes, and no locks. Successors attach to the copy, have to find exactly the messages that are published and not
//! consumed, and go on for several laps.
//!
//! Rings and what precedes an operation are random, so that records begin and end everywhere, also beyond the ring's end. One order of the
//! stores is seen here, that of the program; what a weaker machine may make of it is for the loom models to check.

mod operations;

use std::mem;
use std::sync::atomic::Ordering::SeqCst;

use rondel::bytes::{Consumer, Producer, TryPushError};

use self::operations::Effect;
pub(crate) use self::operations::child_step;
use crate::bytes::Bytes;
use crate::child::start;
use crate::letters::{Letters, Place};
use crate::place::{CONSUMED, RELEASED, Shape, is_whole};
use crate::scratch::{Directory, Random};
use crate::traced::Traced;

/// Scripts for an operation, each with a ring of its own. Attaching takes many instructions.
const SCRIPTS: u64 = 4;
const SCRIPTS_OF_ATTACHING: u64 = 2;
/// Gives up on an operation that is still not over after so many instructions.
const INSTRUCTIONS: u64 = 3_000_000;

/// What successors find in a copy of a segment: the first message that is not consumed, and the next to be published, counted from
/// the ring's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    popped: u64,
    pushed: u64,
}

/// A random ring, and the number of its first message: the same for the parent and the child.
fn script(seed: u64) -> (Random, Shape, Place) {
    let mut random = Random::new(seed);
    let shape = Shape::small(&mut random);
    (random, shape, Place { number: seed << 16, position: 0 })
}

/// Attaches successors to a segment with these bytes and makes sure that they find everything in order.
fn succeed_in(words: &[u64], letters: &Letters, begin: Place) -> Found {
    // A producer that survives believes `released`, and would write over what the successor is to read.
    assert!(words[RELEASED] <= words[CONSUMED], "{} is released, {} is consumed", words[RELEASED], words[CONSUMED]);
    let ring = letters.shape().anonymous();
    let bytes = Bytes::of(ring.segment());
    bytes.write(words);
    let mut tx = ring.producer().expect("a producer can go on");
    let mut rx = ring.consumer().expect("a consumer can go on");
    let (popped, pushed) = (letters.at(rx.position(), begin), letters.at(tx.position(), begin));
    assert_eq!(tx.used().map(|used| used as u64), Ok(pushed.position - popped.position));
    // A consumer that is killed over and over between its two stores must not keep back more and more.
    let released = bytes.word(RELEASED).load(SeqCst);
    assert_eq!(released, popped.position, "room that the predecessor kept back is given back");
    let next = fill(&mut tx, letters, popped.number, pushed.number);
    for number in popped.number..next {
        letters.check(number, &rx.try_pop().expect("it is published"));
    }
    is_whole(&mut tx, &mut rx, letters, next);
    Found { popped: popped.number - begin.number, pushed: pushed.number - begin.number }
}

/// Pushes, on top of the messages from `popped` to `pushed`, what fits: as much as is promised, at least. Says which message did not fit.
fn fill(tx: &mut Producer, letters: &Letters, popped: u64, pushed: u64) -> u64 {
    let mut unread: u64 = (popped..pushed).map(|number| letters.record(number)).sum();
    for number in pushed.. {
        unread += letters.record(number);
        match tx.try_push(letters.bytes(number)) {
            Ok(()) => {}
            Err(refused) => {
                assert_eq!(refused, TryPushError::Full);
                assert!(unread > letters.shape().capacity as u64, "refused with {unread} bytes in the ring");
                return number;
            }
        }
    }
    unreachable!("a ring is full some time");
}

/// Takes everything out; says how many messages that were.
fn drain(rx: &mut Consumer) -> u64 {
    let mut drained = 0;
    while rx.try_pop().map(drop).is_ok() {
        drained += 1;
    }
    drained
}

/// Steps through the child's operation. `check` sees the bytes before it, and after each instruction that changed them.
fn step_through(traced: &Traced, bytes: &Bytes, mut check: impl FnMut(&[u64])) -> u64 {
    traced.wait_for_stop(libc::SIGSTOP);
    let mut words = bytes.read();
    let mut seen = words.clone();
    check(&words);
    for instructions in 0..INSTRUCTIONS {
        if traced.go_on(libc::PTRACE_SINGLESTEP) == libc::SIGSTOP {
            return instructions;
        }
        // SAFETY: the child is stopped between two instructions, and nobody else is attached to its segment.
        unsafe { bytes.read_at_rest(&mut seen) };
        if seen != words {
            mem::swap(&mut seen, &mut words);
            check(&words);
        }
    }
    panic!("the operation is not over after {INSTRUCTIONS} instructions");
}

fn kill_everywhere(operation: &str, effect: Effect) {
    let mut seeds = Random::seeded(operation);
    let scripts = if operation.starts_with("attach") { SCRIPTS_OF_ATTACHING } else { SCRIPTS };
    for _ in 0..scripts {
        let seed = seeds.below(1 << 32);
        let (_, shape, begin) = script(seed);
        let letters = Letters::new(shape);
        let directory = Directory::new(&format!("bytes-step-{operation}"));
        let ring = directory.create(shape);
        let bytes = Bytes::of(ring.segment());
        println!("{operation}, seed {seed}, {shape:?}");
        let traced = Traced::start(start("step-through", directory.path(), &[operation, &seed.to_string()]));
        let mut history: Vec<Found> = Vec::new();
        let instructions = step_through(&traced, &bytes, |words| history.push(succeed_in(words, &letters, begin)));
        let (before, after) = (history[0], history[history.len() - 1]);
        let what = format!("{before:?} to {after:?} in {instructions} instructions, {} states", history.len());
        let total = (after.popped - before.popped, after.pushed - before.pushed);
        assert!(effect.is_possible(total), "{what}");
        for pair in history.windows(2) {
            // Nothing is taken back, and nothing shows half-done.
            let step = (pair[1].popped.checked_sub(pair[0].popped), pair[1].pushed.checked_sub(pair[0].pushed));
            let (Some(popped), Some(pushed)) = step else { panic!("{pair:?}: {what}") };
            let one_by_one = effect == Effect::PopsOneByOne && (popped, pushed) == (1, 0);
            assert!([(0, 0), total].contains(&(popped, pushed)) || one_by_one, "{pair:?}: {what}");
        }
        println!("{what}");
        traced.finish();
    }
}

macro_rules! a_kill_at_every_instruction_of {
    ($($name:ident: $operation:literal, $effect:ident;)+) => { $(
        #[test]
        fn $name() {
            kill_everywhere($operation, Effect::$effect);
        }
    )+ };
}

a_kill_at_every_instruction_of! {
    a_push: "push", Pushes;
    a_vectored_push: "push-vectored", Pushes;
    a_push_that_runs_over_the_end: "push-over-the-end", Pushes;
    a_push_that_wakes: "push-and-wake", Pushes;
    a_reservation: "reserve", Pushes;
    a_reservation_of_which_less_is_committed: "commit-less", Pushes;
    a_reservation_that_is_abandoned: "abandon", Nothing;
    a_batch: "batch", Pushes;
    a_batch_that_runs_over_the_end: "batch-over-the-end", Pushes;
    a_batch_that_is_abandoned: "abandon-batch", Nothing;
    a_write: "write", Pushes;
    a_pop: "pop", Pops;
    a_pop_that_runs_over_the_end: "pop-over-the-end", Pops;
    a_pop_that_wakes: "pop-and-wake", Pops;
    a_pop_into_a_buffer: "pop-into", Pops;
    a_message_that_is_kept: "keep", Nothing;
    a_batch_of_pops: "pop-batch", Pops;
    a_batch_of_all_there_is: "pop-all", Pops;
    a_read: "read", PopsOneByOne;
    a_read_where_it_lies: "fill-buf", PopsOneByOne;
    a_consumers_sleep: "park-consumer", Nothing;
    a_producers_sleep: "park-producer", Nothing;
    a_producers_attaching: "attach-producer", Nothing;
    a_consumers_attaching: "attach-consumer", Nothing;
    a_closing: "close", Nothing;
}
