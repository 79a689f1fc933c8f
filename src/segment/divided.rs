//! Segments in two parts: one that only the producer writes, and one for the words that consumers write.
//!
//! The first, *sealed* part is the segment as it always is: header, the producer's role record, the ring. It is a memfd
//! with the seal `F_SEAL_FUTURE_WRITE`: whoever has mapped it for writing before the seal was put on, which is its
//! creator alone and those forked from it, goes on writing; nobody else ever can, by whatever way to the file. The
//! *control* part is a page, an ordinary sealed memfd, in which every word lies at the offset that it has in the body of an undivided
//! segment. All locks are taken on it.
//!
//! Anybody may write anything into the control part at any time. So it says nothing about itself: that it is the right one is decided by
//! the sealed header, which names it by its device and inode.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use super::attach::{self, REQUIRED_SEALS};
use super::create;
use super::demand::{Demand, MemoryDemand};
use super::header::{Header, SMALL_PAGE, implied};
use super::kind::Roles;
use super::mapping::Mapping;
use super::place::Place;
use super::sys;
use crate::error::SegmentError;

/// The seals of the sealed part.
pub(super) const SEALED_PART_SEALS: libc::c_int = REQUIRED_SEALS | libc::F_SEAL_FUTURE_WRITE;

/// Length of the control part, in bytes.
pub(super) const CONTROL_PART_LEN: u64 = SMALL_PAGE;

/// Which file it is, whatever its name or descriptor. The kernel's word: nobody can make a file be another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    fn of(file: BorrowedFd<'_>) -> io::Result<Self> {
        sys::identity(file.as_raw_fd()).map(|(device, inode)| Self { device, inode })
    }
}

/// The part that everybody may write, mapped.
pub(super) struct ControlPart {
    file: File,
    mapping: Mapping,
}

impl ControlPart {
    /// Makes one for the segment with this header, which is then to name it.
    pub(super) fn create(header: Header, demand: &Demand, place: &Place) -> Result<(Self, Header), SegmentError> {
        // A huge page for a few words would be a waste.
        let demand =
            Demand { memory: MemoryDemand { huge: super::HugePages::None, ..demand.memory }, ..demand.clone() };
        let file = create::memfd(demand.memory.huge, place)?;
        create::set_mode(&file, demand.mode, place)?;
        let mapping = create::provide(&file, CONTROL_PART_LEN, &header, &demand, place)?;
        create::finish(&mapping, &demand, place)?;
        create::seal(&file, create::SIZE_SEALS, REQUIRED_SEALS)?;
        let identity = Identity::of(file.as_fd()).map_err(|error| SegmentError::io("inspect", place, error))?;
        Ok((Self { file, mapping }, header.with_control(identity)))
    }

    /// Takes the one that belongs to the segment with this header, which was read from a sealed part.
    pub(super) fn attach(fd: OwnedFd, header: &Header, demand: &Demand, place: &Place) -> Result<Self, SegmentError> {
        let failed = |op| move |error| SegmentError::io(op, place, error);
        let file = File::from(fd);
        let found = Identity::of(file.as_fd()).map_err(failed("inspect"))?;
        let expected = header.control().unwrap_or_default();
        if expected != found {
            return Err(SegmentError::ControlMismatch {
                expected: (expected.device, expected.inode),
                found: (found.device, found.inode),
            });
        }
        // From here on it is the file that the creator has made. It is checked all the same: the creator may be anybody.
        attach::check_seals(file.as_fd(), REQUIRED_SEALS, place)?;
        let data = attach::inspect(&file, place)?;
        attach::check_access(&data, demand)?;
        implied("control_len", CONTROL_PART_LEN, data.len())?;
        let mapping = Mapping::new(&file, CONTROL_PART_LEN)
            .map_err(|error| SegmentError::map("map the control part of", place, CONTROL_PART_LEN, error))?;
        create::finish(&mapping, demand, place)?;
        Ok(Self { file, mapping })
    }

    /// Where it starts: page aligned, [`CONTROL_PART_LEN`] bytes long, mapped as long as `self` lives.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.mapping.start()
    }
}

impl AsFd for ControlPart {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Refuses a header that names a control part where a ring of this kind, in this place, has none.
pub(super) fn check_undivided(header: &Header, demand: &Demand, place: &Place) -> Result<(), SegmentError> {
    if place.is_anonymous() && matches!(demand.roles, Roles::Fixed(_)) {
        return Ok(());
    }
    let found = header.control().unwrap_or_default();
    implied("control_device", 0, found.device)?;
    implied("control_inode", 0, found.inode)
}

/// Puts the seals on the sealed part, which has been mapped for writing and completed; and tries whether the first one holds.
///
/// Linux before 5.13 took `F_SEAL_FUTURE_WRITE` on files of huge pages without heeding it. So no kernel is believed before it
/// has refused.
pub(super) fn seal(file: &File, header: &Header, place: &Place) -> Result<(), SegmentError> {
    create::seal(file, FUTURE_WRITE, libc::F_SEAL_FUTURE_WRITE)?;
    create::seal(file, create::SIZE_SEALS, REQUIRED_SEALS)?;
    match Mapping::new(file, header.page_len()) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        Err(error) => Err(SegmentError::io("try the seal of", place, error)),
        Ok(_) => {
            let source = io::Error::other("it was accepted, and a writable mapping was granted all the same");
            Err(SegmentError::SealRefused { seal: FUTURE_WRITE, source })
        }
    }
}

const FUTURE_WRITE: &str = "F_SEAL_FUTURE_WRITE";
