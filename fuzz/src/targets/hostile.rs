//! A hostile peer: operations on both handles of a ring, between which somebody writes any value to any shared word.
//!
//! No operation panics, hangs, or touches anything outside the segment (which lies between walls); a handle that has
//! reported a fault reports the same one at every later call; and slices are filled no further than the answer says.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rondel::Fault;
use rondel::spsc::{Consumer, PopTimeoutError, Producer, PushTimeoutError, Ring, TryPopError, TryPushError};

use crate::hostile::{Reported, Value};
use crate::kept::{Stage, kept};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    Push,
    PushNow,
    PushSlice(u8),
    Pop,
    PopNow,
    PopSlice(u8),
    Guard(bool),
    Lens,
    Peers,
    Empty,
    ReattachProducer,
    ReattachConsumer,
    /// To one of the words that say where everybody stands.
    Scribble(u8, Value),
    /// To any word of the segment, the header included.
    ScribbleAnywhere(u16, Value),
    /// All words as they are now, to come again as [`Value::Old`].
    Remember,
}

#[derive(Arbitrary, Debug)]
struct Script {
    capacity: u8,
    kind: u8,
    steps: Vec<Step>,
}

/// Indices of words: the roles, the two events, the two positions, and the stamps of the first lines.
fn telling(which: u8) -> usize {
    const BODY: usize = 512;
    match which % 16 {
        0 => BODY,
        1 => BODY + 16,
        2 => BODY + 32,
        3 => BODY + 48,
        4 | 5 => BODY + 64,
        6 | 7 => BODY + 80,
        stamp => BODY + 128 + usize::from(stamp - 8) * 8,
    }
}

fn of_push<T>(result: Result<(), TryPushError<T>>) -> Option<Fault> {
    match result {
        Err(TryPushError::Failed(_, fault)) => Some(fault),
        _ => None,
    }
}

fn of_pop<T>(result: Result<T, TryPopError>) -> Option<Fault> {
    match result {
        Err(TryPopError::Failed(fault)) => Some(fault),
        _ => None,
    }
}

fn push<T: bytemuck::Pod>(tx: &mut Producer<T>, step: Step, reported: &mut Reported) {
    let fault = match step {
        Step::Push => of_push(tx.try_push(T::zeroed())),
        Step::PushNow => match tx.push_timeout(T::zeroed(), Duration::ZERO) {
            Err(PushTimeoutError::Failed(_, fault)) => Some(fault),
            _ => None,
        },
        Step::PushSlice(len) => {
            let (elements, before) = (vec![T::zeroed(); len.into()], tx.position());
            let result = tx.try_push_slice(&elements);
            if let Ok(pushed) = result {
                assert_eq!(tx.position() - before, pushed as u64);
            }
            of_push(result.map(drop))
        }
        Step::Lens => {
            let (full, len) = (tx.is_full().err(), tx.len().err());
            full.or(len)
        }
        Step::Peers => tx.peer().err(),
        Step::Empty => match tx.wait_until_empty_timeout(Duration::ZERO) {
            Err(rondel::spsc::WaitError::Failed(fault)) => Some(fault),
            _ => None,
        },
        _ => return,
    };
    reported.note(fault);
}

fn pop<T: bytemuck::Pod>(rx: &mut Consumer<T>, step: Step, reported: &mut Reported) {
    let fault = match step {
        Step::Pop => of_pop(rx.try_pop()),
        Step::PopNow => match rx.pop_timeout(Duration::ZERO) {
            Err(PopTimeoutError::Failed(fault)) => Some(fault),
            _ => None,
        },
        Step::PopSlice(len) => {
            let (mut elements, before) = (vec![T::zeroed(); len.into()], rx.position());
            let result = rx.try_pop_slice(&mut elements);
            if let Ok(popped) = result {
                assert!(popped <= elements.len());
                assert_eq!(rx.position() - before, popped as u64);
            }
            of_pop(result)
        }
        Step::Guard(keep) => match rx.try_pop_guard() {
            Ok(guard) => {
                if keep {
                    guard.keep();
                }
                None
            }
            Err(error) => of_pop::<T>(Err(error)),
        },
        Step::Lens => {
            let (len, empty) = (rx.len().err(), rx.is_empty().err());
            len.or(empty)
        }
        Step::Peers => rx.peer().err(),
        _ => return,
    };
    reported.note(fault);
}

/// So many that a lap is over soon, or that a batch does not come to the end.
const CAPACITIES: [usize; 12] = [1, 2, 3, 4, 5, 8, 9, 16, 33, 64, 100, 256];

fn run_of<T: bytemuck::Pod>(script: &Script) {
    let capacity = CAPACITIES[usize::from(script.capacity) % CAPACITIES.len()];
    let stage = kept([capacity, 0, 0, 0], || {
        let builder = || Ring::<T>::builder().capacity(capacity);
        Stage::new(
            || builder().anonymous().expect("a memfd"),
            Ring::segment,
            |segment| builder().from_fd(segment.try_clone_fd().expect("a descriptor")).expect("as it was made"),
        )
    });
    let (ring, scribbler) = (stage.ring(), &stage.scribbler);
    let (mut tx, mut rx) = (ring.producer().ok(), ring.consumer().ok());
    let (mut tx_reported, mut rx_reported) = (Reported::default(), Reported::default());
    for &step in &script.steps {
        match step {
            Step::Scribble(which, value) => scribbler.write(telling(which), value),
            Step::ScribbleAnywhere(index, value) => scribbler.write(index.into(), value),
            Step::Remember => scribbler.remember(),
            Step::ReattachProducer => {
                drop(tx.take());
                tx = ring.producer().ok();
                tx_reported = Reported::default();
            }
            Step::ReattachConsumer => {
                drop(rx.take());
                rx = ring.consumer().ok();
                rx_reported = Reported::default();
            }
            _ => {
                if let Some(tx) = &mut tx {
                    push(tx, step, &mut tx_reported);
                }
                if let Some(rx) = &mut rx {
                    pop(rx, step, &mut rx_reported);
                }
            }
        }
    }
}

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(input)) else { return };
    match script.kind % 4 {
        0 => run_of::<u64>(&script),
        1 => run_of::<[u8; 24]>(&script),
        2 => run_of::<u8>(&script),
        _ => run_of::<[u8; 200]>(&script),
    }
}
