//! What a queue must be able to do to be recorded.

use std::thread::yield_now;
use std::time::{Duration, Instant};

use crate::history::{Delivery, Value};

/// A queue under test. Handles are made by the participants themselves: in their own thread, after their own fork.
pub(crate) trait Subject: Sync + Sized {
    type Producer<'a>: Producer
    where
        Self: 'a;
    type Consumer<'a>: Consumer
    where
        Self: 'a;

    /// A new, empty queue.
    fn new(capacity: usize) -> Self;
    fn producer(&self, who: u32) -> Self::Producer<'_>;
    fn consumer(&self, who: u32) -> Self::Consumer<'_>;
    /// Tells that the process of this participant is dead and reaped; for those that the kernel does not tell.
    fn has_died(&self, _who: u32) {}
}

/// Why nothing was pushed, or not everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPushed {
    Full,
    Pending,
}

/// Why nothing was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPopped {
    Empty,
    /// Also for a pop that has waited in vain: it claims nothing about any one moment.
    Pending,
}

pub(crate) trait Producer {
    fn try_push(&mut self, value: Value) -> Result<(), NotPushed>;

    /// How many were pushed, from the first on. Queues without slices push one by one, of which the slice's interval is the whole.
    fn try_push_slice(&mut self, values: &[Value]) -> (usize, NotPushed) {
        for (pushed, value) in values.iter().enumerate() {
            if let Err(why) = self.try_push(*value) {
                return (pushed, why);
            }
        }
        (values.len(), NotPushed::Full)
    }

    /// Settles what dead participants have left.
    fn recover(&mut self) {}

    /// A queue that cannot block is asked again and again.
    fn push_within(&mut self, value: Value, limit: Duration) -> Result<(), NotPushed> {
        until(limit, || self.try_push(value))
    }
}

pub(crate) trait Consumer {
    fn try_pop(&mut self) -> Result<Delivery, NotPopped>;

    fn try_pop_slice(&mut self, most: usize) -> Result<Vec<Delivery>, NotPopped> {
        let mut found = vec![self.try_pop()?];
        while found.len() < most {
            match self.try_pop() {
                Ok(delivery) => found.push(delivery),
                Err(_) => break,
            }
        }
        Ok(found)
    }

    fn pop_within(&mut self, limit: Duration) -> Result<Delivery, NotPopped> {
        // Empty at some moment, but perhaps not at the last.
        until(limit, || self.try_pop()).map_err(|_| NotPopped::Pending)
    }

    /// Borrows a message, calls `hold` with it, and gives it back: until then it is not settled.
    fn try_pop_held(&mut self, hold: &mut dyn FnMut(Delivery)) -> Result<Delivery, NotPopped> {
        let delivery = self.try_pop()?;
        hold(delivery);
        Ok(delivery)
    }

    /// Settles what dead participants have left, so that a pop after it can deliver it.
    fn recover(&mut self) {}
}

fn until<T, E>(limit: Duration, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    loop {
        let result = attempt();
        if result.is_ok() || start.elapsed() > limit {
            return result;
        }
        yield_now();
    }
}
