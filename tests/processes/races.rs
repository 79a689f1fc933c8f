//! What a peer is said to be while it comes and goes.

use std::thread;
use std::time::{Duration, Instant};

use rondel::Peer;
use rondel::spsc::{TryPopError, TryPushError};

use crate::child::{Task, start};
use crate::scratch::{Directory, attach};
use crate::traced::{Traced, begin, stop_here};

/// How long the two sides race. Bounded by time: rounds are slow on a machine of one core.
const RACE: Duration = Duration::from_secs(2);

/// Asks after its peer once, while it is traced. The answer has to be that of a peer that lives, or has closed.
pub(crate) fn child_ask(task: &Task) {
    let mut rx = attach(&task.path).consumer().expect("free");
    begin();
    let peer = rx.peer();
    stop_here();
    assert!(matches!(peer, Ok(Peer::Attached { .. } | Peer::Closed)), "{peer:?}, but nobody died");
}

/// What the kernel says of a traced thread that has stopped at a system call: its number, if it is about to be made.
fn call_begun(thread: libc::pid_t) -> Option<libc::c_long> {
    let mut info = std::mem::MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: writes no more than `size` bytes to `info`; the thread is ours, traced and stopped.
    let result = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, info.as_mut_ptr()) };
    assert!(result > 0, "{}", std::io::Error::last_os_error());
    // SAFETY: integers, zeroed before the kernel wrote them.
    let info = unsafe { info.assume_init() };
    // SAFETY: integers in each variant, zeroed before; it is this one that the kernel wrote if `op` says so.
    let number = unsafe { info.u.entry.nr };
    (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then_some(number as libc::c_long)
}

/// Whoever closes in good order and is succeeded at once is not said to have died, even if all of that happens between the
/// two looks of one who asks.
#[test]
fn a_peer_that_closes_and_is_succeeded_is_never_dead() {
    let directory = Directory::new("races-peer");
    let ring = directory.create(8);
    let mut tx = Some(ring.producer().expect("free"));
    let traced = Traced::start(start("ask-after-peer", directory.path(), &[]));
    traced.wait_for_stop(libc::SIGSTOP);
    traced.watch_calls();
    let mut asked = false;
    while traced.go_on(libc::PTRACE_SYSCALL) != libc::SIGSTOP {
        let asks = call_begun(traced.thread()) == Some(libc::SYS_fcntl);
        if asks {
            // Before the kernel is asked the one goes …
            asked = true;
            drop(tx.take());
        } else if tx.is_none() {
            // … and before its answer is read the next one comes.
            tx = Some(ring.producer().expect("free"));
        }
    }
    assert!(asked && tx.is_some(), "the kernel was not asked");
    traced.finish();
}

/// "Closed" says that the ring is full and stays so: what the consumer gave back before it closed is used first.
#[test]
fn a_push_is_not_refused_for_a_consumer_that_made_room_and_closed() {
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < RACE {
        let (mut tx, mut rx) = rondel::spsc::pair::<u64>(1).expect("a ring");
        while tx.try_push(0).is_ok() {}
        thread::scope(|scope| {
            scope.spawn(move || while rx.try_pop().is_ok() {});
            let refused = loop {
                match tx.try_push(1) {
                    Ok(()) | Err(TryPushError::Full(_)) => {}
                    Err(refused) => break refused,
                }
            };
            assert_eq!(refused, TryPushError::Closed(1));
            assert_eq!(tx.is_full(), Ok(true), "refused with room, round {rounds}");
        });
        rounds += 1;
    }
    println!("{rounds} rounds");
}

/// "Closed" says that everything has been read: what was pushed right before the close comes first.
#[test]
fn a_pop_is_not_refused_for_a_producer_that_pushed_and_closed() {
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < RACE {
        let (mut tx, mut rx) = rondel::spsc::pair::<u64>(1).expect("a ring");
        thread::scope(|scope| {
            scope.spawn(move || tx.try_push(1));
            let mut popped = 0;
            loop {
                match rx.try_pop() {
                    Ok(_) => popped += 1,
                    Err(TryPopError::Empty) => {}
                    Err(error) => break assert_eq!(error, TryPopError::Closed),
                }
            }
            assert_eq!(popped, 1, "closed before it was drained, round {rounds}");
        });
        rounds += 1;
    }
    println!("{rounds} rounds");
}
