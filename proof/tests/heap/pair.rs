//! What both rings between two have around them: roles, and a condition to sleep on.

use std::ops::ControlFlow;

use crate::kernel::Futex;
use crate::protocol::event::{self, Sleeper};
use crate::protocol::role::{self, Phase};
use crate::sync::{AtomicU32, AtomicU64};

/// The words around a ring between two.
pub(crate) struct Around {
    pub(crate) producer: AtomicU64,
    pub(crate) consumer: AtomicU64,
    /// On which the consumer sleeps, and the producer.
    pub(crate) data: AtomicU32,
    pub(crate) space: AtomicU32,
    pub(crate) futex: Futex,
}

impl Around {
    pub(crate) fn new() -> Around {
        Around {
            producer: AtomicU64::new(0),
            consumer: AtomicU64::new(0),
            data: AtomicU32::new(0),
            space: AtomicU32::new(0),
            futex: Futex::default(),
        }
    }

    /// Gives a role back, and wakes the peer that sleeps on `word`.
    pub(crate) fn close(&self, role: &AtomicU64, attachments: u64, word: &AtomicU32) {
        role::close(role, attachments);
        self.notify(word);
    }

    /// Wakes who sleeps on `word`.
    pub(crate) fn notify(&self, word: &AtomicU32) {
        if event::someone_sleeps(word, &self.futex) {
            event::wake(word, &self.futex);
        }
    }

    /// Sleeps until `reached`, which is true, or `peer` has closed and it is not reached, which is false.
    pub(crate) fn sleep(&self, word: &AtomicU32, peer: &AtomicU64, reached: impl FnMut() -> bool) -> bool {
        event::park(&mut Until { word, peer, reached }, &self.futex)
    }
}

struct Until<'a, F> {
    word: &'a AtomicU32,
    peer: &'a AtomicU64,
    reached: F,
}

impl<F: FnMut() -> bool> Sleeper<Futex> for Until<'_, F> {
    type Outcome = bool;

    fn word(&self) -> &AtomicU32 {
        self.word
    }

    fn poll(&mut self) -> Option<bool> {
        (self.reached)().then_some(true)
    }

    fn look(&mut self) -> ControlFlow<bool> {
        // The peer first: what it did before it closed counts.
        let closed = role::decode(role::read(self.peer)) == Phase::Closed;
        if (self.reached)() {
            return ControlFlow::Break(true);
        }
        if closed { ControlFlow::Break(false) } else { ControlFlow::Continue(()) }
    }
}
