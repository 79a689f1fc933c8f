//! Creating such a ring, and attaching to it: what belongs together, and what does not.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;

use rondel::handoff::{self, Descriptors};
use rondel::spsc::Ring;
use rondel::{MessageProblem, SegmentError};

use crate::leftovers;
use crate::ring::{Element, element, elements, reader};

type Attached = Result<Ring<Element>, SegmentError>;

fn descriptors(ring: &Ring<Element>) -> Descriptors {
    ring.segment().try_clone_fds().expect("descriptors")
}

fn control(ring: &Ring<Element>) -> OwnedFd {
    descriptors(ring).control.expect("two")
}

fn error_of(attached: Attached) -> SegmentError {
    attached.map(drop).expect_err("should have been refused")
}

/// The offsets of `docs/layout.md`.
const CONTROL_DEVICE: u64 = 96;
const CONTROL_INODE: u64 = 104;

#[test]
fn both_parts_are_sealed_and_the_first_names_the_second() {
    let ring = elements(20);
    let parts = descriptors(&ring);
    let seals = |fd: &OwnedFd| {
        // SAFETY: takes no further argument.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) }
    };
    let size = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    assert_eq!(seals(&parts.segment) & !libc::F_SEAL_EXEC, size | libc::F_SEAL_FUTURE_WRITE);
    let (segment, control) = (File::from(parts.segment), parts.control.expect("two"));
    assert_eq!(seals(&control) & !libc::F_SEAL_EXEC, size);
    let word = |offset| {
        let mut bytes = [0; 8];
        segment.read_exact_at(&mut bytes, offset).expect("readable");
        u64::from_ne_bytes(bytes)
    };
    let control = File::from(control).metadata().expect("open");
    assert_eq!((word(CONTROL_DEVICE), word(CONTROL_INODE)), (control.dev(), control.ino()));
    assert_eq!(control.len(), 4096);
    assert!(ring.segment().has_read_only_consumers() && ring.segment().is_writable());
}

#[test]
fn the_parts_of_two_rings_do_not_make_one() {
    let (one, other) = (elements(20), elements(20));
    let mixed = Descriptors { segment: descriptors(&one).segment, control: Some(control(&other)) };
    match error_of(Ring::from_fds(mixed)) {
        SegmentError::ControlMismatch { expected, found } => {
            let identity =
                |ring| File::from(control(ring)).metadata().map(|data| (data.dev(), data.ino())).expect("open");
            assert_eq!((expected, found), (identity(&one), identity(&other)));
        }
        error => panic!("{error:?}"),
    }
    // Nor does whatever is scribbled into the control part make it another's, or not its own.
    let (wrong, right) = (File::from(control(&other)), File::from(control(&one)));
    let mut page = [0; 4096];
    right.read_exact_at(&mut page, 0).expect("readable");
    wrong.write_all_at(&page, 0).expect("writable");
    let mixed = Descriptors { segment: descriptors(&one).segment, control: Some(wrong.into()) };
    assert!(matches!(error_of(Ring::from_fds(mixed)), SegmentError::ControlMismatch { .. }));
    right.write_all_at(&[0xff; 4096], 0).expect("writable");
    reader(&one);
}

#[test]
fn one_part_is_not_enough_and_the_wrong_way_round_is_neither() {
    let ring = elements(20);
    let parts = descriptors(&ring);
    assert!(matches!(error_of(Ring::from_fd(parts.segment)), SegmentError::ControlMissing));
    assert!(matches!(error_of(Ring::from_fd(control(&ring))), SegmentError::NotInitialised));
    let parts = descriptors(&ring);
    let swapped = Descriptors { segment: parts.control.expect("two"), control: Some(parts.segment) };
    assert!(matches!(error_of(Ring::from_fds(swapped)), SegmentError::SealsMissing { expected: 0x17, .. }));
    let parts = descriptors(&ring);
    let twice = Descriptors { control: Some(parts.segment.try_clone().expect("a descriptor")), segment: parts.segment };
    assert!(matches!(error_of(Ring::from_fds(twice)), SegmentError::ControlMismatch { .. }));
}

#[test]
fn an_undivided_ring_is_not_taken_for_one_with_read_only_consumers() {
    let ordinary = Ring::<Element>::builder().capacity(20).anonymous().expect("a memfd");
    assert!(!ordinary.segment().has_read_only_consumers());
    let asked = || Ring::<Element>::builder().read_only_consumers();
    let error = error_of(asked().from_fds(descriptors(&ordinary)));
    assert!(matches!(error, SegmentError::SealsMissing { expected: 0x17, .. }), "{error:?}");
    assert!(error.to_string().contains("FUTURE_WRITE"), "{error}");
    let two = Descriptors { control: Some(control(&elements(20))), ..descriptors(&ordinary) };
    assert!(matches!(error_of(Ring::from_fds(two)), SegmentError::SealsMissing { expected: 0x17, .. }));
    // One of the sort that is asked for is accepted, and so is an undivided one by those who do not ask.
    asked().from_fds(descriptors(&elements(20))).map(drop).expect("as asked for");
    Ring::<Element>::from_fds(descriptors(&ordinary)).map(drop).expect("nothing was asked for");
}

#[test]
fn a_ring_with_a_name_cannot_have_it() {
    let name = leftovers::of_this_process("test-unwritable");
    let builder = || Ring::<Element>::builder().capacity(20).read_only_consumers();
    for refused in
        [builder().create(name.as_str()), builder().create_or_attach(name.as_str()), builder().attach(name.as_str())]
    {
        let error = error_of(refused);
        assert!(matches!(error, SegmentError::OnlyAnonymous { option: "read_only_consumers" }), "{error:?}");
    }
    assert!(matches!(error_of(Ring::attach(name.as_str())), SegmentError::NotFound { .. }), "nothing was created");
}

/// A file with a name that says that it has a control part is none that rondel has made.
#[test]
fn a_named_segment_names_no_control_part() {
    let path = std::path::Path::new("/dev/shm").join(leftovers::of_this_process("rondel-tests-unwritable"));
    Ring::<Element>::builder().capacity(20).create(&path).map(drop).expect("a ring");
    let file = File::options().write(true).open(&path).expect("the file");
    for (offset, name) in [(CONTROL_DEVICE, "control_device"), (CONTROL_INODE, "control_inode")] {
        file.write_all_at(&7_u64.to_ne_bytes(), offset).expect("writable");
        let error = error_of(Ring::attach(&path));
        assert!(matches!(error, SegmentError::Geometry { field, expected: 0, found: 7 } if field == name), "{error:?}");
        file.write_all_at(&[0; 8], offset).expect("writable");
    }
    Ring::<Element>::attach(&path).map(drop).expect("good again");
    std::fs::remove_file(&path).expect("ours");
}

#[test]
fn a_socket_brings_both_descriptors_or_says_what_is_wrong() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let ring = elements(20);
    handoff::send_segment(&ours, ring.segment()).expect("sends");
    let attached = Ring::<Element>::from_fds(handoff::receive_segment(&theirs).expect("both")).expect("the ring");
    let mut tx = ring.producer().expect("the creator");
    tx.push(element(0)).expect("room");
    assert_eq!(attached.consumer().expect("free").pop(), Ok(element(0)));

    // Who expects one descriptor is not left with half a ring.
    handoff::send_segment(&ours, ring.segment()).expect("sends");
    match handoff::receive(&theirs).map(drop).expect_err("two") {
        SegmentError::Message { problem } => assert_eq!(problem, MessageProblem::TooMany { found: 2 }),
        error => panic!("{error:?}"),
    }
    // One descriptor is an undivided ring's.
    let ordinary = Ring::<Element>::builder().capacity(20).anonymous().expect("a memfd");
    handoff::send_segment(&ours, ordinary.segment()).expect("sends");
    handoff::send(&ours, ordinary.as_fd()).expect("sends");
    for _ in 0..2 {
        let received = handoff::receive_segment(&theirs).expect("one");
        assert!(received.control.is_none());
        Ring::<Element>::from_fds(received).map(drop).expect("the ring");
    }
    handoff::send(&ours, ring.as_fd()).expect("sends");
    let half = handoff::receive_segment(&theirs).expect("one");
    assert!(matches!(error_of(Ring::from_fds(half)), SegmentError::ControlMissing));
}

#[test]
fn what_is_asked_of_the_memory_holds_for_both_parts() {
    let builder = || Ring::<Element>::builder().capacity(20).prefault(true).lock_memory(true).read_only_consumers();
    let ring = match builder().anonymous() {
        Ok(ring) => ring,
        Err(SegmentError::MemoryLock { limit, .. }) => return println!("not so much may be locked here: {limit}"),
        Err(error) => panic!("{error:?}"),
    };
    let attached = builder().from_fds(descriptors(&ring)).expect("prefaulted for reading");
    ring.producer().expect("the creator").push(element(0)).expect("room");
    assert_eq!(attached.consumer().expect("free").pop(), Ok(element(0)));
    // Whoever may not open the one may not open the other.
    let error = error_of(Ring::<Element>::builder().owner(u32::MAX - 1).from_fds(descriptors(&ring)));
    assert!(matches!(error, SegmentError::Owner { .. }), "{error:?}");
    use std::os::unix::fs::PermissionsExt;
    let parts = descriptors(&ring);
    let wide = std::fs::Permissions::from_mode(0o666);
    File::from(parts.control.expect("two")).set_permissions(wide).expect("ours");
    let error = error_of(Ring::from_fds(descriptors(&ring)));
    assert!(matches!(error, SegmentError::Mode { expected: 0o600, found: 0o666 }), "{error:?}");
}

#[test]
fn a_forked_family_is_the_only_one_that_pushes() {
    let ring = elements(20);
    let attached = reader(&ring);
    let error = attached.producer().map(drop).expect_err("read only");
    assert!(matches!(error, SegmentError::ReadOnly), "{error:?}");
    assert!(error.to_string().contains("only the process that created it"), "{error}");
    // The refusal has taken nothing: the role is free.
    let _tx = ring.producer().expect("the creator");
    let error = ring.producer().map(drop).expect_err("taken");
    assert!(matches!(error, SegmentError::RoleTaken { role: "producer", pid: Some(pid) } if pid == std::process::id()));
    let _rx = attached.consumer().expect("free");
    let error = ring.consumer().map(drop).expect_err("taken");
    assert!(matches!(error, SegmentError::RoleTaken { role: "consumer", pid: Some(pid) } if pid == std::process::id()));
}
