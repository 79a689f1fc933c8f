//! A forked child: its life, and how its parent sees it.

use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid,
};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Bytes of an error text that a child can report: less than any pipe holds, so that the report never blocks.
const REPORT: usize = 4000;

/// Exit statuses of a child that has reported an error: one of its own, or the echo of another's.
const CAUSE: i32 = 1;
const ECHO: i32 = 2;

/// The two sides of a fork.
pub(crate) enum Fork {
    /// The process that was there before.
    Here(Child),
    /// The new one.
    There(Newborn),
}

/// How a side has ended.
pub(crate) type End = std::result::Result<(), Failure>;

/// How a side has failed.
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    /// Whether it failed only because others had.
    pub(crate) echo: bool,
}

/// Whether an error says no more than that others have gone or fallen silent. Why they did, they know better.
pub(crate) fn is_echo(error: &Error) -> bool {
    matches!(error, Error::PeerGone { .. } | Error::Stalled { .. } | Error::Early { .. })
}

/// Forks.
///
/// To fork is sound only while no other thread of this process holds a lock that the child needs. (The allocator's are
/// safe: the C library looks after them.) `machinery` is whom an error names.
pub(crate) fn fork(machinery: &'static str) -> Result<Fork> {
    let (hear, report) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::system(machinery, "pipe for reports", error))?;
    let parent = getpid();
    // SAFETY: the child gets a `Newborn` and nothing else to live by, and that ends in `_exit`. The callers are told to
    // fork while they have one thread.
    match unsafe { libc::fork() } {
        0 => Ok(Fork::There(Newborn { machinery, parent, report })),
        id => match if id > 0 { Pid::from_raw(id) } else { None } {
            Some(id) => Ok(Fork::Here(Child { id, hear: Some(hear) })),
            None => Err(Error::system(machinery, "fork", std::io::Error::last_os_error())),
        },
    }
}

/// What a child has when it comes up.
pub(crate) struct Newborn {
    machinery: &'static str,
    parent: Pid,
    report: OwnedFd,
}

impl Newborn {
    /// The life of the child. Nothing unwinds out of it, and nothing that its parent holds open is flushed or run at
    /// exit.
    pub(crate) fn live(self, body: impl FnOnce() -> Result<()>) -> ! {
        let Newborn { machinery, parent, report } = self;
        let body = || {
            set_parent_process_death_signal(Some(Signal::KILL))
                .map_err(|error| Error::system(machinery, "asking to die with the parent", error))?;
            // The parent may have died before the request. Then the child has been given to another.
            if getppid() != Some(parent) {
                return Ok(());
            }
            body()
        };
        let (status, message) = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => (0, String::new()),
            Ok(Err(error)) => (if is_echo(&error) { ECHO } else { CAUSE }, error.to_string()),
            Err(panic) => (CAUSE, panic_text(panic.as_ref())),
        };
        let bytes = message.as_bytes();
        // Nobody is left to be told of a report that cannot be written; the exit status still says that there was one.
        let _ = File::from(report).write_all(bytes.get(..REPORT).unwrap_or(bytes));
        // SAFETY: `_exit` ends the process and touches no memory of it.
        unsafe { libc::_exit(status) }
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("of an unknown kind"))
}

/// The child as its parent sees it; dropped early, by an unwinding panic, it is killed and reaped.
pub(crate) struct Child {
    id: Pid,
    /// The pipe of reports; none once it has been heard.
    hear: Option<OwnedFd>,
}

impl Child {
    /// What becomes readable when the child reports or ends.
    pub(crate) fn ear(&self) -> Option<BorrowedFd<'_>> {
        self.hear.as_ref().map(AsFd::as_fd)
    }

    /// Lets go of a child of the parent's in a younger child, which has inherited the knowledge of it and nothing else.
    pub(crate) fn disown(mut self) {
        self.hear = None;
        std::mem::forget(self);
    }

    /// Waits for the child's end, so long at the most, and says how it ended; one that does not end is killed. `lost`
    /// says that the conversation has failed already, so that a child that does not end is only to be got rid of.
    pub(crate) fn join(mut self, patience: Duration, lost: bool) -> End {
        let Some(hear) = self.hear.take() else {
            return Ok(());
        };
        // The end of the pipe of reports is the end of the child: nobody else has its writing end.
        let ended = wait_readable(&hear, patience);
        if !ended {
            let _ = kill_process(self.id, Signal::KILL);
        }
        let mut message = Vec::new();
        // Bounded, though the child is the same program: a report is short. If it cannot be read the status must do.
        let _ = File::from(hear).take(REPORT as u64).read_to_end(&mut message);
        let status = self.reap();
        if !message.is_empty() {
            let error = Box::new(Error::FarSide { message: String::from_utf8_lossy(&message).into_owned() });
            return Err(Failure { error, echo: status.and_then(|status| status.exit_status()) == Some(ECHO) });
        }
        if !ended && !lost {
            let error = Box::new(Error::Stalled { transport: "the far side", after: patience });
            return Err(Failure { error, echo: false });
        }
        match status.and_then(|status| status.terminating_signal()) {
            Some(signal) if ended => Err(Failure { error: Box::new(Error::FarSideKilled { signal }), echo: false }),
            _ => Ok(()),
        }
    }

    fn reap(&self) -> Option<WaitStatus> {
        loop {
            match waitpid(Some(self.id), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                // An error can only be that somebody else has reaped it, for instance because SIGCHLD is ignored.
                result => return result.ok().flatten().map(|(_, status)| status),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.hear.is_some() {
            let _ = kill_process(self.id, Signal::KILL);
            self.reap();
        }
    }
}

/// Waits until there is something to read, or the end of the pipe; false when that takes too long.
pub(crate) fn wait_readable(pipe: &OwnedFd, patience: Duration) -> bool {
    let begin = Instant::now();
    let mut wanted = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
    loop {
        // What is left of it: signals that come at shorter distances would make it endless.
        let left = Timespec::try_from(patience.saturating_sub(begin.elapsed())).ok();
        match poll(&mut wanted, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            result => return matches!(result, Ok(ready) if ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::thread::JoinHandleExt;

    #[test]
    fn signals_do_not_make_a_wait_longer() {
        extern "C" fn handler(_: libc::c_int) {}
        let handler = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler does nothing, which is safe at any time. No other test has to do with this signal.
        assert_ne!(unsafe { libc::signal(libc::SIGURG, handler) }, libc::SIG_ERR);
        let (pipe, _other) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let waiting = std::thread::spawn(move || wait_readable(&pipe, Duration::from_millis(200)));
        let interrupted = (0..500).take_while(|_| !waiting.is_finished()).inspect(|_| {
            // SAFETY: the thread has not been joined, so its name is still its own.
            unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGURG) };
            std::thread::sleep(Duration::from_millis(10));
        });
        assert!(interrupted.count() < 500, "it ends though it is interrupted, not because it no longer is");
        assert!(!waiting.join().unwrap());
        // SAFETY: puts back what was there.
        unsafe { libc::signal(libc::SIGURG, libc::SIG_DFL) };
    }
}
