//! Being told to stop, by SIGINT, SIGTERM or SIGHUP, while waiting for something else.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// How long a process that was told to stop may take over it. It may be in the middle of a write that its reader does not
/// take; then it is ended as if it had not been listening, which loses nothing that is in the ring.
const GRACE: Duration = Duration::from_secs(1);

/// The first signal that told this process to stop.
pub(super) struct Interrupt {
    /// Its number; 0 before.
    signal: Arc<AtomicI32>,
    /// Readable from then on.
    wake: Arc<OwnedFd>,
}

/// Why [`Interrupt::wait_for`] has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakeup {
    Ready,
    TimedOut,
    Interrupted,
}

impl Interrupt {
    /// Listens from now on, to those of the signals that this process was not started to ignore (`nohup`; `&` in a script).
    /// A second signal ends the process at once.
    pub(super) fn listen() -> anyhow::Result<Interrupt> {
        let signal = Arc::new(AtomicI32::new(0));
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).context("cannot make an eventfd")?);
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(wanted).context("cannot listen to signals")?;
        let interrupt = Interrupt { signal: Arc::clone(&signal), wake: Arc::clone(&wake) };
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for number in signals.forever() {
                    if signal.compare_exchange(0, number, Ordering::Release, Ordering::Relaxed).is_err() {
                        end_by(number);
                    }
                    // It cannot fail: the counter is 0, and nobody reads it.
                    let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
                    thread::spawn(move || {
                        thread::sleep(GRACE);
                        end_by(number);
                    });
                }
            })
            .context("cannot start a thread that listens to signals")?;
        Ok(interrupt)
    }

    /// The signal that has arrived, if one has.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Acquire)).filter(|number| *number != 0)
    }

    /// Waits until one of `events` is true of `fd`, as in poll(2). If it is, that is the answer, whatever else is.
    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>, events: PollFlags, timeout: Duration) -> io::Result<Wakeup> {
        let mut fds = [PollFd::from_borrowed_fd(fd, events), PollFd::new(&self.wake, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            // The thread gets the signals, but any thread may be interrupted: the caller's loop comes back.
            Err(rustix::io::Errno::INTR) => Ok(Wakeup::TimedOut),
            Err(error) => Err(error.into()),
            Ok(_) if !fds[0].revents().is_empty() => Ok(Wakeup::Ready),
            Ok(_) if !fds[1].revents().is_empty() => Ok(Wakeup::Interrupted),
            Ok(_) => Ok(Wakeup::TimedOut),
        }
    }

    /// Sleeps, but not on when a signal arrives.
    pub(super) fn sleep(&self, time: Duration) -> io::Result<()> {
        self.wait_for(self.wake.as_fd(), PollFlags::IN, time).map(|_| ())
    }
}

/// Ends this process by a signal's default action, so that a shell sees that, and stops a script at Ctrl-C.
pub(crate) fn end_by(signal: i32) -> ! {
    // That it returns is an error of it, or a signal that does not end a process.
    let _ = emulate_default_handler(signal);
    std::process::exit(128 + signal)
}

/// The signals that this process ignores, as a set of bits. Where it cannot be known, none.
pub(crate) fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
