//! Attaching: everything is checked before anything is mapped.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::create;
use super::demand::Demand;
use super::divided::{self, ControlPart, SEALED_PART_SEALS};
use super::handoff::Descriptors;
use super::header::Header;
use super::huge::{self, HugePages};
use super::mapping::Mapping;
use super::place::Place;
use super::sys;
use super::{Origin, Parts, Segment, prepare_process};
use crate::error::SegmentError;

/// The seals that an anonymous segment carries: its size is fixed for good, so no access inside the
/// mapping can be a SIGBUS.
pub(super) const REQUIRED_SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// Attaches to the segment at a name or path.
pub(super) fn named(demand: &Demand, place: Place) -> Result<Segment, SegmentError> {
    demand.refuse_a_name()?;
    let path = place.to_path()?;
    prepare_process(&place)?;
    let file = open(&path, &place, Access::ReadWrite)?;
    let header = check(&file, demand, &place)?;
    let bytes = header.total_len();
    let mapping = Mapping::new(&file, bytes).map_err(|error| SegmentError::map("map", &place, bytes, error))?;
    prepare(&mapping, demand, &place)?;
    let parts = Parts { file, mapping, header, control: None };
    Segment::assemble(Origin::Attached, parts, (place, Some(path)), demand)
}

/// Attaches to the anonymous segment behind one descriptor, or two.
pub(super) fn from_fds(
    demand: &Demand,
    Descriptors { segment, control }: Descriptors,
) -> Result<Segment, SegmentError> {
    let place = Place::anonymous();
    prepare_process(&place)?;
    let divided = control.is_some() || demand.read_only_consumers;
    check_seals(segment.as_fd(), if divided { SEALED_PART_SEALS } else { REQUIRED_SEALS }, &place)?;
    let file = File::from(segment);
    let header = check(&file, demand, &place)?;
    let control = match control {
        Some(control) => Some(ControlPart::attach(control, &header, demand, &place)?),
        None if divided || header.control().is_some() => return Err(SegmentError::ControlMissing),
        None => None,
    };
    let bytes = header.total_len();
    let mapping = match control {
        Some(_) => Mapping::read_only(&file, bytes),
        None => Mapping::new(&file, bytes),
    };
    let mapping = mapping.map_err(|error| SegmentError::map("map", &place, bytes, error))?;
    prepare(&mapping, demand, &place)?;
    let parts = Parts { file, mapping, header, control };
    Segment::assemble(Origin::Attached, parts, (place, None), demand)
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

/// Checks everything in the order that [`SegmentError`] gives. What has passed can be mapped.
fn check(file: &File, demand: &Demand, place: &Place) -> Result<Header, SegmentError> {
    let data = inspect(file, place)?;
    check_access(&data, demand)?;
    let header = Header::read(file, data.len(), place)?;
    header.check(demand)?;
    divided::check_undivided(&header, demand, place)?;
    header.check_file_len(data.len())?;
    check_pages(file, &header, demand, place)?;
    Ok(header)
}

/// Does with a new mapping what was asked for.
fn prepare(mapping: &Mapping, demand: &Demand, place: &Place) -> Result<(), SegmentError> {
    if demand.memory.huge == HugePages::Transparent {
        mapping.advise_huge().map_err(|error| SegmentError::HugePagesUnavailable {
            requested: HugePages::Transparent,
            reason: format!("the kernel refuses the advice: {error}"),
        })?;
    }
    create::finish(mapping, demand, place)
}

/// Demands the seals before the size is believed.
pub(super) fn check_seals(fd: BorrowedFd<'_>, expected: libc::c_int, place: &Place) -> Result<(), SegmentError> {
    let expected = expected.unsigned_abs();
    let found = match sys::seals(fd) {
        Ok(seals) => seals,
        // A file that knows no seals has none.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => 0,
        Err(error) => return Err(SegmentError::io("read the seals of", place, error)),
    };
    if found & expected == expected { Ok(()) } else { Err(SegmentError::SealsMissing { expected, found }) }
}

/// Refuses a file that is not the accepted user's, or that others than expected may open.
pub(super) fn check_access(data: &Metadata, demand: &Demand) -> Result<(), SegmentError> {
    check_owner(data, demand)?;
    check_mode(data, demand)
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
