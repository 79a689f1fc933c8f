//! Fork without exec: a ring may be carried across, a handle may not.

use rondel::Fault;
use rondel::mpmc::{PopError, Producer, Ring, TryPopError, TryPushError};

use crate::child;
use crate::refusing::{consumer_refuses, producer_refuses};

/// Forks, runs `work` in the forked process, and fails here if it fails there.
fn forked(work: impl FnOnce()) {
    // SAFETY: the only other thread of this program waits and holds no lock (and the C library takes care of its own), so
    // the copy may do what this one may.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        child::end_with_the_parent();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process, without running anything of the program that it is a copy of.
        unsafe { libc::_exit(libc::c_int::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `status` is alive; the process is our child.
    let result = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((result, status), (pid, 0), "the forked process has failed");
}

#[test]
fn a_handle_is_refused_and_the_parents_is_untouched() {
    child::run("handles-across-fork");
}

pub(crate) fn child_handles() {
    let ring = Ring::<u64>::builder().capacity(4).participants(3).anonymous().expect("a ring");
    let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    let mut other = ring.consumer().expect("a place");
    tx.try_push_slice(&[1, 2, 3, 4]).expect("room");
    let attached_in = std::process::id();
    // One of the two holds a guard across the fork, the other has forgotten one.
    let holders = (rx.participant(), other.participant());
    let guard = rx.try_pop_guard().expect("an element");
    std::mem::forget(other.try_pop_guard().expect("an element"));
    let mut handles = Some((tx, other, guard));
    let table = ring.participants();
    forked(|| {
        let (mut tx, mut other, guard) = handles.take().expect("a copy");
        let fault = Fault::Forked { attached_in, used_in: std::process::id() };
        assert_eq!(*guard, 1, "a copy is a copy");
        // The slots are the parent's: neither goes by the copies' end.
        drop(guard);
        producer_refuses(&mut tx, fault);
        consumer_refuses(&mut other, fault);
        drop((tx, other));
        assert_eq!(ring.participants(), table, "the places are the parent's");
    });
    let (mut tx, mut other, guard) = handles.take().expect("only the copy was taken");
    assert_eq!(ring.participants(), table);
    let stuck = |tx: &mut Producer<u64>| tx.stuck().expect("intact").map(|stuck| stuck.participant);
    assert_eq!(tx.try_push(5), Err(TryPushError::Pending(5)), "the slot under the guard is still held");
    assert_eq!(stuck(&mut tx), Some(holders.0));
    drop(guard);
    assert_eq!(tx.try_push_slice(&[5, 6]), Ok(1), "the one of the forgotten guard, too");
    assert_eq!(stuck(&mut tx), Some(holders.1));
    assert_eq!(other.try_pop(), Ok(3));
    assert_eq!(tx.try_push_slice(&[6, 7, 8]), Ok(2));
    assert_eq!(other.try_iter().collect::<Vec<_>>(), [4, 5, 6, 7]);
}

#[test]
fn a_ring_may_be_carried_across() {
    child::run("ring-across-fork");
}

pub(crate) fn child_ring() {
    let ring = Ring::<u64>::builder().capacity(4).anonymous().expect("a ring");
    let mut rx = ring.consumer().expect("a place");
    let own = rx.participant();
    forked(|| {
        let mut tx = ring.producer().expect("a place");
        assert_ne!(tx.participant(), own);
        (0..4).for_each(|element| tx.push(element).expect("room"));
    });
    assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(rx.pop(), Err(PopError::Closed), "it left by dropping its handle");
    assert_eq!(rx.try_pop(), Err(TryPopError::Closed));
}
