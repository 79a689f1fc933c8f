//! A kill at every instruction of an operation.
//!
//! A child carries out one operation under ptrace(2), an instruction at a time. After each instruction that has changed the
//! segment, its bytes are copied into a segment of their own. That copy is what a kill at this very instruction would leave
//! behind: the bytes, and no locks. Successors attach to the copy and have to find everything in order.
//!
//! Operations and what precedes them are random, so that lines begin and end at every place. One order of the stores is
//! seen here, that of the program; what a weaker machine may make of it is for the loom models to check.

use std::mem;
use std::time::Duration;

use rondel::spsc::{Consumer, Producer, Ring, TryPopError};

use crate::bytes::Bytes;
use crate::child::{Task, start};
use crate::forking::{fork, reap};
use crate::scratch::{Directory, Message, Random, attach, message};
use crate::traced::{Traced, begin, stop_here};

/// Scripts for an operation: attaching takes many instructions, and taking all there is has the most delicate states.
fn scripts(operation: &str) -> u64 {
    match operation {
        "attach-producer" | "attach-consumer" => 3,
        "pop-all" => 24,
        _ => 6,
    }
}

const OPERATIONS: [&str; 9] =
    ["push", "push-slice", "pop", "pop-slice", "pop-all", "guard", "attach-producer", "attach-consumer", "close"];
/// Gives up on an operation that is still not over after so many instructions.
const INSTRUCTIONS: u64 = 3_000_000;

/// What successors find in a copy of a segment: where each goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    popped: u64,
    pushed: u64,
}

/// Attaches successors to a segment with these bytes and makes sure that they find everything in order.
fn succeed_in(words: &[u64], capacity: usize) -> Found {
    let ring: Ring<Message> = Ring::builder().capacity(capacity).anonymous().expect("a memfd");
    Bytes::of(ring.segment()).write(words);
    let mut tx = ring.producer().expect("a producer can go on");
    let mut rx = ring.consumer().expect("a consumer can go on");
    let found = Found { popped: rx.position(), pushed: tx.position() };
    assert_eq!(rx.len().map(|len| len as u64), Ok(found.pushed - found.popped));
    // As much as is promised, on top of what is there; then all of it, in order.
    while rx.len().expect("intact") < capacity {
        tx.try_push(message(tx.position())).expect("a capacity always fits");
    }
    while tx.try_push(message(tx.position())).is_ok() {}
    for number in found.popped..tx.position() {
        assert_eq!(rx.try_pop(), Ok(message(number)), "{found:?}");
    }
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    found
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

/// How far an operation may get at once: what is published or consumed by one store.
fn largest_step(operation: &str, before: Found, after: Found) -> Found {
    let (popped, pushed) = (after.popped - before.popped, after.pushed - before.pushed);
    match operation {
        // A line at a time: three messages.
        "push-slice" => Found { popped: 0, pushed: pushed.min(3) },
        _ => Found { popped, pushed },
    }
}

fn kill_everywhere(operation: &'static str) {
    let mut seeds = Random::seeded(operation);
    for _ in 0..scripts(operation) {
        let seed = seeds.below(1 << 32);
        let mut random = Random::new(seed);
        let capacity = 1 + random.below(40) as usize;
        let directory = Directory::new(&format!("step-{operation}"));
        let ring = directory.create(capacity);
        let bytes = Bytes::of(ring.segment());
        let child = start("step-through", directory.path(), &[operation, &seed.to_string()]);
        let traced = Traced::start(child);
        let mut history: Vec<Found> = Vec::new();
        let instructions = step_through(&traced, &bytes, |words| {
            history.push(succeed_in(words, capacity));
        });
        let (before, after) = (history[0], history[history.len() - 1]);
        let largest = largest_step(operation, before, after);
        for pair in history.windows(2) {
            // Nothing is taken back, and nothing shows half-done.
            let (popped, pushed) = (pair[1].popped - pair[0].popped, pair[1].pushed - pair[0].pushed);
            assert!([0, largest.popped].contains(&popped), "{operation}, seed {seed}: {pair:?}");
            assert!(pushed <= largest.pushed, "{operation}, seed {seed}: {pair:?}");
        }
        println!(
            "{operation}, capacity {capacity}: {instructions} instructions, {} states, {before:?} to {after:?}",
            history.len()
        );
        traced.finish();
    }
}

macro_rules! a_kill_at_every_instruction_of {
    ($($name:ident: $operation:expr),+ $(,)?) => { $(
        #[test]
        fn $name() {
            kill_everywhere(OPERATIONS[$operation]);
        }
    )+ };
}

a_kill_at_every_instruction_of! {
    a_kill_at_every_instruction_of_a_push: 0,
    a_kill_at_every_instruction_of_a_batch_of_pushes: 1,
    a_kill_at_every_instruction_of_a_pop: 2,
    a_kill_at_every_instruction_of_a_batch_of_pops: 3,
    a_kill_at_every_instruction_of_a_batch_of_all_there_is: 4,
    a_kill_at_every_instruction_of_a_guarded_pop: 5,
    a_kill_at_every_instruction_of_a_producers_attaching: 6,
    a_kill_at_every_instruction_of_a_consumers_attaching: 7,
    a_kill_at_every_instruction_of_a_closing: 8,
}

/// Pushes and pops at random; then, for half of the scripts, a producer that has looked at the exact position, as one does before
/// it sleeps, and has filled every line that it then may.
fn precede(tx: &mut Producer<Message>, rx: &mut Consumer<Message>, random: &mut Random) {
    for _ in 0..20 + random.below(100) {
        let number = tx.position();
        match random.below(5) {
            0..=2 => drop(tx.try_push(message(number))),
            3 => drop(rx.try_pop()),
            _ => {
                let mut batch = vec![[0; 2]; random.below(20) as usize];
                let _ = rx.try_pop_slice(&mut batch);
            }
        }
    }
    if random.below(2) == 0 {
        while tx.try_push(message(tx.position())).is_ok() {}
        for _ in 0..random.below(8) {
            let _ = rx.try_pop();
        }
        while tx.push_timeout(message(tx.position()), Duration::ZERO).is_ok() {}
    }
}

pub(crate) fn child_step(task: &Task) {
    let mut random = Random::new(task.number(1));
    let _capacity = random.below(40);
    let ring = attach(&task.path);
    let operation = task.word(0);
    if operation.starts_with("attach") {
        // Done by a process that ends without closing: its last words stay, its locks fall.
        reap(fork(|| {
            let mut tx = ring.producer().expect("free");
            let mut rx = ring.consumer().expect("free");
            precede(&mut tx, &mut rx, &mut random);
            mem::forget((tx, rx));
        }));
        return step_attach(operation, &ring);
    }
    let mut tx = ring.producer().expect("free");
    let mut rx = ring.consumer().expect("free");
    precede(&mut tx, &mut rx, &mut random);
    match operation {
        "push" | "push-slice" => drop(rx.try_pop_slice(&mut [[0; 2]; 20])),
        _ => drop(tx.try_push(message(tx.position()))),
    }
    let pushes: Vec<Message> = (tx.position()..).take(1 + random.below(30) as usize).map(message).collect();
    let len = match operation {
        "pop-all" => rx.len().expect("intact"),
        _ => 1 + random.below(30) as usize,
    };
    let mut batch = vec![[0; 2]; len];
    begin();
    let good = match operation {
        "push" => tx.try_push(pushes[0]).is_ok(),
        "push-slice" => tx.try_push_slice(&pushes).is_ok(),
        "pop" => rx.try_pop().is_ok(),
        "pop-slice" | "pop-all" => rx.try_pop_slice(&mut batch).is_ok(),
        "guard" => rx.try_pop_guard().is_ok(),
        "close" => {
            drop((tx, rx));
            return stop_here();
        }
        unknown => panic!("no operation {unknown:?}"),
    };
    stop_here();
    assert!(good, "there was nothing to do");
}

fn step_attach(operation: &str, ring: &Ring<Message>) {
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
