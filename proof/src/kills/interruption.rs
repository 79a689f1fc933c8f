//! An interrupted sweep ends in order.

use std::cell::Cell;
use std::mem;
use std::ptr;

use libc::c_int;

/// What a terminal, or a supervisor, sends to end somebody.
const SIGNALS: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// What they send besides: a terminal that changes its size, timeout(1) that wakes whom it ends. It has no effect; nor has ^Z,
/// for a sweep that stands still would find that its survivors do.
const NOISE: [c_int; 6] = [libc::SIGCONT, libc::SIGTSTP, libc::SIGTTOU, libc::SIGWINCH, libc::SIGUSR1, libc::SIGUSR2];

/// The signals are kept from this process and all that it forks, and are asked for.
///
/// A handler would not do: whoever types ^C sends the signal to everybody, and a traced victim stops at each one, even if it
/// ignores it.
pub(crate) struct Interruption {
    /// Those that do interrupt: what this process was started to ignore stays without effect.
    heeded: libc::sigset_t,
    come: Cell<Option<c_int>>,
}

fn set_of(signals: impl IntoIterator<Item = c_int>) -> libc::sigset_t {
    // SAFETY: it consists of integers, for which all bytes zero is a value; `sigemptyset` makes it the empty one.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is alive and writable.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: likewise.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: it consists of integers and a pointer that may be null.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: asks only; `action` is alive and writable.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    action.sa_sigaction == libc::SIG_IGN
}

impl Interruption {
    /// From here on the signals wait to be asked for.
    pub(crate) fn expect() -> Self {
        let heeded = set_of(SIGNALS.into_iter().filter(|signal| !is_ignored(*signal)));
        let all = set_of(SIGNALS.into_iter().chain(NOISE));
        // SAFETY: `all` is alive.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
        Self { heeded, come: Cell::new(None) }
    }

    /// Whether one has come.
    pub(crate) fn has_come(&self) -> bool {
        self.signal().is_some()
    }

    /// Which one.
    pub(crate) fn signal(&self) -> Option<c_int> {
        if self.come.get().is_none() {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: both are alive; nothing is written where the pointer is null.
            let signal = unsafe { libc::sigtimedwait(&raw const self.heeded, ptr::null_mut(), &raw const at_once) };
            self.come.set((signal > 0).then_some(signal));
        }
        self.come.get()
    }
}
