//! Creators that are killed: at random moments, and before and after each of their system calls.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rondel::SegmentError;

use crate::child::{Running, command, tell};
use crate::common::{Directory, builder};

/// The name is free or a whole segment, nothing else is in the directory, and the name can be used
/// at once.
fn assert_usable(directory: &Directory, when: &str) {
    let path = directory.file("ring");
    match builder().attach(&path) {
        Ok(ring) => ring.unlink().expect("unlinks"),
        Err(SegmentError::NotFound { .. }) => {}
        Err(error) => panic!("{when}: {error:?}"),
    }
    // What a killed `unlink` has moved aside is the one thing that may be left; it is not the name.
    let left: Vec<_> = directory.names().into_iter().filter(|name| !name.starts_with(".rondel-old.")).collect();
    assert_eq!(left, [""; 0], "{when}");
    let ring = builder().create(&path).unwrap_or_else(|error| panic!("{when}: {error:?}"));
    ring.unlink().expect("unlinks");
}

#[test]
fn at_random_moments() {
    let directory = Directory::new("killed-random");
    let mut whole = 0;
    for round in 0..60_u64 {
        let mut child = Running::start(command("create-for-ever", directory.file("ring")));
        assert_eq!(child.hear(), "ready");
        // Spread over some tens of creations, in steps that share no factor with their duration.
        thread::sleep(Duration::from_micros(round * 37 % 1500));
        child.kill();
        whole += u32::from(directory.file("ring").exists());
        assert_usable(&directory, &format!("round {round}"));
    }
    println!("{whole} of 60 kills found a whole segment under the name");
}

pub(crate) fn child_create_for_ever(path: &Path) {
    tell("ready");
    loop {
        let ring = builder().create(path).expect("a ring");
        ring.unlink().expect("unlinks");
    }
}

/// Stops the child at the N-th system call of a creation, on its way in or out, and kills it there;
/// for every N.
#[test]
fn at_every_system_call() {
    let directory = Directory::new("killed-syscall");
    let mut stops = 0;
    while let Killed::AtStop = kill_at_stop(&directory, stops) {
        assert_usable(&directory, &format!("stop {stops}"));
        stops += 1;
    }
    // open, fchmod, getrlimit, ftruncate, fallocate, mmap and linkat are the least that it takes;
    // each stops twice.
    assert!(stops >= 14, "only {stops} stops: were system calls traced at all?");
    let ring = builder().attach(directory.file("ring")).expect("the last one was not interrupted");
    drop(ring);
}

enum Killed {
    AtStop,
    Afterwards,
}

/// Runs a creation between two SIGSTOPs that the child sends to itself, and kills it after so many
/// system call stops.
///
/// Only the child's thread that creates is traced; the others belong to the test harness.
fn kill_at_stop(directory: &Directory, stops: usize) -> Killed {
    let mut child = Running::start(command("create-once", directory.file("ring")));
    let thread: libc::pid_t = child.hear().parse().expect("a thread's number");
    assert_eq!(wait_for_stop(thread), Some(libc::SIGSTOP), "the first of the two");
    let mut killed = Killed::AtStop;
    for _ in 0..=stops {
        go_on(thread);
        match wait_for_stop(thread) {
            Some(libc::SIGTRAP) => {}
            Some(libc::SIGSTOP) => {
                killed = Killed::Afterwards;
                break;
            }
            other => panic!("stopped by {other:?}"),
        }
    }
    child.signal(libc::SIGKILL);
    // A traced thread stays until its tracer has seen its end, and its process with it.
    assert_eq!(wait_for_stop(thread), None);
    child.kill();
    killed
}

/// Waits until a traced thread stops; the signal that stopped it, or `None` if it has ended.
fn wait_for_stop(thread: libc::pid_t) -> Option<libc::c_int> {
    let mut status = 0;
    // SAFETY: `status` is alive and writable.
    let result = unsafe { libc::waitpid(thread, &mut status, libc::__WALL) };
    assert_eq!(result, thread, "{}", std::io::Error::last_os_error());
    libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
}

/// Lets a stopped thread go on to where its next system call begins, or the one that it is in ends.
fn go_on(thread: libc::pid_t) {
    // SAFETY: takes no pointers for this request; the thread is ours, traced and stopped.
    let result = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

pub(crate) fn child_create_once(path: &Path) {
    // SAFETY: takes nothing and cannot fail.
    let thread = unsafe { libc::gettid() };
    // SAFETY: takes no pointers.
    let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    tell(thread);
    let stop = || {
        // SAFETY: a signal to oneself.
        unsafe { libc::raise(libc::SIGSTOP) };
    };
    stop();
    let ring = builder().create(path);
    stop();
    drop(ring.expect("a ring"));
}
