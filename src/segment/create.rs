//! Creating: a file is made without a name, completed, and only then given its name.
//!
//! The reasons, and what happens if the creator is killed at each step, are in
//! `docs/decisions/0001-creation.md`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::attach::REQUIRED_SEALS;
use super::demand::Demand;
use super::divided::{self, ControlPart};
use super::header::Header;
use super::huge::{self, HugePages};
use super::mapping::Mapping;
use super::place::Place;
use super::sys::{self, Resource};
use super::temporary::{self, DeletedOnDrop, Purpose};
use super::{Origin, Parts, Segment, prepare_process};
use crate::error::SegmentError;

/// How a file gets its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Naming {
    /// It is made without one (`O_TMPFILE`) and linked. Killed half-way, it leaves nothing.
    Nameless,
    /// For file systems that cannot do that: made under a temporary name in the same directory and
    /// linked. Killed half-way, it leaves the temporary file, never the name.
    Sibling,
}

/// Creates a segment at a name or path.
pub(super) fn named(demand: &Demand, place: Place) -> Result<Segment, SegmentError> {
    demand.refuse_a_name()?;
    match named_by(demand, &place, Naming::Nameless) {
        Err(SegmentError::Io { op: OPEN_NAMELESS, source, .. }) if lacks_nameless_files(&source) => {
            named_by(demand, &place, Naming::Sibling)
        }
        result => result,
    }
}

const OPEN_NAMELESS: &str = "create a file for";

/// Whether a failed `O_TMPFILE` means that there is no such thing here. EISDIR and ENOENT are what
/// kernels say that do not know the flag; ENOENT is also what a missing directory says, and then
/// the other way of creating says it again.
fn lacks_nameless_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT | libc::EINVAL))
}

/// Creates a segment at a name or path, in one of the two ways.
pub(super) fn named_by(demand: &Demand, place: &Place, naming: Naming) -> Result<Segment, SegmentError> {
    let path = place.to_path()?;
    check_mode(demand.mode)?;
    let header = Header::for_creation(demand)?;
    prepare_process(place)?;
    if demand.memory.huge == HugePages::Huge2M {
        let reason = "only an anonymous segment can have them".to_owned();
        return Err(SegmentError::HugePagesUnavailable { requested: HugePages::Huge2M, reason });
    }
    // Only to spare the work: the link below is what decides.
    if fs::symlink_metadata(&path).is_ok() {
        return Err(SegmentError::AlreadyExists { place: place.clone() });
    }
    let directory = directory_of(&path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let (file, temporary) = match naming {
        Naming::Nameless => {
            options.custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC);
            (options.open(&directory).map_err(|error| no_room(error, &header, demand, OPEN_NAMELESS, place))?, None)
        }
        Naming::Sibling => {
            let temporary = temporary::path_in(&directory, Purpose::Creation);
            options.create_new(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
            let op = "create a temporary file for";
            let file = options.open(&temporary).map_err(|error| no_room(error, &header, demand, op, place))?;
            (file, Some(DeletedOnDrop(temporary)))
        }
    };
    if demand.memory.huge == HugePages::Transparent {
        huge::check_transparent_file(&file)?;
    }
    set_mode(&file, demand.mode, place)?;
    let mapping = initialise(&file, &header, demand, place)?;
    let linked = give_name(&file, temporary.as_ref(), &path);
    linked.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => SegmentError::AlreadyExists { place: place.clone() },
        _ => no_room(error, &header, demand, "give its name to", place),
    })?;
    let parts = Parts { file, mapping, header, control: None };
    Segment::assemble(Origin::Created, parts, (place.clone(), Some(path)), demand)
}

/// Gives a complete file its name. Never replaces anything: a name in use is `EEXIST`, whoever has
/// taken it, and whenever.
pub(super) fn give_name(file: &File, temporary: Option<&DeletedOnDrop>, path: &Path) -> io::Result<()> {
    match temporary {
        None => sys::link_open_file(file.as_fd(), path),
        Some(DeletedOnDrop(temporary)) => fs::hard_link(temporary, path),
    }
}

/// Creates an anonymous segment: a memfd, sealed against ever changing its size; two, where only the producer is to write
/// what consumers read.
pub(super) fn anonymous(demand: &Demand) -> Result<Segment, SegmentError> {
    let place = Place::anonymous();
    check_mode(demand.mode)?;
    let header = Header::for_creation(demand)?;
    prepare_process(&place)?;
    if demand.memory.huge == HugePages::Transparent {
        huge::check_transparent_memfd()?;
    }
    let (control, header) = if demand.read_only_consumers {
        let (control, header) = ControlPart::create(header, demand, &place)?;
        (Some(control), header)
    } else {
        (None, header)
    };
    let file = memfd(demand.memory.huge, &place)?;
    set_mode(&file, demand.mode, &place)?;
    let mapping = initialise(&file, &header, demand, &place)?;
    if control.is_some() {
        divided::seal(&file, &header, &place)?;
    } else {
        seal(&file, SIZE_SEALS, REQUIRED_SEALS)?;
    }
    let parts = Parts { file, mapping, header, control };
    Segment::assemble(Origin::Created, parts, (place, None), demand)
}

/// What an error calls the seals that every anonymous segment has.
pub(super) const SIZE_SEALS: &str = "F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL";

pub(super) fn seal(file: &File, names: &'static str, seals: libc::c_int) -> Result<(), SegmentError> {
    sys::add_seals(file.as_fd(), seals).map_err(|source| SegmentError::SealRefused { seal: names, source })
}

/// A new memfd, empty and without seals.
pub(super) fn memfd(huge: HugePages, place: &Place) -> Result<File, SegmentError> {
    let mut flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    if huge == HugePages::Huge2M {
        flags |= libc::MFD_HUGETLB | libc::MFD_HUGE_2MB;
    }
    let file = match sys::memfd_create(c"rondel", flags | libc::MFD_NOEXEC_SEAL) {
        // Linux before 6.3 does not know MFD_NOEXEC_SEAL; the file could be made executable there,
        // which does a ring no harm.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => sys::memfd_create(c"rondel", flags),
        result => result,
    };
    file.map(File::from).map_err(|error| match (huge, SegmentError::io("create", place, error)) {
        (HugePages::Huge2M, SegmentError::Io { source, .. }) => SegmentError::HugePagesUnavailable {
            requested: HugePages::Huge2M,
            reason: format!("the kernel offers none of this size: {source}"),
        },
        (_, error) => error,
    })
}

/// Makes a file as long as the header says, with all its memory allocated, maps it, and writes the
/// header.
fn initialise(file: &File, header: &Header, demand: &Demand, place: &Place) -> Result<Mapping, SegmentError> {
    let mapping = provide(file, header.total_len(), header, demand, place)?;
    header.publish(&mapping);
    finish(&mapping, demand, place)?;
    Ok(mapping)
}

/// Makes a file so long, with all its memory allocated, and maps it. The header says what errors are to tell.
pub(super) fn provide(
    file: &File,
    len: u64,
    header: &Header,
    demand: &Demand,
    place: &Place,
) -> Result<Mapping, SegmentError> {
    let limit = sys::soft_limit(Resource::FileSize);
    if len > limit {
        // Asking the kernel would be answered with SIGXFSZ, which kills a process that does not
        // expect it.
        return Err(SegmentError::FileSizeLimit { requested_bytes: len, limit_bytes: limit });
    }
    file.set_len(len).map_err(|error| no_room(error, header, demand, "set the length of", place))?;
    let map = || {
        Mapping::new(file, len).map_err(|error| match (error.raw_os_error(), demand.memory.huge) {
            // Pages of the reserved pool are counted off when they are mapped.
            (Some(libc::ENOMEM), HugePages::Huge2M) | (Some(libc::EFBIG), _) => {
                no_room(error, header, demand, "map", place)
            }
            _ => SegmentError::map("map", place, len, error),
        })
    };
    if demand.memory.huge == HugePages::Transparent {
        // The pages have to be made through a mapping that has the advice: `fallocate` knows none
        // and makes small ones. It still follows, to report what could not be made.
        let mapping = map()?;
        mapping.advise_huge().map_err(|error| SegmentError::HugePagesUnavailable {
            requested: HugePages::Transparent,
            reason: format!("the kernel refuses the advice: {error}"),
        })?;
        let _ = mapping.prefault();
        allocate(file, len).map_err(|error| no_room(error, header, demand, "allocate", place))?;
        Ok(mapping)
    } else {
        allocate(file, len).map_err(|error| no_room(error, header, demand, "allocate", place))?;
        map()
    }
}

/// Does with a mapping that is complete what was asked of its memory.
pub(super) fn finish(mapping: &Mapping, demand: &Demand, place: &Place) -> Result<(), SegmentError> {
    if demand.memory.prefault {
        mapping.prefault().map_err(|error| failed("prefault", place, error))?;
    }
    if demand.memory.lock {
        mapping.lock()?;
    }
    Ok(())
}

/// Allocates all of the file now. A page that is missing later, with the file system full by then,
/// would be a SIGBUS.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    if len > sys::room(file.as_fd()) {
        return Err(io::Error::from_raw_os_error(libc::ENOSPC));
    }
    match sys::allocate(file.as_fd(), len) {
        Err(error) if lacks_allocation(&error) => write_zeros(file, len),
        result => result,
    }
}

/// Whether a failed `fallocate` means that it cannot be had here: EOPNOTSUPP is what file systems say, the others what kernels and
/// filters of system calls do. (EPERM is also what is said of a file that may not be changed, which ours may; writing says it again.)
fn lacks_allocation(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM))
}

/// The same by writing, where there is no `fallocate`.
fn write_zeros(file: &File, len: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut offset = 0;
    while offset < len {
        let piece = zeros.len().min(usize::try_from(len - offset).unwrap_or(usize::MAX));
        file.write_all_at(zeros.get(..piece).unwrap_or(&zeros), offset)?;
        offset += piece as u64;
    }
    Ok(())
}

/// Tells an error that means "no room" from the others.
fn no_room(error: io::Error, header: &Header, demand: &Demand, op: &'static str, place: &Place) -> SegmentError {
    let requested_bytes = header.total_len();
    match (error.raw_os_error(), demand.memory.huge) {
        (Some(libc::ENOSPC | libc::ENOMEM), HugePages::Huge2M) => SegmentError::HugePagesUnavailable {
            requested: HugePages::Huge2M,
            reason: format!(
                "the segment needs {} of them, more than the machine has reserved and free (vm.nr_hugepages): {error}",
                requested_bytes / header.page_len()
            ),
        },
        (Some(libc::ENOSPC | libc::EDQUOT | libc::ENOMEM), _) => {
            SegmentError::NoSpace { place: place.clone(), requested_bytes }
        }
        (Some(libc::EFBIG), _) => {
            SegmentError::CapacityTooLarge { requested: header.capacity(), element_bytes: demand.elements.unit() }
        }
        _ => failed(op, place, error),
    }
}

fn failed(op: &'static str, place: &Place, error: io::Error) -> SegmentError {
    SegmentError::io(op, place, error)
}

/// Accepts permissions under which a ring works: its owner reads and writes, and nobody executes.
fn check_mode(mode: u32) -> Result<(), SegmentError> {
    if mode & !0o666 == 0 && mode & 0o600 == 0o600 {
        Ok(())
    } else {
        Err(SegmentError::InvalidMode { requested: mode })
    }
}

/// Sets the mode to exactly this; the mode given when a file is opened is curtailed by the umask.
pub(super) fn set_mode(file: &File, mode: u32, place: &Place) -> Result<(), SegmentError> {
    file.set_permissions(Permissions::from_mode(mode)).map_err(|error| failed("set the mode of", place, error))
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
