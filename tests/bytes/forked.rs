//! Fork without exec: a ring may be carried across, a handle may not, and neither may what was lent by one.

use std::io::{BufRead, Read};

use rondel::Fault;
use rondel::bytes::{CommitError, PopError, Ring, TryPopError};

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

fn fault(attached_in: u32) -> Fault {
    Fault::Forked { attached_in, used_in: std::process::id() }
}

#[test]
fn a_handle_is_refused_and_the_parents_is_untouched() {
    child::run("handles-across-fork");
}

pub(crate) fn child_handles() {
    let ring = Ring::builder().capacity(1000).anonymous().expect("a ring");
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    tx.push(b"first").expect("room");
    tx.push(b"second").expect("room");
    let attached_in = std::process::id();
    let mut handles = Some((tx, rx));
    forked(|| {
        let (mut tx, mut rx) = handles.take().expect("a copy");
        producer_refuses(&mut tx, fault(attached_in));
        consumer_refuses(&mut rx, fault(attached_in));
        // Both are dropped here, and close nothing.
    });
    (tx, rx) = handles.take().expect("only the copy was taken");
    assert!(ring.producer().is_err() && ring.consumer().is_err(), "the roles are still taken");
    tx.push(b"third").expect("room");
    for expected in ["first", "second", "third"] {
        assert_eq!(rx.try_pop().as_deref(), Ok(expected.as_bytes()));
    }
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "nobody has closed");

    // The same of a consumer that has begun a message as a stream.
    tx.push(b"begun").expect("room");
    rx.read_exact(&mut [0; 2]).expect("pushed");
    let mut handle = Some(rx);
    forked(|| consumer_refuses(handle.as_mut().expect("a copy"), fault(attached_in)));
    rx = handle.take().expect("only the copy was used");
    assert_eq!(rx.fill_buf().expect("ready"), b"gun");
}

#[test]
fn what_was_lent_is_of_no_use_across_a_fork() {
    child::run("lent-across-fork");
}

pub(crate) fn child_lent() {
    let ring = Ring::builder().capacity(1000).anonymous().expect("a ring");
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    let attached_in = std::process::id();

    // What the producer lends. Each is committed by the parent, after a copy was tried in the child.
    let mut reservation = tx.reserve(6).expect("room");
    reservation.copy_from_slice(b"parent");
    let mut lent = Some(reservation);
    forked(|| assert_eq!(lent.take().expect("a copy").commit(), Err(fault(attached_in))));
    forked(|| {
        let commit = lent.take().expect("a copy").commit_len(3);
        assert_eq!(commit, Err(CommitError::Failed(fault(attached_in))));
    });
    assert_eq!(rx.is_empty(), Ok(true), "nothing came of that");
    lent.take().expect("only copies were taken").commit().expect("ours");
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"parent"[..]));

    let mut batch = tx.batch().expect("ours");
    batch.try_push(b"one").expect("room");
    batch.try_push(b"two").expect("room");
    let mut lent = Some(batch);
    forked(|| {
        let mut batch = lent.take().expect("a copy");
        let error = rondel::bytes::TryPushError::Failed(fault(attached_in));
        assert_eq!(batch.try_push(b"three"), Err(error));
        assert_eq!(batch.try_reserve(1).map(drop), Err(error));
        assert_eq!(batch.publish(), Err(fault(attached_in)));
    });
    forked(|| drop(lent.take()));
    assert_eq!(rx.is_empty(), Ok(true), "nothing came of that");
    lent.take().expect("only copies were taken").publish().expect("ours");
    drop(lent);

    // What the consumer lends is not given back by a copy.
    let mut lent = Some(rx.try_pop().expect("published"));
    forked(|| drop(lent.take()));
    assert_eq!(lent.as_deref(), Some(&b"one"[..]));
    assert_eq!(tx.is_empty(), Ok(false));
    let used = tx.used().expect("intact");
    drop(lent);
    assert!(tx.used().expect("intact") < used, "given back by its owner");
    rx.try_pop().expect("the second one").keep();

    let mut batch = rx.try_pop_batch().expect("published");
    assert_eq!((&mut batch).into_iter().collect::<Vec<_>>(), [b"two"]);
    tx.push(b"three").expect("room");
    let mut lent = Some(batch);
    forked(|| {
        let mut batch = lent.take().expect("a copy");
        assert_eq!((&mut batch).into_iter().count(), 0, "a copy gives nothing");
    });
    assert_eq!(tx.is_empty(), Ok(false), "it is still the owner's");
    assert_eq!((&mut *lent.as_mut().expect("only copies were taken")).into_iter().collect::<Vec<_>>(), [b"three"]);
    drop(lent);
    assert_eq!(tx.is_empty(), Ok(true));
}

#[test]
fn a_ring_may_be_carried_across() {
    child::run("ring-across-fork");
}

pub(crate) fn child_ring() {
    let ring = Ring::builder().capacity(100).anonymous().expect("a ring");
    let mut rx = ring.consumer().expect("free");
    forked(|| {
        let mut tx = ring.producer().expect("free");
        (0..4_u8).for_each(|number| tx.push(&[number; 10]).expect("room"));
    });
    for number in 0..4 {
        assert_eq!(rx.pop().as_deref(), Ok(&[number; 10][..]));
    }
    assert_eq!(rx.pop().map(drop), Err(PopError::Closed), "it left by dropping its handle");
}
