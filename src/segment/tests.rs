//! Tests of what only this crate can see; everything else is tested from outside, in `tests/`.

use super::*;
use crate::liveness::is_locked;

mod table;
mod unlinking;

/// A ring of `u64`s that consists of its segment.
struct TestRing(Segment);

impl sealed::Sealed for TestRing {}

impl RingType for TestRing {
    const KIND: RingKind = RingKind::Spsc;
    const ROLES: Roles = Roles::Fixed(&["producer", "consumer"]);
    const OPTIONS: &'static [OptionBit] = &[];

    fn elements() -> Elements {
        Elements::Fixed(ElementLayout { size: 8, align: 8 })
    }

    fn body_len(Dimensions { capacity, .. }: Dimensions) -> Result<u64, SegmentError> {
        capacity
            .checked_mul(8)
            .and_then(|slots| slots.checked_add(2 * u64::from(ROLE_STRIDE)))
            .ok_or(SegmentError::CapacityTooLarge { requested: capacity, element_bytes: 8 })
    }

    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        Ok(Self(segment))
    }
}

fn builder() -> Builder<TestRing> {
    Builder::new().capacity(100)
}

/// A directory of its own in memory, deleted at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/rondel-unit-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_body_follows_the_header_and_starts_zeroed() {
    let TestRing(segment) = builder().anonymous().expect("a segment");
    assert_eq!(segment.body_len(), 2 * 128 + 800);
    assert_eq!(segment.total_len(), 8192);
    assert_eq!(segment.body().as_ptr().addr() % 4096, 0);
    let mut body = vec![1_u8; segment.body_len()];
    // SAFETY: the body is mapped, `body_len` bytes long, and nobody writes to it.
    unsafe { segment.body().as_ptr().copy_to_nonoverlapping(body.as_mut_ptr(), body.len()) };
    assert!(body.iter().all(|&byte| byte == 0));
}

#[test]
fn creator_and_attacher_share_the_body() {
    let TestRing(creator) = builder().anonymous().expect("a segment");
    let fd = creator.try_clone_fd().expect("a descriptor");
    let TestRing(attacher) = Builder::<TestRing>::new().from_fd(fd).expect("the same segment");
    assert!(creator.is_creator() && !attacher.is_creator());
    assert_eq!(attacher.capacity(), 100);
    creator.role_record(1).expect("a record").pid.store(77, Ordering::Relaxed);
    assert_eq!(attacher.role_record(1).expect("a record").pid.load(Ordering::Relaxed), 77);
    assert!(attacher.role_record(2).is_none());
}

#[test]
fn a_role_has_one_holder_and_names_it() {
    let TestRing(first) = builder().anonymous().expect("a segment");
    let fd = first.try_clone_fd().expect("a descriptor");
    let TestRing(second) = builder().from_fd(fd).expect("the same segment");
    let producer = first.lock_role(0).expect("the role");

    let taken = second.lock_role(0).expect_err("taken");
    assert!(matches!(taken, SegmentError::RoleTaken { role: "producer", pid: None }), "{taken}");
    let record = first.role_record(0).expect("a record");
    record.pid.store(4711, Ordering::Relaxed);
    record.state.store(1 | 3 << 8, Ordering::Release);
    let taken = second.lock_role(0).expect_err("taken");
    assert!(matches!(taken, SegmentError::RoleTaken { role: "producer", pid: Some(4711) }), "{taken}");
    record.pid.store(u64::MAX, Ordering::Relaxed);
    let taken = first.lock_role(0).expect_err("taken, by the same process too");
    assert!(matches!(taken, SegmentError::RoleTaken { role: "producer", pid: None }), "{taken}");

    let consumer = second.lock_role(1).expect("the other role");
    assert!(consumer.other_is_held(0).expect("an answer"));
    assert!(producer.other_is_held(1).expect("an answer"));
    assert!(!producer.other_is_held(0).expect("an answer"), "does not see itself");
    drop(producer);
    assert!(!consumer.other_is_held(0).expect("an answer"));
    second.lock_role(0).expect("free again");
    let none = second.lock_role(2).expect_err("no such role");
    assert!(matches!(none, SegmentError::NoSuchRole { role: 2, roles: 2 }), "{none}");
}

#[test]
fn a_mapped_segment_holds_no_role() {
    let TestRing(segment) = builder().anonymous().expect("a segment");
    for role in 0..2 {
        assert!(!is_locked(segment.as_fd(), role).expect("an answer"));
    }
}

#[test]
fn both_ways_of_naming_leave_the_same_file_and_no_other() {
    for naming in [create::Naming::Nameless, create::Naming::Sibling] {
        let directory = Directory::new(&format!("naming-{naming:?}"));
        let place = Place::path(directory.file("ring"));
        let demand = builder().mode(0o640).demand();
        let segment = create::named_by(&demand, &place, naming).expect("a segment");
        assert_eq!(directory.names(), ["ring"], "{naming:?}");
        builder().mode(0o640).attach(&place).map(drop).expect("attaches");

        let error = create::named_by(&demand, &place, naming).map(drop).expect_err("in use");
        assert!(matches!(&error, SegmentError::AlreadyExists { place: found } if *found == place), "{error}");
        assert_eq!(directory.names(), ["ring"], "{naming:?}");
        segment.unlink().expect("unlinks");
        assert_eq!(directory.names(), [""; 0], "{naming:?}");
    }
}

/// The last step decides, not the look at the beginning: a name that is taken in between is not
/// replaced.
#[test]
fn giving_a_name_never_replaces() {
    let directory = Directory::new("link");
    let (path, other) = (directory.file("ring"), directory.file("other"));
    std::fs::write(&path, "precious").expect("a file");
    let TestRing(segment) = builder().create(&other).expect("a segment");
    for temporary in [None, Some(temporary::DeletedOnDrop(other))] {
        let error = create::give_name(&segment.file, temporary.as_ref(), &path).expect_err("in use");
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
    }
    assert_eq!(directory.names(), ["ring"], "the temporary name is gone");
}

#[test]
fn a_peer_that_scribbles_over_the_header_changes_nothing_here() {
    let TestRing(segment) = builder().schema(5).anonymous().expect("a segment");
    for index in 0..512 {
        segment.mapping.header_word(index).store(u64::MAX, Ordering::Relaxed);
    }
    assert_eq!((segment.capacity(), segment.schema(), segment.total_len()), (100, 5, 8192));
    assert_eq!(segment.body_len(), 1056);
    assert!(segment.role_record(1).is_some());
}

#[test]
fn what_cannot_have_room_is_refused_before_it_takes_any() {
    // Far more than any machine has. Were it tried, the system would kill processes for their memory.
    const LEN: u64 = 1 << 50;
    let memfd = memfd_for_tests();
    assert!(sys::room(memfd.as_fd()) < LEN, "the room in memory is not known here");
    let error = crate::spsc::Ring::<u64>::builder().capacity(LEN as usize / 8).anonymous().map(drop).unwrap_err();
    assert!(matches!(error, SegmentError::NoSpace { requested_bytes, .. } if requested_bytes > LEN), "{error}");
}
