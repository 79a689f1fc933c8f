//! Two sides of a conversation, each in a process or a thread of its own.

use crate::pin::{Cores, Pinned, pin};
use crate::{Error, Result, Scope};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid,
};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How long the near side waits, when it has finished, for the far side to finish too: longer than any wait of the far
/// side's own.
const FAREWELL: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The same when the near side has failed, and only wants to know whether the far side has the cause to tell: a far side
/// that failed first has told it by now.
const LAST_WORDS: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Bytes of an error text that a child can report: less than any pipe holds, so that the report never blocks.
const REPORT: usize = 4000;

/// Runs `far` in another process or thread, as `scope` says, and `near` here, and returns what `near` returns.
///
/// Each side runs on its core; the caller's thread may afterwards run where it could before. Each closure is dropped at
/// once in the process in which it does not run, and with it the end that is of no use there.
///
/// The other process is a fork of this one. It is always gone when this function returns, whatever happened; it is
/// killed when the calling thread ends first, even by SIGKILL. To fork is sound only while no other thread of
/// this process holds a lock that the child needs, so programs call this function while they have one thread. (The
/// allocator's locks are safe: the C library looks after them.)
///
/// # Errors
///
/// Where both sides fail, the far side's error ([`Error::FarSide`], [`Error::FarSideKilled`]) if the near side's is merely
/// that its peer has gone or fallen silent, else the near side's; [`Error::Pin`] when a core is not allowed;
/// [`Error::System`] when there can be no other process; [`Error::Stalled`] when the far side does not come to an end.
pub fn duet<R, F, N>(scope: Scope, cores: Cores, far: F, near: N) -> Result<R>
where
    F: FnOnce() -> Result<()> + Send,
    N: FnOnce() -> Result<R>,
{
    match scope {
        Scope::Processes => processes(cores, far, near),
        Scope::Threads => threads(cores, far, near),
    }
}

fn threads<R>(cores: Cores, far: impl FnOnce() -> Result<()> + Send, near: impl FnOnce() -> Result<R>) -> Result<R> {
    std::thread::scope(|scope| {
        let far = std::thread::Builder::new()
            .name("far side".to_owned())
            .spawn_scoped(scope, move || pin(cores.far()).and_then(|()| far()))
            .map_err(|error| Error::system("duet", "starting a thread", error))?;
        let result = Pinned::to(cores.near()).and_then(|_pinned| near());
        let far = match far.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Box::new(Error::FarSide { message: error.to_string() })),
            Err(panic) => Err(Box::new(Error::FarSide { message: panic_text(panic.as_ref()) })),
        };
        settle(result, far)
    })
}

fn processes<R>(cores: Cores, far: impl FnOnce() -> Result<()>, near: impl FnOnce() -> Result<R>) -> Result<R> {
    let (hear, report) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::system("duet", "pipe for reports", error))?;
    let parent = getpid();
    // SAFETY: the child runs `child_main`, which returns to no caller and ends in `_exit`. The callers are told to
    // fork while they have one thread.
    match unsafe { libc::fork() } {
        0 => {
            drop((near, hear));
            child_main(parent, report, cores, far)
        }
        id => {
            let Some(id) = (if id > 0 { Pid::from_raw(id) } else { None }) else {
                return Err(Error::system("duet", "fork", std::io::Error::last_os_error()));
            };
            drop((far, report));
            let child = Child { id, hear: Some(hear) };
            let result = Pinned::to(cores.near()).and_then(|_pinned| near());
            let far = child.join(result.is_err());
            settle(result, far)
        }
    }
}

/// Decides whose error is told when both sides have one: the cause, not its echo.
fn settle<R>(near: Result<R>, far: Result<()>) -> Result<R> {
    match (near, far) {
        (Ok(result), Ok(())) => Ok(result),
        (Ok(_), Err(far)) => Err(far),
        (Err(near), Ok(())) => Err(near),
        (Err(near), Err(far)) => match *near {
            Error::PeerGone { .. } | Error::Stalled { .. } => Err(far),
            _ => Err(near),
        },
    }
}

/// The life of the child. Nothing unwinds out of it, and nothing that its parent holds open is flushed or run at exit.
fn child_main(parent: Pid, report: OwnedFd, cores: Cores, far: impl FnOnce() -> Result<()>) -> ! {
    let body = || {
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| Error::system("duet", "asking to die with the parent", error))?;
        // The parent may have died before the request. Then the child has been given to another.
        if getppid() != Some(parent) {
            return Ok(());
        }
        pin(cores.far())?;
        far()
    };
    let message = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic_text(panic.as_ref()),
    };
    let bytes = message.as_bytes();
    // Nobody is left to be told of a report that cannot be written; the exit status still says that there was one.
    let _ = File::from(report).write_all(bytes.get(..REPORT).unwrap_or(bytes));
    // SAFETY: `_exit` ends the process and touches no memory of it.
    unsafe { libc::_exit(i32::from(!message.is_empty())) }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("of an unknown kind"))
}

/// The child as its parent sees it; dropped early, by an unwinding panic, it is killed and reaped.
struct Child {
    id: Pid,
    /// The pipe of reports; none once it has been heard.
    hear: Option<OwnedFd>,
}

impl Child {
    /// Waits for the child's end and says how it ended. `lost` says that the conversation has failed already, so that
    /// a child that does not end is only to be got rid of.
    fn join(mut self, lost: bool) -> Result<()> {
        let Some(hear) = self.hear.take() else {
            return Ok(());
        };
        // The end of the pipe of reports is the end of the child: nobody else has its writing end.
        let ended = wait_readable(&hear, if lost { &LAST_WORDS } else { &FAREWELL });
        if !ended {
            let _ = kill_process(self.id, Signal::KILL);
        }
        let mut message = Vec::new();
        // Bounded, though the child is the same program: a report is short. If it cannot be read the status must do.
        let _ = File::from(hear).take(REPORT as u64).read_to_end(&mut message);
        let status = self.reap();
        if !message.is_empty() {
            return Err(Box::new(Error::FarSide { message: String::from_utf8_lossy(&message).into_owned() }));
        }
        if !ended && !lost {
            let after = std::time::Duration::from_secs(FAREWELL.tv_sec.unsigned_abs());
            return Err(Box::new(Error::Stalled { transport: "the far side", after }));
        }
        match status.and_then(|status| status.terminating_signal()) {
            Some(signal) if ended => Err(Box::new(Error::FarSideKilled { signal })),
            _ => Ok(()),
        }
    }

    fn reap(&self) -> Option<rustix::process::WaitStatus> {
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
fn wait_readable(pipe: &OwnedFd, patience: &Timespec) -> bool {
    let mut wanted = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
    loop {
        match poll(&mut wanted, Some(patience)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return matches!(result, Ok(ready) if ready > 0),
        }
    }
}
