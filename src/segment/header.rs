//! The first page of a segment: what it says, how it is written, how it is read and checked.
//!
//! Written once, by the creator, before anybody else can see the file; read once by each attacher,
//! into a private copy that is checked as a whole. Nothing is ever read from the header again, so a
//! peer that scribbles over it later changes nothing. `docs/layout.md` draws it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{Ordering, fence};

use bytemuck::{Pod, Zeroable};

use super::demand::{Demand, Dimensions};
use super::divided::Identity;
use super::elements::ElementLayout;
use super::kind::RingKind;
use super::mapping::Mapping;
use super::options::known_bits;
use super::place::Place;
use super::role::ROLE_STRIDE;
use crate::error::SegmentError;

/// The first eight bytes of every segment. In memory they read `RONDEL`, a zero and a one, on
/// machines of either byte order.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"RONDEL\0\x01");
/// The layout that this build writes and reads. Raised by whatever changes the meaning of a byte.
pub(crate) const LAYOUT_VERSION: u32 = 1;
/// Where the body starts, in bytes from the start of the file: one page of 4096 bytes, whatever the
/// machine's pages are, so that the layout is the same everywhere.
pub(crate) const BODY_OFFSET: u64 = 4096;
/// What the length of a segment is a multiple of, in bytes.
pub(super) const SMALL_PAGE: u64 = 4096;
/// The same for a segment of huge pages.
pub(super) const HUGE_PAGE: u64 = 2 << 20;

/// The header as it lies in the file. All fields in the machine's byte order; no padding between or
/// after them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Header {
    magic: u64,
    layout_version: u32,
    kind: u32,
    element_size: u64,
    element_align: u64,
    capacity: u64,
    schema: u64,
    total_len: u64,
    body_offset: u64,
    body_len: u64,
    role_count: u32,
    role_stride: u32,
    page_len: u64,
    options: u64,
    control_device: u64,
    control_inode: u64,
}

const WORDS: usize = size_of::<Header>() / size_of::<u64>();
/// What the header means as words.
type Words = [u64; WORDS];

// `bytemuck::cast` between `Header` and `Words` needs equal sizes; a field of another width would
// show here and not in a running program.
const _: () = assert!(size_of::<Header>() == size_of::<Words>() && size_of::<Header>() == 112);

// SAFETY: the fields are integers, for which all bytes zero is a value.
unsafe impl Zeroable for Header {}
// SAFETY: `repr(C)`, only integers, which take any bytes; the two pairs of u32 fill a word each and
// everything else is a u64 at a multiple of eight, so there is no padding (the assertion above
// would see some: 12 words and 2 pairs are 112 bytes).
unsafe impl Pod for Header {}

impl Header {
    /// The header of the segment that is to be created.
    pub(super) fn for_creation(demand: &Demand) -> Result<Self, SegmentError> {
        let capacity = demand.capacity.ok_or(SegmentError::CapacityMissing)?;
        if capacity == 0 {
            return Err(SegmentError::ZeroCapacity);
        }
        let element = demand.elements.for_creation(capacity, demand.largest)?;
        let roles = demand.roles.count_for_creation(demand.role_count)?;
        let page_len = demand.memory.page_len();
        let body_len = (demand.body_len)(Dimensions { capacity, roles, element_size: element.size })?;
        let too_large = SegmentError::CapacityTooLarge { requested: capacity, element_bytes: demand.elements.unit() };
        let total_len = total_len(body_len, page_len).ok_or(too_large)?;
        Ok(Self {
            magic: MAGIC,
            layout_version: LAYOUT_VERSION,
            kind: demand.kind.into(),
            element_size: element.size,
            element_align: element.align,
            capacity,
            schema: demand.schema,
            total_len,
            body_offset: BODY_OFFSET,
            body_len,
            role_count: roles,
            role_stride: ROLE_STRIDE,
            page_len,
            options: demand.options.for_creation(demand.known_options),
            control_device: 0,
            control_inode: 0,
        })
    }

    /// The same header, of a segment in two parts.
    pub(super) fn with_control(self, control: Identity) -> Self {
        Self { control_device: control.device, control_inode: control.inode, ..self }
    }

    /// Writes the header into a new mapping, the magic number last.
    ///
    /// Release: whoever sees the magic number sees the rest of the header (`read` has the Acquire),
    /// and the zeroed body. The file gets its name, or is handed on, only later, so nobody looks
    /// yet; the order is kept so that a copy of the file made at a bad moment is not taken for a
    /// segment.
    pub(super) fn publish(&self, mapping: &Mapping) {
        let words: Words = bytemuck::cast(*self);
        let [magic, rest @ ..] = words;
        for (index, word) in rest.into_iter().enumerate() {
            mapping.header_word(index + 1).store(word, Ordering::Relaxed);
        }
        mapping.header_word(0).store(magic, Ordering::Release);
    }

    /// Reads the header of a file of `file_len` bytes, and accepts only a magic number and a layout
    /// version that say what the other bytes mean.
    ///
    /// Reads through the file and not through a mapping: a file that is being truncated gives an
    /// error here and not a SIGBUS, and a listing needs no mapping at all.
    pub(super) fn read(file: &File, file_len: u64, place: &Place) -> Result<Self, SegmentError> {
        let too_short = |expected_bytes| SegmentError::TooShort { expected_bytes, found_bytes: file_len };
        let read = |bytes: &mut [u8], offset| {
            file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => too_short(BODY_OFFSET),
                _ => SegmentError::io("read the header of", place, error),
            })
        };
        let mut magic = [0; 8];
        read(&mut magic, 0)?;
        match u64::from_ne_bytes(magic) {
            MAGIC => {}
            0 => return Err(SegmentError::NotInitialised),
            found_magic => return Err(SegmentError::NotRondel { found_magic }),
        }
        // Acquire: pairs with the Release store of the magic number in `publish`. What is read from
        // here on is what was written before it.
        fence(Ordering::Acquire);
        let mut header = Self { magic: MAGIC, ..Self::zeroed() };
        let bytes = bytemuck::bytes_of_mut(&mut header);
        read(bytes.get_mut(8..).unwrap_or_default(), 8)?;
        if header.layout_version != LAYOUT_VERSION {
            return Err(SegmentError::LayoutVersion { expected: LAYOUT_VERSION, found: header.layout_version });
        }
        Ok(header)
    }

    /// Checks a header that was read against what is asked for, and each field against the others.
    ///
    /// What it accepts is exactly what `for_creation` writes for some capacity, number of roles and
    /// choice of options, so that nothing later needs to check again.
    pub(super) fn check(&self, demand: &Demand) -> Result<(), SegmentError> {
        if self.kind != u32::from(demand.kind) {
            return Err(SegmentError::RingKind { expected: demand.kind, found: self.kind });
        }
        let element = ElementLayout { size: self.element_size, align: self.element_align };
        demand.elements.check_asked(demand.largest, element)?;
        let (expected, found) = (demand.schema, self.schema);
        if expected != found {
            return Err(SegmentError::SchemaTag { expected, found });
        }
        match demand.capacity {
            Some(expected) if expected != self.capacity => {
                return Err(SegmentError::Capacity { expected, found: self.capacity });
            }
            _ => {}
        }
        demand.roles.check_asked(demand.role_count, self.role_count)?;
        demand.options.check(demand.known_options, self.options)?;
        if self.capacity == 0 {
            return Err(SegmentError::Geometry { field: "capacity", expected: 1, found: 0 });
        }
        implied("body_offset", BODY_OFFSET, self.body_offset)?;
        implied("role_count", demand.roles.nearest_count(self.role_count).into(), self.role_count.into())?;
        implied("role_stride", ROLE_STRIDE.into(), self.role_stride.into())?;
        implied("options", self.options & known_bits(demand.known_options), self.options)?;
        demand.elements.check_possible(self.capacity, self.element_size)?;
        let (capacity, roles, element_size) = (self.capacity, self.role_count, self.element_size);
        implied("body_len", (demand.body_len)(Dimensions { capacity, roles, element_size })?, self.body_len)?;
        self.check_total_len()
    }

    /// Checks the length of the segment against the length of its body: all that can be checked
    /// without knowing the ring.
    pub(super) fn check_total_len(&self) -> Result<(), SegmentError> {
        if self.page_len != HUGE_PAGE {
            implied("page_len", SMALL_PAGE, self.page_len)?;
        }
        match total_len(self.body_len, self.page_len) {
            Some(total_len) => implied("total_len", total_len, self.total_len),
            None => {
                Err(SegmentError::Geometry { field: "body_len", expected: largest_total_len(), found: self.body_len })
            }
        }
    }

    /// Checks the length of the file against the length that the header gives.
    ///
    /// Longer is refused as well: no creation leaves such a file, and a file of huge pages has to
    /// be mapped whole.
    pub(super) fn check_file_len(&self, file_len: u64) -> Result<(), SegmentError> {
        if file_len < self.total_len {
            return Err(SegmentError::TooShort { expected_bytes: self.total_len, found_bytes: file_len });
        }
        implied("total_len", file_len, self.total_len)
    }

    /// The kind of ring, where this build knows it.
    pub(super) fn kind(&self) -> Result<RingKind, u32> {
        RingKind::try_from(self.kind)
    }

    /// Bytes of an element.
    pub(super) fn element_size(&self) -> u64 {
        self.element_size
    }

    /// Alignment of an element, in bytes.
    pub(super) fn element_align(&self) -> u64 {
        self.element_align
    }

    /// Capacity in elements.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The schema tag; 0 for none.
    pub(super) fn schema(&self) -> u64 {
        self.schema
    }

    /// Length of the file, in bytes.
    pub(super) fn total_len(&self) -> u64 {
        self.total_len
    }

    /// Length of the body, in bytes.
    pub(super) fn body_len(&self) -> u64 {
        self.body_len
    }

    /// Bytes of the pages that the segment was made of.
    pub(super) fn page_len(&self) -> u64 {
        self.page_len
    }

    /// The options, a bit each.
    pub(super) fn options(&self) -> u64 {
        self.options
    }

    /// The file of the control part; `None` for a segment in one part.
    pub(super) fn control(&self) -> Option<Identity> {
        let identity = Identity { device: self.control_device, inode: self.control_inode };
        (identity != Identity::default()).then_some(identity)
    }

    /// How many role records the body starts with, by a header that may be anybody's: bounded by
    /// the body's length.
    pub(super) fn role_count(&self) -> u64 {
        u64::from(self.role_count).min(self.body_len / u64::from(ROLE_STRIDE))
    }
}

pub(super) fn implied(field: &'static str, expected: u64, found: u64) -> Result<(), SegmentError> {
    if expected == found { Ok(()) } else { Err(SegmentError::Geometry { field, expected, found }) }
}

/// The length of a segment, in bytes: header and body, rounded up to whole pages. `None` where no
/// mapping can be so long.
fn total_len(body_len: u64, page_len: u64) -> Option<u64> {
    let total = BODY_OFFSET.checked_add(body_len)?.checked_next_multiple_of(page_len)?;
    (total <= largest_total_len()).then_some(total)
}

/// The longest mapping: no object, and no offset in one, may exceed `isize::MAX` in Rust; nor a
/// file `i64::MAX` in Linux.
fn largest_total_len() -> u64 {
    u64::try_from(isize::MAX).unwrap_or(u64::MAX).min(i64::MAX as u64)
}
