//! The death of one participant among others of the same process.
//!
//! What others see of a death is that the kernel has dropped the lock on the role, while the words in the segment stay as they
//! were. So the lock is taken away from a handle, through a copy of its descriptor; the handle itself, from then on a corpse,
//! must not be used any more, nor dropped before the ring has served its time, for dropping it would give the role back.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use rondel::segment::Segment;

/// No process of the tests has a descriptor beyond this.
const HIGHEST: RawFd = 1 << 14;

/// Takes the role with this number away from whoever holds it in this process.
///
/// # Panics
///
/// If nobody holds it in this process.
pub fn strike(segment: &Segment, role: u64) {
    let parts = segment.try_clone_fds().expect("descriptors");
    // Of two parts the one that all may write has the locks.
    let locked = parts.control.unwrap_or(parts.segment);
    let segment = locked.as_fd();
    let file = identity(segment.as_raw_fd()).expect("a segment's file");
    let holds = |&fd: &RawFd| identity(fd) == Some(file) && fd != segment.as_raw_fd() && lets_go(fd, segment, role);
    // The lowest free number: those of the handles are near it, whatever else is open.
    let free = segment.try_clone_to_owned().expect("a descriptor").as_raw_fd();
    let found = (0..free).rev().chain(free + 1..HIGHEST).find(holds);
    assert!(found.is_some(), "nobody of this process holds role {role}");
}

/// Device and inode, if that is an open file.
fn identity(fd: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to `stat` at most; a number that is no descriptor's is an error.
    let result = unsafe { libc::fstat(fd, stat.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: the call has succeeded, so it has filled it.
    let stat = unsafe { stat.assume_init() };
    Some((stat.st_dev, stat.st_ino))
}

/// Unlocks the role through this descriptor: true if the lock was this one's.
fn lets_go(fd: RawFd, segment: BorrowedFd<'_>, role: u64) -> bool {
    let held = |by: RawFd| lock(by, libc::F_OFD_GETLK, libc::F_WRLCK, role) != libc::F_UNLCK as libc::c_short;
    // The segment's own description holds no lock and sees all; the holder's does not see its own.
    if !held(segment.as_raw_fd()) || held(fd) {
        return false;
    }
    lock(fd, libc::F_OFD_SETLK, libc::F_UNLCK, role);
    !held(segment.as_raw_fd())
}

/// A question or a demand about one byte's lock; answers with the lock's type.
fn lock(fd: RawFd, command: libc::c_int, kind: libc::c_int, role: u64) -> libc::c_short {
    // SAFETY: a record of integers, for which all bytes zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = role as libc::off_t;
    lock.l_len = 1;
    // SAFETY: the call reads and writes `lock`, which outlives it.
    let result = unsafe { libc::fcntl(fd, command, &raw mut lock) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    lock.l_type
}
