//! The open file descriptions that a forked child must not keep.
//!
//! A list of slots, each with the number of one descriptor. Slots are never freed, only reused, so
//! that the list can be walked at any moment, also by the handler that runs in a forked child,
//! where nothing but atomics and `close` is allowed: another thread may have been anywhere when the
//! fork happened, in the middle of a change of this very list included.
//!
//! # States of a slot
//!
//! ```text
//!            claim                  enter                 drop
//!   FREE ------------> RESERVED ------------> a number ------------> FREE
//!    ^                    |  drop                 |
//!    |                    +--------> FREE         | forked child: close
//!    |           drop                             v
//!    +----------------------------------------- ORPHANED
//! ```
//!
//! Every transition but the claim is made by the slot's one owner (the [`Registered`] value) or by
//! the handler in a child, which is alone there. `ORPHANED` is a state of its own because the
//! child's copy of the owner still points at the slot: were it `FREE`, somebody else could claim
//! it, and the owner's drop would close a stranger's descriptor.
//!
//! # No description escapes
//!
//! A fork between `open` and `enter` would copy a description that the child's list does not show.
//! [`FORKS`] counts forks that have begun (in its upper half) and those under way (in its lower
//! half). [`Registered::open`] begins only while none is under way, and after the entry looks
//! again: if the word has changed, a fork may have fallen in between, and it starts afresh with
//! another description. The one given up carries no lock, so a child that holds a copy of it holds
//! nothing. The two fences make it a store-then-load on either side: the forking thread counts,
//! then copies memory; the opening thread enters, then reads the count. At least one of them sees
//! the other.
//!
//! The handlers have to be in place before the first fork that matters, so they are installed when
//! the first segment is opened ([`watch_forks`]). A fork that is already under way in another
//! thread at that very instant is not counted.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::wait::nap;

/// Nobody's slot.
const FREE: RawFd = -1;
/// Somebody's slot, without a descriptor in it yet.
const RESERVED: RawFd = -2;
/// A forked child's copy of somebody's slot. The descriptor has been closed in the child.
const ORPHANED: RawFd = -3;

/// One descriptor, and the next slot.
struct Slot {
    fd: AtomicI32,
    /// Set before the slot is put on the list, never changed afterwards.
    next: AtomicPtr<Slot>,
}

/// The slot that was put on the list last.
static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

/// Lower 32 bits: forks under way. Upper 32 bits: forks begun, wrapping.
static FORKS: AtomicU64 = AtomicU64::new(0);
const UNDER_WAY: u64 = 0xffff_ffff;
const ONE_BEGUN: u64 = 1 << 32;

/// How often, and for how long each time, to wait for forks of other threads: a fork is under way
/// for as long as the copying of the page tables takes, milliseconds in a large process. One second
/// in all, after which it is an error and not a hang.
const FORK_WAITS: u32 = 1000;
const FORK_WAIT: Duration = Duration::from_millis(1);

/// Whether the handlers are installed.
static WATCHING: AtomicBool = AtomicBool::new(false);

/// Installs the handlers, once a process (a fork inherits them).
///
/// Two threads may both install them. That is harmless: each of the handlers may run twice. A lock
/// to prevent it would not be: a child forked while another thread holds it would wait for ever.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn watch_forks() -> io::Result<()> {
    if WATCHING.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the handlers are functions of the signature asked for and live as long as the
    // process. `before_fork` and `in_parent` only use atomics; `in_child` only atomics and `close`,
    // as a child of a process with threads has to.
    let result = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    WATCHING.store(true, Ordering::Release);
    Ok(())
}

extern "C" fn before_fork() {
    FORKS.fetch_add(ONE_BEGUN + 1, Ordering::SeqCst);
    // Partner of the fence in `Registered::open`: the count is visible before memory is copied.
    fence(Ordering::SeqCst);
}

extern "C" fn in_parent() {
    // Not below zero: where the handlers were installed while a fork was under way, some C
    // libraries run this one without having run the one before.
    let _ = FORKS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |forks| (forks & UNDER_WAY != 0).then(|| forks - 1));
}

extern "C" fn in_child() {
    // Only the forking thread exists here.
    FORKS.fetch_and(!UNDER_WAY, Ordering::SeqCst);
    for slot in slots() {
        let fd = slot.fd.load(Ordering::Relaxed);
        if fd >= 0 {
            slot.fd.store(ORPHANED, Ordering::Relaxed);
            // SAFETY: the number was open in the parent when its memory was copied, so it is open
            // in the child, and nobody else in the child owns it: its owner finds ORPHANED and does
            // not close it.
            unsafe { libc::close(fd) };
        }
    }
}

/// All slots there are.
fn slots() -> impl Iterator<Item = &'static Slot> {
    // Acquire: pairs with the Release in `claim`, so that the slot's `next` is seen.
    let mut next = SLOTS.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or a slot that `claim` leaked: valid for ever, and only ever accessed
        // through shared references.
        let slot = unsafe { next.as_ref() }?;
        next = slot.next.load(Ordering::Acquire);
        Some(slot)
    })
}

/// A slot of one's own, in state `RESERVED`.
fn claim() -> &'static Slot {
    let free = |slot: &&Slot| slot.fd.compare_exchange(FREE, RESERVED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if let Some(slot) = slots().find(free) {
        return slot;
    }
    let slot: &'static Slot =
        Box::leak(Box::new(Slot { fd: AtomicI32::new(RESERVED), next: AtomicPtr::new(ptr::null_mut()) }));
    let mut first = SLOTS.load(Ordering::Relaxed);
    loop {
        slot.next.store(first, Ordering::Relaxed);
        let new = ptr::from_ref(slot).cast_mut();
        // Release: whoever finds the slot sees its `next`.
        match SLOTS.compare_exchange_weak(first, new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return slot,
            Err(now) => first = now,
        }
    }
}

/// A descriptor that no forked child keeps.
pub(super) struct Registered {
    slot: &'static Slot,
}

impl Registered {
    /// Opens a descriptor, and enters it before a fork could copy it unseen.
    ///
    /// `open` may be called more than once. What it opens must not have locks yet.
    ///
    /// # Errors
    /// Those of `open`; `ENOMEM`; `EAGAIN` where other threads have been forking without a pause
    /// for a second.
    pub(super) fn open(mut open: impl FnMut() -> io::Result<OwnedFd>) -> io::Result<Self> {
        watch_forks()?;
        let this = Self { slot: claim() };
        for _ in 0..FORK_WAITS {
            let before = FORKS.load(Ordering::SeqCst);
            if before & UNDER_WAY != 0 {
                nap(FORK_WAIT);
                continue;
            }
            let fd = open()?;
            // From here on a child finds the number. Its owner is the slot.
            this.slot.fd.store(fd.into_raw_fd(), Ordering::SeqCst);
            // Partner of the fence in `before_fork`.
            fence(Ordering::SeqCst);
            if FORKS.load(Ordering::SeqCst) == before {
                return Ok(this);
            }
            this.close(RESERVED);
        }
        Err(io::Error::from_raw_os_error(libc::EAGAIN))
    }

    /// The descriptor; `None` in a forked child.
    pub(super) fn borrow(&self) -> Option<BorrowedFd<'_>> {
        let fd = self.slot.fd.load(Ordering::Relaxed);
        // SAFETY: a number in our slot is open until we are dropped, which the borrow rules out:
        // nobody but the owner closes it, save the handler in a forked child, which replaces the
        // number first and runs before anything else there.
        (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Closes the descriptor, if there is one, and leaves the slot in another state. The
    /// description must not have locks.
    fn close(&self, state: RawFd) {
        // The state first: a child that is forked in between must not close a number that may be
        // somebody else's by then. Such a child keeps a copy of the description instead, which must
        // therefore have no lock any more: see `RoleLock::drop`.
        let fd = self.slot.fd.swap(state, Ordering::AcqRel);
        if fd >= 0 {
            // SAFETY: the number came from an `OwnedFd` and has been ours alone since; the swap
            // made sure that it is closed once.
            unsafe { libc::close(fd) };
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.close(FREE);
    }
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registered").field(&self.borrow().map(|fd| fd.as_raw_fd())).finish()
    }
}

#[cfg(test)]
mod tests;
