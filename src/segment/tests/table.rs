//! Segments with a table of participants and with options.

use std::os::unix::fs::FileExt;

use super::*;
use crate::protocol::role::{attach, close};

const MOST: u32 = 100;
const PRODUCER: u64 = RoleRecord::PRODUCER;
const CONSUMER: u64 = RoleRecord::CONSUMER;

/// A ring of `u64`s that consists of its table and of its segment.
struct TableRing(Segment);

impl sealed::Sealed for TableRing {}

impl RingType for TableRing {
    const KIND: RingKind = RingKind::Mpmc;
    const ROLES: Roles = Roles::Table { default: 6, most: MOST };
    const OPTIONS: &'static [OptionBit] = &[
        OptionBit { name: "recovery", clear: "redeliver", set: "discard" },
        OptionBit { name: "ending", clear: "closes", set: "stays open" },
    ];

    fn elements() -> Elements {
        Elements::Fixed(ElementLayout { size: 8, align: 8 })
    }

    fn body_len(Dimensions { capacity, roles, .. }: Dimensions) -> Result<u64, SegmentError> {
        assert!((1..=MOST).contains(&roles), "{roles} has passed the checks");
        capacity
            .checked_mul(8)
            .and_then(|slots| slots.checked_add(u64::from(roles) * u64::from(ROLE_STRIDE)))
            .ok_or(SegmentError::CapacityTooLarge { requested: capacity, element_bytes: 8 })
    }

    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        Ok(Self(segment))
    }
}

fn builder() -> Builder<TableRing> {
    Builder::new().capacity(100)
}

fn error_of(result: Result<TableRing, SegmentError>) -> SegmentError {
    result.map(drop).expect_err("should have failed")
}

/// A file with a segment, and attachers to it.
struct Victim {
    _directory: Directory,
    path: PathBuf,
    file: File,
}

impl Victim {
    fn new(test: &str, builder: &Builder<TableRing>) -> Self {
        let directory = Directory::new(&format!("table-{test}"));
        let path = directory.file("rondel.ring");
        builder.create(&path).map(drop).expect("a segment");
        let file = File::options().read(true).write(true).open(&path).expect("the file");
        Self { _directory: directory, path, file }
    }

    fn write_u32(&self, offset: u64, value: u32) {
        self.file.write_all_at(&value.to_ne_bytes(), offset).expect("writable");
    }

    fn write_u64(&self, offset: u64, value: u64) {
        self.file.write_all_at(&value.to_ne_bytes(), offset).expect("writable");
    }

    fn read_u64(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset).expect("readable");
        u64::from_ne_bytes(bytes)
    }

    fn attach(&self, builder: &Builder<TableRing>) -> Result<TableRing, SegmentError> {
        builder.attach(&self.path)
    }

    fn listed(&self) -> SegmentDetail {
        let directory = self.path.parent().expect("a directory");
        let mut segments = list::list_in(directory, sys::effective_uid()).expect("lists");
        assert_eq!(segments.len(), 1);
        segments.remove(0).detail.expect("a segment")
    }
}

const CAPACITY: u64 = 32;
const BODY_OFFSET: u64 = 56;
const ROLE_COUNT: u64 = 72;
const OPTIONS: u64 = 88;

/// Takes a role and says so in its record, as a participant does.
fn announce(segment: &Segment, role: usize, side: u64, pid: u64) -> RoleLock {
    let lock = segment.lock_role(role).expect("free");
    let record = segment.role_record(role).expect("a record");
    record.pid.store(pid, Ordering::Relaxed);
    record.side.store(side, Ordering::Relaxed);
    attach(&record.state);
    lock
}

#[test]
fn a_table_is_as_long_as_its_creator_wants_and_zeroed() {
    for (asked, count) in [(None, 6), (Some(1), 1), (Some(7), 7), (Some(MOST), 100)] {
        let builder = asked.map_or_else(builder, |asked| builder().with_role_count(asked));
        let TableRing(segment) = builder.anonymous().expect("a segment");
        assert_eq!(segment.role_count(), count);
        assert_eq!(segment.body_len(), count * 128 + 800);
        assert!(segment.role_record(count).is_none());
        for role in 0..count {
            let record = segment.role_record(role).expect("a record");
            let start = std::ptr::from_ref(record).addr() - segment.body().as_ptr().addr();
            assert_eq!(start, role * 128);
            let words = [&record.state, &record.pid, &record.side, &record.pushing, &record.popping, &record.taking];
            assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0));
            assert_eq!(record.asleep.load(Ordering::Relaxed), 0);
        }
    }
}

#[test]
fn a_count_that_cannot_be_is_refused_at_creation() {
    for asked in [0, MOST + 1, u32::MAX] {
        let error = error_of(builder().with_role_count(asked).anonymous());
        assert!(
            matches!(error, SegmentError::ParticipantCount { requested, most: MOST } if requested == asked),
            "{error}"
        );
    }
    let text = error_of(builder().with_role_count(0).anonymous()).to_string();
    assert_eq!(text, "a ring has room for 1 to 100 participants, not for 0");
    let error = error_of(Builder::new().with_role_count(0).anonymous());
    assert!(matches!(error, SegmentError::CapacityMissing), "{error}");
}

#[test]
fn a_count_is_a_requirement_where_one_is_asked_for() {
    let victim = Victim::new("count", &builder().with_role_count(7));
    for asked in [None, Some(7)] {
        let builder = asked.map_or_else(builder, |asked| builder().with_role_count(asked));
        let TableRing(segment) = victim.attach(&builder).expect("as asked for");
        assert_eq!(segment.role_count(), 7);
        assert!(segment.role_record(6).is_some() && segment.role_record(7).is_none());
    }
    for asked in [0, 6, 8, MOST + 1, u32::MAX] {
        let error = error_of(victim.attach(&builder().with_role_count(asked)));
        assert!(
            matches!(error, SegmentError::Participants { expected, found: 7 } if expected == asked),
            "{asked}: {error}"
        );
    }
    let text = error_of(victim.attach(&builder().with_role_count(8))).to_string();
    assert_eq!(text, "the segment has room for 7 participants, expected 8");
}

#[test]
fn a_hostile_count_is_refused() {
    let victim = Victim::new("hostile-count", &builder().with_role_count(7));
    for (count, nearest) in [(0, 1), (MOST + 1, MOST), (4096, MOST), (u32::MAX, MOST)] {
        victim.write_u32(ROLE_COUNT, count);
        // Asking for it does not make it possible.
        for builder in [builder(), builder().with_role_count(count)] {
            match error_of(victim.attach(&builder)) {
                SegmentError::Geometry { field, expected, found } => {
                    assert_eq!((field, expected, found), ("role_count", nearest.into(), count.into()));
                }
                other => panic!("{count}: {other:?}"),
            }
        }
    }
    // One that is possible has to fit the body.
    for count in [1_u32, 6, 8, MOST] {
        victim.write_u32(ROLE_COUNT, count);
        match error_of(victim.attach(&builder())) {
            SegmentError::Geometry { field, expected, found } => {
                assert_eq!((field, expected, found), ("body_len", u64::from(count) * 128 + 800, 7 * 128 + 800));
            }
            other => panic!("{count}: {other:?}"),
        }
    }
    victim.write_u64(CAPACITY, u64::MAX);
    let error = error_of(victim.attach(&Builder::new()));
    assert!(matches!(error, SegmentError::CapacityTooLarge { requested: u64::MAX, .. }), "{error}");
}

#[test]
fn options_stand_in_the_header_and_are_a_requirement_where_asked_for() {
    for (recovery, ending) in [(false, false), (true, false), (false, true), (true, true)] {
        let asked = builder().with_option(0, recovery).with_option(1, ending);
        let victim = Victim::new(&format!("options-{recovery}-{ending}"), &asked);
        let word = u64::from(recovery) | u64::from(ending) << 1;
        assert_eq!(victim.read_u64(OPTIONS), word);
        for builder in [&asked, &builder(), &builder().with_option(1, ending)] {
            let TableRing(segment) = victim.attach(builder).expect("as asked for");
            assert_eq!(segment.options(), word);
        }
        match error_of(victim.attach(&builder().with_option(1, !ending))) {
            SegmentError::RingOption { option, expected, found } => {
                let values = if ending { ("closes", "stays open") } else { ("stays open", "closes") };
                assert_eq!((option, (expected, found)), ("ending", values));
            }
            other => panic!("{other:?}"),
        }
        let error = error_of(victim.attach(&builder().with_option(0, !recovery).with_option(1, !ending)));
        assert!(matches!(error, SegmentError::RingOption { option: "recovery", .. }), "the first of two: {error}");
    }
    let victim = Victim::new("options-text", &builder());
    let text = error_of(victim.attach(&builder().with_option(0, true))).to_string();
    assert_eq!(text, "the ring was created with recovery: redeliver, expected discard");
}

#[test]
fn options_without_a_meaning_are_neither_written_nor_accepted() {
    let victim = Victim::new("hostile-options", &builder().with_option(2, true).with_option(0, true));
    assert_eq!(victim.read_u64(OPTIONS), 0b01);
    for options in [0b100, 0b101, 1 << 63, u64::MAX] {
        victim.write_u64(OPTIONS, options);
        match error_of(victim.attach(&builder())) {
            SegmentError::Geometry { field, expected, found } => {
                assert_eq!((field, expected, found), ("options", options & 0b11, options));
            }
            other => panic!("{options:#x}: {other:?}"),
        }
    }
}

#[test]
fn the_first_mismatch_in_the_documented_order_is_reported() {
    let victim = Victim::new("order", &builder().with_role_count(7));
    let asked = builder().with_role_count(7).with_option(0, false);
    let good = [CAPACITY, ROLE_COUNT, OPTIONS, BODY_OFFSET].map(|offset| (offset, victim.read_u64(offset)));
    for (offset, _) in good {
        victim.write_u64(offset, u64::MAX);
    }
    let [capacity, role_count, options, body_offset] = good;
    let repair = |(offset, word)| victim.write_u64(offset, word);
    assert!(matches!(error_of(victim.attach(&asked)), SegmentError::Capacity { .. }));
    repair(capacity);
    assert!(matches!(error_of(victim.attach(&asked)), SegmentError::Participants { found: u32::MAX, .. }));
    repair(role_count);
    assert!(matches!(error_of(victim.attach(&asked)), SegmentError::RingOption { option: "recovery", .. }));
    repair(options);
    assert!(matches!(error_of(victim.attach(&asked)), SegmentError::Geometry { field: "body_offset", .. }));
    repair(body_offset);
    victim.attach(&asked).map(drop).expect("all repaired");
}

#[test]
fn each_line_of_the_table_has_a_lock_of_its_own() {
    let TableRing(first) = builder().anonymous().expect("a segment");
    let TableRing(second) = builder().from_fd(first.try_clone_fd().expect("a descriptor")).expect("the same");
    let mut locks: Vec<_> = (0..6).map(|role| first.try_lock_role(role).expect("an answer").expect("free")).collect();
    for role in 0..6 {
        assert!(second.try_lock_role(role).expect("an answer").is_none());
        assert!(first.try_lock_role(role).expect("an answer").is_none(), "nor for the same process");
        assert!(is_locked(second.as_fd(), role as u64).expect("an answer"));
    }
    let error = second.lock_role(3).map(drop).expect_err("taken");
    assert!(matches!(error, SegmentError::RoleTaken { role: "participant", pid: None }), "{error}");
    drop(locks.remove(3));
    assert!(!is_locked(second.as_fd(), 3).expect("an answer"));
    let _lock = announce(&second, 3, PRODUCER, 4711);
    let error = first.lock_role(3).map(drop).expect_err("taken");
    assert!(matches!(error, SegmentError::RoleTaken { role: "participant", pid: Some(4711) }), "{error}");
    for role in [6, 4096, usize::MAX] {
        for error in [first.lock_role(role).map(drop), first.try_lock_role(role).map(drop)] {
            let error = error.expect_err("no such line");
            assert!(matches!(error, SegmentError::NoSuchRole { role: is, roles: 6 } if is == role), "{error}");
        }
    }
}

/// One of each: alive, closed, dead, never attached, without a side, and about to attach.
fn one_of_each(segment: &Segment) -> [RoleLock; 3] {
    let producer = announce(segment, 0, PRODUCER, 11);
    drop(announce(segment, 1, CONSUMER, 12));
    close(&segment.role_record(1).expect("a record").state, 1);
    drop(announce(segment, 2, CONSUMER, 13));
    let unknown = announce(segment, 4, 77, 14);
    let attaching = segment.lock_role(5).expect("free");
    [producer, unknown, attaching]
}

#[test]
fn a_segment_tells_who_holds_its_lines() {
    let TableRing(segment) = builder().anonymous().expect("a segment");
    let _locks = one_of_each(&segment);
    let infos: Vec<_> =
        segment.role_infos().into_iter().map(|info| (info.name, info.state, info.pid, info.alive)).collect();
    assert_eq!(
        infos,
        [
            ("producer 0".into(), RoleState::Attached, Some(11), true),
            ("consumer 1".into(), RoleState::Closed, None, false),
            ("consumer 2".into(), RoleState::Attached, Some(13), false),
            ("participant 3".into(), RoleState::NeverAttached, None, false),
            ("participant 4".into(), RoleState::Attached, Some(14), true),
            ("participant 5".into(), RoleState::NeverAttached, None, true),
        ]
    );
}

#[test]
fn a_table_is_listed_without_the_lines_that_nobody_has_held() {
    let victim = Victim::new("listing", &builder());
    let TableRing(segment) = victim.attach(&builder()).expect("the segment");
    assert_eq!((victim.listed().roles, victim.listed().role_count), (vec![], 6));

    let locks = one_of_each(&segment);
    let detail = victim.listed();
    let mut infos = segment.role_infos();
    infos.remove(3);
    assert_eq!((detail.kind, detail.role_count, detail.roles), (RingKind::Mpmc, 6, infos));
    drop(locks);

    // Whoever is about to attach has a lock and no record; the segment is in use all the same.
    let victim = Victim::new("listing-attaching", &builder());
    let TableRing(segment) = victim.attach(&builder()).expect("the segment");
    let _lock = segment.lock_role(5).expect("free");
    assert_eq!(victim.listed().roles, [segment.role_infos().remove(5)]);
}

/// A header of anybody's can announce any number of roles, and a body to hold them.
#[test]
fn a_listing_is_bounded() {
    let victim = Victim::new("bounded", &builder().capacity(5000 * 128 / 8));
    victim.write_u32(ROLE_COUNT, u32::MAX);
    for role in [4095, 4096] {
        victim.write_u64(4096 + role * 128, 1 << 8 | 1);
    }
    let detail = victim.listed();
    assert_eq!(detail.role_count, 4096);
    let names: Vec<_> = detail.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["participant 4095"]);
    // Nor is more looked at than the body holds.
    victim.write_u32(ROLE_COUNT, 0);
    assert_eq!((victim.listed().role_count, victim.listed().roles), (0, vec![]));
    let victim = Victim::new("bounded-body", &builder());
    victim.write_u32(ROLE_COUNT, u32::MAX);
    assert_eq!(victim.listed().role_count, (6 * 128 + 800) / 128);
}

#[test]
fn a_full_table_is_told_with_its_holders() {
    let TableRing(segment) = builder().anonymous().expect("a segment");
    let _locks = one_of_each(&segment);
    let text = SegmentError::TableFull { holders: segment.role_infos() }.to_string();
    assert_eq!(
        text,
        "all 6 places for participants are taken: producer 0 (process 11, alive), consumer 1 (free by now), \
         consumer 2 (process 13, dead), participant 3 (free by now), participant 4 (process 14, alive), \
         participant 5 (alive, has not recorded its number yet)"
    );
    let record = segment.role_record(2).expect("a record");
    record.state.store(u64::MAX, Ordering::Relaxed);
    let text = SegmentError::TableFull { holders: segment.role_infos() }.to_string();
    assert!(text.contains("consumer 2 (dead), "), "{text}");
}

#[test]
fn the_text_of_a_long_table_ends() {
    let TableRing(segment) = builder().with_role_count(MOST).anonymous().expect("a segment");
    let _locks: Vec<_> = (0..100).map(|role| announce(&segment, role, CONSUMER, 5)).collect();
    let error = SegmentError::TableFull { holders: segment.role_infos() };
    let text = error.to_string();
    assert!(text.starts_with("all 100 places for participants are taken: consumer 0 (process 5, alive), "), "{text}");
    assert!(text.ends_with(", consumer 63 (process 5, alive), and 36 more"), "{text}");
    assert!(matches!(error, SegmentError::TableFull { holders } if holders.len() == 100));
}

#[test]
fn a_peer_that_scribbles_over_the_header_changes_neither_table_nor_options() {
    let TableRing(segment) = builder().with_option(1, true).anonymous().expect("a segment");
    for index in 0..512 {
        segment.mapping.header_word(index).store(u64::MAX, Ordering::Relaxed);
    }
    assert_eq!((segment.role_count(), segment.options()), (6, 0b10));
    assert!(segment.role_record(5).is_some() && segment.role_record(6).is_none());
    assert_eq!(segment.role_infos().len(), 6);
}
