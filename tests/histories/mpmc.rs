//! The many-to-many ring, between threads and between processes.

use std::time::Duration;

use rondel::mpmc::{Consumer, PopTimeoutError, Producer, PushTimeoutError, Ring, TryPopError, TryPushError};

use crate::history::{Delivery, Value};
use crate::runs::accepted;
use crate::subject::{self, NotPopped, NotPushed, Subject};

/// Lines: for the crowd, its successors, and whoever drains; lines of the dead may have to wait for a new holder.
const LINES: u32 = 16;

impl Subject for Ring<Value> {
    type Producer<'a> = Producer<Value>;
    type Consumer<'a> = Consumer<Value>;

    /// Nobody is told that the others are gone: participants come and go.
    fn new(capacity: usize) -> Self {
        let ring = Ring::<Value>::builder().capacity(capacity).participants(LINES);
        ring.ends_with_producers(false).ends_with_consumers(false).anonymous().expect("a ring")
    }

    fn producer(&self, _who: u32) -> Producer<Value> {
        Ring::producer(self).expect("a line")
    }

    fn consumer(&self, _who: u32) -> Consumer<Value> {
        Ring::consumer(self).expect("a line")
    }
}

/// Why a push did not happen; closed or failed it cannot be.
#[track_caller]
fn not_pushed<T>(error: TryPushError<T>) -> NotPushed {
    match error {
        TryPushError::Full(_) => NotPushed::Full,
        TryPushError::Pending(_) => NotPushed::Pending,
        TryPushError::Closed(_) => panic!("closed, though participants may come and go"),
        TryPushError::Failed(_, fault) => panic!("{fault}"),
    }
}

#[track_caller]
fn not_popped(error: TryPopError) -> NotPopped {
    match error {
        TryPopError::Empty => NotPopped::Empty,
        TryPopError::Pending => NotPopped::Pending,
        TryPopError::Closed => panic!("closed, though participants may come and go"),
        TryPopError::Failed(fault) => panic!("{fault}"),
    }
}

impl subject::Producer for Producer<Value> {
    fn try_push(&mut self, value: Value) -> Result<(), NotPushed> {
        Producer::try_push(self, value).map_err(not_pushed)
    }

    fn try_push_slice(&mut self, values: &[Value]) -> (usize, NotPushed) {
        match Producer::try_push_slice(self, values) {
            // That there was no room for the rest is no claim about any one moment.
            Ok(pushed) => (pushed, NotPushed::Pending),
            Err(error) => (0, not_pushed(error)),
        }
    }

    fn push_within(&mut self, value: Value, limit: Duration) -> Result<(), NotPushed> {
        self.push_timeout(value, limit).map_err(|error| match error {
            PushTimeoutError::Timeout(_) => NotPushed::Pending,
            PushTimeoutError::Closed(_) | PushTimeoutError::Dead(_) => panic!("participants may come and go"),
            PushTimeoutError::Failed(_, fault) => panic!("{fault}"),
        })
    }

    fn recover(&mut self) {
        Producer::recover(self).expect("an intact ring");
    }
}

impl subject::Consumer for Consumer<Value> {
    fn try_pop(&mut self) -> Result<Delivery, NotPopped> {
        let value = Consumer::try_pop(self).map_err(not_popped)?;
        Ok(Delivery { value, redelivered: self.redelivered() })
    }

    fn try_pop_slice(&mut self, most: usize) -> Result<Vec<Delivery>, NotPopped> {
        let mut values = vec![0; most];
        let popped = Consumer::try_pop_slice(self, &mut values).map_err(not_popped)?;
        let redelivered = self.redelivered();
        Ok(values[..popped].iter().map(|value| Delivery { value: *value, redelivered }).collect())
    }

    fn pop_within(&mut self, limit: Duration) -> Result<Delivery, NotPopped> {
        let value = self.pop_timeout(limit).map_err(|error| match error {
            PopTimeoutError::Timeout => NotPopped::Pending,
            PopTimeoutError::Closed | PopTimeoutError::Dead => panic!("participants may come and go"),
            PopTimeoutError::Failed(fault) => panic!("{fault}"),
        })?;
        Ok(Delivery { value, redelivered: self.redelivered() })
    }

    fn try_pop_held(&mut self, hold: &mut dyn FnMut(Delivery)) -> Result<Delivery, NotPopped> {
        let guard = self.try_pop_guard().map_err(not_popped)?;
        let delivery = Delivery { value: *guard, redelivered: guard.is_redelivered() };
        hold(delivery);
        Ok(delivery)
    }

    fn recover(&mut self) {
        Consumer::recover(self).expect("an intact ring");
    }
}

#[test]
fn the_ring_between_threads_is_linearizable() {
    accepted("mpmc", "threads", 2000);
}

#[test]
fn the_ring_between_processes_is_linearizable() {
    accepted("mpmc", "processes", 600);
}

#[test]
fn the_ring_of_the_killed_is_linearizable() {
    accepted("mpmc", "kills", 1000);
}
