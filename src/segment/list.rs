//! Which named segments there are, what they are, and who is attached.
//!
//! For tools and clean-up. Looks only: maps nothing, takes no lock, writes nothing, and believes
//! nothing of what it reads.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::attach::{self, Access};
use super::header::{BODY_OFFSET, Header};
use super::holder::{self, RoleInfo, RoleState, Words};
use super::kind::{MOST_PARTICIPANTS, Roles};
use super::place::{NAMED_DIR, NAMED_PREFIX, Place, TEMPORARY_PREFIX};
use super::role::ROLE_STRIDE;
use super::{RingKind, sys, temporary, unlink};
use crate::error::SegmentError;
use crate::liveness::{self, is_locked};

/// A file among the named segments.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The name, as in [`Builder::attach`](super::Builder::attach); for a left-over temporary file,
    /// the file's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Length of the file, in bytes; 0 where it could not be opened.
    pub bytes: u64,
    /// The file's permission bits; 0 where it could not be opened.
    pub mode: u32,
    /// What the segment is, or why it is none that can be used.
    pub detail: Result<SegmentDetail, SegmentError>,
    /// Keeps the inode's number from being given to another file, so that `unlink` knows this one.
    file: Option<File>,
}

/// What a segment says it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SegmentDetail {
    /// The kind of ring.
    pub kind: RingKind,
    /// Size of an element, in bytes.
    pub element_size: u64,
    /// Alignment of an element, in bytes.
    pub element_align: u64,
    /// Capacity, in elements.
    pub capacity: u64,
    /// Schema tag; 0 for none.
    pub schema: u64,
    /// How many roles there are; in a ring with a table of participants, how many it has room for.
    pub role_count: u64,
    /// The roles, in the order of their numbers. Of a table only those that somebody has held.
    pub roles: Vec<RoleInfo>,
}

impl SegmentInfo {
    /// Deletes the file, if it still is the one that was listed.
    ///
    /// # Errors
    /// Those of [`Segment::unlink`](super::Segment::unlink); [`SegmentError::Replaced`] also where
    /// the file could not be opened when it was listed, since it cannot be told from another then.
    pub fn unlink(&self) -> Result<(), SegmentError> {
        let place = Place::path(&self.path);
        match &self.file {
            Some(file) => unlink::unlink_if_same(&self.path, &place, file.as_fd()),
            None => Err(SegmentError::Replaced { place }),
        }
    }

    /// Whether anybody holds a role. `false` for what is no segment.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.detail.as_ref().is_ok_and(|detail| detail.roles.iter().any(|role| role.alive))
    }
}

/// Lists the named segments of the effective user in `/dev/shm`, sorted by name.
///
/// Files that look like segments by their name and cannot be used are listed too, each with its
/// error, so that they can be deleted; and so are the temporary files of a creation or deletion
/// that was killed ([`SegmentError::Leftover`], or that is going on just now, if that process still
/// lives). A segment that goes away meanwhile is left out.
///
/// Segments at paths are not listed: nobody knows where they are.
///
/// # Errors
/// [`SegmentError::Io`] or [`SegmentError::DescriptorLimit`] if `/dev/shm` cannot be read. An error
/// with one segment is in its entry.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), rondel::SegmentError> {
/// for segment in rondel::segment::list()? {
///     match &segment.detail {
///         Ok(detail) => println!("{}: {} of {} elements", segment.name, detail.kind, detail.capacity),
///         Err(error) => println!("{}: {error}", segment.name),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn list() -> Result<Vec<SegmentInfo>, SegmentError> {
    list_in(Path::new(NAMED_DIR), sys::effective_uid())
}

pub(super) fn list_in(directory: &Path, uid: u32) -> Result<Vec<SegmentInfo>, SegmentError> {
    let failed = |error| SegmentError::io("list", &Place::path(directory), error);
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let file_name = entry.map_err(failed)?.file_name();
        if let Some(name) = segment_name(&file_name) {
            segments.extend(describe(name.to_owned(), directory.join(&file_name), uid));
        }
    }
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(segments)
}

/// The name to list a file under; `None` if it has nothing to do with rondel.
fn segment_name(file_name: &OsStr) -> Option<&str> {
    let name = file_name.to_str()?;
    if name.starts_with(TEMPORARY_PREFIX) { Some(name) } else { name.strip_prefix(NAMED_PREFIX) }
}

/// Looks at one file. `None` if it is another user's, or has gone.
fn describe(name: String, path: PathBuf, uid: u32) -> Option<SegmentInfo> {
    let place = Place::path(&path);
    match fs::symlink_metadata(&path) {
        Ok(data) if data.uid() == uid => {}
        Ok(_) => return None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let detail = Err(SegmentError::io("inspect", &place, error));
            return Some(SegmentInfo { name, path, bytes: 0, mode: 0, detail, file: None });
        }
    }
    let file = match attach::open(&path, &place, Access::Read) {
        Ok(file) => file,
        Err(SegmentError::NotFound { .. }) => return None,
        Err(error) => {
            return Some(SegmentInfo { name, path, bytes: 0, mode: 0, detail: Err(error), file: None });
        }
    };
    let (bytes, mode, detail) = match attach::inspect(&file, &place) {
        Ok(data) if data.uid() != uid => return None,
        Ok(data) => {
            let detail = match temporary::maker(&name) {
                Some(pid) => Err(SegmentError::Leftover { pid }),
                None => examine(&file, data.len(), &place),
            };
            (data.len(), data.mode() & 0o7777, detail)
        }
        Err(error) => (0, 0, Err(error)),
    };
    Some(SegmentInfo { name, path, bytes, mode, detail, file: Some(file) })
}

/// Reads what a file says it is.
fn examine(file: &File, file_len: u64, place: &Place) -> Result<SegmentDetail, SegmentError> {
    let header = Header::read(file, file_len, place)?;
    let kind = header.kind().map_err(|found| SegmentError::UnknownRingKind { found })?;
    header.check_total_len()?;
    header.check_file_len(file_len)?;
    let role_count = header.role_count().min(u64::from(MOST_PARTICIPANTS));
    let mut roles = Vec::new();
    for role in 0..role_count {
        let info = examine_role(file, kind.roles(), role, place)?;
        // Somebody who holds a lock and has not recorded so yet is about to attach: to leave it out
        // would be to call the segment unused.
        let is_somebody = info.alive || info.state != RoleState::NeverAttached;
        if is_somebody || matches!(kind.roles(), Roles::Fixed(_)) {
            roles.push(info);
        }
    }
    Ok(SegmentDetail {
        kind,
        element_size: header.element_size(),
        element_align: header.element_align(),
        capacity: header.capacity(),
        schema: header.schema(),
        role_count,
        roles,
    })
}

/// Reads one role's record, and asks whether its lock is held.
fn examine_role(file: &File, roles: Roles, role: u64, place: &Place) -> Result<RoleInfo, SegmentError> {
    let read = || {
        let mut record = [0; Words::BYTES];
        let offset = BODY_OFFSET + role * u64::from(ROLE_STRIDE);
        file.read_exact_at(&mut record, offset).map_err(|error| SegmentError::io("read a role of", place, error))?;
        Ok(Words::from_bytes(record))
    };
    let is_held = || is_locked(file.as_fd(), role).map_err(|error| SegmentError::io(liveness::ASK, place, error));
    holder::look(roles, usize::try_from(role).unwrap_or(usize::MAX), read, is_held)
}
