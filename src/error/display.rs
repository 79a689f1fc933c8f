//! What the errors say to people.

use std::error::Error;
use std::fmt;

use super::{DescriptorProblem, MessageProblem, SegmentError};
use crate::segment::{RingKind, RoleInfo, RoleState};

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRondel { found_magic } => write!(
                f,
                "not a rondel segment: it starts with {found_magic:#018x}, expected {:#018x}",
                crate::segment::MAGIC
            ),
            Self::Corrupted(corruption) => corruption.fmt(f),
            Self::NotInitialised => {
                f.write_str("not initialised: the magic number is 0, which no segment made by rondel shows")
            }
            Self::LayoutVersion { expected, found } => {
                write!(f, "the segment has layout version {found}, expected {expected}")
            }
            Self::RingKind { expected, found } => match RingKind::try_from(*found) {
                Ok(kind) => write!(f, "the segment holds a ring of kind {kind}, expected {expected}"),
                Err(_) => write!(f, "the segment holds a ring of unknown kind {found}, expected {expected}"),
            },
            Self::UnknownRingKind { found } => {
                write!(f, "the segment holds a ring of unknown kind {found}, expected one of 1 to 3")
            }
            Self::ElementSize { expected, found } => {
                write!(f, "the segment holds elements of {found} bytes, expected {expected} bytes")
            }
            Self::Largest { expected, found } => {
                write!(f, "the largest message of the ring has {found} bytes, expected {expected} bytes")
            }
            Self::ElementAlign { expected, found } => {
                write!(f, "the segment's elements are aligned to {found} bytes, expected {expected} bytes")
            }
            Self::SchemaTag { expected, found } => {
                write!(f, "the segment has schema tag {found:#x}, expected {expected:#x}")
            }
            Self::Capacity { expected, found } => {
                write!(f, "the segment has a capacity of {found}, expected {expected}")
            }
            Self::Participants { expected, found } => {
                write!(f, "the segment has room for {found} participants, expected {expected}")
            }
            Self::RingOption { option, expected, found } => {
                write!(f, "the ring was created with {option}: {found}, expected {expected}")
            }
            Self::Geometry { field, expected, found } => {
                write!(f, "the header contradicts itself: {field} is {found}, expected {expected}")
            }
            Self::TooShort { expected_bytes, found_bytes } => {
                write!(f, "the file is too short: {found_bytes} bytes, expected {expected_bytes}")
            }
            Self::SealsMissing { expected, found } => write!(
                f,
                "the descriptor is not sealed: seals {found:#x}, expected {expected:#x} ({}) to be among them",
                if expected & libc::F_SEAL_FUTURE_WRITE.unsigned_abs() == 0 {
                    "SHRINK, GROW and SEAL"
                } else {
                    "SHRINK, GROW, SEAL and FUTURE_WRITE"
                }
            ),
            Self::SealRefused { seal, source } => write!(f, "the kernel refuses the seal {seal}: {source}"),
            Self::ControlMissing => f.write_str(
                "the ring has read-only consumers, and takes two descriptors to attach to: its control part is missing",
            ),
            Self::ControlMismatch { expected, found } => write!(
                f,
                "the second descriptor is not the control part of the segment: inode {} on device {:#x}, expected inode {} on device {:#x}",
                found.1, found.0, expected.1, expected.0
            ),
            Self::OnlyAnonymous { option } => {
                write!(f, "only an anonymous segment can have {option}: a file with a name cannot be sealed")
            }
            Self::ReadOnly => f.write_str(
                "the ring was created with read-only consumers, and this process has attached to it: only the process that \
                 created it, and those forked from it, can push",
            ),
            Self::StillWritable => {
                f.write_str("the ring is held elsewhere in this process, too, and would stay mapped for writing")
            }
            Self::Owner { expected_uid, found_uid } => {
                write!(f, "the segment belongs to user {found_uid}, expected {expected_uid}")
            }
            Self::Mode { expected, found } => {
                write!(
                    f,
                    "the segment has mode {found:#o}, expected group and others to have no more than {expected:#o}"
                )
            }
            Self::InvalidMode { requested } => {
                write!(f, "mode {requested:#o} cannot be used: expected 0600 to be set, and nothing outside 0666")
            }
            Self::RoleTaken { role, pid: Some(pid) } => write!(f, "the role of {role} is taken by process {pid}"),
            Self::RoleTaken { role, pid: None } => {
                write!(f, "the role of {role} is taken, by a process that has not recorded its number yet")
            }
            Self::TableFull { holders } => table_full(holders, f),
            Self::NoSuchRole { role, roles } => {
                write!(f, "there is no role {role}: the ring has {roles} roles")
            }
            Self::AlreadyExists { place } => write!(f, "{place} exists already"),
            Self::NotFound { place } => write!(f, "{place} does not exist"),
            Self::Replaced { place } => {
                write!(f, "{place} is another file by now; it was left alone")
            }
            Self::Displaced { place, kept_at } => write!(
                f,
                "{place} was replaced twice while it was being deleted; the first replacement is kept at {}",
                kept_at.display()
            ),
            Self::UnlinkInProgress { place } => {
                write!(f, "{place} is being deleted by another process")
            }
            Self::Anonymous => f.write_str("an anonymous segment has no name to unlink"),
            Self::InvalidName { name, reason } => {
                write!(f, "{name:?} cannot name a segment: it {reason}")
            }
            Self::NotRegularFile { place, found } => {
                write!(f, "{place} is {found}, expected a regular file")
            }
            Self::Leftover { pid } => {
                write!(f, "a temporary file of process {pid}, left by a creation or deletion that was interrupted")
            }
            Self::NoSpace { place, requested_bytes } => {
                write!(f, "no room for a segment of {requested_bytes} bytes: {place}")
            }
            Self::AddressSpace { op, place, bytes, limit, source } => {
                write!(f, "could not {op} {place}, {bytes} bytes: {source}: ")?;
                match *limit {
                    u64::MAX => f.write_str("the process has as many mappings as it may (vm.max_map_count)"),
                    limit => write!(
                        f,
                        "its address space is limited to {limit} bytes (RLIMIT_AS), or it has as many mappings as it may (vm.max_map_count)"
                    ),
                }
            }
            Self::FileSizeLimit { requested_bytes, limit_bytes } => write!(
                f,
                "the segment needs {requested_bytes} bytes, but this process may not make a file over {limit_bytes} bytes (RLIMIT_FSIZE)"
            ),
            Self::ZeroCapacity => f.write_str("a ring needs a capacity of at least one element, found 0"),
            Self::CapacityMissing => f.write_str("a capacity is needed to create a ring, and none was given"),
            Self::CapacityTooLarge { requested, element_bytes: 1 } => {
                write!(f, "a ring of {requested} bytes does not fit the address space")
            }
            Self::CapacityTooLarge { requested, element_bytes } => {
                write!(f, "a ring of {requested} elements of {element_bytes} bytes does not fit the address space")
            }
            Self::LargestMessage { most: 0, .. } => {
                f.write_str("a ring of messages needs a capacity of 16 bytes at least")
            }
            Self::LargestMessage { requested, most } => {
                write!(f, "with this capacity the largest message can have 1 to {most} bytes, not {requested}")
            }
            Self::ParticipantCount { requested, most } => {
                write!(f, "a ring has room for 1 to {most} participants, not for {requested}")
            }
            Self::HugePagesUnavailable { requested, reason } => {
                write!(f, "no {requested}: {reason}")
            }
            Self::MemoryLock { bytes, limit: u64::MAX, source } => {
                write!(f, "{bytes} bytes could not be locked into memory: {source}")
            }
            Self::MemoryLock { bytes, limit, source } => write!(
                f,
                "{bytes} bytes could not be locked into memory (the limit is {limit} bytes, RLIMIT_MEMLOCK): {source}"
            ),
            Self::DescriptorLimit { op, source } => {
                write!(f, "no descriptor left to {op}: {source}")
            }
            Self::Descriptor { name, problem } => {
                write!(f, "no descriptor was inherited as {name:?}: {problem}")
            }
            Self::Message { problem } => write!(f, "no segment was received: {problem}"),
            Self::Io { op, place, source } => write!(f, "could not {op} {place}: {source}"),
        }
    }
}

/// How many holders are told of a table that is full. The error itself has all of them.
const HOLDERS_TOLD: usize = 64;

fn table_full(holders: &[RoleInfo], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "all {} places for participants are taken", holders.len())?;
    for (index, holder) in holders.iter().take(HOLDERS_TOLD).enumerate() {
        write!(f, "{}{}", if index == 0 { ": " } else { ", " }, holder.name)?;
        match (holder.alive, holder.pid) {
            (true, Some(pid)) => write!(f, " (process {pid}, alive)")?,
            (true, None) => f.write_str(" (alive, has not recorded its number yet)")?,
            (false, Some(pid)) => write!(f, " (process {pid}, dead)")?,
            (false, None) => match holder.state {
                // Given back between the attempt to take the place and the question who has it.
                RoleState::NeverAttached | RoleState::Closed => f.write_str(" (free by now)")?,
                RoleState::Attached | RoleState::Unknown(_) => f.write_str(" (dead)")?,
            },
        }
    }
    match holders.len().saturating_sub(HOLDERS_TOLD) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}

impl Error for SegmentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::MemoryLock { source, .. }
            | Self::AddressSpace { source, .. }
            | Self::DescriptorLimit { source, .. }
            | Self::SealRefused { source, .. }
            | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for DescriptorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet => f.write_str("the environment variable is not set"),
            Self::Malformed { value } => {
                write!(f, "the environment variable holds {value:?}, expected NUMBER:DEVICE:INODE")
            }
            Self::NotOpen { fd } => write!(f, "descriptor {fd} is not open"),
            Self::AnotherFile { fd } => {
                write!(f, "descriptor {fd} is not the file that was passed")
            }
            Self::AlreadyTaken { fd } => write!(f, "descriptor {fd} has been taken already"),
        }
    }
}

impl fmt::Display for MessageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::NoDescriptor => f.write_str("the message carries no descriptor"),
            Self::TooMany { found } => {
                write!(f, "the message carries {found} descriptors or more, which is more than expected")
            }
            Self::Foreign { found } => write!(f, "the message holds the byte {found:#04x}, which rondel does not send"),
        }
    }
}
