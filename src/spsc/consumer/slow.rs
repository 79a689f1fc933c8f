//! What a consumer does when there is nothing to pop, or its gate is not open: it looks closer, waits, or says why not.

use core::sync::atomic::AtomicU32;
use std::time::Instant;

use bytemuck::Pod;

use super::Consumer;
use crate::fault::Fault;
use crate::outcome::{PopError, PopTimeoutError};
use crate::pair::{Gone, TryPopError, wait_for};
use crate::protocol::{Corruption, spsc};
use crate::spsc::memory::Mapped;

impl<T: Pod> Consumer<T> {
    #[cold]
    #[inline(never)]
    pub(super) fn advance_slowly(&mut self) {
        if self.attachment.fault().is_none() {
            self.ring.advance();
            self.attachment.notify(self.ring.memory().space());
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn peek_slowly(&mut self) -> Result<T, TryPopError> {
        if let Some(fault) = self.attachment.fault() {
            return Err(TryPopError::Failed(fault));
        }
        match self.ring.peek_vouched() {
            Ok(Some(element)) => Ok(element),
            Ok(None) => self.peek_last(),
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    #[cold]
    pub(super) fn fail(&mut self, corruption: Corruption) -> Fault {
        self.attachment.fail(corruption.into())
    }

    pub(super) fn producer_has_closed(&mut self) -> Result<bool, TryPopError> {
        self.attachment.peer_has_closed().map_err(|fault| TryPopError::Failed(self.attachment.fail(fault)))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn try_pop_slowly(&mut self) -> Result<T, TryPopError> {
        let element = self.peek_slowly()?;
        self.advance_slowly();
        Ok(element)
    }

    /// Nothing was there. If the producer has closed, whatever it published before counts.
    #[cold]
    pub(super) fn peek_last(&mut self) -> Result<T, TryPopError> {
        if !self.producer_has_closed()? {
            return Err(TryPopError::Empty);
        }
        match self.ring.peek_vouched() {
            Ok(Some(element)) => Ok(element),
            Ok(None) => Err(TryPopError::Closed),
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    #[cold]
    pub(super) fn try_pop_last(&mut self) -> Result<T, TryPopError> {
        let element = self.peek_last()?;
        self.consume();
        Ok(element)
    }

    #[cold]
    pub(super) fn pop_waiting(&mut self) -> Result<T, PopError> {
        let element = self.peek_waiting()?;
        self.consume();
        Ok(element)
    }

    #[cold]
    pub(super) fn pop_until(&mut self, deadline: Option<Instant>) -> Result<T, PopTimeoutError> {
        let element = self.peek_until(deadline)?;
        self.consume();
        Ok(element)
    }

    pub(super) fn peek_waiting(&mut self) -> Result<T, PopError> {
        if !self.attachment.is_open() {
            match self.peek_slowly() {
                Ok(element) => return Ok(element),
                Err(TryPopError::Empty | TryPopError::Closed) => {}
                Err(TryPopError::Failed(fault)) => return Err(PopError::Failed(fault)),
            }
        }
        loop {
            // First the wait, which ends at once if there is something: whoever comes here has just looked.
            if let Some(Err(gone)) = self.wait_for_data(None) {
                return Err(gone.into());
            }
            match self.peek() {
                Ok(element) => return Ok(element),
                Err(TryPopError::Empty) => {}
                Err(TryPopError::Closed) => return Err(PopError::Closed),
                Err(TryPopError::Failed(fault)) => return Err(PopError::Failed(fault)),
            }
        }
    }

    pub(super) fn peek_until(&mut self, deadline: Option<Instant>) -> Result<T, PopTimeoutError> {
        if !self.attachment.is_open() {
            match self.peek_slowly() {
                Ok(element) => return Ok(element),
                Err(TryPopError::Empty | TryPopError::Closed) => {}
                Err(TryPopError::Failed(fault)) => return Err(PopTimeoutError::Failed(fault)),
            }
        }
        loop {
            self.data_by(deadline)?;
            match self.peek() {
                Ok(element) => return Ok(element),
                Err(TryPopError::Empty) => {}
                Err(TryPopError::Closed) => return Err(PopTimeoutError::Closed),
                Err(TryPopError::Failed(fault)) => return Err(PopTimeoutError::Failed(fault)),
            }
        }
    }

    pub(super) fn pop_slice_here(&mut self, elements: &mut [T]) -> Result<usize, TryPopError> {
        if !self.attachment.is_open() {
            return self.pop_slice_slowly(elements);
        }
        match self.ring.pop_slice(elements) {
            Ok((count, advanced)) => {
                self.notify(advanced);
                Ok(count)
            }
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    /// For a handle that has been checked.
    #[cold]
    #[inline(never)]
    fn pop_slice_slowly(&mut self, elements: &mut [T]) -> Result<usize, TryPopError> {
        match self.ring.pop_slice_vouched(elements) {
            Ok((count, _)) => {
                self.attachment.notify(self.ring.memory().space());
                Ok(count)
            }
            Err(corruption) => Err(TryPopError::Failed(self.fail(corruption))),
        }
    }

    pub(super) fn pop_slice_until(
        &mut self,
        elements: &mut [T],
        deadline: Option<Instant>,
    ) -> Result<usize, PopTimeoutError> {
        loop {
            match self.try_pop_slice(elements) {
                Ok(0) if !elements.is_empty() => {}
                Ok(count) => return Ok(count),
                Err(TryPopError::Closed) => return Err(PopTimeoutError::Closed),
                Err(TryPopError::Failed(fault)) => return Err(PopTimeoutError::Failed(fault)),
                Err(TryPopError::Empty) => {}
            }
            self.data_by(deadline)?;
        }
    }

    pub(super) fn data_by(&mut self, deadline: Option<Instant>) -> Result<(), PopTimeoutError> {
        match self.wait_for_data(deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(Gone::Closed)) => Err(PopTimeoutError::Closed),
            Some(Err(Gone::Dead)) => Err(PopTimeoutError::Dead),
            Some(Err(Gone::Failed(fault))) => Err(PopTimeoutError::Failed(fault)),
            None => Err(PopTimeoutError::Timeout),
        }
    }

    pub(super) fn wait_for_data(&mut self, deadline: Option<Instant>) -> Option<Result<(), Gone>> {
        let Consumer { ring, attachment } = self;
        wait_for(ring, attachment, deadline, data, |ring, _| ring.is_empty().map(|empty| !empty))
    }
}

/// What the consumer sleeps on.
fn data<T: Pod>(ring: &spsc::Consumer<Mapped<T>>) -> &AtomicU32 {
    ring.memory().data()
}

impl From<Gone> for PopError {
    fn from(gone: Gone) -> PopError {
        match gone {
            Gone::Closed => PopError::Closed,
            Gone::Dead => PopError::Dead,
            Gone::Failed(fault) => PopError::Failed(fault),
        }
    }
}
