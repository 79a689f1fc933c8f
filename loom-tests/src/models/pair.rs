//! What both rings between two have around them: a condition to sleep on, and closing.

use std::ops::ControlFlow;

use crate::futex::Futex;
use crate::protocol::event::{self, Sleeper};
use crate::protocol::role::{self, Phase};
use crate::sync::{AtomicU32, AtomicU64};

/// Marks a role as given back, and wakes the peer that sleeps on `word`.
pub(super) fn close(role: &AtomicU64, attachments: u64, word: &AtomicU32, futex: &Futex) {
    role::close(role, attachments);
    if event::someone_sleeps(word, futex) {
        event::wake(word, futex);
    }
}

/// The condition of a blocked handle: true when reached, false when the peer has closed.
pub(super) struct Until<'a, F> {
    pub(super) word: &'a AtomicU32,
    /// The peer's role.
    pub(super) peer: &'a AtomicU64,
    /// Given true, it may look at words that lag; given false, at the exact ones.
    pub(super) reached: F,
}

impl<F: FnMut(bool) -> bool> Sleeper<Futex> for Until<'_, F> {
    type Outcome = bool;

    fn word(&self) -> &AtomicU32 {
        self.word
    }

    fn poll(&mut self) -> Option<bool> {
        (self.reached)(true).then_some(true)
    }

    fn look(&mut self) -> ControlFlow<bool> {
        // As in the library: the peer first, for what it did before it closed counts.
        let closed = role::decode(role::read(self.peer)) == Phase::Closed;
        if (self.reached)(false) {
            return ControlFlow::Break(true);
        }
        if closed { ControlFlow::Break(false) } else { ControlFlow::Continue(()) }
    }
}
