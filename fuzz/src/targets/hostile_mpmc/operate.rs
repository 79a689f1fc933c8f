//! Every operation of the handles that cannot wait for long, and what is checked of its answer.

use std::time::Duration;

use crate::hostile::Reported;
use arbitrary::Arbitrary;
use bytemuck::Pod;
use rondel::mpmc::{
    Consumer, PopTimeoutError, Producer, PushSliceError, PushTimeoutError, Ring, TryPopError, TryPushError,
};
use rondel::{Fault, Wait};

/// What the elements of a slice consist of before they are popped.
const UNTOUCHED: u8 = 0xee;
/// An iterator over hostile stamps has an end, if a far one.
const MANY: usize = 1000;

#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Operation {
    Push,
    PushNow,
    PushSlice(u8),
    PushSliceNow(u8),
    Pop,
    PopNow,
    PopSlice(u8),
    PopSliceNow(u8),
    Guard,
    GuardNow,
    ForgottenGuard,
    Iterate,
    Lens,
    Stuck,
    Recover,
    RecoverTheRing,
    Participants,
    /// Or not: both are as good, but for the way there.
    Park(bool),
    CloneProducer,
    CloneConsumer,
    ReattachProducer,
    ReattachConsumer,
}

/// A handle, if it could be attached, and the fault that it has met.
struct Handle<H>(Option<H>, Reported);

impl<H> Handle<H> {
    fn new(handle: Option<H>) -> Self {
        Handle(handle, Reported::default())
    }

    /// A call of the handle, which says what fault it has met.
    fn call(&mut self, call: impl FnOnce(&mut H) -> Option<Fault>) {
        if let Some(handle) = &mut self.0 {
            self.1.note(call(handle));
        }
    }
}

/// A producer and a consumer.
pub(super) struct Pair<T: Pod> {
    tx: Handle<Producer<T>>,
    rx: Handle<Consumer<T>>,
}

fn element<T: Pod>(byte: u8) -> T {
    let mut element = T::zeroed();
    bytemuck::bytes_of_mut(&mut element).fill(byte);
    element
}

impl<T: Pod> Pair<T> {
    pub(super) fn attach(ring: &Ring<T>) -> Self {
        Pair { tx: Handle::new(ring.producer().ok()), rx: Handle::new(ring.consumer().ok()) }
    }

    pub(super) fn operate(&mut self, ring: &Ring<T>, operation: Operation) {
        match operation {
            Operation::RecoverTheRing => drop(ring.recover()),
            Operation::Participants => assert_eq!(ring.participants().len(), ring.places()),
            // Dropped first: the line is given back with whatever stands in it.
            Operation::ReattachProducer => {
                self.tx = Handle::new(None);
                self.tx = Handle::new(ring.producer().ok());
            }
            Operation::ReattachConsumer => {
                self.rx = Handle::new(None);
                self.rx = Handle::new(ring.consumer().ok());
            }
            // A clone that could not be attached has failed, and the first call finds out how.
            Operation::CloneProducer => self.tx = Handle::new(self.tx.0.clone()),
            Operation::CloneConsumer => self.rx = Handle::new(self.rx.0.clone()),
            Operation::Park(park) => {
                let wait = if park { Wait::Park } else { Wait::SpinThenPark { spin: Duration::from_nanos(1) } };
                self.tx.0.iter_mut().for_each(|tx| tx.set_wait(wait));
                self.rx.0.iter_mut().for_each(|rx| rx.set_wait(wait));
            }
            Operation::Lens | Operation::Stuck | Operation::Recover => {
                self.tx.call(|tx| match operation {
                    Operation::Lens => tx.len().err().or(tx.is_full().err()).or(tx.is_empty().err()),
                    Operation::Stuck => tx.stuck().err(),
                    _ => tx.recover().err(),
                });
                self.rx.call(|rx| match operation {
                    Operation::Lens => rx.len().err().or(rx.is_full().err()).or(rx.is_empty().err()),
                    Operation::Stuck => rx.stuck().err(),
                    _ => rx.recover().err(),
                });
            }
            Operation::Push | Operation::PushNow | Operation::PushSlice(_) | Operation::PushSliceNow(_) => {
                self.tx.call(|tx| push(tx, operation));
            }
            Operation::PopSlice(len) | Operation::PopSliceNow(len) => {
                let now = matches!(operation, Operation::PopSliceNow(_));
                self.rx.call(|rx| pop_slice(rx, len.into(), now));
            }
            _ => self.rx.call(|rx| pop(rx, operation)),
        }
    }
}

fn of_try_push<T>(result: Result<(), TryPushError<T>>) -> Option<Fault> {
    match result {
        Err(TryPushError::Failed(_, fault)) => Some(fault),
        _ => None,
    }
}

fn of_push<T>(result: Result<(), PushTimeoutError<T>>) -> Option<Fault> {
    match result {
        Err(PushTimeoutError::Failed(_, fault)) => Some(fault),
        _ => None,
    }
}

fn push<T: Pod>(tx: &mut Producer<T>, operation: Operation) -> Option<Fault> {
    let one: T = element(1);
    match operation {
        Operation::PushNow => of_push(tx.push_timeout(one, Duration::ZERO)),
        Operation::PushSlice(len) => {
            let elements = vec![one; len.into()];
            let result = tx.try_push_slice(&elements);
            assert!(!matches!(result, Err(TryPushError::Full(()) | TryPushError::Pending(()))));
            of_try_push(result.map(|pushed| assert!(pushed <= elements.len())))
        }
        Operation::PushSliceNow(len) => {
            // One at least: of nothing nothing can be said.
            let elements = vec![one; usize::from(len) + 1];
            of_push(tx.push_slice_timeout(&elements, Duration::ZERO).map_err(
                |PushSliceError { pushed, cause, .. }| {
                    assert!(pushed < elements.len());
                    cause
                },
            ))
        }
        _ => of_try_push(tx.try_push(one)),
    }
}

fn of_try_pop<R>(result: Result<R, TryPopError>) -> Option<Fault> {
    match result {
        Err(TryPopError::Failed(fault)) => Some(fault),
        _ => None,
    }
}

fn of_pop<R>(result: Result<R, PopTimeoutError>) -> Option<Fault> {
    match result {
        Err(PopTimeoutError::Failed(fault)) => Some(fault),
        _ => None,
    }
}

fn pop<T: Pod>(rx: &mut Consumer<T>, operation: Operation) -> Option<Fault> {
    match operation {
        Operation::PopNow => of_pop(rx.pop_timeout(Duration::ZERO)),
        Operation::Guard => of_try_pop(rx.try_pop_guard().map(|guard| guard.is_redelivered())),
        Operation::GuardNow => of_pop(rx.pop_guard_timeout(Duration::ZERO).map(|guard| guard.consume())),
        Operation::ForgottenGuard => of_try_pop(rx.try_pop_guard().map(std::mem::forget)),
        Operation::Iterate => {
            let mut iter = rx.try_iter();
            let count = iter.by_ref().take(MANY).count();
            iter.ended_by().filter(|_| count < MANY).and_then(|error| of_try_pop::<T>(Err(error)))
        }
        _ => of_try_pop(rx.try_pop()),
    }
}

fn pop_slice<T: Pod>(rx: &mut Consumer<T>, len: usize, now: bool) -> Option<Fault> {
    let mut elements: Vec<T> = vec![element(UNTOUCHED); len];
    let (popped, fault) = if now {
        let result = rx.pop_slice_timeout(&mut elements, Duration::ZERO);
        assert!(result != Ok(0) || len == 0, "nothing is no answer of one who waits");
        (result.unwrap_or(0), of_pop(result))
    } else {
        let result = rx.try_pop_slice(&mut elements);
        assert!(!matches!(result, Err(TryPopError::Empty | TryPopError::Pending)));
        (result.unwrap_or(0), of_try_pop(result))
    };
    let rest = elements.get(popped..).expect("no more than fit");
    let bytes: &[u8] = bytemuck::cast_slice(rest);
    assert!(bytes.iter().all(|&byte| byte == UNTOUCHED), "filled further than told");
    fault
}
