//! What an agent does to itself: other users, forks, other programs, signals, crashes.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::child::tell;
use crate::forking::fork;

/// Panics with the kernel's word if a call has failed.
#[track_caller]
pub(crate) fn succeeded(result: libc::c_int) {
    assert_ne!(result, -1, "{}", std::io::Error::last_os_error());
}

/// In an agent: changes its circumstances. `None` where it has answered already.
pub(crate) fn change(words: &[&str]) -> Option<String> {
    match *words {
        ["become", user] => become_user(user.parse().expect("a user")),
        ["fork"] => {
            let forked = fork(sleep_for_ever);
            return Some(forked.to_string());
        }
        ["spawn"] => return Some(spawn_and_forget().to_string()),
        // As a daemon does it: the child goes on in a session of its own, forks once more, and both parents leave.
        ["daemonise"] => return daemonise(),
        ["execute-another"] => {
            tell("ok");
            panic!("{}", Command::new("sleep").arg("120").exec());
        }
        // As programs do that want to be tidy, and know nothing of what their libraries have open.
        ["close-all"] => {
            // SAFETY: takes integers. The descriptors are other code's, which has to cope: that is the test.
            let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
            assert_eq!(result, 0);
        }
        ["storm", flags] => storm(if flags == "restarting" { libc::SA_RESTART } else { 0 }),
        ["storm-hits"] => return Some(HITS.load(Ordering::Relaxed).to_string()),
        ["lose-leader"] => lose_leader(),
        ["crash", mebibytes, directory] => crash(mebibytes.parse().expect("a size"), directory),
        _ => panic!("cannot {words:?}"),
    }
    Some("ok".to_owned())
}

/// A program that outlives this one; the test ends it.
fn spawn_and_forget() -> u32 {
    Command::new("sleep").arg("120").spawn().expect("starts").id()
}

pub(crate) fn sleep_for_ever() {
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

fn become_user(user: u32) {
    // SAFETY: takes integers and, for an empty list, no memory.
    succeeded(unsafe { libc::setgroups(0, std::ptr::null()) });
    // SAFETY: takes an integer.
    succeeded(unsafe { libc::setgid(user) });
    // SAFETY: takes an integer. The C library has all threads follow.
    succeeded(unsafe { libc::setuid(user) });
    // A change of user has taken this away, and nothing is to be left of a test.
    crate::child::end_with_the_parent();
}

fn daemonise() -> Option<String> {
    let parent = std::process::id();
    // SAFETY: the only other thread of this program waits and holds no lock.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: takes nothing.
            succeeded(unsafe { libc::setsid() });
            // SAFETY: as above.
            match unsafe { libc::fork() } {
                0 => {
                    crate::child::set_alarm();
                    Some(format!("{} was {parent}", std::process::id()))
                }
                // SAFETY: ends the process, without running anything of the program that it is a copy of.
                _ => unsafe { libc::_exit(0) },
            }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` is alive; the process is our child.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            // SAFETY: ends the process: the daemon has gone on without it.
            unsafe { libc::_exit(0) }
        }
    }
}

static HITS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    HITS.fetch_add(1, Ordering::Relaxed);
}

fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int), flags: libc::c_int) {
    // SAFETY: `sigaction` consists of integers and a pointer that may be null.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_flags = flags;
    action.sa_sigaction = handler as *const () as usize;
    // SAFETY: the handlers in this file have the signature that is called without SA_SIGINFO, and do only what is async-signal-safe.
    succeeded(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) });
}

/// Signals for the calling thread, several a millisecond, for as long as the process lives.
fn storm(flags: libc::c_int) {
    handle(libc::SIGUSR2, count, flags);
    // SAFETY: takes nothing and cannot fail.
    let target = unsafe { libc::pthread_self() };
    thread::spawn(move || {
        loop {
            // SAFETY: the thread is the agent's, which lives until the process ends.
            unsafe { libc::pthread_kill(target, libc::SIGUSR2) };
            thread::sleep(Duration::from_micros(100));
        }
    });
}

extern "C" fn leave_thread(_: libc::c_int) {
    // SAFETY: ends the thread that it is called in, and nothing of it is run any more: it is the harness's, which waits.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Has the first thread of the process end, while this one goes on.
fn lose_leader() {
    let process = std::process::id() as libc::pid_t;
    // SAFETY: takes nothing and cannot fail.
    assert_ne!(unsafe { libc::gettid() }, process, "the harness runs tasks in a thread of their own");
    handle(libc::SIGUSR1, leave_thread, 0);
    // SAFETY: takes integers; the thread is the process's first.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, process, libc::SIGUSR1) };
    assert_eq!(sent, 0);
}

fn limit_of_core() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is alive.
    succeeded(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) });
    limit
}

pub(crate) fn dump_no_core() {
    let limit = libc::rlimit { rlim_cur: 0, ..limit_of_core() };
    // SAFETY: `limit` is alive.
    succeeded(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) });
}

/// Ends by a signal that dumps the memory, with so much of it in use, to a directory.
fn crash(mebibytes: usize, directory: &str) {
    std::env::set_current_dir(directory).expect("the directory");
    let limit = limit_of_core();
    let limit = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: `limit` is alive.
    succeeded(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) });
    // Not zeros, lest the dump have holes.
    let memory = std::hint::black_box(vec![0x5a_u8; mebibytes << 20]);
    tell("ok");
    std::hint::black_box(&memory);
    // SAFETY: takes nothing; ends the process.
    unsafe { libc::abort() };
}
