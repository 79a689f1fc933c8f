//! Deleting names. What happens in the instant between look and deletion is tested inside the
//! crate.

use std::fs;
use std::os::unix::fs::symlink;

use rondel::SegmentError;

use crate::common::{Directory, assert_error, builder, inode};

#[test]
fn unlinking_takes_the_name_and_leaves_the_memory() {
    let directory = Directory::new("unlink");
    let path = directory.file("ring");
    let first = builder().create(&path).expect("a ring");
    let attached = builder().attach(&path).expect("the ring");
    attached.unlink().expect("any participant may");
    assert_eq!(directory.names(), [""; 0]);
    assert_error!(first.unlink(), SegmentError::NotFound { .. });

    let second = builder().create(&path).expect("the name is free");
    assert_ne!(inode(&second), inode(&first));
    assert_eq!(inode(&attached), inode(&first));
    assert_error!(first.unlink(), SegmentError::Replaced { .. });
    assert_eq!(inode(&builder().attach(&path).expect("still there")), inode(&second));
    assert_eq!(directory.names(), ["ring"]);

    // The roles of a segment without a name still exclude each other.
    let producer = first.producer().expect("free");
    assert!(attached.producer().is_err());
    drop(producer);
}

#[test]
fn a_link_in_place_of_the_file_is_a_replacement() {
    let directory = Directory::new("unlink-link");
    let path = directory.file("ring");
    let ring = builder().create(&path).expect("a ring");
    fs::rename(&path, directory.file("moved")).expect("moves it");
    assert_error!(ring.unlink(), SegmentError::NotFound { .. });
    // It leads to the very segment, and is not its name.
    symlink(directory.file("moved"), &path).expect("a link");
    assert_error!(ring.unlink(), SegmentError::Replaced { .. });
    assert_eq!(directory.names(), ["moved", "ring"]);
}

#[test]
fn an_anonymous_segment_has_no_name() {
    let ring = builder().anonymous().expect("a ring");
    assert_error!(ring.unlink(), SegmentError::Anonymous);
    assert_eq!(ring.segment().place().to_string(), "anonymous memory");
}
