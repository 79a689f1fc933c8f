//! A blocked handle's condition: the ring's word, the peer's phase, the kernel's answer, in this order.

use core::sync::atomic::AtomicU32;
use std::time::Instant;

use super::peer::{Attached, Peer};
use crate::fault::Fault;
use crate::protocol::Corruption;
use crate::wait::{self, Condition};

/// Why waiting for the other side has become pointless.
pub(crate) enum Gone {
    Closed,
    Dead,
    Failed(Fault),
}

/// How closely to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// At words that may be polled.
    Cheap,
    /// At the exact words, about to sleep or to give up.
    Exact,
}

/// Waits until `reached`, sleeping on the word that `word` names. `None` when the time is up.
pub(crate) fn wait_for<R>(
    ring: &mut R,
    attachment: &mut Attached,
    deadline: Option<Instant>,
    word: fn(&R) -> &AtomicU32,
    reached: impl FnMut(&mut R, Look) -> Result<bool, Corruption>,
) -> Option<Result<(), Gone>> {
    let strategy = attachment.wait;
    wait::wait(&mut Until { ring, attachment, word, reached }, strategy, deadline)
}

struct Until<'a, R, F> {
    ring: &'a mut R,
    attachment: &'a mut Attached,
    word: fn(&R) -> &AtomicU32,
    reached: F,
}

impl<R, F: FnMut(&mut R, Look) -> Result<bool, Corruption>> Until<'_, R, F> {
    fn reached(&mut self, look: Look) -> Option<Result<(), Gone>> {
        match (self.reached)(self.ring, look) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(corruption) => Some(Err(Gone::Failed(self.attachment.fail(corruption.into())))),
        }
    }

    /// What to say of a peer that the caller has just asked after: the ring is looked at once more, for whatever the
    /// peer did before it went counts.
    fn reached_or(&mut self, gone: Result<Option<Gone>, Fault>) -> Option<Result<(), Gone>> {
        let gone = gone.unwrap_or_else(|fault| Some(Gone::Failed(self.attachment.fail(fault))));
        self.reached(Look::Exact).or(gone.map(Err))
    }
}

impl<R, F: FnMut(&mut R, Look) -> Result<bool, Corruption>> Condition for Until<'_, R, F> {
    type Outcome = Result<(), Gone>;

    fn word(&self) -> &AtomicU32 {
        (self.word)(self.ring)
    }

    fn poll(&mut self) -> Option<Self::Outcome> {
        self.reached(Look::Cheap)
    }

    fn look(&mut self) -> Option<Self::Outcome> {
        let closed = self.attachment.peer_has_closed();
        self.reached_or(closed.map(|closed| closed.then_some(Gone::Closed)))
    }

    fn check_peer(&mut self) -> Option<Self::Outcome> {
        let peer = self.attachment.peer();
        self.reached_or(peer.map(|peer| match peer {
            // A peer that was never there is waited for.
            Peer::NotAttached | Peer::Attached { .. } => None,
            Peer::Closed => Some(Gone::Closed),
            Peer::Dead { .. } => Some(Gone::Dead),
        }))
    }
}
