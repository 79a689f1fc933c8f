//! Forks are tested with real processes in `tests/`; here is what one process can see.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;

use super::*;

fn file() -> File {
    File::from(crate::segment::memfd_for_tests())
}

#[test]
fn a_lock_is_seen_from_outside_and_falls_with_its_value() {
    let file = file();
    let lock = RoleLock::acquire(file.as_fd(), 7).expect("a lock").expect("free");
    assert!(is_locked(file.as_fd(), 7).expect("an answer"));
    assert!(!is_locked(file.as_fd(), 6).expect("an answer"));
    assert!(!lock.is_lost());
    drop(lock);
    assert!(!is_locked(file.as_fd(), 7).expect("an answer"));
}

/// The one thing that POSIX record locks get wrong.
#[test]
fn closing_another_descriptor_of_the_file_drops_nothing() {
    let file = file();
    let _lock = RoleLock::acquire(file.as_fd(), 0).expect("a lock").expect("free");
    drop(reopen(file.as_fd()).expect("another description"));
    drop(file.try_clone().expect("another descriptor"));
    assert!(is_locked(file.as_fd(), 0).expect("an answer"));
}

#[test]
fn one_of_many_threads_gets_the_role() {
    let file = file();
    for _ in 0..50 {
        let locks: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| RoleLock::acquire(file.as_fd(), 3).expect("an answer"))).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(locks.len(), 1);
    }
}

#[test]
fn a_read_only_description_can_ask_but_not_take() {
    let file = file();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let reader = File::open(path).expect("opens again");
    let lock = RoleLock::acquire(reader.as_fd(), 1).expect("reopened for writing").expect("free");
    assert!(is_locked(reader.as_fd(), 1).expect("an answer"));
    drop(lock);
    let refused = set_lock(reader.as_fd(), 1, libc::F_WRLCK).expect_err("no right to write");
    assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
}

/// A process made by a bare `clone` runs no handlers and keeps a copy of the description.
#[test]
fn dropping_gives_the_role_back_even_if_a_copy_has_escaped() {
    let file = file();
    let lock = RoleLock::acquire(file.as_fd(), 2).expect("a lock").expect("free");
    // SAFETY: without flags it is a fork; the child calls nothing but `pause`.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if child == 0 {
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    assert!(child > 0, "{}", io::Error::last_os_error());
    drop(lock);
    let locked = is_locked(file.as_fd(), 2);
    let child = libc::pid_t::try_from(child).expect("a pid");
    // SAFETY: our own child, not reaped yet.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above; no status is asked for.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    assert!(!locked.expect("an answer"));
}
