//! Attaching: everything is checked before anything is mapped.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::demand::Demand;
use super::header::Header;
use super::huge::{self, HugePages};
use super::mapping::Mapping;
use super::place::Place;
use super::sys;
use super::{Origin, Segment, prepare_process};
use crate::error::SegmentError;

/// The seals that an anonymous segment carries: its size is fixed for good, so no access inside the
/// mapping can be a SIGBUS.
pub(super) const REQUIRED_SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// Attaches to the segment at a name or path.
pub(super) fn named(demand: &Demand, place: Place) -> Result<Segment, SegmentError> {
    let path = place.to_path()?;
    prepare_process(&place)?;
    let file = open(&path, &place, Access::ReadWrite)?;
    let (mapping, header) = check_and_map(&file, demand, &place)?;
    Segment::assemble(Origin::Attached, file, mapping, header, (place, Some(path)), demand)
}

/// Attaches to the anonymous segment behind a descriptor.
pub(super) fn from_fd(demand: &Demand, fd: OwnedFd) -> Result<Segment, SegmentError> {
    let place = Place::anonymous();
    prepare_process(&place)?;
    check_seals(fd.as_fd(), &place)?;
    let file = File::from(fd);
    let (mapping, header) = check_and_map(&file, demand, &place)?;
    Segment::assemble(Origin::Attached, file, mapping, header, (place, None), demand)
}

/// What to open a file for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Access {
    /// To attach.
    ReadWrite,
    /// To look only.
    Read,
}

/// Opens a file, and never anything else that may be at the path: no link is followed, no FIFO
/// waited for, no terminal adopted.
pub(super) fn open(path: &Path, place: &Place, access: Access) -> Result<File, SegmentError> {
    OpenOptions::new()
        .read(true)
        .write(access == Access::ReadWrite)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT) => SegmentError::NotFound { place: place.clone() },
            // What the kernel says of a link, of a directory, of a socket or device without anybody
            // behind it.
            Some(libc::ELOOP | libc::EISDIR | libc::ENXIO | libc::ENODEV) => match fs::symlink_metadata(path) {
                Ok(data) if !data.is_file() => not_regular(&data, place),
                _ => SegmentError::io("open", place, error),
            },
            _ => SegmentError::io("open", place, error),
        })
}

fn not_regular(data: &Metadata, place: &Place) -> SegmentError {
    let kind = data.file_type();
    let found = if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    SegmentError::NotRegularFile { place: place.clone(), found }
}

/// What `fstat` says of a file, if it is a regular one.
pub(super) fn inspect(file: &File, place: &Place) -> Result<Metadata, SegmentError> {
    let data = file.metadata().map_err(|error| SegmentError::io("inspect", place, error))?;
    if data.is_file() { Ok(data) } else { Err(not_regular(&data, place)) }
}

/// Checks everything in the order that [`SegmentError`] gives, and maps what has passed.
fn check_and_map(file: &File, demand: &Demand, place: &Place) -> Result<(Mapping, Header), SegmentError> {
    let data = inspect(file, place)?;
    check_owner(&data, demand)?;
    check_mode(&data, demand)?;
    let header = Header::read(file, data.len(), place)?;
    header.check(demand)?;
    header.check_file_len(data.len())?;
    check_pages(file, &header, demand, place)?;
    let bytes = header.total_len();
    let mapping = Mapping::new(file, bytes).map_err(|error| SegmentError::map("map", place, bytes, error))?;
    if demand.memory.huge == HugePages::Transparent {
        mapping.advise_huge().map_err(|error| SegmentError::HugePagesUnavailable {
            requested: HugePages::Transparent,
            reason: format!("the kernel refuses the advice: {error}"),
        })?;
    }
    if demand.memory.prefault {
        mapping.prefault().map_err(|error| SegmentError::io("prefault", place, error))?;
    }
    if demand.memory.lock {
        mapping.lock()?;
    }
    Ok((mapping, header))
}

/// Demands the seals before the size is believed.
fn check_seals(fd: BorrowedFd<'_>, place: &Place) -> Result<(), SegmentError> {
    let expected = REQUIRED_SEALS.unsigned_abs();
    let found = match sys::seals(fd) {
        Ok(seals) => seals,
        // A file that knows no seals has none.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => 0,
        Err(error) => return Err(SegmentError::io("read the seals of", place, error)),
    };
    if found & expected == expected { Ok(()) } else { Err(SegmentError::SealsMissing { expected, found }) }
}

fn check_owner(data: &Metadata, demand: &Demand) -> Result<(), SegmentError> {
    let expected_uid = demand.owner.unwrap_or_else(sys::effective_uid);
    let found_uid = data.uid();
    if expected_uid == found_uid { Ok(()) } else { Err(SegmentError::Owner { expected_uid, found_uid }) }
}

/// Refuses a file that grants group or others more than was asked for: somebody may be in it who
/// should not.
fn check_mode(data: &Metadata, demand: &Demand) -> Result<(), SegmentError> {
    let found = data.mode() & 0o7777;
    if found & 0o077 & !demand.mode == 0 { Ok(()) } else { Err(SegmentError::Mode { expected: demand.mode, found }) }
}

/// Refuses a segment whose pages are not what was asked for.
fn check_pages(file: &File, header: &Header, demand: &Demand, place: &Place) -> Result<(), SegmentError> {
    match demand.memory.huge {
        HugePages::None => Ok(()),
        HugePages::Transparent if place.is_anonymous() => huge::check_transparent_memfd(),
        HugePages::Transparent => huge::check_transparent_file(file),
        HugePages::Huge2M if header.page_len() == demand.memory.page_len() => Ok(()),
        HugePages::Huge2M => Err(SegmentError::HugePagesUnavailable {
            requested: HugePages::Huge2M,
            reason: format!("the segment was created with pages of {} bytes", header.page_len()),
        }),
    }
}
