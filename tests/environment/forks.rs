//! Participants that fork, spawn, become daemons or other programs: a role belongs to the program that took it, as long as that runs.

use std::process::Command;
use std::time::Duration;

use rondel::{Fault, handoff};

use crate::agent::{Agent, NEVER, command};
use crate::child::{Task, launch, tell, wait_for_parent};
use crate::rings::{Answer, KINDS, Kind, Ring};
use crate::scratch::{Directory, ring_path};

/// A process that its parent does not wait for, killed at the end.
struct Orphan(libc::pid_t);

impl Orphan {
    fn lives(&self) -> bool {
        // SAFETY: signal 0 asks only.
        unsafe { libc::kill(self.0, 0) == 0 }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: a process that our child has told us to have started.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// The process goes on living, as another program, and that has no role.
#[test]
fn another_program_has_no_roles() {
    for kind in KINDS {
        let directory = Directory::new(&format!("forks-exec-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut rx = ring.consumer().expect("free");
        let mut producer = Agent::start(kind, directory.path());
        producer.does("attach").does("producer").pushes(1).does("execute-another");
        assert_eq!(rx.pop(NEVER), Answer::Popped(1));
        assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}");
        let mut successor = ring.producer().expect("free at once");
        assert_eq!(successor.push(2, NEVER), Answer::Pushed);
        assert_eq!(rx.pop(NEVER), Answer::Popped(2));
        // It has not ended: killing it would fail otherwise.
        producer.kill();
    }
}

/// A program that executes its successor hands on the segment, and that takes the role that has fallen.
#[test]
fn a_successor_by_exec_takes_the_role_that_has_fallen() {
    for kind in KINDS {
        let directory = Directory::new(&format!("forks-handed-on-{}", kind.name()));
        let mut program = launch(crate::child::command("exec-successor", directory.path(), &[kind.name()]));
        program.expect("first");
        program.expect("second: Popped(1), then a role of its own: Pushed");
        program.succeed();
    }
}

const HANDED_ON: &str = "RING";

pub(crate) fn child_exec_successor(task: &Task) {
    use std::os::unix::process::CommandExt;
    let kind = Kind::of(task.word(0));
    if let Ok(fd) = handoff::inherited(HANDED_ON) {
        let ring = match kind {
            Kind::Spsc => rondel::spsc::Ring::from_fd(fd).map(Ring::Spsc),
            Kind::Mpmc => rondel::mpmc::Ring::from_fd(fd).map(Ring::Mpmc),
            Kind::Bytes => rondel::bytes::Ring::from_fd(fd).map(Ring::Bytes),
        };
        let ring = ring.expect("a sealed segment");
        let popped = ring.consumer().expect("its former holder is another program").pop(NEVER);
        let pushed = ring.producer().expect("its former holder is another program").push(2, NEVER);
        return tell(format_args!("second: {popped:?}, then a role of its own: {pushed:?}"));
    }
    let ring = kind.anonymous().expect("a ring");
    let (mut tx, _rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    assert_eq!(tx.push(1, NEVER), Answer::Pushed);
    tell("first");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(std::env::args_os().skip(1));
    handoff::inherit(&mut command, HANDED_ON, ring.segment().as_fd()).expect("passed on");
    panic!("{}", command.exec());
}

/// Neither a forked child nor a spawned program, which live on, hide their parent's death.
#[test]
fn children_do_not_hide_their_parents_death() {
    for kind in KINDS {
        for way in ["fork", "spawn"] {
            let directory = Directory::new(&format!("forks-{way}-{}", kind.name()));
            let ring = kind.create(&ring_path(directory.path())).expect("a ring");
            let mut rx = ring.consumer().expect("free");
            let mut producer = Agent::start(kind, directory.path());
            producer.does("attach").does("producer");
            let orphan = Orphan(producer.ask(way).parse().expect("a pid"));
            producer.pushes(1);
            assert_eq!(rx.pop(NEVER), Answer::Popped(1));
            assert_eq!(rx.pop(Duration::from_millis(120)), Answer::Timeout, "{kind:?}, {way}: the parent lives");
            producer.kill();
            assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}, {way}");
            assert!(orphan.lives(), "the test means nothing");
            ring.producer().map(drop).expect("free");
        }
    }
}

/// Who becomes a daemon after it has attached has lost its roles with the process that had them, and is told; it attaches again, by the ring
/// that it still has.
#[test]
fn a_daemon_attaches_after_its_forks() {
    for kind in KINDS {
        let directory = Directory::new(&format!("forks-daemon-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut rx = ring.consumer().expect("free");
        let mut agent = Agent::launch(command(kind, directory.path()));
        let first = agent.pid();
        agent.does("attach").does("producer").pushes(1);
        let answer = agent.ask("daemonise");
        let (daemon, former) = answer.split_once(" was ").expect("two pids");
        assert_eq!(former, first.to_string());
        let daemon = Orphan(daemon.parse().expect("a pid"));
        assert_eq!(rx.pop(NEVER), Answer::Popped(1));
        assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}: the process that attached has ended");
        let fault = Fault::Forked { attached_in: first as u32, used_in: daemon.0 as u32 };
        assert_eq!(agent.ask("push 2"), format!("{:?}", Answer::Failed(fault)), "{kind:?}");
        agent.does("drop").does("producer").pushes(3);
        assert_eq!(rx.pop(NEVER), Answer::Popped(3), "{kind:?}");
    }
}

/// Whoever leaves by `exit`, without dropping anything, is as dead as one that was killed.
#[test]
fn a_process_that_leaves_without_a_word_is_dead() {
    for kind in KINDS {
        let directory = Directory::new(&format!("forks-exit-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut rx = ring.consumer().expect("free");
        let mut child = launch(crate::child::command("leave-while-holding", directory.path(), &[kind.name()]));
        child.expect("holding");
        child.go_on();
        // Before that there is no room for the thread that waits, which would close in good order once it had pushed.
        assert_eq!(child.code(), Some(0));
        let mut next = 0;
        let end = loop {
            match rx.pop(NEVER) {
                Answer::Popped(number) if number == next => next += 1,
                other => break other,
            }
        };
        assert_eq!(end, Answer::Dead, "{kind:?}");
    }
}

/// The handle is another thread's, which waits in it when the process ends.
pub(crate) fn child_leave_while_holding(task: &Task) {
    let ring = Kind::of(task.word(0)).attach(&ring_path(&task.path)).expect("the ring");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut tx = ring.producer().expect("free");
        let next = tx.fill(0);
        sender.send(next).expect("somebody listens");
        tx.push(next, NEVER)
    });
    receiver.recv().expect("full");
    tell("holding");
    wait_for_parent();
    std::process::exit(0);
}

/// Its lock is gone, and it does not know. Once somebody else has the role, it finds another's word in its record. (Among many the next one
/// takes a fresh place first.)
#[test]
fn who_closes_what_is_not_its_own_is_told_at_last() {
    for kind in [Kind::Spsc, Kind::Bytes] {
        let directory = Directory::new(&format!("forks-closed-{}", kind.name()));
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut tx = ring.producer().expect("free");
        let mut first = Agent::start(kind, directory.path());
        first.does("attach").does("consumer").does("close-all");
        let mut second = Agent::start(kind, directory.path());
        second.does("attach").does("consumer");
        let answer = first.ask("pop");
        assert!(answer.starts_with("Failed(Corrupted") && answer.contains("own role state"), "{kind:?}: {answer}");
        assert_eq!(tx.push(1, NEVER), Answer::Pushed);
        second.pops(1);
    }
}
