//! The producer's death: what consumers are told, and who can succeed it.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rondel::handoff::{receive_segment, send_segment};
use rondel::spsc::{PopError, PopTimeoutError, Ring};
use rondel::{Peer, SegmentError};

use crate::child::{end_with_the_parent, start, tell, wait_for_parent};
use crate::leftovers;
use crate::ring::{Element, element, elements};

/// Where the child's socket is.
fn socket_path() -> std::path::PathBuf {
    std::path::Path::new("/dev/shm").join(leftovers::of_this_process("rondel-tests-family"))
}

/// A process that creates a ring, hands it on, pushes, and is killed; and, if it is to have one, a forked child of it that then succeeds it.
fn after_the_creator_is_killed(heir: &str) -> (Ring<Element>, crate::child::Running) {
    let path = socket_path().with_extension(heir);
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("listens");
    let child = start("create-and-hand-on", None, &format!("{heir} {}", path.display()));
    let (socket, _) = listener.accept().expect("the child connects");
    std::fs::remove_file(&path).expect("ours");
    let ring = Ring::from_fds(receive_segment(&socket).expect("both")).expect("the ring");
    (ring, child)
}

pub(crate) fn child_create_and_hand_on(words: &str) {
    let (heir, path) = words.split_once(' ').expect("two words");
    let ring = elements(50);
    let socket = UnixStream::connect(path).expect("connects");
    // Before the fork: the heir finds the role taken, as long as this process lives.
    let mut tx = ring.producer().expect("the creator");
    if heir == "heir" {
        // SAFETY: this process has the one thread that matters, and another of the test harness, which waits; the child leaves by `_exit`.
        match unsafe { libc::fork() } {
            -1 => panic!("{}", io::Error::last_os_error()),
            0 => succeed_the_creator(&ring),
            _ => {}
        }
    }
    send_segment(&socket, ring.segment()).expect("sends");
    for position in 0..10 {
        tx.push(element(position)).expect("room");
    }
    tell("pushed");
    wait_for_parent();
}

/// In the creator's child: goes on where it stopped, as soon as it is gone.
fn succeed_the_creator(ring: &Ring<Element>) -> ! {
    end_with_the_parent();
    // Not with this one: it is killed.
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0) };
    // As long as the alarm allows.
    let pushed = loop {
        match ring.producer() {
            Ok(mut tx) => break (10..20).all(|position| tx.push(element(position)).is_ok()),
            Err(SegmentError::RoleTaken { .. }) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => break false,
        }
    };
    // SAFETY: ends the process and runs nothing of the parent's.
    unsafe { libc::_exit(if pushed { 0 } else { 1 }) }
}

#[test]
fn consumers_get_what_is_left_and_nobody_of_them_can_succeed() {
    let (ring, mut child) = after_the_creator_is_killed("nobody");
    assert_eq!(child.hear(), "pushed");
    let mut rx = ring.consumer().expect("free");
    assert_eq!(rx.pop(), Ok(element(0)));
    let pid = child.pid();
    child.kill();
    for position in 1..10 {
        assert_eq!(rx.pop(), Ok(element(position)));
    }
    assert_eq!(rx.pop(), Err(PopError::Dead));
    assert_eq!(rx.peer(), Ok(Peer::Dead { pid }));
    assert!(matches!(ring.producer(), Err(SegmentError::ReadOnly)));
    // The handle works on, should one of the family come.
    assert_eq!(rx.pop_timeout(Duration::ZERO), Err(PopTimeoutError::Dead));
}

#[test]
fn a_process_forked_from_the_creator_succeeds_it() {
    let (ring, mut child) = after_the_creator_is_killed("heir");
    assert_eq!(child.hear(), "pushed");
    let mut rx = ring.consumer().expect("free");
    child.kill();
    // Perhaps the death is noticed before the heir has come.
    let mut position = 0;
    while position < 20 {
        match rx.pop() {
            Ok(found) => {
                assert_eq!(found, element(position));
                position += 1;
            }
            Err(PopError::Dead | PopError::Closed) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(rx.pop(), Err(PopError::Closed), "the heir has left in good order");
}
