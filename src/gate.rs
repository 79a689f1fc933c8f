//! One private word that says whether a handle may take its fast path.
//!
//! The fast path of a push or a pop has three things to rule out, none of which may cost it more than one load and
//! one predicted branch: that the handle was carried across a fork (then two processes would hold one role), that the
//! process could not register for membarrier (then publications need a full fence), and that the handle has failed.
//! All three are values of one word, and the word lies in a page that the kernel wipes in a forked child
//! (`MADV_WIPEONFORK`, Linux 4.14): no handler has to run, and a raw `clone` is noticed like a `fork`.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

use memmap2::{MmapOptions, MmapRaw};

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// This is a forked child; the handle is the parent's. Zero, which is what a wiped page holds.
    Forked = 0,
    /// The fast path.
    Open = 1,
    /// Every publication needs a full fence.
    Fenced = 2,
    /// The handle met a fault and stays failed.
    Failed = 3,
}

/// The word, on a page of its own.
#[derive(Debug)]
pub(crate) struct Gate {
    word: NonNull<AtomicU32>,
    /// What `word` lies in, unless it is [`FAILED`].
    page: Option<MmapRaw>,
}

/// The word of all gates that have failed from the beginning.
static FAILED: AtomicU32 = AtomicU32::new(State::Failed as u32);

impl Gate {
    /// A gate in the given state, in this process.
    pub(crate) fn new(state: State) -> io::Result<Gate> {
        let page = MmapRaw::from(MmapOptions::new().len(size_of::<AtomicU32>()).map_anon()?);
        // SAFETY: the range is exactly the mapping that `page` owns; the advice changes nothing in this process.
        if unsafe { libc::madvise(page.as_mut_ptr().cast(), page.len(), libc::MADV_WIPEONFORK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a mapping does not begin at the null page.
        let word = unsafe { NonNull::new_unchecked(page.as_mut_ptr().cast()) };
        let gate = Gate { word, page: Some(page) };
        gate.set(state);
        Ok(gate)
    }

    /// A gate that is and stays [`State::Failed`].
    pub(crate) fn failed() -> Gate {
        Gate { word: NonNull::from(&FAILED), page: None }
    }

    #[inline(always)]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: a static, or in a mapping that is private, readable, writable, page-aligned, at least four bytes long, and lives
        // as long as `self`. In a forked child the same holds of its own copy.
        unsafe { self.word.as_ref() }
    }

    /// True on the fast path.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        // Relaxed: only the thread that holds the handle writes the word (and the kernel, before a child runs).
        self.word().load(Ordering::Relaxed) == State::Open as u32
    }

    /// What the gate says.
    pub(crate) fn state(&self) -> State {
        match self.word().load(Ordering::Relaxed) {
            1 => State::Open,
            2 => State::Fenced,
            3 => State::Failed,
            _ => State::Forked,
        }
    }

    /// Sets the gate, unless it has failed from the beginning.
    pub(crate) fn set(&self, state: State) {
        if self.page.is_some() {
            self.word().store(state as u32, Ordering::Relaxed);
        }
    }
}

// SAFETY: the pointer is to an atomic, in a static or in a mapping that `self` owns; neither belongs to a thread.
unsafe impl Send for Gate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_finds_its_gate_wiped() {
        let gate = Gate::new(State::Open).unwrap();
        assert!(gate.is_open());
        // SAFETY: the child does nothing but read a word and leave by `_exit`, both async-signal-safe.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", io::Error::last_os_error());
        if pid == 0 {
            let code = if gate.state() == State::Forked { 0 } else { 1 };
            // SAFETY: `_exit` is always sound; it runs nothing of ours.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: `status` is a valid place for the result, and the pid is that of our child.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert_eq!(status, 0, "the child saw its parent's gate");
        assert!(gate.is_open(), "the parent's gate must stay as it was");
    }
}
