//! What a consumer does when there is nothing to pop, or its gate is not open: it looks closer, waits, or says why not.

use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::time::Instant;

use super::{Consumer, Front};
use crate::bytes::error::PopIntoError;
use crate::bytes::memory::Mapped;
use crate::fault::Fault;
use crate::outcome::{PopError, PopTimeoutError};
use crate::pair::{Gone, TryPopError, wait_for};
use crate::protocol::bytes::Place;
use crate::protocol::{Corruption, bytes};

impl Consumer {
    #[cold]
    #[inline(never)]
    pub(super) fn give_back_slowly(&mut self, place: Place) {
        if self.attachment.fault().is_none() && self.vouch().is_ok() {
            self.begun = None;
            self.ring.consume(place);
            self.attachment.notify(self.ring.memory().space());
        }
    }

    /// Makes sure that what has been read of the messages that are not given back yet is what was published. If it is not, the handle fails.
    #[cold]
    #[inline(never)]
    pub(in crate::bytes) fn vouch(&mut self) -> Result<(), Fault> {
        self.ring.vouch().map_err(|corruption| self.fail(corruption))
    }

    /// As `copy_out`, of bytes that are vouched for.
    #[cold]
    #[inline(never)]
    pub(super) fn copy_out_slowly<E: From<Fault>>(
        &mut self,
        front: Front,
        buffer: &mut [u8],
    ) -> Result<usize, PopIntoError<E>> {
        let failed = |fault: Fault| PopIntoError::Pop(E::from(fault));
        if let Some(fault) = self.attachment.fault() {
            return Err(failed(fault));
        }
        let len = self.copy(front, buffer)?;
        self.vouch().map_err(failed)?;
        self.give_back(front);
        Ok(len)
    }

    #[cold]
    pub(super) fn fail(&mut self, corruption: Corruption) -> Fault {
        self.attachment.fail(corruption.into())
    }

    /// The first message, or what is left of it, if there is one.
    fn front_here(&mut self) -> Result<Option<Front>, Fault> {
        self.attachment.check()?;
        if self.begun.is_some() {
            return Ok(self.begun);
        }
        match self.ring.look(self.ring.head()) {
            Ok(Some(record)) => {
                // Before anybody looks at it; what is read afterwards is vouched for when it is given back, or copied.
                self.vouch()?;
                Ok(Some(Front::of(record)))
            }
            Ok(None) => Ok(None),
            Err(corruption) => Err(self.fail(corruption)),
        }
    }

    /// The same. If there is none and the producer has closed, whatever it published before counts.
    #[cold]
    #[inline(never)]
    pub(super) fn try_front(&mut self) -> Result<Front, TryPopError> {
        if let Some(front) = self.front_here().map_err(TryPopError::Failed)? {
            return Ok(front);
        }
        match self.attachment.peer_has_closed() {
            Ok(false) => Err(TryPopError::Empty),
            Ok(true) => self.front_here().map_err(TryPopError::Failed)?.ok_or(TryPopError::Closed),
            Err(fault) => Err(TryPopError::Failed(self.attachment.fail(fault))),
        }
    }

    /// The same, waiting as long as it takes.
    #[cold]
    pub(super) fn front(&mut self) -> Result<Front, PopError> {
        loop {
            match self.front_by(None) {
                Ok(front) => return Ok(front),
                Err(PopTimeoutError::Timeout) => {}
                Err(PopTimeoutError::Closed) => return Err(PopError::Closed),
                Err(PopTimeoutError::Dead) => return Err(PopError::Dead),
                Err(PopTimeoutError::Failed(fault)) => return Err(PopError::Failed(fault)),
            }
        }
    }

    pub(super) fn front_timeout(&mut self, timeout: Duration) -> Result<Front, PopTimeoutError> {
        match self.front_at_once() {
            Some(front) => Ok(front),
            None => self.front_by(Instant::now().checked_add(timeout)),
        }
    }

    pub(super) fn front_deadline(&mut self, deadline: Instant) -> Result<Front, PopTimeoutError> {
        match self.front_at_once() {
            Some(front) => Ok(front),
            None => self.front_by(Some(deadline)),
        }
    }

    #[cold]
    fn front_by(&mut self, deadline: Option<Instant>) -> Result<Front, PopTimeoutError> {
        loop {
            if let Some(front) = self.front_here().map_err(PopTimeoutError::Failed)? {
                return Ok(front);
            }
            match self.wait_for_data(deadline) {
                // Something was there. If it is not any more, somebody takes back what was published; not for longer than we were to wait.
                Some(Ok(())) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return self.front_here().map_err(PopTimeoutError::Failed)?.ok_or(PopTimeoutError::Timeout);
                }
                Some(Ok(())) => {}
                Some(Err(Gone::Closed)) => return Err(PopTimeoutError::Closed),
                Some(Err(Gone::Dead)) => return Err(PopTimeoutError::Dead),
                Some(Err(Gone::Failed(fault))) => return Err(PopTimeoutError::Failed(fault)),
                None => return Err(PopTimeoutError::Timeout),
            }
        }
    }

    /// Makes sure that the first message has been begun as a stream, waiting for one as long as it takes; returns how many bytes
    /// are left of it.
    pub(in crate::bytes) fn begin(&mut self) -> Result<usize, PopError> {
        let front = match self.begun {
            Some(front) if self.attachment.is_open() => front,
            _ => match self.front_at_once() {
                Some(front) => front,
                None => self.front()?,
            },
        };
        self.begun = Some(front);
        Ok(front.len())
    }

    /// What is left of the message that was begun; if none was, the first one is, should it be there.
    pub(in crate::bytes) fn ready(&mut self) -> &[u8] {
        if self.begun.is_none() {
            // What is wrong, if anything is, the next call meets again, and says.
            self.begun =
                if self.attachment.is_open() { self.front_at_once() } else { self.front_here().unwrap_or(None) };
        }
        match self.begun {
            Some(front) => self.slice(front),
            None => &[],
        }
    }

    /// Notes that `len` bytes more of the message that was begun have been read; all that are left if that is less. One of which nothing
    /// is left is given back.
    pub(in crate::bytes) fn read_on(&mut self, len: usize) {
        let Some(front) = &mut self.begun else { return };
        front.read += len.min(front.len());
        if front.len() == 0 {
            let front = *front;
            self.give_back(front);
        }
    }

    fn wait_for_data(&mut self, deadline: Option<Instant>) -> Option<Result<(), Gone>> {
        let Consumer { ring, attachment, .. } = self;
        wait_for(ring, attachment, deadline, data, |ring, _| ring.is_empty().map(|empty| !empty))
    }
}

/// What the consumer sleeps on.
fn data(ring: &bytes::Consumer<Mapped>) -> &AtomicU32 {
    ring.memory().data()
}
