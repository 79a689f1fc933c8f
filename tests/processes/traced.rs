//! Children that are traced: stopped at will, at a system call or after every instruction.

use crate::child::{Running, tell};

/// A child with a thread that this one traces. The test harness runs a task in a thread of its own, and it is threads that
/// are traced.
pub(crate) struct Traced {
    pub(crate) child: Running,
    pub(crate) thread: libc::pid_t,
    pub(crate) stepping: bool,
}

impl Traced {
    /// A child whose task calls [`begin`].
    pub(crate) fn start(child: Running) -> Self {
        let mut traced = Self { child, thread: 0, stepping: false };
        traced.thread = traced.child.hear().parse().expect("a thread");
        traced.stepping = true;
        traced
    }

    pub(crate) fn thread(&self) -> libc::pid_t {
        self.thread
    }

    /// Waits for a stop by this signal, or by the SIGSTOP that ends the operation; says by which.
    pub(crate) fn wait_for_stop(&self, signal: libc::c_int) -> libc::c_int {
        let mut status = 0;
        // SAFETY: `status` is alive and writable.
        let result = unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
        assert_eq!(result, self.thread);
        assert!(libc::WIFSTOPPED(status), "the child ended: {status:#x}");
        // Stops at system calls bear a mark, by the option that `watch_calls` sets.
        let found = libc::WSTOPSIG(status) & !0x80;
        assert!(found == signal || found == libc::SIGSTOP, "stopped by signal {found}");
        found
    }

    /// Has the kernel tell stops at system calls from others.
    pub(crate) fn watch_calls(&self) {
        let options = libc::PTRACE_O_TRACESYSGOOD;
        // SAFETY: takes integers; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, self.thread, 0, options) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Lets it go on to the next stop of this kind, or to the end of the operation.
    pub(crate) fn go_on(&self, request: libc::c_uint) -> libc::c_int {
        // SAFETY: such requests take no pointers; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(request, self.thread, 0, 0) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        self.wait_for_stop(libc::SIGTRAP)
    }

    /// Lets it run to its end by itself, which has to be a good one.
    pub(crate) fn finish(mut self) {
        // SAFETY: the request takes no pointers; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.thread, 0, 0) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        self.stepping = false;
        assert_eq!(self.child.code(), Some(0), "the child failed");
    }
}

impl Drop for Traced {
    /// A process cannot be reaped before its tracer has reaped the thread that it traces.
    fn drop(&mut self) {
        if self.stepping {
            self.child.signal(libc::SIGKILL);
            // SAFETY: the place for the status may be null; the thread is traced by this one.
            while unsafe { libc::waitpid(self.thread, std::ptr::null_mut(), libc::__WALL) } == self.thread {}
        }
    }
}

/// In a child: from here on the parent decides, up to the next [`stop_here`].
pub(crate) fn begin() {
    // SAFETY: takes no pointers; the parent traces this thread from now on.
    let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: takes nothing and cannot fail.
    tell(unsafe { libc::gettid() });
    stop_here();
}

pub(crate) fn stop_here() {
    // SAFETY: a signal to oneself.
    unsafe { libc::raise(libc::SIGSTOP) };
}
