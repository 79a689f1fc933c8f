//! Participants in different pid namespaces, where a pid is somebody else's or nobody's: who lives is asked of the kernel's locks and
//! never of a number, and a number that is told is the holder's own.

use std::path::Path;

use rondel::spsc;

use crate::agent::{Agent, NEVER, command};
use crate::apart::{Apart, live_apart, pass_over};
use crate::child::{Task, launch, tell, wait_for_parent};
use crate::forking::reap;
use crate::rings::{Answer, KINDS, Kind};
use crate::scratch::{Directory, Message, ring_path, wait_until};

/// An agent that is the first process of a pid namespace of its own; `None` where that is not to be had, which is said.
fn first_of_its_own(kind: Kind, directory: &Path, apart: Apart) -> Option<Agent> {
    let mut command = command(kind, directory);
    match live_apart(&mut command, apart) {
        Ok(()) => Some(Agent::launch(command)),
        Err(reason) => {
            pass_over("pid namespaces", &reason);
            None
        }
    }
}

/// The first process of the namespace whose shepherd the agent is, by its pid out here.
fn inner(agent: &Agent) -> libc::pid_t {
    let shepherd = agent.pid();
    let children = std::fs::read_to_string(format!("/proc/{shepherd}/task/{shepherd}/children")).unwrap_or_default();
    if let Ok(pid) = children.trim().parse() {
        return pid;
    }
    // A kernel without that file.
    let parent_of = |pid: &str| -> Option<libc::pid_t> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let found = names.find(|name| parent_of(name) == Some(shepherd)).expect("the first process of the namespace");
    found.parse().expect("a pid")
}

fn kill(pid: libc::pid_t) {
    // SAFETY: a signal to a process of this test that has not been reaped.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

/// One side is out here, where process 1 lives for ever; the other calls itself 1. Its death is noticed all the same.
#[test]
fn a_death_is_noticed_across_pid_namespaces() {
    for (apart, what) in [(Apart::Pids, "old-proc"), (Apart::PidsAndProc, "own-proc")] {
        for kind in KINDS {
            let directory = Directory::new(&format!("namespaces-{}-{what}", kind.name()));
            let ring = kind.create(&ring_path(directory.path())).expect("a ring");
            let Some(mut producer) = first_of_its_own(kind, directory.path(), apart) else { return };
            producer.does("attach").does("producer");
            let mut rx = ring.consumer().expect("free");
            producer.begin("push-many 100");
            for number in 0..100 {
                assert_eq!(rx.pop(NEVER), Answer::Popped(number), "{kind:?}");
            }
            assert_eq!(producer.answer(), "ok");
            if kind == Kind::Spsc {
                let taken = ring.producer().map(drop).expect_err("taken").to_string();
                assert_eq!(taken, "the role of producer is taken by process 1", "as it calls itself");
            }
            // Alive, though no process of the number that it has recorded need be: a wait that asks runs into its limit.
            assert_eq!(rx.pop(std::time::Duration::from_millis(120)), Answer::Timeout, "{kind:?}");
            let pid = inner(&producer);
            kill(pid);
            assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}: process 1 lives here, the peer does not");
            // And a successor out here, which has another idea of numbers.
            let mut tx = ring.producer().expect("free again");
            assert_eq!(tx.push(7, NEVER), Answer::Pushed);
            assert_eq!(rx.pop(NEVER), Answer::Popped(7));
        }
    }
}

/// The one inside notices the death of the one outside, whose number may be that of nobody or of somebody else in there.
#[test]
fn a_death_outside_is_noticed_inside() {
    for kind in KINDS {
        let directory = Directory::new(&format!("namespaces-inside-{}", kind.name()));
        let Some(mut consumer) = first_of_its_own(kind, directory.path(), Apart::PidsAndProc) else { return };
        consumer.does("create").does("consumer");
        let mut producer = Agent::start(kind, directory.path());
        producer.does("attach").does("producer").pushes(0);
        consumer.pops(0).begin("pop");
        producer.kill();
        assert_eq!(consumer.answer(), "Dead", "{kind:?}");
        consumer.does("producer").pushes(1).pops(1);
    }
}

/// Two that both call themselves 1.
#[test]
fn two_first_processes_are_two() {
    for kind in KINDS {
        let directory = Directory::new(&format!("namespaces-two-{}", kind.name()));
        let apart = || first_of_its_own(kind, directory.path(), Apart::PidsAndProc);
        let (Some(mut producer), Some(mut consumer), Some(mut third)) = (apart(), apart(), apart()) else { return };
        producer.does("create").does("producer");
        consumer.does("attach").does("consumer");
        consumer.begin("pop-many 100");
        producer.does("push-many 100");
        assert_eq!(consumer.answer(), "ok");
        third.does("attach");
        if kind != Kind::Mpmc {
            third.fails("producer", "RoleTaken { role: \"producer\", pid: Some(1) }");
        }
        consumer.begin("pop");
        kill(inner(&producer));
        assert_eq!(consumer.answer(), "Dead", "{kind:?}");
        third.does("producer").pushes(5);
        consumer.pops(5);
    }
}

/// A namespace that ends takes all its processes along, and each is noticed.
#[test]
fn a_namespace_that_ends_frees_its_roles() {
    let directory = Directory::new("namespaces-end");
    let ring = Kind::Spsc.create(&ring_path(directory.path())).expect("a ring");
    let mut command = crate::child::command("second-of-namespace", directory.path(), &[]);
    if let Err(reason) = live_apart(&mut command, Apart::Pids) {
        return pass_over("pid namespaces", &reason);
    }
    let mut first = launch(command);
    // Its own number: a small one, of the second or third thing in there.
    let told = first.hear();
    let number: u32 = told.strip_prefix("holding as ").expect("a number").parse().expect("a number");
    assert!((2..10).contains(&number), "{number}: the test means nothing");
    let taken = ring.producer().map(drop).expect_err("taken").to_string();
    assert_eq!(taken, format!("the role of producer is taken by process {number}"));
    let mut rx = ring.consumer().expect("free");
    // Kept to the end: who is told that nobody speaks to it any more would close in good order.
    let first = Agent(first);
    kill(inner(&first));
    assert_eq!(rx.pop(NEVER), Answer::Dead);
}

pub(crate) fn child_second(task: &Task) {
    let path = ring_path(&task.path);
    let second = crate::forking::fork(|| {
        let _tx = Kind::Spsc.attach(&path).expect("the ring").producer().expect("free");
        tell(format_args!("holding as {}", std::process::id()));
        wait_for_parent();
    });
    reap(second);
}

/// Who forks into a new namespace, and is the first of its own, has a child of the same number: it must not be taken for its parent.
#[test]
fn a_forked_child_of_the_same_number_is_another_process() {
    let directory = Directory::new("namespaces-same");
    let mut command = crate::child::command("fork-into-namespace", directory.path(), &[]);
    match live_apart(&mut command, Apart::Pids) {
        Ok(()) => launch(command).succeed(),
        Err(reason) => pass_over("pid namespaces", &reason),
    }
}

pub(crate) fn child_fork_into_namespace(task: &Task) {
    let path = ring_path(&task.path);
    assert_eq!(std::process::id(), 1, "the test means nothing");
    let builder = spsc::Ring::<Message>::builder().capacity(8).unlink_on_drop(true);
    let ring = builder.create(&path).expect("a ring");
    let producer = ring.producer().expect("free");
    let mut things = Some((ring, producer));
    // A bare clone runs no handlers: what it copies are descriptors of the very same locks.
    let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
    // SAFETY: without flags that share anything it is a fork, of a program whose only other thread waits.
    let child = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if child == 0 {
        let (ring, producer) = things.take().expect("a copy");
        let same = std::process::id() == 1;
        drop(producer);
        drop(ring);
        // SAFETY: ends the process without running anything else of the program that it is a copy of.
        unsafe { libc::_exit(libc::c_int::from(!same)) };
    }
    assert!(child > 0, "{}", std::io::Error::last_os_error());
    reap(child as libc::pid_t);
    assert!(path.exists(), "the child's drop has deleted the name of its parent's segment");
    let again = spsc::Ring::<Message>::attach(&path).expect("the ring");
    assert!(again.producer().is_err(), "the child's drop has given its parent's role away");
    let (ring, mut producer) = things.take().expect("only the copy was taken");
    producer.push(crate::scratch::message(1)).expect("the handle is as good as before");

    // The same by the C library's fork, whose handlers see to the locks.
    // SAFETY: takes an integer.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
    let mut things = Some((ring, producer));
    let forked = crate::forking::fork(|| {
        assert_eq!(std::process::id(), 1, "the test means nothing");
        drop(things.take());
    });
    reap(forked);
    assert!(path.exists(), "the child's drop has deleted the name of its parent's segment");
    assert!(again.producer().is_err(), "the child's drop has given its parent's role away");
    drop(things);
    wait_until("the owner to delete the name", || !path.exists());
    again.producer().map(drop).expect("given back");
}
