//! However a process ends that uses a transport: a moment later nothing is left of it, no object of the kernel's, no file and no
//! process.
//!
//! Each time a process of this very program is started, which does something with the transport and is ended in some way. It and all that
//! it forks bear a mark in their environment, the keepers of its objects too.

mod child;
mod traces;

use child::Role;
use rondel_baselines::names;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use traces::Quarters;

/// Starts a process that plays its role, and returns it when it has said that it is in the midst of it, with what else it says.
fn start(role: Role, transport: &str, quarters: &Quarters) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "be_the_child", "--nocapture", "--test-threads=1"])
        .env(child::ROLE, role.name())
        .env(child::TRANSPORT, transport)
        .env(traces::MARK, quarters.mark())
        .env("TMPDIR", quarters.directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // So that a signal can reach it and all its children at once, as one from a terminal does.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = said.any(|line| line.is_ok_and(|line| line.ends_with(child::READY)));
    assert!(ready, "{transport}, {}: it has ended before its time: {:?}", role.name(), child.wait());
    (child, said)
}

/// In every transport's case: starts a process, ends it, and sees that nothing is left.
fn nothing_is_left(role: Role, moments: &[Duration], end: impl Fn(Pid) + Send + Sync) {
    std::thread::scope(|scope| {
        // A thread of its own, because only that one moves into other quarters.
        let run = scope.spawn(|| {
            let quarters = Quarters::new(role.name());
            for transport in names() {
                for moment in moments {
                    let (mut child, said) = start(role, transport, &quarters);
                    let id = child.id();
                    std::thread::sleep(*moment);
                    end(Pid::from_raw(id.try_into().unwrap()).unwrap());
                    // Until nobody holds its output open any more. A program must see it end that reads it through a pipe.
                    said.for_each(drop);
                    let status = child.wait().unwrap();
                    assert!(!role.ends() || status.success(), "{transport}: {status}");
                    quarters.assert_clean(transport, id);
                }
            }
        });
        if let Err(panic) = run.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

const AT_ONCE: &[Duration] = &[Duration::ZERO];

/// Moments in the life of one that opens and closes, again and again: each time somewhere else.
const MOMENTS: &[Duration] = &[
    Duration::ZERO,
    Duration::from_micros(130),
    Duration::from_micros(570),
    Duration::from_micros(1_400),
    Duration::from_micros(3_100),
];

fn kill(id: Pid) {
    kill_process(id, Signal::KILL).unwrap();
}

/// As a terminal does it.
fn interrupt(id: Pid) {
    kill_process_group(id, Signal::INT).unwrap();
}

#[test]
fn after_success() {
    nothing_is_left(Role::Succeed, AT_ONCE, |_| {});
}

#[test]
fn after_an_error() {
    nothing_is_left(Role::Fail, AT_ONCE, |_| {});
}

#[test]
fn after_an_open_that_was_killed() {
    nothing_is_left(Role::Open, AT_ONCE, kill);
}

#[test]
fn after_a_conversation_that_was_killed() {
    nothing_is_left(Role::Talk, AT_ONCE, kill);
}

#[test]
fn after_a_conversation_that_was_interrupted() {
    nothing_is_left(Role::Talk, AT_ONCE, interrupt);
}

#[test]
fn after_a_kill_in_the_midst_of_opening() {
    nothing_is_left(Role::Churn, MOMENTS, kill);
}

#[test]
fn after_an_interrupt_in_the_midst_of_opening() {
    nothing_is_left(Role::Churn, MOMENTS, interrupt);
}

#[test]
#[ignore = "what the others start; alone it does nothing"]
fn be_the_child() {
    child::play();
}
