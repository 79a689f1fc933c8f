//! Unlinking while somebody replaces the file, at the instant that matters.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::super::unlink::{Step, unlink_with};
use super::{Directory, TestRing, builder};
use crate::error::SegmentError;
use crate::liveness::RoleLock;
use crate::segment::{Place, Segment};

fn setup(test: &str) -> (Directory, Segment, Place) {
    let directory = Directory::new(test);
    let place = Place::path(directory.file("ring"));
    let TestRing(segment) = builder().create(&place).expect("a segment");
    (directory, segment, place)
}

#[test]
fn a_replacement_that_was_there_before_is_left_alone() {
    let (directory, segment, place) = setup("before");
    fs::write(directory.file("new"), "precious").expect("a file");
    fs::rename(directory.file("new"), directory.file("ring")).expect("replaces it");
    // A rename changes this time: not even moved aside and put back, as it would be if it came in
    // between.
    let changed =
        || fs::metadata(directory.file("ring")).map(|data| (data.ctime(), data.ctime_nsec())).expect("the file");
    let before = changed();
    let error = segment.unlink().expect_err("replaced");
    assert_eq!(changed(), before);
    assert!(matches!(&error, SegmentError::Replaced { place: found } if *found == place), "{error}");
    assert_eq!(fs::read_to_string(directory.file("ring")).expect("the file"), "precious");
    assert_eq!(directory.names(), ["ring"]);
}

#[test]
fn a_replacement_in_the_instant_between_look_and_move_is_put_back() {
    let (directory, segment, place) = setup("between");
    fs::write(directory.file("new"), "precious").expect("a file");
    let result = unlink_with(&directory.file("ring"), &place, segment.as_fd(), |step| {
        if step != Step::Looked {
            return;
        }
        fs::rename(directory.file("new"), directory.file("ring")).expect("replaces it");
    });
    assert!(matches!(result, Err(SegmentError::Replaced { .. })), "{result:?}");
    assert_eq!(fs::read_to_string(directory.file("ring")).expect("the file"), "precious");
    assert_eq!(directory.names(), ["ring"]);
}

/// Two files in turn: neither is lost.
#[test]
fn a_replacement_that_cannot_be_put_back_is_kept() {
    let (directory, segment, place) = setup("displaced");
    let path = directory.file("ring");
    fs::write(directory.file("new"), "precious").expect("a file");
    let result = unlink_with(&path, &place, segment.as_fd(), |step| match step {
        Step::Looked => fs::rename(directory.file("new"), &path).expect("replaces it"),
        Step::Moved => fs::write(&path, "precious, too").expect("takes the name"),
    });
    let Err(SegmentError::Displaced { kept_at, .. }) = result else { panic!("{result:?}") };
    assert_eq!(fs::read_to_string(kept_at).expect("the first"), "precious");
    assert_eq!(fs::read_to_string(path).expect("the second"), "precious, too");
}

#[test]
fn a_file_that_vanishes_in_that_instant_is_not_found() {
    let (directory, segment, place) = setup("vanish");
    let result = unlink_with(&directory.file("ring"), &place, segment.as_fd(), |step| {
        if step != Step::Looked {
            return;
        }
        fs::remove_file(directory.file("ring")).expect("removes it");
    });
    assert!(matches!(result, Err(SegmentError::NotFound { .. })), "{result:?}");
    assert_eq!(directory.names(), [""; 0]);
}

#[test]
fn a_deletion_in_progress_is_waited_for_and_not_for_ever() {
    let (directory, segment, _) = setup("progress");
    let other = RoleLock::acquire(segment.as_fd(), super::super::unlink::UNLINK_BYTE).expect("a lock").expect("free");
    let result = segment.unlink();
    assert!(matches!(result, Err(SegmentError::UnlinkInProgress { .. })), "{result:?}");
    assert_eq!(directory.names(), ["ring"]);
    drop(other);
    segment.unlink().expect("unlinks");
    assert_eq!(directory.names(), [""; 0]);
}
