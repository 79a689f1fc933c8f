//! The asymmetric pair of fences: one side pays for both, and only when it is about to sleep.
//!
//! `membarrier(2)`: a process that has registered with `MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED` may leave its
//! light fence to the compiler, for a caller of `MEMBARRIER_CMD_GLOBAL_EXPEDITED` makes every running thread of every
//! registered process pass a full barrier. `PRIVATE_EXPEDITED` would reach the caller's own process only.
//! A registration is inherited by fork and lost by exec; both come with Linux 4.16.

use core::sync::atomic::{AtomicU8, Ordering, fence};

const UNKNOWN: u8 = 0;
const WORKS: u8 = 1;
const REFUSED: u8 = 2;

/// Once asked, the answer of the kernel is the same for the life of the process: filters of system calls are only
/// ever added, so that an answer can turn from yes to no, and [`heavy`] looks at each call's result for that.
static REGISTERED: AtomicU8 = AtomicU8::new(UNKNOWN);
static HEAVY: AtomicU8 = AtomicU8::new(UNKNOWN);

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes three integers and touches no memory of the caller.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Registers this process as one whose light fence is the compiler's. False where the system refuses: then every
/// light fence must be a full one.
pub(crate) fn register() -> bool {
    // Relaxed: the word says nothing about other memory, and registering twice does no harm.
    match REGISTERED.load(Ordering::Relaxed) {
        WORKS => true,
        REFUSED => false,
        _ => {
            let registered = membarrier(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
            REGISTERED.store(if registered { WORKS } else { REFUSED }, Ordering::Relaxed);
            registered
        }
    }
}

/// The heavy fence. Where the system refuses it, a full fence of the caller's own, which a light fence that is left to
/// the compiler need not meet: see [`heavy_works`].
pub(crate) fn heavy() {
    if HEAVY.load(Ordering::Relaxed) != REFUSED {
        if membarrier(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED) {
            return;
        }
        HEAVY.store(REFUSED, Ordering::Relaxed);
    }
    fence(Ordering::SeqCst);
}

/// False once the heavy fence was refused. Sleeps must be short then, for a wake-up may be missed.
pub(crate) fn heavy_works() -> bool {
    HEAVY.load(Ordering::Relaxed) != REFUSED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_twice_gives_the_same_answer() {
        assert_eq!(register(), register());
        heavy();
        assert_eq!(heavy_works(), heavy_works());
    }
}
