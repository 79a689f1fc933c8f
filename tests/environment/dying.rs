//! Processes that end in odd ways: not reaped, without their first thread, while their memory is dumped. Alive is who may still run; dead is
//! who has left its descriptors behind, and nobody need have taken notice of its end.

use std::fs;
use std::time::{Duration, Instant};

use crate::agent::{Agent, NEVER};
use crate::apart::pass_over;
use crate::rings::{Answer, KINDS, Kind};
use crate::scratch::{Directory, ring_path, wait_until};

/// Waits for the end of an agent without reaping it.
fn wait_for_zombie(agent: &Agent) {
    // SAFETY: a record of integers and an address that nobody follows, for which all zeros is a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOWAIT;
    // SAFETY: `info` is alive; the process is our child.
    let result = unsafe { libc::waitid(libc::P_PID, agent.pid() as libc::id_t, &raw mut info, flags) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    assert_eq!(state_of(agent.pid()), 'Z');
}

/// The state of a process: the letter after its name.
fn state_of(pid: libc::pid_t) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it exists");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    rest.trim_start().chars().next().expect("a letter")
}

/// Not a moment later: when the kernel says that a process has ended, its role is free.
#[test]
fn a_zombie_is_dead_at_once() {
    for kind in KINDS {
        let directory = Directory::new(&format!("dying-zombie-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        for _ in 0..5 {
            let mut producer = Agent::start(kind, directory.path());
            producer.does("attach").does("producer");
            producer.0.signal(libc::SIGKILL);
            wait_for_zombie(&producer);
            // Nothing is waited for here: the first attempt succeeds.
            let mut successor = ring.producer().expect("a zombie has nothing");
            let mut rx = ring.consumer().expect("free");
            assert_eq!(successor.push(1, NEVER), Answer::Pushed);
            assert_eq!(rx.pop(NEVER), Answer::Popped(1));
            drop(successor);
            // A zombie that the survivor asks after, while it is one.
            let mut second = Agent::start(kind, directory.path());
            second.does("attach").does("producer");
            second.0.signal(libc::SIGKILL);
            wait_for_zombie(&second);
            assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}");
        }
    }
}

/// To others such a process looks like a zombie, by its state; but it lives.
#[test]
fn a_process_without_its_first_thread_is_alive() {
    for kind in KINDS {
        let directory = Directory::new(&format!("dying-leader-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut rx = ring.consumer().expect("free");
        let mut producer = Agent::start(kind, directory.path());
        producer.does("attach").does("producer").does("lose-leader");
        wait_until("the first thread to end", || state_of(producer.pid()) == 'Z');
        assert_eq!(rx.pop(Duration::from_millis(120)), Answer::Timeout, "{kind:?}");
        if kind != Kind::Mpmc {
            ring.producer().map(drop).expect_err("it has the role");
        }
        producer.pushes(7);
        assert_eq!(rx.pop(NEVER), Answer::Popped(7));
        producer.kill();
        assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}");
    }
}

const DUMPED_MEBIBYTES: usize = 48;

/// Whose memory is being dumped still has its descriptors, and so its role: the kernel gives neither away before it has written the last
/// page. To a survivor it is alive and silent; it is dead at the end of the dump.
#[test]
fn a_process_is_dead_when_its_dump_is_written() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    if pattern.is_empty() || pattern.starts_with(['|', '@']) || pattern.contains('/') {
        return pass_over("core dumps", &format!("they do not go to the current directory here, but to {pattern:?}"));
    }
    let directory = Directory::new("dying-dump");
    let ring = Kind::Spsc.create(&ring_path(directory.path())).expect("a ring");
    let mut rx = ring.consumer().expect("free");
    let mut producer = Agent::start(Kind::Spsc, directory.path());
    producer.does("attach").does("producer").pushes(1);
    let dumps = directory.path().join("dumps");
    fs::create_dir(&dumps).expect("a directory");
    let begin = Instant::now();
    let seen = || {
        let entries = fs::read_dir(&dumps).expect("the directory");
        entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum::<u64>()
    };
    producer.does(&format!("crash {DUMPED_MEBIBYTES} {}", dumps.display()));
    assert_eq!(rx.pop(NEVER), Answer::Popped(1));
    // Looks while the dump is under way: it is begun, and not complete.
    let mut alive_in_dump = 0;
    let (dead, at_death) = loop {
        let before = seen();
        let answer = rx.pop(Duration::ZERO);
        let after = seen();
        match answer {
            Answer::Timeout if before > 0 && after > before => alive_in_dump += 1,
            Answer::Timeout => {}
            Answer::Dead => break (begin.elapsed(), seen()),
            other => panic!("{other:?}"),
        }
        assert!(begin.elapsed() < NEVER, "for ever");
    };
    producer.0.ended_by(libc::SIGABRT);
    let written = seen();
    let status_says = begin.elapsed();
    assert_eq!(at_death, written, "dead before the last page was written: it had not let go of anything yet");
    if written < (DUMPED_MEBIBYTES as u64) << 20 {
        return pass_over(
            "core dumps",
            &format!("this machine has dumped only {written} bytes (RLIMIT_CORE, or no room)"),
        );
    }
    println!("alive {alive_in_dump} times during the dump, dead after {dead:?}, ended after {status_says:?}");
    if alive_in_dump == 0 {
        pass_over("core dumps", "the dump was over before it was looked at");
    }
    assert!(ring.producer().is_ok(), "its role is free");
}
