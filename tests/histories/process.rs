//! Other processes: a program of its own that conducts, exec'd; and its participants, forked from it.
//!
//! Forking is quicker than starting a program, and one history is short. The conductor runs nothing else, so that what is
//! forked from it may do what it does itself.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

const TASK: &str = "RONDEL_HISTORIES_TASK";
/// What a line starts with that is meant for whoever started the conductor.
const MARK: &str = "@@";
/// Seconds in which a history has ended, or hangs.
const ALARM: libc::c_uint = 60;

/// Runs a task in a program of its own; what it told, line by line.
#[track_caller]
pub(crate) fn conduct(task: &str) -> Vec<String> {
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["process::entry", "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .output()
        .expect("starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let signal = output.status.signal();
    let hung = if signal == Some(libc::SIGALRM) { " (it hung)" } else { "" };
    assert!(output.status.success(), "{task}: {}{hung}\n{out}{err}", output.status);
    out.lines().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect()
}

/// The entry of every conductor. In the test run proper there is no task, and it passes.
#[test]
fn entry() {
    let Ok(task) = env::var(TASK) else {
        return;
    };
    end_with_the_parent();
    crate::runs::conduct(&task);
}

/// In a conductor: tells whoever started it something.
pub(crate) fn tell(text: impl std::fmt::Display) {
    for line in text.to_string().lines() {
        // On a line of its own: the harness does not end the line in which it names the test.
        println!("\n{MARK}{line}");
    }
}

fn end_with_the_parent() {
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    set_alarm();
}

/// From now on; it replaces the one before.
pub(crate) fn set_alarm() {
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(ALARM) };
}

/// A forked process, not reaped yet; killed if it is forgotten.
pub(crate) struct Forked(libc::pid_t);

pub(crate) fn fork(work: impl FnOnce()) -> Forked {
    // SAFETY: no other thread of this program is at work, or holds a lock that the copy could need (the C library takes
    // care of its own), so the copy may do what this one may.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        end_with_the_parent();
        let result = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: ends the process, without running anything of the program that it is a copy of.
        unsafe { libc::_exit(libc::c_int::from(result.is_err())) };
    }
    Forked(pid)
}

impl Forked {
    /// Whether it was killed, and had not ended by itself before; then it must have succeeded.
    #[track_caller]
    pub(crate) fn kill(self) -> bool {
        self.signal(libc::SIGKILL);
        match self.reap() {
            libc::SIGKILL => true,
            status => {
                assert_eq!(status, 0, "a participant has failed");
                false
            }
        }
    }

    #[track_caller]
    pub(crate) fn succeed(self) {
        assert_eq!(self.reap(), 0, "a participant has failed");
    }

    /// Stops it for a while. Whoever has ended by itself does not notice.
    pub(crate) fn stop_for(&self, time: Duration) {
        self.signal(libc::SIGSTOP);
        sleep(time);
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: a child of ours that has not been reaped yet, so that the pid is still its own.
        assert_eq!(unsafe { libc::kill(self.0, signal) }, 0);
    }

    /// Its wait status: of a process that was killed, the signal's number.
    fn reap(self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: `status` is alive; the process is our child.
        let result = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(result, self.0);
        std::mem::forget(self);
        status
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        let mut status = 0;
        // SAFETY: as above; only what was not reaped is dropped.
        unsafe { libc::waitpid(self.0, &raw mut status, 0) };
    }
}
