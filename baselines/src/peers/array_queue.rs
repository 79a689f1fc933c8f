//! crossbeam's `ArrayQueue`: the many-to-many queue that most Rust programs use between threads.
//!
//! It has no way of waiting and none of batching. Both ends do what its users do: try, and between two tries
//! `Backoff::snooze`, which pauses, longer each time, and after some tries lets other threads have the core.

use crate::error::check_wait;
use crate::patience::LIMIT;
use crate::seat::its_own_seat;
use crate::{
    Carries, Crowd, Error, Kind, Message, Receiver, Result, Scope, Seats, Sender, Shape, Transport, Wait, ring_capacity,
};
use crossbeam_utils::Backoff;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// crossbeam's `ArrayQueue` between threads.
#[derive(Clone, Copy, Debug)]
pub struct ArrayQueue;

impl Transport for ArrayQueue {
    const NAME: &'static str = "array-queue";
    const NOTE: &'static str = "crossbeam's ArrayQueue between threads of one process; the same room as rtrb; it cannot block, so both ends retry with Backoff::snooze; it has no batches";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Threads;
    const WAITS: &'static [Wait] = &[Wait::Yield];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for ArrayQueue {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let hub = Hub::between(Shape { producers: 1, consumers: 1 });
        Ok((Sending { hub: Arc::clone(&hub) }, Receiving { hub }))
    }
}

impl Crowd for ArrayQueue {
    type Sending = Sending<1>;
    type Receiving = Receiving<1>;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Self::Sending, Self::Receiving>> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let hub = Hub::between(shape);
        let sending = (0..shape.producers).map(|_| Sending { hub: Arc::clone(&hub) }).collect();
        let receiving = (0..shape.consumers).map(|_| Receiving { hub: Arc::clone(&hub) }).collect();
        Ok((sending, receiving))
    }
}

/// The queue, and how many are left at either end of it, which the queue itself does not know.
struct Hub<const WORDS: usize> {
    queue: crossbeam_queue::ArrayQueue<Message<WORDS>>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<const WORDS: usize> Hub<WORDS> {
    fn between(shape: Shape) -> Arc<Self> {
        Arc::new(Hub {
            queue: crossbeam_queue::ArrayQueue::new(ring_capacity::<WORDS>()),
            senders: AtomicUsize::new(shape.producers),
            receivers: AtomicUsize::new(shape.consumers),
        })
    }
}

/// One that pushes.
pub struct Sending<const WORDS: usize> {
    hub: Arc<Hub<WORDS>>,
}

/// One that pops.
pub struct Receiving<const WORDS: usize> {
    hub: Arc<Hub<WORDS>>,
}

impl<const WORDS: usize> Drop for Sending<WORDS> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `gone`, so that whoever sees the last one gone finds all that it has pushed.
        self.hub.senders.fetch_sub(1, Ordering::Release);
    }
}

impl<const WORDS: usize> Drop for Receiving<WORDS> {
    fn drop(&mut self) {
        // Release, for the sake of its likeness to the other end: nothing is handed over with it.
        self.hub.receivers.fetch_sub(1, Ordering::Release);
    }
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        retry(|| self.hub.queue.push(*message).ok(), || gone(&self.hub.receivers))
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = retry(|| self.hub.queue.pop(), || gone(&self.hub.senders))?;
        Ok(())
    }
}

fn gone(others: &AtomicUsize) -> bool {
    // Acquire: pairs with the Release of the last one's drop.
    others.load(Ordering::Acquire) == 0
}

/// Tries until it succeeds, as the documentation of `Backoff` shows it.
#[inline(always)]
fn retry<R>(mut attempt: impl FnMut() -> Option<R>, gone: impl Fn() -> bool) -> Result<R> {
    let backoff = Backoff::new();
    loop {
        if let Some(found) = attempt() {
            return Ok(found);
        }
        if backoff.is_completed() {
            return long_retry(&backoff, attempt, gone);
        }
        backoff.snooze();
    }
}

/// Tries between two looks at who is left and at the clock: a look costs less than a tenth of what they do.
const TRIES_PER_LOOK: u32 = 64;

/// Goes on in the same way, with a bound on it.
#[cold]
#[inline(never)]
fn long_retry<R>(backoff: &Backoff, mut attempt: impl FnMut() -> Option<R>, gone: impl Fn() -> bool) -> Result<R> {
    let begin = Instant::now();
    loop {
        // Asked before the tries, not after: what the others left before they went is still found.
        let gone = gone();
        for _ in 0..TRIES_PER_LOOK {
            if let Some(found) = attempt() {
                return Ok(found);
            }
            backoff.snooze();
        }
        if gone {
            return Err(Box::new(Error::PeerGone { transport: ArrayQueue::NAME }));
        }
        if begin.elapsed() >= LIMIT {
            return Err(Box::new(Error::Stalled { transport: ArrayQueue::NAME, after: LIMIT }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// The last message comes, and its sender goes, between a try and the look at who is left.
    #[test]
    fn what_was_left_behind_is_found() {
        let message = Cell::new(None);
        let leave = || {
            message.set(Some(7));
            true
        };
        assert_eq!(retry(|| message.take(), leave).unwrap(), 7);
    }

    #[test]
    fn when_nothing_was_left_behind_that_is_told() {
        let error = retry(|| None::<u32>, || true).unwrap_err();
        assert!(matches!(*error, Error::PeerGone { .. }), "{error}");
    }
}
