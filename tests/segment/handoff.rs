//! Handing descriptors on, to processes of their own. What `send` never sends is tested inside the
//! crate.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rondel::spsc::Ring;
use rondel::{DescriptorProblem, MessageProblem, SegmentError, handoff};

use crate::child::{Running, command, tell};
use crate::common::{Directory, assert_error, builder, inode};

#[test]
fn a_socket_hands_a_segment_to_another_process() {
    let directory = Directory::new("socket");
    let path = directory.file("socket");
    let listener = UnixListener::bind(&path).expect("listens");
    let ring = builder().anonymous().expect("a ring");
    let mut child = Running::start(command("receive", &path));
    let (mut socket, _) = listener.accept().expect("the child connects");
    // The stream carries other things before and after, and the descriptor takes nothing of them.
    socket.write_all(b"before").expect("writes");
    handoff::send(&socket, ring.as_fd()).expect("sends");
    handoff::send(&socket, ring.as_fd()).expect("sends again");
    socket.write_all(b"after").expect("writes");
    let (device, inode) = inode(&ring);
    assert_eq!(child.hear(), format!("{device}:{inode}"));
    let error = ring.producer().map(drop).expect_err("the child has it");
    assert!(error.to_string().contains(&child.pid().to_string()), "{error}");
    child.go_on();
    child.succeed();
}

pub(crate) fn child_receive(path: &Path) {
    let mut socket = UnixStream::connect(path).expect("connects");
    let mut bytes = [0; 6];
    socket.read_exact(&mut bytes).expect("reads");
    assert_eq!(&bytes, b"before");
    let fd = handoff::receive(&socket).expect("a descriptor");
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC, "would leak into children");
    let ring = Ring::<u64>::from_fd(fd).expect("a sealed segment");
    let again = Ring::<u64>::from_fd(handoff::receive(&socket).expect("the second")).expect("the same");
    socket.read_exact(&mut bytes[..5]).expect("reads");
    assert_eq!(&bytes[..5], b"after");
    assert_eq!(inode(&again), inode(&ring));
    let (device, inode) = inode(&ring);
    let producer = ring.producer().expect("free");
    tell(format_args!("{device}:{inode}"));
    crate::child::wait_for_parent();
    drop(producer);
}

#[test]
fn what_is_not_one_descriptor_is_an_error() {
    let problem_of = |result| match crate::common::error_of::<std::os::fd::OwnedFd>(result) {
        SegmentError::Message { problem } => problem,
        other => panic!("{other:?}"),
    };
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    ours.write_all(b"x").expect("writes");
    assert_eq!(problem_of(handoff::receive(&theirs)), MessageProblem::NoDescriptor);

    theirs.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    assert_error!(
        handoff::receive(&theirs),
        SegmentError::Io { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock
    );
    drop(ours);
    assert_eq!(problem_of(handoff::receive(&theirs)), MessageProblem::Closed);
    let ring = builder().anonymous().expect("a ring");
    assert_error!(
        handoff::send(&theirs, ring.as_fd()),
        SegmentError::Io { op: "send", source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe
    );
}

#[test]
fn whatever_is_received_still_has_to_be_a_segment() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    handoff::send(&ours, std::os::fd::AsFd::as_fd(&File::open("/dev/null").expect("a file"))).expect("sends");
    let fd = handoff::receive(&theirs).expect("a descriptor");
    assert_error!(Ring::<u64>::from_fd(fd), SegmentError::SealsMissing { expected: 7, found: 0 });
}

#[test]
fn exec_hands_a_segment_to_a_child() {
    let ring = builder().anonymous().expect("a ring");
    let mut child = command("inherit", "");
    handoff::inherit(&mut child, "ring", ring.as_fd()).expect("passes it");
    handoff::inherit(&mut child, "second", ring.as_fd()).expect("passes it");
    let (device, inode) = inode(&ring);
    let named = |name: &str, value: &str| (format!("RONDEL_FD_{name}"), value.to_owned());
    child.envs([
        named("malformed", "12"),
        named("standard", "0:1:2"),
        named("closed", "999:1:2"),
        named("another", "500:1:2"),
        named("reopened", &format!("501:{device}:{inode}")),
    ]);
    let mut child = Running::start(child);
    assert_eq!(child.hear(), format!("{device}:{inode}"));
    child.succeed();

    // A child that nothing is passed to inherits nothing, also while the command above is still
    // there.
    let mut command = command("no-inheritance", "");
    let mut passing = std::process::Command::new("/bin/true");
    handoff::inherit(&mut passing, "ring", ring.as_fd()).expect("passes it");
    command.env("EXPECTED_NOT", format!("{device}:{inode}"));
    Running::start(command).succeed();
}

pub(crate) fn child_inherit(_: &Path) {
    let problem_of = |name| match crate::common::error_of(handoff::inherited(name)) {
        SegmentError::Descriptor { name: found, problem } => {
            assert_eq!(found, name);
            problem
        }
        other => panic!("{other:?}"),
    };
    let passed = std::env::var("RONDEL_FD_ring").expect("the variable");
    let number: i32 = passed.split(':').next().expect("a number").parse().expect("a number");

    let ring = Ring::<u64>::from_fd(handoff::inherited("ring").expect("passed")).expect("a sealed segment");
    assert_eq!(ring.as_fd().as_raw_fd(), number);
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC, "would leak into grandchildren");
    assert_eq!(problem_of("ring"), DescriptorProblem::AlreadyTaken { fd: number });
    let (device, inode) = inode(&ring);
    drop(ring);
    // Closed, the number may be anybody's: it stays taken.
    assert_eq!(problem_of("ring"), DescriptorProblem::AlreadyTaken { fd: number });

    assert_eq!(problem_of("nothing"), DescriptorProblem::NotSet);
    assert_eq!(problem_of("malformed"), DescriptorProblem::Malformed { value: "12".to_owned() });
    assert_eq!(problem_of("standard"), DescriptorProblem::Malformed { value: "0:1:2".to_owned() });
    assert_eq!(problem_of("closed"), DescriptorProblem::NotOpen { fd: 999 });
    // The number is open and was not opened by Rust, but is something else.
    let other = File::open("/dev/null").expect("a file");
    // SAFETY: takes no pointers.
    let number = unsafe { libc::fcntl(other.as_raw_fd(), libc::F_DUPFD, 500) };
    assert_eq!(number, 500);
    assert_eq!(problem_of("another"), DescriptorProblem::AnotherFile { fd: 500 });
    // The number is the right file, but was opened here: somebody owns it.
    let second = Ring::<u64>::from_fd(handoff::inherited("second").expect("passed")).expect("the same");
    let raw = second.as_fd().as_raw_fd();
    // SAFETY: takes no pointers.
    let number = unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, 501) };
    assert_eq!(number, 501);
    assert_eq!(problem_of("reopened"), DescriptorProblem::AnotherFile { fd: 501 });
    for name in ["", "a-b", "a b", "ä"] {
        assert_error!(handoff::inherited(name), SegmentError::InvalidName { .. });
    }
    tell(format_args!("{device}:{inode}"));
}

pub(crate) fn child_no_inheritance(_: &Path) {
    let unwanted = std::env::var("EXPECTED_NOT").expect("the variable");
    for entry in std::fs::read_dir("/proc/self/fd").expect("readable") {
        let Ok(data) = std::fs::metadata(entry.expect("an entry").path()) else {
            continue;
        };
        assert_ne!(format!("{}:{}", data.dev(), data.ino()), unwanted);
    }
    assert_error!(handoff::inherited("ring"), SegmentError::Descriptor { problem: DescriptorProblem::NotSet, .. });
}

/// Rust programs ignore SIGPIPE, which would hide it; others that use a library in Rust do not.
#[test]
fn a_peer_that_is_gone_is_an_error_and_no_signal() {
    Running::start(command("send-to-nobody", "")).succeed();
}

pub(crate) fn child_send_to_nobody(_: &Path) {
    // SAFETY: sets the default action; no handler is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    drop(theirs);
    let ring = builder().anonymous().expect("a ring");
    assert_error!(
        handoff::send(&ours, ring.as_fd()),
        SegmentError::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe
    );
}
