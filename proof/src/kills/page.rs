//! Memory that a process shares with those that it forks, for what has to survive a kill.

use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// What may lie in shared memory: atomics, for which all bytes zero is a value.
///
/// # Safety
/// Every bit pattern that the type's own code writes, and zero, is a value; it needs no drop, and may be used by several processes at once.
pub(crate) unsafe trait Shared: Sync {}

// SAFETY: an atomic integer is made to be used by several at once, at the same address or not.
unsafe impl Shared for std::sync::atomic::AtomicU64 {}

// SAFETY: elements that may be shared, side by side.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}

/// A value in anonymous shared memory, zero at first. Children that are forked meanwhile see the same one.
pub(crate) struct Page<T: Shared> {
    place: NonNull<T>,
    value: PhantomData<T>,
}

// SAFETY: it is owned as a box is, and what lies in it may be used by several at once.
unsafe impl<T: Shared> Send for Page<T> {}

// SAFETY: likewise.
unsafe impl<T: Shared> Sync for Page<T> {}

impl<T: Shared> Page<T> {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<T>(), access, flags, -1, 0) };
        match NonNull::new(place) {
            Some(place) if place.as_ptr() != libc::MAP_FAILED => Ok(Self { place: place.cast(), value: PhantomData }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl<T: Shared> Deref for Page<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping is as long as `T` and aligned to a page, began as zeros, which are a value of it, and lives as long as this.
        unsafe { self.place.as_ref() }
    }
}

impl<T: Shared> Drop for Page<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and no reference to it is left.
        unsafe { libc::munmap(self.place.as_ptr().cast(), size_of::<T>()) };
    }
}
