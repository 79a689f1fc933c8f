//! The gap between opening and entering, forced open.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;
use crate::liveness::{is_locked, set_lock};

/// A forked child that only sleeps, killed at the end.
struct Sleeper(libc::pid_t);

impl Sleeper {
    fn fork() -> Self {
        // SAFETY: the child calls nothing but `pause`, which is async-signal-safe.
        let child = unsafe { libc::fork() };
        if child == 0 {
            loop {
                // SAFETY: takes nothing.
                unsafe { libc::pause() };
            }
        }
        assert!(child > 0, "{}", io::Error::last_os_error());
        Self(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // SAFETY: our own child, not reaped yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        // SAFETY: as above; no status is asked for.
        unsafe { libc::waitpid(self.0, ptr::null_mut(), 0) };
    }
}

fn reopen(file: &File) -> io::Result<OwnedFd> {
    crate::liveness::reopen(file.as_fd())
}

/// Whether the lock on byte 0 goes away, within the time that a child may need to run its handler.
fn falls(file: &File) -> bool {
    (0..5000).any(|_| {
        thread::sleep(Duration::from_millis(1));
        !is_locked(file.as_fd(), 0).expect("an answer")
    })
}

#[test]
fn a_description_that_a_fork_may_have_copied_is_given_up() {
    let file = File::from(crate::segment::memfd_for_tests());
    let mut children = Vec::new();
    let registered = Registered::open(|| {
        let fd = reopen(&file)?;
        if children.is_empty() {
            children.push(Sleeper::fork());
        }
        Ok(fd)
    })
    .expect("the second time");
    assert!(set_lock(registered.borrow().expect("ours"), 0, libc::F_WRLCK).expect("a lock"));
    assert!(is_locked(file.as_fd(), 0).expect("an answer"));
    // As when the process is killed: closed, without unlocking. The child that was forked in the
    // gap lives on.
    drop(registered);
    assert!(falls(&file), "the child has a copy of the description that is locked");
}

#[test]
fn a_fork_after_the_entry_copies_nothing() {
    let file = File::from(crate::segment::memfd_for_tests());
    let registered = Registered::open(|| reopen(&file)).expect("a descriptor");
    assert!(set_lock(registered.borrow().expect("ours"), 0, libc::F_WRLCK).expect("a lock"));
    let _child = Sleeper::fork();
    drop(registered);
    assert!(falls(&file), "the child has a copy of the description");
}

#[test]
fn nothing_is_opened_while_a_fork_is_under_way() {
    let file = File::from(crate::segment::memfd_for_tests());
    let opened = AtomicUsize::new(0);
    thread::scope(|scope| {
        before_fork();
        let opening = scope.spawn(|| {
            Registered::open(|| {
                opened.fetch_add(1, Ordering::SeqCst);
                reopen(&file)
            })
        });
        thread::sleep(Duration::from_millis(50));
        let early = opened.load(Ordering::SeqCst);
        in_parent();
        opening.join().expect("no panic").expect("once the fork is over");
        assert_eq!(early, 0);
        assert!(opened.load(Ordering::SeqCst) > 0);
    });
}

#[test]
fn slots_are_used_again() {
    let file = File::from(crate::segment::memfd_for_tests());
    drop((0..20).map(|_| Registered::open(|| reopen(&file)).expect("a descriptor")).collect::<Vec<_>>());
    let before = slots().count();
    for _ in 0..1000 {
        drop(Registered::open(|| reopen(&file)).expect("a descriptor"));
    }
    // Other tests run meanwhile and need a few themselves.
    assert!(slots().count() < before + 500, "{} slots after {before}", slots().count());
}
