//! A sweep that is ended before its end leaves no process and no name.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Stdio};

use rondel_proof::kills::EXIT_FORBIDDEN;
use serde_json::Value;

use crate::tool::{kills, names_of, soon};

/// A sweep that takes long, in a process group of its own, with names in the file system; `None` where the machine forbids it.
fn sweep(ignores: bool, arguments: &[&str]) -> Option<Child> {
    let mut command = kills(arguments);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null());
    let disposition = if ignores { libc::SIG_IGN } else { libc::SIG_DFL };
    let prepare = move || {
        // SAFETY: to ignore a signal, or to die of it, runs nothing of ours.
        unsafe { libc::signal(libc::SIGINT, disposition) };
        Ok(())
    };
    // SAFETY: the closure makes one system call: async-signal-safe.
    unsafe { command.pre_exec(prepare) };
    let mut child = command.spawn().expect("the tool");
    let pid = child.id();
    let mut forbidden = false;
    soon("it has begun", || {
        let ended = child.try_wait().expect("its status");
        forbidden = ended.is_some_and(|status| status.code() == Some(EXIT_FORBIDDEN.into()));
        assert!(forbidden || ended.is_none(), "{ended:?}");
        // Its own name, its worker's, and at least one segment.
        forbidden || workers(pid) > 0 && names_of(pid).iter().any(|name| name.starts_with("rondel.proof-"))
    });
    if forbidden {
        eprintln!("PASSED OVER: the machine forbids ptrace");
        return None;
    }
    Some(child)
}

/// How many processes that live, besides the leader, are in its group.
fn workers(leader: u32) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes");
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let is_worker = |stat: &String| {
        let (before, after) = stat.rsplit_once(')').unwrap_or_default();
        let mut after = after.split_whitespace();
        // Who buries the dead of a sweep that was killed is not ours to say.
        let lives = after.next() != Some("Z");
        let group = after.nth(1).and_then(|group| group.parse().ok());
        lives && group == Some(leader) && before.split_whitespace().next() != Some(&leader.to_string())
    };
    stats.filter(is_worker).count()
}

/// As a terminal does it: everybody gets it.
fn signal_all(child: &Child, signal: libc::c_int) {
    // SAFETY: takes integers; the child, which leads the group, is not reaped yet.
    let result = unsafe { libc::kill(-(child.id() as libc::pid_t), signal) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn account(stdout: &mut ChildStdout) -> Value {
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("text");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

const LONG: &[&str] = &["--only", "segments/create/nothing-name,segments/unlink-listed", "--json"];

#[test]
fn an_interrupted_sweep_gives_its_account_and_leaves_nothing() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let Some(mut child) = sweep(false, LONG) else { return };
        let pid = child.id();
        signal_all(&child, signal);
        let account = account(child.stdout.as_mut().expect("a pipe"));
        assert_eq!(child.wait().expect("its end").code(), Some(128 + signal));
        assert_eq!((&account["complete"], &account["faults"]), (&Value::from(false), &Value::from(0)), "{account}");
        assert_eq!(workers(pid), 0);
        assert_eq!(names_of(pid), [""; 0]);
    }
}

#[test]
fn a_sweep_that_is_killed_leaves_nothing() {
    let Some(mut child) = sweep(false, LONG) else { return };
    let pid = child.id();
    child.kill().expect("it lives");
    assert_eq!(child.wait().expect("its end").signal(), Some(libc::SIGKILL));
    soon("nobody is left", || workers(pid) == 0);
    soon("no name is left", || names_of(pid).is_empty());
}

#[test]
fn a_sweep_that_is_to_ignore_signals_goes_on() {
    let Some(mut child) = sweep(true, &["--only", "segments/create/nothing-name", "--sample", "20"]) else { return };
    let pid = child.id();
    while child.try_wait().expect("its status").is_none() {
        signal_all(&child, libc::SIGINT);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let lines: Vec<String> =
        BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("its end").code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("all of them survived")), "{lines:?}");
    assert_eq!(names_of(pid), [""; 0]);
}
