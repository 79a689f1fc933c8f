//! Which process this is, told apart from those that were forked off it and from those that it was forked off.
//!
//! A pid does not tell: in a pid namespace of its own a forked child can have its parent's number, and does where both are the
//! first of theirs, as in a container that starts containers. So each process has a number here that it shares with none of the
//! processes that its memory is a copy of. The number lies in a page that the kernel wipes in a forked child
//! (`MADV_WIPEONFORK`, as in `gate`), also in one made by a bare `clone`; whoever finds it wiped draws the next.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::io;

use memmap2::{MmapOptions, MmapRaw};

/// The page with this process's number, once there is one. Copied by a fork, like everything but the page's contents.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());

/// The highest number that was drawn so far, by this process or one that it is a copy of.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// This process, as long as it is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId(u64);

impl ProcessId {
    /// The process that asks.
    ///
    /// # Errors
    /// `ENOMEM`; what the kernel says where it refuses the advice (`EINVAL` before Linux 4.14). Only a process in which nobody has
    /// asked with success before, and that is not forked off such a one, gets an error.
    pub(crate) fn this() -> io::Result<ProcessId> {
        // Acquire: pairs with the Release in `page`, which comes after the page was mapped.
        let word = match NonNull::new(PAGE.load(Ordering::Acquire)) {
            Some(word) => word,
            None => page()?,
        };
        // SAFETY: a page that was mapped for good, readable and writable, and is only ever used as an atomic.
        let word = unsafe { word.as_ref() };
        // Relaxed, as the rest: the numbers say nothing about other memory.
        let number = word.load(Ordering::Relaxed);
        if number != 0 {
            return Ok(ProcessId(number));
        }
        // Wiped, or new. All values that a copy of this process's memory may hold are at most `DRAWN`, which was copied with them.
        let next = DRAWN.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread may have been quicker: its number is the one.
        let drawn = word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed);
        Ok(ProcessId(drawn.map_or_else(|other| other, |_| next)))
    }

    /// Whether it is the process that asks.
    pub(crate) fn is_this(self) -> bool {
        // Cannot fail: `self` came from the same question, asked here or in a process that this one is a copy of.
        ProcessId::this().is_ok_and(|this| this == self)
    }
}

/// Maps the page, for good.
fn page() -> io::Result<NonNull<AtomicU64>> {
    let page = MmapRaw::from(MmapOptions::new().len(size_of::<AtomicU64>()).map_anon()?);
    // SAFETY: the range is exactly the mapping that `page` owns; the advice changes nothing in this process.
    if unsafe { libc::madvise(page.as_mut_ptr().cast(), page.len(), libc::MADV_WIPEONFORK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let new = page.as_mut_ptr().cast::<AtomicU64>();
    // Release: whoever finds the page may use it. If another thread was quicker, its page is the one, and ours is unmapped.
    match PAGE.compare_exchange(core::ptr::null_mut(), new, Ordering::Release, Ordering::Acquire) {
        Ok(_) => {
            core::mem::forget(page);
            // SAFETY: a mapping does not begin at the null page.
            Ok(unsafe { NonNull::new_unchecked(new) })
        }
        // SAFETY: the exchange has failed because the pointer was not null.
        Err(other) => Ok(unsafe { NonNull::new_unchecked(other) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_stays_the_same_and_a_forked_one_is_another() {
        let parent = ProcessId::this().unwrap();
        assert!(parent.is_this());
        let mut generation = parent;
        // SAFETY: the child asks for its number, which takes atomics only where the page is mapped, forks once more, and leaves by
        // `_exit`: all async-signal-safe.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", io::Error::last_os_error());
        if pid == 0 {
            let mut bad = parent.is_this();
            generation = ProcessId::this().unwrap_or(parent);
            bad |= generation == parent || !generation.is_this();
            // SAFETY: as above.
            let grandchild = unsafe { libc::fork() };
            if grandchild == 0 {
                bad |= parent.is_this() || generation.is_this();
            } else {
                let mut status = 1;
                // SAFETY: `status` is a valid place for the result, and the pid is that of our child.
                unsafe { libc::waitpid(grandchild, &raw mut status, 0) };
                bad |= status != 0 || !generation.is_this();
            }
            // SAFETY: `_exit` is always sound; it runs nothing of ours.
            unsafe { libc::_exit(i32::from(bad)) };
        }
        let mut status = 0;
        // SAFETY: `status` is a valid place for the result, and the pid is that of our child.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert_eq!(status, 0, "a forked process was taken for its parent, or not for itself");
        assert_eq!(ProcessId::this().unwrap(), generation);
    }
}
