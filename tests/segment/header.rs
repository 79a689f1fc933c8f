//! Every field of the header, one by one; `random_header` has them at random. The offsets are those
//! of `docs/layout.md`.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rondel::SegmentError;
use rondel::segment::RingKind;
use rondel::spsc::Ring;

use crate::common::{Directory, assert_error, builder, error_of};

const MAGIC: u64 = 0;
const LAYOUT_VERSION: u64 = 8;
const KIND: u64 = 12;
const ELEMENT_SIZE: u64 = 16;
const ELEMENT_ALIGN: u64 = 24;
const CAPACITY: u64 = 32;
const SCHEMA: u64 = 40;
const TOTAL_LEN: u64 = 48;
const BODY_OFFSET: u64 = 56;
const BODY_LEN: u64 = 64;
const ROLE_COUNT: u64 = 72;
const ROLE_STRIDE: u64 = 76;
const PAGE_LEN: u64 = 80;
const OPTIONS: u64 = 88;
const CONTROL_DEVICE: u64 = 96;
const CONTROL_INODE: u64 = 104;
pub(crate) const END: usize = 112;

/// A good segment, and its file to spoil it by.
pub(crate) struct Victim {
    _directory: Directory,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl Victim {
    pub(crate) fn new(test: &str) -> Self {
        let directory = Directory::new(&format!("header-{test}"));
        let path = directory.file("ring");
        builder().schema(7).create(&path).map(drop).expect("a ring");
        let file = File::options().read(true).write(true).open(&path).expect("the file");
        Self { _directory: directory, path, file }
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) {
        self.file.write_all_at(bytes, offset).expect("writable");
    }

    fn write_u64(&self, offset: u64, value: u64) {
        self.write(&value.to_ne_bytes(), offset);
    }

    pub(crate) fn read_u64(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset).expect("readable");
        u64::from_ne_bytes(bytes)
    }

    fn attach(&self) -> Result<Ring<u64>, SegmentError> {
        builder().schema(7).attach(&self.path)
    }

    /// The error with one word of the header changed; the word is restored.
    fn error_with(&self, offset: u64, value: u64) -> SegmentError {
        let before = self.read_u64(offset);
        self.write_u64(offset, value);
        let error = error_of(self.attach());
        self.write_u64(offset, before);
        self.attach().map(drop).expect("good again");
        error
    }

    /// The same with half a word.
    fn error_with_u32(&self, offset: u64, value: u32) -> SegmentError {
        let mut before = [0; 4];
        self.file.read_exact_at(&mut before, offset).expect("readable");
        self.write(&value.to_ne_bytes(), offset);
        let error = error_of(self.attach());
        self.write(&before, offset);
        error
    }
}

#[test]
fn the_header_is_where_the_documentation_says() {
    let victim = Victim::new("layout");
    let mut page = [0; 4096];
    victim.file.read_exact_at(&mut page, 0).expect("readable");
    assert_eq!(&page[..8], b"RONDEL\0\x01");
    let half = |offset: u64| {
        let start = offset as usize;
        u32::from_ne_bytes(page[start..start + 4].try_into().expect("four bytes"))
    };
    let word = |offset| victim.read_u64(offset);
    assert_eq!((half(LAYOUT_VERSION), half(KIND)), (1, 1));
    assert_eq!((word(ELEMENT_SIZE), word(ELEMENT_ALIGN)), (8, 8));
    assert_eq!((word(CAPACITY), word(SCHEMA)), (100, 7));
    assert_eq!(word(TOTAL_LEN), victim.file.metadata().expect("open").len());
    assert_eq!(word(BODY_OFFSET), 4096);
    assert_eq!((word(BODY_OFFSET) + word(BODY_LEN)).next_multiple_of(4096), word(TOTAL_LEN));
    assert_eq!((half(ROLE_COUNT), half(ROLE_STRIDE)), (2, 128));
    assert_eq!((word(PAGE_LEN), word(OPTIONS)), (4096, 0));
    assert_eq!((word(CONTROL_DEVICE), word(CONTROL_INODE)), (0, 0));
    assert!(page[END..].iter().all(|&byte| byte == 0), "the rest of the page is zero");
}

#[test]
fn the_magic_number_is_checked() {
    let victim = Victim::new("magic");
    assert!(matches!(victim.error_with(MAGIC, 0), SegmentError::NotInitialised));
    let found = u64::from_ne_bytes(*b"RONDEL\0\x02");
    assert!(matches!(victim.error_with(MAGIC, found), SegmentError::NotRondel { found_magic } if found_magic == found));
}

#[test]
fn a_file_of_something_else_is_not_rondels() {
    let directory = Directory::new("foreign");
    let path = directory.file("file");
    // `fs::write` leaves the mode to the umask.
    let tolerant = || builder().mode(0o666);
    fs::write(&path, "#!/bin/sh\necho hello\n").expect("a file");
    let expected = u64::from_ne_bytes(*b"#!/bin/s");
    assert_error!(tolerant().attach(&path), SegmentError::NotRondel { found_magic } if found_magic == expected);
    fs::write(&path, "").expect("a file");
    assert_error!(tolerant().attach(&path), SegmentError::TooShort { expected_bytes: 4096, found_bytes: 0 });
    fs::write(&path, "RONDEL").expect("a file");
    assert_error!(tolerant().attach(&path), SegmentError::TooShort { expected_bytes: 4096, found_bytes: 6 });
    fs::write(&path, b"RONDEL\0\x01 and no more").expect("a file");
    assert_error!(tolerant().attach(&path), SegmentError::TooShort { expected_bytes: 4096, found_bytes: 20 });
    fs::write(&path, [0; 8192]).expect("a file");
    assert_error!(tolerant().attach(&path), SegmentError::NotInitialised);
    // Creating does not repair, replace or empty it; neither does creating or attaching.
    assert_error!(builder().create(&path), SegmentError::AlreadyExists { .. });
    assert_error!(tolerant().create_or_attach(&path), SegmentError::NotInitialised);
    assert_eq!(fs::read(&path).expect("the file"), [0; 8192]);
}

#[test]
fn the_layout_version_is_checked() {
    let victim = Victim::new("version");
    for found in [0, 2, u32::MAX] {
        let error = victim.error_with_u32(LAYOUT_VERSION, found);
        assert!(matches!(error, SegmentError::LayoutVersion { expected: 1, found: is } if is == found), "{error}");
    }
}

#[test]
fn the_kind_is_checked() {
    let victim = Victim::new("kind");
    for found in [0, 2, 3, 4, u32::MAX] {
        let error = victim.error_with_u32(KIND, found);
        assert!(
            matches!(error, SegmentError::RingKind { expected: RingKind::Spsc, found: is } if is == found),
            "{error}"
        );
    }
    let text = victim.error_with_u32(KIND, 2).to_string();
    assert_eq!(text, "the segment holds a ring of kind mpmc, expected spsc");
}

#[test]
fn the_element_is_checked() {
    let victim = Victim::new("element");
    let error = victim.error_with(ELEMENT_SIZE, 16);
    assert!(matches!(error, SegmentError::ElementSize { expected: 8, found: 16 }), "{error}");
    let error = victim.error_with(ELEMENT_ALIGN, 4);
    assert!(matches!(error, SegmentError::ElementAlign { expected: 8, found: 4 }), "{error}");

    // The same with real types.
    let attach = Ring::<u32>::builder().schema(7).attach(&victim.path);
    assert_error!(attach, SegmentError::ElementSize { expected: 4, found: 8 });
    let attach = Ring::<[u8; 8]>::builder().schema(7).attach(&victim.path);
    assert_error!(attach, SegmentError::ElementAlign { expected: 1, found: 8 });
    let attach = Ring::<u32>::from_fd(builder().anonymous().expect("a ring").try_clone_fd().expect("a descriptor"));
    assert_error!(attach, SegmentError::ElementSize { expected: 4, found: 8 });
}

#[test]
fn the_schema_tag_is_checked() {
    let victim = Victim::new("schema");
    let error = victim.error_with(SCHEMA, 8);
    assert!(matches!(error, SegmentError::SchemaTag { expected: 7, found: 8 }), "{error}");
    // No tag is a tag, too: nobody attaches to a tagged segment unawares.
    assert_error!(builder().attach(&victim.path), SegmentError::SchemaTag { expected: 0, found: 7 });
}

#[test]
fn the_capacity_is_checked_where_one_is_asked_for() {
    let victim = Victim::new("capacity");
    let attach = Ring::<u64>::builder().schema(7).capacity(101).attach(&victim.path);
    assert_error!(attach, SegmentError::Capacity { expected: 101, found: 100 });
    Ring::<u64>::builder().schema(7).attach(&victim.path).map(drop).expect("any capacity will do");

    // A capacity that nobody contradicts is contradicted by the other fields.
    let attach = || Ring::<u64>::builder().schema(7).attach(&victim.path);
    let body_len = victim.read_u64(BODY_LEN);
    victim.write_u64(CAPACITY, 1 << 20);
    assert_error!(
        attach(),
        SegmentError::Geometry { field: "body_len", expected, found } if found == body_len && expected > found
    );
    victim.write_u64(CAPACITY, 0);
    assert_error!(attach(), SegmentError::Geometry { field: "capacity", expected: 1, found: 0 });
    victim.write_u64(CAPACITY, u64::MAX);
    assert_error!(attach(), SegmentError::CapacityTooLarge { requested: u64::MAX, element_bytes: 8 });
}

#[test]
fn the_geometry_is_checked() {
    let victim = Victim::new("geometry");
    let total_len = victim.read_u64(TOTAL_LEN);
    let body_len = victim.read_u64(BODY_LEN);
    for (name, offset, expected_value) in [
        ("body_offset", BODY_OFFSET, 4096),
        ("body_len", BODY_LEN, body_len),
        ("total_len", TOTAL_LEN, total_len),
        ("page_len", PAGE_LEN, 4096),
    ] {
        for found_value in [0, 1, expected_value + 1, expected_value - 1, expected_value << 32, u64::MAX] {
            match victim.error_with(offset, found_value) {
                SegmentError::Geometry { field, expected, found } => {
                    assert_eq!((field, expected, found), (name, expected_value, found_value));
                }
                other => panic!("{name} = {found_value}: {other:?}"),
            }
        }
    }
    for (name, offset, expected_value) in [("role_count", ROLE_COUNT, 2), ("role_stride", ROLE_STRIDE, 128)] {
        for found_value in [0, 1, 3, 64, u32::MAX] {
            match victim.error_with_u32(offset, found_value) {
                SegmentError::Geometry { field, expected, found } => {
                    assert_eq!((field, expected, found), (name, expected_value, found_value.into()));
                }
                other => panic!("{name} = {found_value}: {other:?}"),
            }
        }
    }
    // A segment with a name is in one part.
    for (name, offset) in [("control_device", CONTROL_DEVICE), ("control_inode", CONTROL_INODE)] {
        for found_value in [1, 1 << 32, u64::MAX] {
            match victim.error_with(offset, found_value) {
                SegmentError::Geometry { field, expected, found } => {
                    assert_eq!((field, expected, found), (name, 0, found_value));
                }
                other => panic!("{name} = {found_value}: {other:?}"),
            }
        }
    }
    // This kind of ring has no options.
    for found_value in [1, 1 << 63, u64::MAX] {
        let error = victim.error_with(OPTIONS, found_value);
        assert!(
            matches!(error, SegmentError::Geometry { field: "options", expected: 0, found } if found == found_value),
            "{error}"
        );
    }
    // Pages of the other size are possible, and lead to another length.
    let error = victim.error_with(PAGE_LEN, 2 << 20);
    assert!(matches!(error, SegmentError::Geometry { field: "total_len", expected: 0x20_0000, .. }), "{error}");
}

#[test]
fn the_files_length_is_checked() {
    let victim = Victim::new("length");
    let total = victim.read_u64(TOTAL_LEN);
    for len in [4096, total - 1, total - 4096] {
        victim.file.set_len(len).expect("not sealed");
        assert_error!(
            victim.attach(),
            SegmentError::TooShort { expected_bytes, found_bytes } if expected_bytes == total && found_bytes == len
        );
    }
    victim.file.set_len(total + 4096).expect("not sealed");
    assert_error!(
        victim.attach(),
        SegmentError::Geometry { field: "total_len", expected, found } if expected == total + 4096 && found == total
    );
}

/// The order in which mismatches are reported is documented: spoil everything, then repair field by
/// field.
#[test]
fn the_first_mismatch_in_the_documented_order_is_reported() {
    let victim = Victim::new("order");
    let good: Vec<u8> = (0..END as u64 / 8).flat_map(|word| victim.read_u64(word * 8).to_ne_bytes()).collect();
    victim.write(&[0xff; END], 0);
    victim.file.set_len(5000).expect("not sealed");
    let repair = |range: std::ops::Range<usize>| victim.write(&good[range.clone()], range.start as u64);
    assert_error!(victim.attach(), SegmentError::NotRondel { .. });
    repair(0..8);
    assert_error!(victim.attach(), SegmentError::LayoutVersion { .. });
    repair(8..12);
    assert_error!(victim.attach(), SegmentError::RingKind { .. });
    repair(12..16);
    assert_error!(victim.attach(), SegmentError::ElementSize { .. });
    repair(16..24);
    assert_error!(victim.attach(), SegmentError::ElementAlign { .. });
    repair(24..32);
    assert_error!(victim.attach(), SegmentError::SchemaTag { .. });
    repair(40..48);
    assert_error!(victim.attach(), SegmentError::Capacity { .. });
    repair(32..40);
    assert_error!(victim.attach(), SegmentError::Geometry { field: "body_offset", .. });
    repair(48..END);
    assert_error!(victim.attach(), SegmentError::TooShort { found_bytes: 5000, .. });
    victim.file.set_len(victim.read_u64(TOTAL_LEN)).expect("not sealed");
    victim.attach().map(drop).expect("all repaired");
}
