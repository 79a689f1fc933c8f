//! Deleting a name, and only if it still is the name of the file that is meant.
//!
//! The kernel can delete a name, but not "this name, if it is that file". So the name is first
//! moved aside to one that nobody else uses; what has been moved is then looked at in peace, and
//! deleted if it is the right file, or put back if it is not. No file is ever deleted that was not
//! recognised *after* it could no longer be exchanged.
//!
//! Two rondel processes that delete the same segment exclude each other by a lock on the file that
//! they mean, so that the move can hit a replacement only if somebody else, who does not know of
//! this lock, replaces the file in the instant between the look and the move. It is put back then;
//! should a third file have taken the name even in that instant, the displaced one is kept under
//! its temporary name, and the error says where.
//!
//! Killed between the move and the deletion, the file stays under its temporary name, which a
//! listing shows.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::Place;
use super::sys;
use super::temporary::{self, Purpose};
use crate::error::SegmentError;
use crate::liveness::RoleLock;
use crate::wait::nap;

/// The byte that is locked while a name is being deleted. Far beyond the roles; it need not exist
/// in the file.
pub(super) const UNLINK_BYTE: u64 = 0x7fff_ffff;
/// How often and how long each time to wait for another process that is deleting the same segment.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(1);

/// Deletes the name if it is the name of the file behind the descriptor.
pub(super) fn unlink_if_same(path: &Path, place: &Place, file: BorrowedFd<'_>) -> Result<(), SegmentError> {
    unlink_with(path, place, file, |_| {})
}

/// How far an unlinking has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// The name has been seen to be the right file's.
    Looked,
    /// What had the name has been moved aside.
    Moved,
}

/// The same with something happening in the instants that cannot be closed, for the tests.
pub(super) fn unlink_with(
    path: &Path,
    place: &Place,
    file: BorrowedFd<'_>,
    meanwhile: impl Fn(Step),
) -> Result<(), SegmentError> {
    let failed = |op, error| SegmentError::io(op, place, error);
    let file_id = sys::identity(file.as_raw_fd()).map_err(|error| failed("inspect", error))?;
    let _lock = exclude_others(place, file)?;
    // The descriptor keeps the file, and so its inode number, from being used for another.
    if identity_of(path, place)? != file_id {
        return Err(SegmentError::Replaced { place: place.clone() });
    }
    meanwhile(Step::Looked);
    let aside = temporary::path_in(path.parent().unwrap_or(Path::new("/")), Purpose::Deletion);
    match sys::rename_to_free_name(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SegmentError::NotFound { place: place.clone() });
        }
        // File systems that cannot rename without replacing (some network ones). What is left is
        // the look above.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP)) => {
            return fs::remove_file(path).map_err(|error| failed("unlink", error));
        }
        Err(error) => return Err(failed("unlink", error)),
    }
    meanwhile(Step::Moved);
    match identity_of(&aside, place) {
        Ok(moved) if moved == file_id => fs::remove_file(&aside).map_err(|error| failed("unlink", error)),
        // Another file; or it cannot be told what it is, which makes it not ours to delete either.
        Ok(_) | Err(_) => Err(put_back(aside, path, place)),
    }
}

/// Gives a file its name back that turned out to be another one, and says so.
fn put_back(aside: PathBuf, path: &Path, place: &Place) -> SegmentError {
    match sys::rename_to_free_name(&aside, path) {
        Ok(()) => SegmentError::Replaced { place: place.clone() },
        Err(_) => SegmentError::Displaced { place: place.clone(), kept_at: aside },
    }
}

/// Keeps other rondel processes from deleting the same file at the same time.
///
/// `None` where the file may not be opened for writing, as what a listing finds may be, or where there are no locks: then nobody
/// is excluded, which leaves the move and the second look.
fn exclude_others(place: &Place, file: BorrowedFd<'_>) -> Result<Option<RoleLock>, SegmentError> {
    for _ in 0..LOCK_TRIES {
        match RoleLock::acquire(file, UNLINK_BYTE) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) => {}
            Err(SegmentError::Io { source, .. })
                if matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        nap(LOCK_WAIT);
    }
    Err(SegmentError::UnlinkInProgress { place: place.clone() })
}

/// Device and inode of what has the name; of a link itself, not of what it points to.
fn identity_of(path: &Path, place: &Place) -> Result<(u64, u64), SegmentError> {
    match fs::symlink_metadata(path) {
        Ok(data) => Ok((data.dev(), data.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SegmentError::NotFound { place: place.clone() }),
        Err(error) => Err(SegmentError::io("inspect", place, error)),
    }
}
