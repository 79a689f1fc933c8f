//! Fork without exec: a ring may be carried across, a handle may not, and neither hides a death.
//!
//! The processes that fork are programs of their own; but for the thread that forks, only the test harness's own is there,
//! and that waits.

use rondel::spsc::{PopError, PopTimeoutError, PushTimeoutError, TryPopError, TryPushError, WaitError};
use rondel::{Fault, Peer};
use std::time::Duration;

use crate::child::{Task, start, tell, wait_for_parent};
use crate::forking::{fork, reap};
use crate::scratch::{Directory, attach, message, within};

const CAPACITY: usize = 32;
const MESSAGES: u64 = 10_000;
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_ring_may_be_carried_across() {
    let directory = Directory::new("forked-ring");
    let _ring = directory.create(CAPACITY);
    start("ring-across-fork", directory.path(), &[]).succeed();
}

pub(crate) fn child_ring(task: &Task) {
    let ring = attach(&task.path);
    let forked = fork(|| {
        let mut tx = ring.producer().expect("free");
        for number in 0..MESSAGES {
            tx.push(message(number)).expect("the parent reads");
        }
    });
    let mut rx = ring.consumer().expect("free");
    for number in 0..MESSAGES {
        assert_eq!(rx.pop(), Ok(message(number)));
    }
    // The forked process left by `_exit` after its handle was dropped.
    assert_eq!(rx.pop(), Err(PopError::Closed));
    reap(forked);
}

#[test]
fn a_handle_is_refused_and_the_parents_is_untouched() {
    let directory = Directory::new("forked-handle");
    let _ring = directory.create(CAPACITY);
    start("handle-across-fork", directory.path(), &[]).succeed();
}

pub(crate) fn child_handle(task: &Task) {
    let ring = attach(&task.path);
    let mut handles = Some((ring.producer().expect("free"), ring.consumer().expect("free")));
    let (tx, _) = handles.as_mut().expect("kept");
    tx.push(message(0)).expect("room");
    let attached_in = std::process::id();
    let forked = fork(|| {
        let (mut tx, mut rx) = handles.take().expect("a copy");
        let fault = Fault::Forked { attached_in, used_in: std::process::id() };
        let element = message(7);
        let soon = Duration::from_secs(1);
        assert_eq!(tx.try_push(element), Err(TryPushError::Failed(element, fault)));
        assert_eq!(tx.push(element), Err(rondel::spsc::PushError::Failed(element, fault)));
        assert_eq!(tx.push_timeout(element, soon), Err(PushTimeoutError::Failed(element, fault)));
        assert_eq!(tx.try_push_slice(&[element]), Err(TryPushError::Failed((), fault)));
        let error = tx.push_slice(&[element]).expect_err("refused");
        assert_eq!((error.pushed, error.cause), (0, PushTimeoutError::Failed((), fault)));
        assert_eq!(tx.wait_until_empty(), Err(WaitError::Failed(fault)));
        assert_eq!(tx.len(), Err(fault));
        assert_eq!(tx.is_full(), Err(fault));
        assert_eq!(tx.peer(), Err(fault));
        assert_eq!(rx.try_pop(), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.pop(), Err(PopError::Failed(fault)));
        assert_eq!(rx.pop_timeout(soon), Err(PopTimeoutError::Failed(fault)));
        assert_eq!(rx.peek(), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.try_pop_guard().map(drop), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.try_pop_slice(&mut [element]), Err(TryPopError::Failed(fault)));
        assert_eq!(rx.iter().next(), None);
        assert_eq!(rx.len(), Err(fault));
        assert_eq!(rx.is_empty(), Err(fault));
        assert_eq!(rx.peer(), Err(fault));
        // Both are dropped here.
    });
    // The copies of this program's handles in the forked one are gone by now; those here go on.
    reap(forked);
    let pid = attached_in;
    assert!(ring.producer().is_err() && ring.consumer().is_err(), "the roles are still taken");
    let (mut tx, mut rx) = handles.take().expect("only the copy was taken");
    assert_eq!(tx.peer(), Ok(Peer::Attached { pid }));
    assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
    assert_eq!(tx.len(), Ok(1));
    tx.push(message(1)).expect("room");
    assert_eq!(rx.pop(), Ok(message(0)));
    assert_eq!(rx.pop(), Ok(message(1)));
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
}

/// The trap: a lock is inherited by a fork, and would outlive its holder.
#[test]
fn a_death_is_noticed_though_a_forked_child_lives_on() {
    let directory = Directory::new("forked-death");
    let ring = directory.create(CAPACITY);
    let mut rx = ring.consumer().expect("free");
    let mut producer = start("fork-and-wait", directory.path(), &[]);
    let orphan = Orphan(producer.hear().parse().expect("a pid"));
    let pid = producer.pid() as u32;
    assert_eq!(rx.pop(), Ok(message(0)));
    assert_eq!(rx.peer(), Ok(Peer::Attached { pid }));
    producer.kill();
    within(LIMIT, "noticing the death", || assert_eq!(rx.pop(), Err(PopError::Dead)));
    assert!(orphan.lives(), "the test shows nothing otherwise");
    let mut tx = ring.producer().expect("free again");
    tx.push(message(1)).expect("room");
    assert_eq!(rx.pop(), Ok(message(1)));
}

/// A grandchild, killed at the end.
struct Orphan(libc::pid_t);

impl Orphan {
    fn lives(&self) -> bool {
        // SAFETY: signal 0 asks only.
        unsafe { libc::kill(self.0, 0) == 0 }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: a process that our child has told us of, and that ends only by this signal or its alarm.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

pub(crate) fn child_fork_and_wait(task: &Task) {
    let mut tx = attach(&task.path).producer().expect("free");
    tx.push(message(0)).expect("room");
    let forked = fork(|| {
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    });
    tell(forked);
    wait_for_parent();
}
