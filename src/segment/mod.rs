//! Segments: the shared memory that a ring lives in.
//!
//! A segment is a file that every participant maps: a page of header, then the ring's body. There
//! are two sorts:
//!
//! - **Anonymous** segments ([`Builder::anonymous`]) are memfds. Their size is sealed, so no access
//!   to one goes past its end, and they go away with their last user. They are handed on by
//!   fork, over a Unix socket, or to a child across exec (see [`handoff`]), and attached with
//!   [`Builder::from_fd`]. One with [read-only consumers](crate::spsc#consumers-that-cannot-write) is two memfds, and attached
//!   with [`Builder::from_fds`].
//! - **Named** segments ([`Builder::create`], [`Builder::attach`], [`Builder::create_or_attach`])
//!   are files, in `/dev/shm` or at a [path](Place). Anybody with the right to can attach by name.
//!   They stay until they are [unlinked](Segment::unlink), and they cannot be sealed: a process
//!   that may write the file may also truncate it, and the others then get a SIGBUS. rondel never
//!   does that; grant write access to nobody else.
//!
//! A name never stands for half a segment: a segment is completed before it gets its name.
//! Attaching checks everything once, and each mismatch is an error of its own, see
//! [`SegmentError`].
//!
//! # If a process dies
//!
//! Creating leaves nothing behind, at whatever point it is killed, on any file system that has
//! nameless files (all the common ones). Attaching changes nothing in the segment. A role is free
//! again as soon as its holder is gone.
//!
//! # If the world is not as it should be
//!
//! A file system without room, limits of the process, a sandbox that refuses system calls, names that change hands, other users: each is
//! an error of its own, nothing is held or left under the name after it, and what is attached already is not affected. A segment
//! that somebody cuts off and makes longer again is all zeros: whoever takes a role in it gets
//! [`NotInitialised`](SegmentError::NotInitialised), and a handle that waits says [`Corrupted`](crate::Fault::Corrupted).
//! `docs/environment.md` has every case with its test.

mod attach;
mod builder;
mod create;
mod demand;
mod divided;
mod elements;
pub mod handoff;
mod header;
mod holder;
mod huge;
mod kind;
mod list;
mod mapping;
mod options;
mod place;
mod role;
mod sys;
mod temporary;
mod unlink;

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use self::demand::Demand;
use self::divided::{CONTROL_PART_LEN, ControlPart, SEALED_PART_SEALS};
use self::handoff::Descriptors;
use self::header::Header;
use self::holder::Words;
use self::mapping::Mapping;
use crate::error::SegmentError;
use crate::liveness::{self, RoleLock, is_locked, watch_forks};
use crate::pair::PRODUCER;
use crate::process::ProcessId;

pub use self::builder::Builder;
pub use self::demand::Dimensions;
pub use self::elements::{ElementLayout, Elements};
pub(crate) use self::header::MAGIC;
pub use self::holder::{RoleInfo, RoleState};
pub use self::huge::HugePages;
pub use self::kind::RingKind;
#[doc(hidden)]
pub use self::kind::Roles;
pub use self::list::{SegmentDetail, SegmentInfo, list};
#[doc(hidden)]
pub use self::options::OptionBit;
pub use self::place::Place;
pub(crate) use self::role::{ROLE_STRIDE, RoleRecord};
pub(crate) use self::sys::{Resource, soft_limit};

/// Keeps [`RingType`] to the rings of this crate.
pub(crate) mod sealed {
    /// Implemented by the rings of this crate.
    pub trait Sealed {}
}

/// What a kind of ring asks of a segment. Implemented by the rings of this crate, and by nothing
/// else.
pub trait RingType: Sized + sealed::Sealed {
    /// The kind, as the header has it.
    #[doc(hidden)]
    const KIND: RingKind;
    /// The roles: fixed ones, or a table.
    #[doc(hidden)]
    const ROLES: Roles;
    /// What a creator can choose. The index is the bit in the header.
    #[doc(hidden)]
    const OPTIONS: &'static [OptionBit];
    /// What it carries.
    #[doc(hidden)]
    fn elements() -> Elements;
    /// Bytes of the body for these dimensions, the role records at its start included; all zero at
    /// birth. The capacity can be any number: at attach it is the header's. The number of roles is one
    /// that `ROLES` allows, the size of an element one that [`elements`](Self::elements) allows.
    #[doc(hidden)]
    fn body_len(dimensions: Dimensions) -> Result<u64, SegmentError>;
    /// Wraps a segment that has passed every check.
    #[doc(hidden)]
    fn from_segment(segment: Segment) -> Result<Self, SegmentError>;
}

/// A segment, mapped, its header checked.
///
/// What the header said is kept privately: a peer that overwrites it later changes nothing here. A
/// segment may be carried across a fork and used on both sides. Dropping it unmaps it, and deletes
/// it only where [`unlink_on_drop`](Builder::unlink_on_drop) was asked for.
pub struct Segment {
    file: File,
    mapping: Mapping,
    header: Header,
    /// The file and the mapping of what consumers write, where they cannot write the rest.
    control: Option<ControlPart>,
    kind: RingKind,
    roles: Roles,
    place: Place,
    /// The absolute path; `None` for an anonymous segment.
    path: Option<PathBuf>,
    created: bool,
    /// The process that unlinks the segment when it drops it.
    unlinker: Option<ProcessId>,
}

/// What there is to put together, once it has been made or checked.
struct Parts {
    file: File,
    mapping: Mapping,
    header: Header,
    control: Option<ControlPart>,
}

/// How a process came by its segment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Origin {
    Created,
    Attached,
}

/// What this process needs before it has a segment: handlers that see its forks, and a number that no forked process shares. As
/// early as possible, see `liveness`; and before a name is given, for what can be refused here must not leave one behind. Once it has
/// succeeded, it does.
fn prepare_process(place: &Place) -> Result<ProcessId, SegmentError> {
    watch_forks().map_err(|error| SegmentError::io("watch for forks, to open", place, error))?;
    ProcessId::this()
        .map_err(|error| SegmentError::map("tell apart from forked ones the process that opens", place, 4096, error))
}

impl Segment {
    /// Puts the parts together. The header has been checked against the demand, and the mapping is
    /// as long as it says.
    fn assemble(
        origin: Origin,
        parts: Parts,
        (place, path): (Place, Option<PathBuf>),
        demand: &Demand,
    ) -> Result<Self, SegmentError> {
        let this = prepare_process(&place)?;
        let unlinker = (origin == Origin::Created && demand.unlink_on_drop).then_some(this);
        let (kind, roles) = (demand.kind, demand.roles);
        let Parts { file, mapping, header, control } = parts;
        let created = origin == Origin::Created;
        Ok(Self { file, mapping, header, control, kind, roles, place, path, created, unlinker })
    }

    /// The kind of ring.
    #[must_use]
    pub fn kind(&self) -> RingKind {
        self.kind
    }

    /// The ring's capacity, in elements; in bytes for a ring of messages.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.header.capacity()
    }

    /// Bytes of an element; of the longest message, where the ring carries messages.
    pub(crate) fn element_size(&self) -> u64 {
        self.header.element_size()
    }

    /// The schema tag that the creator gave; 0 for none.
    #[must_use]
    pub fn schema(&self) -> u64 {
        self.header.schema()
    }

    /// Length of the whole segment, in bytes: header, body, and what rounds it up to whole pages.
    #[must_use]
    pub fn total_len(&self) -> u64 {
        self.header.total_len()
    }

    /// How many roles there are: the length of the table, where the ring has one.
    pub(crate) fn role_count(&self) -> usize {
        // The body has been mapped with a record for each.
        usize::try_from(self.header.role_count()).unwrap_or(0)
    }

    /// The options that the creator chose, a bit each; none but those in [`RingType::OPTIONS`].
    pub(crate) fn options(&self) -> u64 {
        self.header.options()
    }

    /// Where the segment is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether this process created the segment, or attached to one that was there.
    #[must_use]
    pub fn is_creator(&self) -> bool {
        self.created
    }

    /// The descriptor of the segment's file, to hand it on.
    ///
    /// Whoever gets it can do with the memory as they like; but with that of a ring that was created with
    /// [`read_only_consumers`](Builder::<crate::spsc::Ring<u8>>::read_only_consumers), nothing but read it. Such a ring is handed on by
    /// two descriptors: see [`try_clone_fds`](Self::try_clone_fds).
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A descriptor of the segment's file that is the caller's own, closed on exec.
    ///
    /// # Errors
    /// [`SegmentError::DescriptorLimit`] if the process has no descriptor left.
    pub fn try_clone_fd(&self) -> Result<OwnedFd, SegmentError> {
        self.file
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| SegmentError::io("duplicate the descriptor of", &self.place, error))
    }

    /// All descriptors that it takes to attach to the segment in another process, the caller's own, closed on exec.
    ///
    /// # Errors
    /// [`SegmentError::DescriptorLimit`] if the process has no descriptor left.
    pub fn try_clone_fds(&self) -> Result<Descriptors, SegmentError> {
        let control = self.control.as_ref().map(|control| control.as_fd().try_clone_to_owned()).transpose();
        let control = control.map_err(|error| SegmentError::io("duplicate the descriptor of", &self.place, error))?;
        Ok(Descriptors { segment: self.try_clone_fd()?, control })
    }

    /// The descriptor of the control part, where the segment has two.
    pub(crate) fn control_fd(&self) -> Option<BorrowedFd<'_>> {
        self.control.as_ref().map(ControlPart::as_fd)
    }

    /// Whether the segment was created with
    /// [`read_only_consumers`](Builder::<crate::spsc::Ring<u8>>::read_only_consumers).
    #[must_use]
    pub fn has_read_only_consumers(&self) -> bool {
        self.control.is_some()
    }

    /// Whether this process has mapped what producers write so that it can write it: always, but for a ring with
    /// [`read_only_consumers`](Builder::<crate::spsc::Ring<u8>>::read_only_consumers) that it has attached to, and that neither it nor
    /// a process that it was forked from has created.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.mapping.is_writable()
    }

    /// Maps anew, for reading only, what was mapped for writing. It cannot be undone: the seal is on the file.
    ///
    /// # Errors
    /// [`SegmentError::SealsMissing`] where nothing would keep anybody from mapping it for writing again.
    pub(crate) fn into_read_only(mut self) -> Result<Self, SegmentError> {
        if self.control.is_none() {
            let expected = SEALED_PART_SEALS.unsigned_abs();
            return Err(SegmentError::SealsMissing { expected, found: sys::seals(self.file.as_fd()).unwrap_or(0) });
        }
        // The mapping that this replaces is gone with the assignment.
        self.mapping = Mapping::read_only(&self.file, self.header.total_len())
            .map_err(|error| SegmentError::map("map for reading only", &self.place, self.header.total_len(), error))?;
        Ok(self)
    }

    /// Deletes the segment's name, and only if it still is this segment's name.
    ///
    /// Whoever has the segment keeps it, and its memory is freed with the last of them. A new
    /// segment can be created under the name at once; it has nothing to do with this one.
    ///
    /// A file that has replaced the segment under its name is never deleted. (Should it do so in
    /// the very instant of the deletion, its name may be missing for a moment.)
    ///
    /// # Errors
    /// - [`SegmentError::Anonymous`] if the segment has no name;
    /// - [`SegmentError::NotFound`] if the name is gone already;
    /// - [`SegmentError::Replaced`] if it is another file's by now;
    /// - [`SegmentError::Displaced`] if two files in turn took the name in the instant of the
    ///   deletion;
    /// - [`SegmentError::UnlinkInProgress`] if another process has been at it for a tenth of a
    ///   second;
    /// - [`SegmentError::Io`] if the process may not delete files there.
    pub fn unlink(&self) -> Result<(), SegmentError> {
        let path = self.path.as_deref().ok_or(SegmentError::Anonymous)?;
        unlink::unlink_if_same(path, &self.place, self.file.as_fd())
    }

    /// Where the body starts: page aligned, zeroed at birth, [`body_len`](Self::body_len) bytes
    /// long, mapped for as long as the segment lives. Peers may be writing to it.
    pub(crate) fn body(&self) -> NonNull<u8> {
        self.mapping.body()
    }

    /// Where the words lie that consumers write, each at the offset that it has in the body of an undivided segment: the body
    /// itself, or the control part. At least [`CONTROL_PART_LEN`] bytes or as long as the body, whichever is less; aligned and mapped like
    /// the body.
    pub(crate) fn control(&self) -> NonNull<u8> {
        self.control.as_ref().map_or_else(|| self.mapping.body(), ControlPart::start)
    }

    /// Length of the body, in bytes: what [`RingType::body_len`] says for the capacity and the number
    /// of roles.
    pub(crate) fn body_len(&self) -> usize {
        // It has been mapped, so it fits.
        usize::try_from(self.header.body_len()).unwrap_or(0)
    }

    /// The record of a role; `None` if there is no such role.
    pub(crate) fn role_record(&self, role: usize) -> Option<&RoleRecord> {
        if role >= self.role_count() {
            return None;
        }
        let start = role.checked_mul(ROLE_STRIDE as usize)?;
        // A producer's record says when a ring has ended, which is nothing for consumers to write.
        let (part, len) = match self.control {
            Some(ref control) if role != PRODUCER => (control.start(), CONTROL_PART_LEN as usize),
            _ => (self.mapping.body(), self.body_len()),
        };
        if start.checked_add(ROLE_STRIDE as usize)? > len {
            return None;
        }
        let record = part.as_ptr().wrapping_add(start).cast::<RoleRecord>();
        // SAFETY: the record's 128 bytes are inside the body, or the control part (just checked), which is mapped for as
        // long as `self` is borrowed; it is aligned, because both start at a page and the
        // stride is the record's alignment. All its fields are atomics, so that peers may write
        // them meanwhile, and any bytes are a value of theirs.
        Some(unsafe { &*record })
    }

    /// Takes a role, for as long as the lock lives. Does not write the role's record: that is the
    /// holder's to do.
    ///
    /// # Errors
    /// [`SegmentError::RoleTaken`] with the process that has recorded itself,
    /// [`SegmentError::NoSuchRole`], [`SegmentError::NotInitialised`] if the segment has been wiped since it was opened, [`SegmentError::DescriptorLimit`], and [`SegmentError::Io`] if
    /// the file cannot be opened a second time.
    pub(crate) fn lock_role(&self, role: usize) -> Result<RoleLock, SegmentError> {
        if let Some(lock) = self.try_lock_role(role)? {
            return Ok(lock);
        }
        let name = self.roles.name(role).ok_or_else(|| self.no_such_role(role))?;
        let pid = self.role_record(role).and_then(|record| {
            // Acquire: pairs with the holder's Release of the state, which follows the store of the
            // pid.
            let state = record.state.load(Ordering::Acquire);
            role::recorded_pid(state, record.pid.load(Ordering::Relaxed))
        });
        Err(SegmentError::RoleTaken { role: name, pid })
    }

    /// The same where a role that is taken is no error, but `None`: the next one of the table may be
    /// free.
    ///
    /// # Errors
    /// Those of [`lock_role`](Self::lock_role) but `RoleTaken`.
    pub(crate) fn try_lock_role(&self, role: usize) -> Result<Option<RoleLock>, SegmentError> {
        // Relaxed: it is no peer's to write. All zeros look like a new ring; one that was wiped since it was opened is none.
        if self.mapping.header_word(0).load(Ordering::Relaxed) == 0 {
            return Err(SegmentError::NotInitialised);
        }
        match u64::try_from(role) {
            Ok(byte) if role < self.role_count() => RoleLock::acquire(self.lock_fd(), byte),
            _ => Err(self.no_such_role(role)),
        }
    }

    /// Whether the kernel answers at all when it is asked who lives.
    ///
    /// # Errors
    /// [`SegmentError::Io`] where it does not: then everybody would seem to live for ever.
    pub(crate) fn check_liveness(&self) -> Result<(), SegmentError> {
        is_locked(self.lock_fd(), 0).map(drop).map_err(|error| SegmentError::io(liveness::ASK, &self.place, error))
    }

    /// The file that roles are locked on. Of two, the one that every participant may open for writing.
    fn lock_fd(&self) -> BorrowedFd<'_> {
        self.control_fd().unwrap_or(self.file.as_fd())
    }

    fn no_such_role(&self, role: usize) -> SegmentError {
        SegmentError::NoSuchRole { role, roles: self.role_count() }
    }

    /// Who holds the roles, or held them last, one entry for each role in the order of their numbers.
    ///
    /// Asks the kernel about each lock, through the segment's own description: that holds none, so
    /// the locks of this process are seen like those of others.
    pub(crate) fn role_infos(&self) -> Vec<RoleInfo> {
        let info = |role| {
            let record = self.role_record(role)?;
            let byte = u64::try_from(role).ok()?;
            // A query that fails declares nobody dead.
            let is_held = || Ok::<_, Infallible>(is_locked(self.lock_fd(), byte).unwrap_or(true));
            let Ok(info) = holder::look(self.roles, role, || Ok(Words::load(record)), is_held);
            Some(info)
        };
        (0..self.role_count()).filter_map(info).collect()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // A forked child has a copy of the segment; dropping that must not delete what its parent
        // still offers.
        if self.unlinker.is_some_and(ProcessId::is_this) {
            // Nobody can be told. Not found and replaced are fine; anything else leaves a name that
            // a listing shows.
            let _ = self.unlink();
        }
    }
}

impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("place", &self.place)
            .field("kind", &self.kind)
            .field("capacity", &self.capacity())
            .field("total_len", &self.total_len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

/// An empty anonymous file.
#[cfg(test)]
pub(crate) fn memfd_for_tests() -> OwnedFd {
    sys::memfd_create(c"rondel-test", libc::MFD_CLOEXEC).expect("a memfd")
}
