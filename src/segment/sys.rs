//! The system calls that the standard library does not wrap, each as a safe function that returns
//! `io::Result`.
//!
//! Nothing here decides anything. What std does offer (open, fstat, fchmod, ftruncate, pread) is
//! used from std.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Turns the -1 of a system call into the error it stands for.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Repeats a call for as long as a signal interrupts it.
///
/// Only for calls that make progress or finish at once: each repetition needs another signal.
fn uninterrupted(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
    loop {
        match checked(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A path as the kernel takes it.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    c_string(path.as_os_str())
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// The effective user id of the process.
pub(super) fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}

/// The soft limit of a resource; `u64::MAX` where it is unlimited or cannot be read.
#[allow(clippy::useless_conversion, reason = "rlim_t is narrower on some targets")]
pub(crate) fn soft_limit(resource: Resource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let resource = match resource {
        Resource::LockedMemory => libc::RLIMIT_MEMLOCK,
        Resource::FileSize => libc::RLIMIT_FSIZE,
        Resource::AddressSpace => libc::RLIMIT_AS,
    };
    // SAFETY: `limit` is a valid rlimit that outlives the call, the only memory the call writes.
    let result = unsafe { libc::getrlimit(resource, &mut limit) };
    if result == -1 || limit.rlim_cur == libc::RLIM_INFINITY { u64::MAX } else { u64::from(limit.rlim_cur) }
}

/// The resource limits that this crate reports. (libc's own type for them differs between C
/// libraries.)
#[derive(Clone, Copy)]
pub(crate) enum Resource {
    /// `RLIMIT_MEMLOCK`
    LockedMemory,
    /// `RLIMIT_FSIZE`
    FileSize,
    /// `RLIMIT_AS`
    AddressSpace,
}

/// Bytes that a file of this descriptor's file system can still be given, as far as can be told: what the file system has
/// free, and for one in memory (tmpfs, memfd) also what the system has available. `u64::MAX` where neither is known.
///
/// An estimate, to refuse what cannot succeed: without it, an allocation that is too large for a file system without a limit
/// of its own would go on until the system kills processes for their memory.
pub(super) fn room(fd: BorrowedFd<'_>) -> u64 {
    // SAFETY: `statfs` consists of integers and arrays of them, for which all bytes zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `status` outlives the call, which writes nothing else; the borrow keeps the descriptor open.
    if unsafe { libc::fstatfs(fd.as_raw_fd(), &mut status) } == -1 {
        return u64::MAX;
    }
    // A memfd's file system has no limit, and says so by having no blocks at all.
    let free = match status.f_blocks {
        0 => u64::MAX,
        _ => (status.f_bavail as u64).saturating_mul(status.f_bsize as u64),
    };
    let in_memory = status.f_type as u64 == libc::TMPFS_MAGIC as u64;
    if in_memory { free.min(available_memory().unwrap_or(u64::MAX)) } else { free }
}

/// Memory and swap that the system can give without taking it from anybody, in bytes: proc_meminfo(5).
fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok()
    };
    let sum = kibibytes("MemAvailable:")?.saturating_add(kibibytes("SwapFree:").unwrap_or(0));
    Some(sum.saturating_mul(1024))
}

/// Allocates every page or block of the first `len` bytes, so that a later store cannot run out of
/// room.
///
/// Works in pieces: tmpfs gives back what an interrupted call has allocated, so one call for a
/// large ring could be interrupted by a periodic timer for ever. A piece that is done stays done.
pub(super) fn allocate(fd: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    const PIECE: u64 = 32 << 20;
    let mut start = 0;
    while start < len {
        let piece = PIECE.min(len - start);
        let (offset, length) = match (libc::off_t::try_from(start), libc::off_t::try_from(piece)) {
            (Ok(offset), Ok(length)) => (offset, length),
            _ => return Err(io::Error::from_raw_os_error(libc::EFBIG)),
        };
        uninterrupted(|| {
            // SAFETY: fallocate takes a descriptor, which the borrow keeps open, and integers; it
            // touches no memory.
            unsafe { libc::fallocate(fd.as_raw_fd(), 0, offset, length) }
        })?;
        start += piece;
    }
    Ok(())
}

/// A new anonymous file in memory.
pub(super) fn memfd_create(name: &CStr, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: `name` is a terminated string that outlives the call, which only reads it.
    let fd = checked(unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
    // SAFETY: the call succeeded, so `fd` is open, and nobody else knows of it yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The seals of a file; `EINVAL` where its file system knows no seals.
pub(super) fn seals(fd: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: F_GET_SEALS takes no argument and touches no memory; the borrow keeps the descriptor
    // open.
    let seals = checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) })?;
    Ok(u32::try_from(seals).unwrap_or(0))
}

/// Adds seals to a file.
pub(super) fn add_seals(fd: BorrowedFd<'_>, seals: libc::c_int) -> io::Result<()> {
    // SAFETY: F_ADD_SEALS takes an integer and touches no memory; the borrow keeps the descriptor
    // open.
    checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}

/// Gives a nameless file its name. Fails with `EEXIST` where the name is in use, whatever uses it.
pub(super) fn link_open_file(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let target = c_path(path)?;
    let source = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: both strings are terminated and outlive the call, which only reads them.
    let result = checked(unsafe {
        libc::linkat(libc::AT_FDCWD, source.as_ptr(), libc::AT_FDCWD, target.as_ptr(), libc::AT_SYMLINK_FOLLOW)
    });
    match result {
        // Without /proc, the descriptor can be named directly. Older kernels ask for a privilege
        // for that, which is why it is not the first thing to try.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            // SAFETY: as above; the empty path and AT_EMPTY_PATH make the call link the descriptor
            // itself.
            checked(unsafe {
                libc::linkat(fd.as_raw_fd(), c"".as_ptr(), libc::AT_FDCWD, target.as_ptr(), libc::AT_EMPTY_PATH)
            })
        }
        result => result,
    }
    .map(drop)
}

/// Renames a file, and fails with `EEXIST` rather than replace anything.
pub(super) fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    let from = c_path(from)?;
    let to = c_path(to)?;
    // SAFETY: both strings are terminated and outlive the call, which only reads them. The call is
    // made by number because not every C library that Rust supports has a wrapper.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A second number for the same open file description, at least `least`, closed on exec.
pub(super) fn duplicate(fd: BorrowedFd<'_>, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes an integer and touches no memory; the borrow keeps the
    // descriptor open.
    let copy = checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the call succeeded, so `copy` is open, and nobody else knows of it yet.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Whether the number is open and is closed on exec; `EBADF` where it is not open. Takes any
/// number.
pub(super) fn closes_on_exec(fd: RawFd) -> io::Result<bool> {
    // SAFETY: F_GETFD takes no argument and touches no memory; a number that is not open is
    // reported as EBADF.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    Ok(flags & libc::FD_CLOEXEC != 0)
}

/// Says whether the number is closed on exec. Takes any number; async-signal-safe.
pub(super) fn set_closes_on_exec(fd: RawFd, closes: bool) -> io::Result<()> {
    let flags = if closes { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: F_SETFD takes an integer and touches no memory; a number that is not open is reported
    // as EBADF.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) }).map(drop)
}

/// Device and inode of whatever is open at the number; `EBADF` where nothing is. Takes any number.
#[allow(clippy::useless_conversion, reason = "dev_t and ino_t are narrower on some targets")]
pub(super) fn identity(fd: RawFd) -> io::Result<(u64, u64)> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` has room for what the call writes; a number that is not open is reported as
    // EBADF.
    checked(unsafe { libc::fstat(fd, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has filled all of `stat`.
    let stat = unsafe { stat.assume_init() };
    Ok((u64::from(stat.st_dev), u64::from(stat.st_ino)))
}
