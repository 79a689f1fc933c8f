//! A participant that stops dead before its k-th shared access.
//!
//! Death is an unwinding that the victim's thread catches at its top. Nothing in the protocol files has a destructor, so
//! it does no more to shared memory than a SIGKILL would. Joining the victim stands for the kernel's lock, which
//! falls after its last access and orders it before the successor's first.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

loom::thread_local! {
    /// Accesses that this thread may still make; `None` for the immortal.
    static LEFT: Cell<Option<u32>> = Cell::new(None);
}

struct Killed;

/// One shared access of the current thread: the last thing it does not do, if its time has come.
pub(crate) fn step() {
    let killed = LEFT.with(|left| match left.get() {
        None => false,
        Some(0) => true,
        Some(steps) => {
            left.set(Some(steps - 1));
            false
        }
    });
    if killed {
        // Not `panic!`: this is no failure, and is not to be reported as one.
        resume_unwind(Box::new(Killed));
    }
}

/// Runs `life` on the current thread until it ends or has made `steps` shared accesses. True if it was killed.
pub(crate) fn mortal(steps: u32, life: impl FnOnce()) -> bool {
    LEFT.with(|left| left.set(Some(steps)));
    let end = catch_unwind(AssertUnwindSafe(life));
    LEFT.with(|left| left.set(None));
    match end {
        Ok(()) => false,
        Err(cause) if cause.is::<Killed>() => true,
        Err(panic) => resume_unwind(panic),
    }
}
