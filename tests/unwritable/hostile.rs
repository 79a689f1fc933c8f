//! A consumer's process that tries to alter what the producer writes, in every way that [`attempts`](crate::attempts) knows.

use std::fs::File;
use std::io;

use rondel::segment::Segment;
use rondel::{DescriptorProblem, SegmentError, bytes, handoff, spsc};

use crate::attempts::{ATTEMPTS, Target, Unsealed, bytes_of, unsealed_copy};
use crate::child::{inherited, start, tell};
use crate::ring::{Element, element, elements, message, messages};

/// All of a ring's part that is sealed, as its producer sees it.
fn sealed_bytes(segment: &Segment) -> Vec<u8> {
    bytes_of(&File::from(segment.try_clone_fd().expect("a descriptor")))
}

/// A child tries everything while the producer lives and something is unread. Nothing has changed afterwards.
fn nothing_can_be_altered(segment: &Segment, kind: &str) {
    let before = sealed_bytes(segment);
    let mut child = start("try-everything", Some(segment), &format!("{kind} {}", std::process::id()));
    println!("{}", child.hear());
    child.succeed();
    assert!(before == sealed_bytes(segment), "the sealed part has been altered");
}

#[test]
fn a_consumer_cannot_alter_elements_nor_stamps() {
    let ring = elements(20);
    let mut tx = ring.producer().expect("the creator");
    for position in 0..10 {
        tx.push(element(position)).expect("room");
    }
    nothing_can_be_altered(ring.segment(), "spsc");
    // The child has popped one.
    tx.push(element(10)).expect("room");
    let mut rx = ring.consumer().expect("free");
    for position in 1..11 {
        assert_eq!(rx.pop(), Ok(element(position)));
    }
}

#[test]
fn a_consumer_cannot_alter_messages() {
    let ring = messages(4096);
    let mut tx = ring.producer().expect("the creator");
    let mut positions = Vec::new();
    for _ in 0..10 {
        positions.push(tx.position());
        tx.push(&message(tx.position())).expect("room");
    }
    nothing_can_be_altered(ring.segment(), "bytes");
    let mut rx = ring.consumer().expect("free");
    for &position in &positions[1..] {
        assert_eq!(*rx.pop().expect("published"), message(position));
    }
}

pub(crate) fn child_try_everything(words: &str) {
    let (kind, owner) = words.split_once(' ').expect("two words");
    // Who expects one descriptor is not left with half a ring, and the two are still there.
    match handoff::inherited("ring").map(drop).expect_err("two") {
        SegmentError::Descriptor { problem, .. } => assert!(matches!(problem, DescriptorProblem::Malformed { .. })),
        error => panic!("{error:?}"),
    }
    let descriptors = inherited();
    let file = File::from(descriptors.segment.try_clone().expect("a descriptor"));
    // As a consumer first: it is one.
    match kind {
        "spsc" => {
            let ring = spsc::Ring::<Element>::from_fds(descriptors).expect("the ring");
            assert!(matches!(ring.producer(), Err(SegmentError::ReadOnly)));
            assert_eq!(ring.consumer().expect("free").pop(), Ok(element(0)));
            try_everything(file, owner.parse().expect("a number"));
        }
        _ => {
            let ring = bytes::Ring::from_fds(descriptors).expect("the ring");
            assert!(matches!(ring.producer(), Err(SegmentError::ReadOnly)));
            assert_eq!(*ring.consumer().expect("free").pop().expect("published"), message(0));
            try_everything(file, owner.parse().expect("a number"));
        }
    }
}

fn try_everything(file: File, owner: u32) {
    let before = bytes_of(&file);
    let len = before.len();
    let target = Target { file, len, owner };
    let (mut refused, mut proven) = (0, 0);
    for &(name, unsealed, attempt) in ATTEMPTS {
        let outcome = attempt(&target);
        assert!(bytes_of(&target.file) == before, "{name}: altered, and said {outcome:?}");
        assert_eq!(outcome.is_ok(), unsealed == Unsealed::Harmless, "{name}: {outcome:?}");
        refused += usize::from(outcome.is_err());

        // The same with a file that has no seals: an attempt that fails there, too, would prove nothing.
        let copy = unsealed_copy(&before);
        let _mapped = memmap2::MmapOptions::new().map_raw(&copy).expect("as an owner has it");
        let target = Target { file: copy, len, owner: std::process::id() };
        let outcome = attempt(&target);
        let altered = bytes_of(&target.file) != before;
        match unsealed {
            Unsealed::Succeeds => outcome.unwrap_or_else(|error: io::Error| panic!("{name}: unsealed, {error}")),
            Unsealed::Fails | Unsealed::Harmless => assert!(!altered, "{name}: unsealed, altered"),
            Unsealed::May => {}
        }
        proven += usize::from(altered);
    }
    assert!(proven > 20, "{proven} attempts alter a file without seals");
    tell(format_args!("{refused} of {} attempts refused; {proven} of them alter a file without seals", ATTEMPTS.len()));
}

/// A forked child has inherited the creator's mapping. When it has given that up, it is like everybody else.
#[test]
fn what_was_inherited_can_be_given_up_for_good() {
    start("give-up", None, "").succeed();
}

pub(crate) fn child_give_up() {
    let ring = elements(20);
    let held = ring.clone();
    assert!(matches!(ring.into_read_only(), Err(SegmentError::StillWritable)), "a clone holds the mapping");
    let mut tx = held.producer().expect("the creator");
    tx.push(element(0)).expect("room");
    drop(tx);

    let file = File::from(held.segment().try_clone_fd().expect("a descriptor"));
    assert_eq!(mappings_of(&file), ["rw-s"]);
    let ring = held.into_read_only().expect("nobody else holds it");
    assert_eq!(mappings_of(&file), ["r--s"]);
    assert!(!ring.segment().is_writable());
    assert!(matches!(ring.producer(), Err(SegmentError::ReadOnly)));
    assert_eq!(ring.consumer().expect("free").pop(), Ok(element(0)));
    try_everything(file, std::process::id());

    let ordinary = spsc::Ring::<u64>::builder().capacity(8).anonymous().expect("a memfd");
    assert!(matches!(ordinary.into_read_only(), Err(SegmentError::SealsMissing { expected: 0x17, .. })));
}

/// What this process may do with its mappings of a file.
fn mappings_of(file: &File) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let inode = file.metadata().expect("open").ino().to_string();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("readable");
    let of_file = |line: &&str| line.split_ascii_whitespace().nth(4) == Some(&inode);
    maps.lines().filter(of_file).filter_map(|line| line.split_ascii_whitespace().nth(1)).map(str::to_owned).collect()
}
