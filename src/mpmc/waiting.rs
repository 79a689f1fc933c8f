//! A blocked handle's condition: the ring, the others' phases, the kernel's answer, in this order; and what the dead have left.

use core::cell::Cell;
use core::sync::atomic::AtomicU32;
use std::time::Instant;

use bytemuck::Pod;

use super::participant::Participant;
use crate::fault::Fault;
use crate::protocol::mpmc::sleepers::{self, Leaving};
use crate::protocol::mpmc::{Orphan, Side};
use crate::wait::{self, Condition};

/// Why a wait has ended.
pub(super) enum Ended {
    /// The ring has something for this handle, or had just now.
    Ready,
    /// A dead consumer's message is to be delivered again. Only consumers are told.
    Orphan(Orphan),
    /// Nobody is left on the other side; each has closed.
    Closed,
    /// Nobody is left on the other side; somebody died.
    Dead,
    /// The time is up.
    Timeout,
    /// The handle cannot be used.
    Failed(Fault),
}

/// Waits until the ring is not `blocked` for this handle. Says how it was left: see [`Participant::pass_on`].
pub(super) fn wait_for<T: Pod>(
    participant: &mut Participant<T>,
    side: Side,
    deadline: Option<Instant>,
    blocked: impl Fn() -> bool,
) -> (Ended, Leaving) {
    if let Err(fault) = participant.check() {
        return (Ended::Failed(fault), Leaving::Unnoticed);
    }
    let strategy = participant.wait;
    let mut until = Until { participant, side, blocked, leaving: Cell::new(Leaving::Unnoticed) };
    let ended = wait::wait(&mut until, strategy, deadline).unwrap_or(Ended::Timeout);
    (ended, until.leaving.get())
}

struct Until<'a, T: Pod, F> {
    participant: &'a mut Participant<T>,
    side: Side,
    blocked: F,
    leaving: Cell<Leaving>,
}

impl<T: Pod, F: Fn() -> bool> Until<'_, T, F> {
    fn ready(&self) -> Option<Ended> {
        (!(self.blocked)()).then_some(Ended::Ready)
    }

    /// The others are gone, as was just learnt: but what they did before counts, and so does what the dead have left.
    fn ready_or(&mut self, gone: Ended) -> Option<Ended> {
        let (recovered, orphan) = self.participant.audit();
        match orphan.filter(|_| self.side == Side::Consumer) {
            Some(orphan) => Some(Ended::Orphan(orphan)),
            // Somebody who lives may hold what a dead participant may have held.
            None if recovered.held.is_some() || recovered.unfinished => self.ready(),
            None => self.ready().or(Some(gone)),
        }
    }
}

impl<T: Pod, F: Fn() -> bool> Condition for Until<'_, T, F> {
    type Outcome = Ended;

    fn word(&self) -> &AtomicU32 {
        &self.participant.record().asleep
    }

    fn announce(&self) {
        sleepers::announce(&self.participant.memory().beds(self.side), self.participant.line());
    }

    fn retract(&self) {
        let leaving = sleepers::retract(&self.participant.memory().beds(self.side), self.participant.line());
        self.leaving.set(leaving);
    }

    fn poll(&mut self) -> Option<Ended> {
        self.ready()
    }

    fn look(&mut self) -> Option<Ended> {
        let closed = self.participant.others_have_closed();
        let ended = self.ready().or_else(|| if closed { self.ready_or(Ended::Closed) } else { None });
        // A trickle of elements, each of which ends a wait before the kernel is asked, must not keep a dead consumer's message back.
        ended.or_else(|| self.check_peer())
    }

    fn check_peer(&mut self) -> Option<Ended> {
        if !self.participant.audit_is_due() {
            return None;
        }
        if let Err(fault) = self.participant.check_place() {
            return Some(Ended::Failed(fault));
        }
        let dead = self.participant.others_are_dead();
        // Asked again, for that was a closer look: the last of them may have been killed in the middle of its close.
        let closed = self.participant.others_have_closed();
        let (_, orphan) = self.participant.audit();
        match orphan.filter(|_| self.side == Side::Consumer) {
            Some(orphan) => Some(Ended::Orphan(orphan)),
            None => self.ready().or_else(|| match (dead, closed) {
                (true, _) => self.ready_or(Ended::Dead),
                (false, true) => self.ready_or(Ended::Closed),
                (false, false) => None,
            }),
        }
    }
}
