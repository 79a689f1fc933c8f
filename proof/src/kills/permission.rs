//! Whether the machine lets a process be stepped.

use std::io;

use super::victim::{fork, pause, wait};

/// Tries it on a process that does nothing.
///
/// # Errors
/// What is refused. Sandboxes do (seccomp), and a system whose administrator has forbidden it (`kernel.yama.ptrace_scope` 3).
pub(super) fn ask() -> Result<(), String> {
    let pid = fork(|| {
        // SAFETY: takes no pointers; the parent traces this thread from now on.
        let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        if result != 0 {
            let error = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            // SAFETY: ends the process; nothing of the parent's is run or dropped here.
            unsafe { libc::_exit(error) };
        }
        pause();
    });
    let status = wait(pid);
    if libc::WIFEXITED(status) {
        let error = io::Error::from_raw_os_error(libc::WEXITSTATUS(status));
        return Err(format!("ptrace(2) is refused: {error}"));
    }
    if libc::WIFSIGNALED(status) {
        return Err(format!("a process that asks for ptrace(2) is ended by signal {}", libc::WTERMSIG(status)));
    }
    // SAFETY: takes no pointers for this request; the child is ours, traced and stopped.
    let result = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, pid, 0, 0) };
    let error = io::Error::last_os_error();
    let stepped = result == 0 && libc::WIFSTOPPED(wait(pid));
    // SAFETY: takes integers; the child is not reaped yet, so that the number is still its own.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    while libc::WIFSTOPPED(wait(pid)) {}
    if stepped { Ok(()) } else { Err(format!("a process cannot be stepped: {error}")) }
}
