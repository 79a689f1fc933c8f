//! Placeholder, to be dropped: just enough of the ring for the segment's tests from outside to run.
#![allow(missing_docs)]

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use crate::SegmentError;
use crate::liveness::RoleLock;
use crate::segment::{
    ATTACHED, Builder, CLOSED, ElementLayout, NEVER_ATTACHED, Place, ROLE_STRIDE, RingKind,
    RingType, Segment, sealed,
};

#[derive(Debug)]
pub struct Ring<T> {
    segment: Segment,
    element: PhantomData<fn() -> T>,
}

#[derive(Debug)]
pub struct Producer<T> {
    lock: RoleLock,
    ring: Ring<T>,
}

impl<T: bytemuck::Pod> sealed::Sealed for Ring<T> {}

impl<T: bytemuck::Pod> RingType for Ring<T> {
    const KIND: RingKind = RingKind::Spsc;
    const ROLES: &'static [&'static str] = &["producer", "consumer"];
    fn element() -> ElementLayout {
        ElementLayout {
            size: size_of::<T>() as u64,
            align: align_of::<T>() as u64,
        }
    }
    fn body_len(capacity: u64) -> Result<u64, SegmentError> {
        capacity
            .checked_mul(size_of::<T>() as u64)
            .and_then(|slots| slots.checked_add(2 * u64::from(ROLE_STRIDE)))
            .ok_or(SegmentError::CapacityTooLarge {
                requested: capacity,
                element_bytes: size_of::<T>() as u64,
            })
    }
    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        Ok(Self {
            segment,
            element: PhantomData,
        })
    }
}

impl<T: bytemuck::Pod> Ring<T> {
    pub fn builder() -> Builder<Self> {
        Builder::new()
    }
    pub fn attach(place: impl Into<Place>) -> Result<Self, SegmentError> {
        Self::builder().attach(place)
    }
    pub fn from_fd(fd: OwnedFd) -> Result<Self, SegmentError> {
        Self::builder().from_fd(fd)
    }
    pub fn segment(&self) -> &Segment {
        &self.segment
    }
    pub fn unlink(&self) -> Result<(), SegmentError> {
        self.segment.unlink()
    }
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        AsFd::as_fd(&self.segment)
    }
    pub fn try_clone_fd(&self) -> Result<OwnedFd, SegmentError> {
        self.segment.try_clone_fd()
    }
    pub fn producer(self) -> Result<Producer<T>, SegmentError> {
        self.role(0)
    }
    pub fn consumer(self) -> Result<Producer<T>, SegmentError> {
        self.role(1)
    }
    fn role(self, role: usize) -> Result<Producer<T>, SegmentError> {
        let lock = self.segment.lock_role(role)?;
        if let Some(record) = self.segment.role_record(role) {
            record
                .pid
                .store(std::process::id().into(), Ordering::Relaxed);
            record.start_time.store(1, Ordering::Relaxed);
            record.state.store(ATTACHED.into(), Ordering::Release);
        }
        Ok(Producer { lock, ring: self })
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        let role = usize::from(self.lock.other_is_held(0).unwrap_or(true));
        if self.lock.is_lost()
            || self.ring.segment.body_len() == 0
            || role > usize::from(NEVER_ATTACHED) + 1
        {
            return;
        }
        let _ = self.ring.segment.body();
        if let Some(record) = self.ring.segment.role_record(role) {
            record.state.store(CLOSED.into(), Ordering::Release);
        }
    }
}
