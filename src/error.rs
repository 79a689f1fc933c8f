//! What can go wrong with a segment: creating, attaching, handing on, deleting.
//!
//! One variant a cause, so that a program can act on the cause and a person can read what was
//! expected and what was found. No variant is reused for two different checks.

use std::io;
use std::path::PathBuf;

use crate::protocol::Corruption;
use crate::segment::{HugePages, Place, Resource, RingKind, RoleInfo, soft_limit};

mod display;

/// Why a segment could not be created, attached, handed on or deleted.
///
/// The checks at attach are made in this order, and the first that fails is reported: the file
/// itself (seals where it has no name, a regular file, owner, mode), then magic, layout version,
/// ring kind, element size or largest message, element alignment, schema tag, capacity, participants, ring options, the
/// remaining geometry of the header, the length of the file, and last, of a segment in two parts, whether the second descriptor is the
/// control part that belongs to the first, and its file.
///
/// # Examples
/// ```
/// use rondel::SegmentError;
///
/// let error = SegmentError::ElementSize { expected: 8, found: 16 };
/// assert_eq!(error.to_string(), "the segment holds elements of 16 bytes, expected 8 bytes");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SegmentError {
    /// The file does not start with rondel's magic number: it is something else.
    NotRondel {
        /// The first eight bytes of the file, in the machine's byte order.
        found_magic: u64,
    },
    /// The magic number is still zero. rondel names a segment only once it is complete, so this is
    /// a file that something else made, or that was copied in part, or wiped. Attaching does not wait for it;
    /// creating does not touch it. Taking a role says it of a segment that was wiped after it was opened.
    NotInitialised,
    /// The segment was made by a version of rondel that lays segments out differently.
    LayoutVersion {
        /// The layout version of this build.
        expected: u32,
        /// The layout version in the header.
        found: u32,
    },
    /// The segment holds another kind of ring.
    RingKind {
        /// The kind that was asked for.
        expected: RingKind,
        /// The number in the header; it may be none that this build knows.
        found: u32,
    },
    /// A listing found a kind of ring that this build does not know.
    UnknownRingKind {
        /// The number in the header.
        found: u32,
    },
    /// The elements have another size, in bytes.
    ElementSize {
        /// Size of the type asked for, in bytes.
        expected: u64,
        /// Size in the header, in bytes.
        found: u64,
    },
    /// A length was asked for at attach for the largest message, and the ring has another.
    Largest {
        /// The largest message asked for, in bytes.
        expected: u64,
        /// The largest message that the ring takes, in bytes.
        found: u64,
    },
    /// The elements have another alignment, in bytes.
    ElementAlign {
        /// Alignment of the type asked for, in bytes.
        expected: u64,
        /// Alignment in the header, in bytes.
        found: u64,
    },
    /// The creator gave another schema tag.
    SchemaTag {
        /// The tag that was asked for (0: none).
        expected: u64,
        /// The tag in the header (0: none).
        found: u64,
    },
    /// A capacity was asked for at attach, and the segment has another.
    Capacity {
        /// The capacity asked for, in elements.
        expected: u64,
        /// The capacity in the header, in elements.
        found: u64,
    },
    /// A length was asked for at attach for the ring's table of participants, and the segment has
    /// another. Checked after the capacity.
    Participants {
        /// The number of participants asked for.
        expected: u32,
        /// The number in the header.
        found: u32,
    },
    /// An option was asked for at attach, and the ring was created with the other choice. Checked
    /// after the participants; of several that differ, the first is reported.
    RingOption {
        /// The option, for example `"recovery"`.
        option: &'static str,
        /// What was asked for, for example `"discard"`.
        expected: &'static str,
        /// What the creator chose, for example `"redeliver"`.
        found: &'static str,
    },
    /// A field of the header contradicts what the other fields imply.
    Geometry {
        /// The field, by its name in `docs/layout.md`.
        field: &'static str,
        /// What the other fields imply.
        expected: u64,
        /// What the field says.
        found: u64,
    },
    /// The file is shorter than a segment has to be; reading it through the mapping would be a
    /// SIGBUS.
    TooShort {
        /// The least length, in bytes.
        expected_bytes: u64,
        /// The length of the file, in bytes.
        found_bytes: u64,
    },
    /// The descriptor is not a memfd that carries the seals against shrinking, growing and further
    /// sealing.
    SealsMissing {
        /// The seals that are needed, as `F_SEAL_*` bits.
        expected: u32,
        /// The seals that were found, as `F_SEAL_*` bits; 0 where the file cannot be sealed at all.
        found: u32,
    },
    /// The kernel does not seal the memory as is asked for. Linux knows `F_SEAL_FUTURE_WRITE` from 5.1 on.
    SealRefused {
        /// The seal, or the seals, by their names.
        seal: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The descriptor is that of a ring with read-only consumers, which is attached to by two, and the second is
    /// missing: see [`Builder::from_fds`](crate::Builder::from_fds).
    ControlMissing,
    /// The second descriptor is not that of the control part that belongs to the first one.
    ControlMismatch {
        /// Device and inode of the control part, as the segment names it; zeros where it has none.
        expected: (u64, u64),
        /// Device and inode of the file that was found.
        found: (u64, u64),
    },
    /// What was asked for can only be had of an anonymous segment: a file with a name cannot be sealed.
    OnlyAnonymous {
        /// What was asked for: a method of [`Builder`](crate::Builder).
        option: &'static str,
    },
    /// The ring was created with read-only consumers, and this process has it mapped for reading only: it can consume, and never
    /// push. Only the process that created the ring can, and those forked from it.
    ReadOnly,
    /// Something else in this process holds the ring, too, so that its memory would stay mapped for writing.
    StillWritable,
    /// The file belongs to another user than the one whose segments are accepted.
    Owner {
        /// The accepted user id.
        expected_uid: u32,
        /// The file's user id.
        found_uid: u32,
    },
    /// The file grants group or others more than is accepted.
    Mode {
        /// The accepted permission bits.
        expected: u32,
        /// The file's permission bits.
        found: u32,
    },
    /// The requested permissions make no sense for a ring: its owner needs to read and write, and
    /// nobody to execute.
    InvalidMode {
        /// The permission bits asked for.
        requested: u32,
    },
    /// Somebody alive holds the role.
    RoleTaken {
        /// The role, for example `"producer"`.
        role: &'static str,
        /// The process that says it holds the role, by its number in its own pid namespace; `None` if it has not said so yet.
        pid: Option<u32>,
    },
    /// Every place in the ring's table of participants is taken.
    TableFull {
        /// The places, in the order of their numbers, and who holds them. One that is not alive is
        /// free again once what it left undone has been settled.
        holders: Vec<RoleInfo>,
    },
    /// The kind of ring has no role of this number.
    NoSuchRole {
        /// The number asked for, counted from zero.
        role: usize,
        /// How many roles there are.
        roles: usize,
    },
    /// `create` found the name in use. What is there was not touched.
    AlreadyExists {
        /// The name or path.
        place: Place,
    },
    /// Nothing has this name.
    NotFound {
        /// The name or path.
        place: Place,
    },
    /// `unlink` found another file under the segment's name, and left it where it was.
    Replaced {
        /// The name or path.
        place: Place,
    },
    /// `unlink` moved a file aside that had replaced the segment in that very instant, and could
    /// not put it back because a third had taken the name meanwhile. Nothing was deleted.
    Displaced {
        /// The name or path.
        place: Place,
        /// Where the file is now.
        kept_at: PathBuf,
    },
    /// Another process is deleting the same segment and has not finished.
    UnlinkInProgress {
        /// The name or path.
        place: Place,
    },
    /// An anonymous segment has no name that could be unlinked.
    Anonymous,
    /// The name cannot be the name of a segment, or the path cannot be the path of one.
    InvalidName {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is something at the name that is not a regular file.
    NotRegularFile {
        /// The name or path.
        place: Place,
        /// What it is, for example `"a directory"`.
        found: &'static str,
    },
    /// A temporary file of a creation or deletion that was killed half-way. It can be deleted.
    Leftover {
        /// The process that made it.
        pid: u32,
    },
    /// The file system (or the memory behind it) has no room. Nothing was left behind.
    NoSpace {
        /// The name or path that it was to have.
        place: Place,
        /// Size of the segment, in bytes.
        requested_bytes: u64,
    },
    /// The process has no room for another mapping in its address space (`RLIMIT_AS`), or as many mappings as it may have
    /// (`vm.max_map_count`).
    AddressSpace {
        /// What was to be mapped.
        op: &'static str,
        /// Of what.
        place: Place,
        /// Size of the mapping, in bytes.
        bytes: u64,
        /// The process's `RLIMIT_AS`, in bytes; `u64::MAX` means unlimited.
        limit: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process may not make files of this size (`RLIMIT_FSIZE`).
    FileSizeLimit {
        /// Size of the segment, in bytes.
        requested_bytes: u64,
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// A ring of no elements was asked for.
    ZeroCapacity,
    /// `create` was called without a capacity.
    CapacityMissing,
    /// A ring of messages cannot have this longest message: with this capacity, in bytes, at most so much.
    LargestMessage {
        /// The longest message asked for, in bytes; 1 if none was.
        requested: u64,
        /// The longest that can be, in bytes: 8 less than the capacity, rounded down to a multiple of 8, and less than 4 GiB; 0 for a capacity of less
        /// than 16, with which no ring of messages can be.
        most: u64,
    },
    /// A ring of so many elements does not fit the address space.
    CapacityTooLarge {
        /// The capacity asked for, in elements.
        requested: u64,
        /// Size of an element, in bytes.
        element_bytes: u64,
    },
    /// A ring was to be created with a table of so many participants, which cannot be.
    ParticipantCount {
        /// The number asked for.
        requested: u32,
        /// The most that there can be; the least is one.
        most: u32,
    },
    /// Huge pages were asked for and cannot be had.
    HugePagesUnavailable {
        /// What was asked for.
        requested: HugePages,
        /// Why it cannot be had.
        reason: String,
    },
    /// The segment could not be locked into memory.
    MemoryLock {
        /// Size of the segment, in bytes.
        bytes: u64,
        /// The process's `RLIMIT_MEMLOCK`, in bytes; `u64::MAX` means unlimited.
        limit: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process (`EMFILE`) or the system (`ENFILE`) has no descriptor left.
    DescriptorLimit {
        /// What the descriptor was needed for.
        op: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// No usable descriptor was inherited under this name.
    Descriptor {
        /// The name given to [`inherited`](crate::handoff::inherited).
        name: String,
        /// What is wrong.
        problem: DescriptorProblem,
    },
    /// What arrived over the socket is not what [`send`](crate::handoff::send) sends, or
    /// [`send_segment`](crate::handoff::send_segment) where that was expected.
    Message {
        /// What is wrong.
        problem: MessageProblem,
    },
    /// The ring in the segment holds what no rondel process writes there.
    Corrupted(Corruption),
    /// Any other refusal of the kernel.
    Io {
        /// What was tried.
        op: &'static str,
        /// On what.
        place: Place,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What is wrong with an inherited descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescriptorProblem {
    /// The environment has no variable for this name: the parent passed nothing under it.
    NotSet,
    /// The variable does not hold what `inherit` writes.
    Malformed {
        /// The variable's value.
        value: String,
    },
    /// The number is not open in this process.
    NotOpen {
        /// The descriptor's number.
        fd: i32,
    },
    /// The number is open, but is another file than the one that was passed; or it has been opened
    /// since the process started.
    AnotherFile {
        /// The descriptor's number.
        fd: i32,
    },
    /// The descriptor has been taken in this process before.
    AlreadyTaken {
        /// The descriptor's number.
        fd: i32,
    },
}

/// What is wrong with a message received over a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageProblem {
    /// The peer closed the connection without sending a descriptor.
    Closed,
    /// Data arrived without a descriptor.
    NoDescriptor,
    /// More descriptors arrived than were expected; all were closed.
    TooMany {
        /// How many were received; the kernel may have discarded more.
        found: usize,
    },
    /// A descriptor arrived with data that `send` does not write; it was closed.
    Foreign {
        /// The byte found.
        found: u8,
    },
}

impl SegmentError {
    /// Wraps an error of the kernel, with the one case apart that users have to handle differently:
    /// running out of descriptors.
    pub(crate) fn io(op: &'static str, place: &Place, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => Self::DescriptorLimit { op, source },
            _ => Self::Io { op, place: place.clone(), source },
        }
    }

    /// The same for a mapping of so many bytes, of which the kernel says by `ENOMEM` that there is no room for it.
    pub(crate) fn map(op: &'static str, place: &Place, bytes: u64, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOMEM) => {
                let limit = soft_limit(Resource::AddressSpace);
                Self::AddressSpace { op, place: place.clone(), bytes, limit, source }
            }
            _ => Self::io(op, place, source),
        }
    }
}
