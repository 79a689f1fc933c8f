//! The listing of named segments. It is the whole machine's, so each test looks for its own
//! entries.

use std::fs;

use rondel::SegmentError;
use rondel::segment::{RingKind, RoleState, SegmentInfo, list};
use rondel::spsc::Ring;

use crate::child::{Running, command};
use crate::common::{Name, assert_error};

fn find(name: &str) -> Option<SegmentInfo> {
    list().expect("lists").into_iter().find(|segment| segment.name == name)
}

#[test]
fn a_segment_is_listed_with_what_it_is_and_who_is_attached() {
    let name = Name::new("list");
    assert!(find(name.as_str()).is_none());
    let ring = Ring::<[u32; 5]>::builder().capacity(50).schema(9).mode(0o640).create(name.as_str()).expect("a ring");
    let before = fs::read(name.path()).expect("the file");

    let info = find(name.as_str()).expect("listed");
    assert_eq!((info.path.clone(), info.bytes, info.mode), (name.path(), ring.segment().total_len(), 0o640));
    let detail = info.detail.as_ref().expect("a good segment");
    assert_eq!((detail.kind, detail.element_size, detail.element_align), (RingKind::Spsc, 20, 4));
    assert_eq!((detail.capacity, detail.schema, detail.role_count), (50, 9, 2));
    let names: Vec<_> = detail.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["producer", "consumer"]);
    for role in &detail.roles {
        assert_eq!((role.state, role.pid, role.alive), (RoleState::NeverAttached, None, false));
    }
    assert!(!info.is_in_use());
    assert_eq!(fs::read(name.path()).expect("the file"), before, "a listing looks only");
    drop(ring);
}

#[test]
fn the_listing_tells_the_living_from_the_killed() {
    let name = Name::new("list-roles");
    let ring = Ring::<u64>::builder().capacity(50).create(name.as_str()).expect("a ring");
    let roles = || find(name.as_str()).expect("listed").detail.expect("a good segment").roles;

    let mut holder = Running::start(command("hold-role", name.path()));
    assert_eq!(holder.hear(), "holding");
    let pid = u32::try_from(holder.pid()).ok();
    let [producer, consumer] = &roles()[..] else { panic!("two roles") };
    assert_eq!((producer.state, producer.pid, producer.alive), (RoleState::Attached, pid, true));
    assert_eq!((consumer.state, consumer.pid, consumer.alive), (RoleState::NeverAttached, None, false));
    assert!(find(name.as_str()).expect("listed").is_in_use());

    holder.kill();
    let producer = &roles()[0];
    assert_eq!((producer.state, producer.pid, producer.alive), (RoleState::Attached, pid, false));
    // Asking has not taken the role.
    drop(ring.producer().expect("free"));
    let producer = &roles()[0];
    assert_eq!((producer.state, producer.pid, producer.alive), (RoleState::Closed, None, false));
}

#[test]
fn what_is_broken_is_listed_and_can_be_deleted() {
    let name = Name::new("list-broken");
    fs::write(name.path(), [0; 5000]).expect("a file");
    let info = find(name.as_str()).expect("listed");
    assert_eq!(info.bytes, 5000);
    assert!(matches!(info.detail, Err(SegmentError::NotInitialised)), "{info:?}");
    info.unlink().expect("deletes it");
    assert!(find(name.as_str()).is_none());
    assert_error!(info.unlink(), SegmentError::NotFound { .. });

    // The same name again is another file, and not what was listed.
    fs::write(name.path(), "another file").expect("a file");
    assert_error!(info.unlink(), SegmentError::Replaced { .. });
    let info = find(name.as_str()).expect("listed");
    assert!(matches!(info.detail, Err(SegmentError::NotRondel { .. })), "{info:?}");
}

#[test]
fn a_kind_that_this_build_does_not_know_is_named() {
    use std::os::unix::fs::FileExt;
    let name = Name::new("list-kind");
    Ring::<u64>::builder().capacity(50).create(name.as_str()).map(drop).expect("a ring");
    let file = fs::File::options().write(true).open(name.path()).expect("the file");
    file.write_all_at(&77_u32.to_ne_bytes(), 12).expect("writable");
    let info = find(name.as_str()).expect("listed");
    assert!(matches!(info.detail, Err(SegmentError::UnknownRingKind { found: 77 })), "{info:?}");
}

#[test]
fn left_over_temporary_files_are_listed() {
    let path = std::path::PathBuf::from(format!("/dev/shm/.rondel-new.{}.00", std::process::id()));
    fs::write(&path, "unfinished").expect("a file");
    let info = find(path.file_name().and_then(|name| name.to_str()).expect("text"));
    fs::remove_file(&path).expect("ours");
    let info = info.expect("listed");
    assert!(matches!(info.detail, Err(SegmentError::Leftover { pid }) if pid == std::process::id()), "{info:?}");
}

/// A FIFO would make a listing wait that opens it carelessly.
#[test]
fn what_is_no_file_is_listed_and_not_waited_for() {
    let name = Name::new("list-fifo");
    let path = std::ffi::CString::new(name.path().to_str().expect("text")).expect("no zero");
    // SAFETY: a terminated string, alive.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let info = find(name.as_str()).expect("listed");
    assert!(matches!(info.detail, Err(SegmentError::NotRegularFile { found: "a FIFO", .. })), "{info:?}");
    info.unlink().expect("deletes it");
    assert!(!name.path().exists());
}
