//! Namespaces of one's own, for children: mounts that nobody else sees and that end with them, and pids that mean something else.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// What a child is to have of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// Mounts.
    Mounts,
    /// Pids: the child is the first of a new namespace, and sees the `/proc` of the old one.
    Pids,
    /// Pids, and a `/proc` that shows them.
    PidsAndProc,
}

fn last_error<T>() -> io::Result<T> {
    Err(io::Error::last_os_error())
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == -1 { last_error() } else { Ok(()) }
}

/// Writes a short text to a file that is there already.
fn write(file: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: a terminated string, alive.
    let fd = unsafe { libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    // SAFETY: `text` is alive and as long as it says.
    if unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) } == -1 {
        return last_error();
    }
    // SAFETY: ours, opened above.
    checked(unsafe { libc::close(fd) })
}

/// Enters the namespaces. Only system calls and no allocation, for it runs in a forked child of a program with threads.
fn enter(apart: Apart, maps: Option<&[(&std::ffi::CStr, String)]>) -> io::Result<()> {
    let mut flags = libc::CLONE_NEWNS;
    if apart != Apart::Mounts {
        flags |= libc::CLONE_NEWPID;
    }
    if maps.is_some() {
        flags |= libc::CLONE_NEWUSER;
    }
    // SAFETY: takes an integer.
    checked(unsafe { libc::unshare(flags) })?;
    for (file, text) in maps.unwrap_or_default() {
        write(file, text.as_bytes())?;
    }
    // No mount of ours is to be seen outside.
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let nothing = std::ptr::null();
    // SAFETY: a terminated string, alive; the other strings may be null for this change.
    checked(unsafe { libc::mount(nothing, c"/".as_ptr(), nothing, private, std::ptr::null()) })?;
    if apart == Apart::Mounts {
        return Ok(());
    }
    become_first(apart)
}

/// Forks: only a child is in the new pid namespace. The parent stays as its shepherd: it ends as the child does, and the child with it.
fn become_first(apart: Apart) -> io::Result<()> {
    // SAFETY: between here and exec only system calls are made.
    let child = unsafe { libc::fork() };
    if child == -1 {
        return last_error();
    }
    // SAFETY: takes integers.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    if child > 0 {
        // The caller of `spawn` waits until its pipe is closed, and a test for the end of the child's output.
        // SAFETY: this process uses none of them any more.
        unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
        let mut status = 0;
        // SAFETY: `status` is alive; the process is our child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        if libc::WIFSIGNALED(status) {
            // SAFETY: a signal to oneself; where it is one that does not end this process, the next line does.
            unsafe { libc::raise(libc::WTERMSIG(status)) };
        }
        // SAFETY: ends the process without running anything of it.
        unsafe { libc::_exit(libc::WEXITSTATUS(status)) };
    }
    if apart == Apart::PidsAndProc {
        let (proc, kind) = (c"/proc".as_ptr(), c"proc".as_ptr());
        // SAFETY: terminated strings, alive; the data may be null.
        checked(unsafe { libc::mount(kind, proc, kind, 0, std::ptr::null()) })?;
    }
    Ok(())
}

/// Has a command's process live in namespaces of its own, where it is root. `Err` where the machine does not allow it: then the test is
/// to be passed over, and to say so.
pub(crate) fn live_apart(command: &mut Command, apart: Apart) -> Result<(), String> {
    // SAFETY: takes nothing and cannot fail.
    let (uid, gid) = (unsafe { libc::geteuid() }, unsafe { libc::getegid() });
    let maps = vec![
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {uid} 1")),
        (c"/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    // Root may do it as it is; others, and root in a container, only in a user namespace of their own.
    let mut reasons = Vec::new();
    for maps in [None, Some(maps)] {
        let enter = move || enter(apart, maps.as_deref());
        let mut trial = Command::new("/bin/true");
        // SAFETY: only system calls, no allocation: async-signal-safe.
        unsafe { trial.pre_exec(enter.clone()) };
        match trial.status() {
            Ok(status) if status.success() => {
                // SAFETY: as above.
                unsafe { command.pre_exec(enter) };
                return Ok(());
            }
            Ok(status) => reasons.push(status.to_string()),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(format!("no namespaces here: {}", reasons.join("; ")))
}

/// In a child with mounts of its own: mounts an empty tmpfs.
pub(crate) fn mount_tmpfs(directory: &Path, options: &str) {
    let directory = CString::new(directory.to_str().expect("a path")).expect("no zero");
    let options = CString::new(options).expect("no zero");
    let kind = c"tmpfs".as_ptr();
    // SAFETY: terminated strings, alive.
    let result = unsafe { libc::mount(kind, directory.as_ptr(), kind, 0, options.as_ptr().cast()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Says that a test, or a part of one, is passed over, and why.
pub(crate) fn pass_over(what: &str, why: &str) {
    // Not by a macro: what those print is kept back where a test passes.
    use std::io::Write;
    let _ = writeln!(io::stderr(), "passed over: {what}: {why}");
}
