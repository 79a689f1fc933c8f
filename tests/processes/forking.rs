//! Processes made by a bare fork, of a program that is made for it.

use crate::child::set_alarm;

/// Forks, runs `work` in the forked process and ends it there; returns its pid here.
pub(crate) fn fork(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the only other thread of this program waits and holds no lock (and the C library takes care of its own), so
    // the copy may do what this one may.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        set_alarm();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process, without running anything of the program that it is a copy of.
        unsafe { libc::_exit(libc::c_int::from(result.is_err())) };
    }
    pid
}

pub(crate) fn reap(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is alive; the process is our child.
    let result = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((result, status), (pid, 0), "the forked process has failed");
}
