//! Who is alive: what the kernel says, through locks that fall with their holder.
//!
//! A participant takes its role by an *open-file-description lock* (`F_OFD_SETLK`) on one byte of
//! the segment's file, the byte whose offset is the role's number, through an open file description
//! of its own. The kernel drops the lock when the last reference to that description is gone: when
//! the process has ended, however it ended, and never while it is merely stopped. Whoever wonders
//! asks with `F_OFD_GETLK`. There is no heartbeat and no time-out, so nothing is ever declared dead
//! for being slow.
//!
//! POSIX record locks (`F_SETLK`) would not do: they fall as soon as *any* descriptor of the file
//! is closed in the process. For a description of its own, a role reopens the file through
//! `/proc/self/fd`; that works on a memfd and on a file that has lost its name. The locks are on
//! bytes of the *file*, and neither read nor write them.
//!
//! # Fork
//!
//! A description that a forked child inherits is shared with its parent, and its locks last until
//! both have gone. The parent's death could not be seen while the child lives. So each description
//! is entered in a [`registry`], and a handler that runs in every forked child closes the child's
//! references at once. The role stays with the parent; the child's copy of the handle has lost it
//! ([`RoleLock::is_lost`]).
//!
//! A process that is made by a bare `clone` system call runs no handlers. Its copies keep the
//! parent's roles taken until it, too, has ended or called `exec`. That errs towards "alive", and
//! never towards two holders.
//!
//! # Other ends, and other numbers
//!
//! The descriptors of a process are closed on the way to its end, before anybody is told of that: a zombie has none. A process whose
//! first thread has ended has them still, and lives; so has one whose memory is being dumped, until the last page is written. `exec`
//! closes them. Pids play no part, so that a pid namespace changes nothing. Where the question is refused, by a filter of system calls,
//! nobody is declared dead; who is refused it to begin with gets no role.

mod registry;

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use self::registry::Registered;
use crate::error::SegmentError;
use crate::process::ProcessId;
use crate::segment::Place;

pub(crate) use self::registry::watch_forks;

/// What is tried when the kernel is asked whether a lock is held, for error messages.
pub(crate) const ASK: &str = "ask who holds a role of";

/// A role that this process holds, until the value is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct RoleLock {
    description: Registered,
    role: u64,
    /// The process that took the role; see `drop`.
    process: ProcessId,
}

impl RoleLock {
    /// Takes the role with this number; `None` if it is taken. Does not wait.
    ///
    /// Two locks that are taken through the same process exclude each other like those of two
    /// processes, because each has a description of its own.
    ///
    /// # Errors
    /// [`SegmentError::DescriptorLimit`] where the process or the system has no descriptor left;
    /// [`SegmentError::Io`] where `/proc` is missing (or is that of a pid namespace in which this process does not exist), the
    /// file may not be opened again for writing, its file system has no locks, or a filter of system calls refuses to take one or
    /// to ask for one.
    pub(crate) fn acquire(file: BorrowedFd<'_>, role: u64) -> Result<Option<Self>, SegmentError> {
        let failed = |op, source| SegmentError::io(op, &Place::anonymous(), source);
        let description =
            Registered::open(|| reopen(file)).map_err(|source| failed("reopen, to lock a role,", source))?;
        let fd = description.borrow().ok_or_else(|| failed("lock a role of", lost()))?;
        // Asked for its own sake: where the question is refused, by a filter of system calls, nobody's death would ever be noticed.
        is_locked(fd, role).map_err(|source| failed(ASK, source))?;
        let process =
            ProcessId::this().map_err(|source| failed("tell apart from forked ones a process that locks", source))?;
        match set_lock(fd, role, libc::F_WRLCK) {
            Ok(true) => Ok(Some(Self { description, role, process })),
            Ok(false) => Ok(None),
            Err(source) => Err(failed("lock a role of", source)),
        }
    }

    /// Whether somebody else holds the role with this number: another process, or another lock of
    /// this one.
    ///
    /// Does not see the lock that it is called on: asked for the own role it says `false`.
    ///
    /// # Errors
    /// `EBADF` if this lock is lost ([`is_lost`](Self::is_lost)); otherwise what the kernel says.
    pub(crate) fn other_is_held(&self, role: u64) -> io::Result<bool> {
        is_locked(self.description.borrow().ok_or_else(lost)?, role)
    }

    /// Whether this is a copy that fork made: the role is the parent's, and this process does not
    /// hold it.
    pub(crate) fn is_lost(&self) -> bool {
        self.description.borrow().is_none()
    }
}

impl Drop for RoleLock {
    /// Gives the role back at once, also where a copy of the description has escaped into a child.
    fn drop(&mut self) {
        // In a process made by a bare `clone` the description is the parent's as well, and so is
        // the role: not ours to give back. Everywhere else closing would do, but for a child that
        // another thread forks during the close.
        if !self.process.is_this() {
            return;
        }
        if let Some(fd) = self.description.borrow() {
            // Cannot fail on a description that has taken a lock; if it did, the close that follows
            // does the same.
            let _ = set_lock(fd, self.role, libc::F_UNLCK);
        }
    }
}

fn lost() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}

/// Opens the same file again, for a description of its own.
fn reopen(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .map(OwnedFd::from)
}

/// A lock of the type, or the question for one, on the byte `role`.
fn byte_lock(role: u64, kind: libc::c_int) -> io::Result<libc::flock> {
    let start = libc::off_t::try_from(role).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: `flock` consists of integers, for which all bytes zero is a value. (It has private
    // padding on some targets, so it cannot be written as a literal; and l_pid has to be zero for
    // this kind of lock.)
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start;
    lock.l_len = 1;
    Ok(lock)
}

/// Locks the byte, or unlocks it; `false` if somebody else has it.
fn set_lock(fd: BorrowedFd<'_>, role: u64, kind: libc::c_int) -> io::Result<bool> {
    let lock = byte_lock(role, kind)?;
    loop {
        // SAFETY: the call reads `lock`, which outlives it; the borrow keeps the descriptor open.
        let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &lock) };
        if result != -1 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            Some(libc::EINTR) => {}
            _ => return Err(error),
        }
    }
}

/// Whether a lock on the byte is held through another description than this one. Takes no lock, and
/// needs no right to write.
pub(crate) fn is_locked(fd: BorrowedFd<'_>, role: u64) -> io::Result<bool> {
    let mut lock = byte_lock(role, libc::F_WRLCK)?;
    // SAFETY: the call reads and writes `lock`, which outlives it; the borrow keeps the descriptor
    // open.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_GETLK, &mut lock) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

#[cfg(test)]
mod tests;
