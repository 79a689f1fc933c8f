//! What a producer does when there is no room, or its gate is not open: it looks closer, waits, or says why not.

use core::sync::atomic::AtomicU32;
use std::time::Instant;

use super::Producer;
use crate::bytes::error::{PushError, PushTimeoutError, TryPushError};
use crate::bytes::memory::Mapped;
use crate::bytes::reservation::Commit;
use crate::fault::Fault;
use crate::pair::{Gone, Look, WaitError, wait_for};
use crate::protocol::{Corruption, bytes};

impl Producer {
    #[cold]
    pub(super) fn fail(&mut self, corruption: Corruption) -> Fault {
        self.attachment.fail(corruption.into())
    }

    /// Where the bytes of the next message go, if there is room for `len`.
    ///
    /// Before it is said that there is none, `consumed` is asked, which is exact: a consumer may be held up, or have been killed, between
    /// that and `released`. The consumer's phase is looked at first, for whatever it consumed before it closed counts.
    fn try_room(&mut self, len: usize) -> Result<u64, TryPushError> {
        self.attachment.check()?;
        let len = self.check_len(len).map_err(TryPushError::TooLong)?;
        match self.ring.reserve(len) {
            Ok(Some(payload)) => return Ok(payload),
            Ok(None) => {}
            Err(corruption) => return Err(TryPushError::Failed(self.fail(corruption))),
        }
        let closed = self.attachment.peer_has_closed().map_err(|fault| self.attachment.fail(fault))?;
        match self.ring.see_consumed(len).and_then(|room| if room { self.ring.reserve(len) } else { Ok(None) }) {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) if closed => Err(TryPushError::Closed),
            Ok(None) => Err(TryPushError::Full),
            Err(corruption) => Err(TryPushError::Failed(self.fail(corruption))),
        }
    }

    /// The same for a message of its own or of a batch.
    #[cold]
    #[inline(never)]
    pub(super) fn try_room_for(&mut self, len: usize, commit: Commit) -> Result<u64, TryPushError> {
        if commit == Commit::Publish {
            self.publish_forgotten()?;
        }
        self.try_room(len)
    }

    /// What is complete and not published when there is no batch is of one that was forgotten. It would take room that no consumer can
    /// give back.
    fn publish_forgotten(&mut self) -> Result<(), Fault> {
        if self.staged > 0 { self.publish() } else { Ok(()) }
    }

    /// The same, waiting as long as it takes.
    #[cold]
    pub(super) fn room(&mut self, len: usize) -> Result<u64, PushError> {
        loop {
            match self.room_by(len, None).map_err(PushTimeoutError::without_limit) {
                Ok(payload) => return Ok(payload),
                Err(Some(error)) => return Err(error),
                Err(None) => {}
            }
        }
    }

    /// The same, waiting until `deadline`.
    #[cold]
    pub(super) fn room_by(&mut self, len: usize, deadline: Option<Instant>) -> Result<u64, PushTimeoutError> {
        self.publish_forgotten()?;
        self.attachment.check()?;
        self.check_len(len).map_err(PushTimeoutError::TooLong)?;
        loop {
            // First the wait, which ends at once if there is room: whoever comes here has just looked; and most waits end before
            // anybody has to look at `consumed`, which takes its line from the consumer.
            match self.wait_for_room(len as u64, deadline) {
                Some(Ok(())) => {}
                Some(Err(Gone::Closed)) => return Err(PushTimeoutError::Closed),
                Some(Err(Gone::Dead)) => return Err(PushTimeoutError::Dead),
                Some(Err(Gone::Failed(fault))) => return Err(PushTimeoutError::Failed(fault)),
                None => return Err(PushTimeoutError::Timeout),
            }
            match self.try_room(len) {
                Ok(payload) => return Ok(payload),
                Err(TryPushError::Full) => {}
                Err(TryPushError::Closed) => return Err(PushTimeoutError::Closed),
                Err(TryPushError::TooLong(too_long)) => return Err(PushTimeoutError::TooLong(too_long)),
                Err(TryPushError::Failed(fault)) => return Err(PushTimeoutError::Failed(fault)),
            }
        }
    }

    fn wait_for_room(&mut self, len: u64, deadline: Option<Instant>) -> Option<Result<(), Gone>> {
        let Producer { ring, attachment, .. } = self;
        wait_for(ring, attachment, deadline, space, |ring, look| match look {
            Look::Cheap => ring.see_released(len),
            Look::Exact => ring.see_consumed(len),
        })
    }

    pub(super) fn wait_until_empty_by(&mut self, deadline: Option<Instant>) -> Result<(), WaitError> {
        self.attachment.check().map_err(WaitError::Failed)?;
        let Producer { ring, attachment, .. } = self;
        match wait_for(ring, attachment, deadline, space, |ring, _| ring.used().map(|used| used == 0)) {
            Some(Ok(())) => Ok(()),
            Some(Err(Gone::Closed)) => Err(WaitError::Closed),
            Some(Err(Gone::Dead)) => Err(WaitError::Dead),
            Some(Err(Gone::Failed(fault))) => Err(WaitError::Failed(fault)),
            None => Err(WaitError::Timeout),
        }
    }
}

/// What the producer sleeps on.
fn space(ring: &bytes::Producer<Mapped>) -> &AtomicU32 {
    ring.memory().space()
}
