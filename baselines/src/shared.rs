//! Memory that a process shares with the children that it forks later.

use bytemuck::Zeroable;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A value of zeroes in anonymous memory that a fork shares, instead of copying it.
///
/// Clones refer to the same value. It is unmapped with the last clone of each process.
pub(crate) struct Shared<T> {
    mapping: Arc<Mapping>,
    value: NonNull<T>,
    _holds: PhantomData<T>,
}

struct Mapping {
    start: NonNull<std::ffi::c_void>,
    length: usize,
}

/// Values in different mappings would all begin at the same offset of a page. Some processors compare no more than
/// that offset when they ask whether a load must wait for an earlier store, so two lines of a ping-pong would disturb
/// one another; each new value begins this much further into its page, up to [`COLOURS`] times.
const COLOUR: usize = 128;
const COLOURS: usize = 16;

impl<T: Zeroable + Sync> Shared<T> {
    /// Maps a value of zeroes.
    pub(crate) fn new() -> std::io::Result<Self> {
        const { assert!(align_of::<T>() <= COLOUR && !std::mem::needs_drop::<T>()) };
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let offset = OPENED.fetch_add(1, Ordering::Relaxed) % COLOURS * COLOUR;
        let length = offset + size_of::<T>();
        // SAFETY: with a null address and no MAP_FIXED the kernel picks a free range, so no memory in use is replaced.
        let start = unsafe {
            mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
        }?;
        let start = NonNull::new(start).ok_or(std::io::ErrorKind::OutOfMemory)?;
        let mapping = Arc::new(Mapping { start, length });
        // SAFETY: `offset` is less than the `length` of the mapping that begins at `start`.
        let value = unsafe { start.byte_add(offset) }.cast::<T>();
        Ok(Shared { mapping, value, _holds: PhantomData })
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared { mapping: Arc::clone(&self.mapping), value: self.value, _holds: PhantomData }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: `value` lies whole in the mapping, which `self.mapping` keeps alive; it is aligned, as a page is and
        // COLOUR is a multiple of T's alignment; its bytes began as zeroes, which `T: Zeroable` declares valid, and
        // are changed only through `&T`, here and in the processes that inherited the mapping.
        unsafe { self.value.as_ref() }
    }
}

// SAFETY: a `Shared<T>` gives out nothing but `&T`, and `T: Sync`; the mapping is bound to no thread.
unsafe impl<T: Sync> Send for Shared<T> {}

// SAFETY: as above: all that a `&Shared<T>` gives is `&T` and more clones.
unsafe impl<T: Sync> Sync for Shared<T> {}

// SAFETY: the address is only used to unmap, which any thread may do.
unsafe impl Send for Mapping {}

// SAFETY: a `&Mapping` gives access to nothing.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `Shared::new` and is unmapped once, when no `Shared` refers to it any more.
        // A failure would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}
