//! Descriptors that a child process inherits across exec.

use std::env;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::Descriptors;
use crate::error::{DescriptorProblem, SegmentError};
use crate::segment::{Place, Segment, sys};

/// What the variables' names start with.
const VARIABLE_PREFIX: &str = "RONDEL_FD_";
/// The lowest number to pass a descriptor under: out of the way of those that a child's standard
/// streams are moved to.
const LOWEST: RawFd = 10;
/// Between what is said of a segment's one descriptor and of its other.
const SEPARATOR: char = ',';

/// Passes a descriptor to the child that the command will start, under a name.
///
/// Only this child gets it: in the calling process the descriptor stays closed on exec, so that
/// another child that is started meanwhile does not inherit it. The child finds it with
/// [`inherited`], through the environment variable `RONDEL_FD_<name>`; a command whose environment
/// is cleared afterwards (`env_clear`) passes nothing.
///
/// The command keeps a duplicate of the descriptor for as long as it exists, and can be started
/// more than once.
///
/// # Errors
/// [`SegmentError::InvalidName`] if the name is not made of 1 to 100 of `A-Z a-z 0-9 _`;
/// [`SegmentError::DescriptorLimit`].
///
/// # Examples
/// ```no_run
/// use std::process::Command;
/// use rondel::{handoff, spsc};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = spsc::Ring::<u64>::builder().capacity(64).anonymous()?;
/// let mut command = Command::new("./consumer");
/// handoff::inherit(&mut command, "prices", ring.as_fd())?;
/// let child = command.spawn()?;
/// // In ./consumer: spsc::Ring::<u64>::from_fd(handoff::inherited("prices")?)?
/// # drop(child);
/// # Ok(())
/// # }
/// ```
pub fn inherit(command: &mut Command, name: &str, fd: BorrowedFd<'_>) -> Result<(), SegmentError> {
    let variable = variable(name)?;
    let value = pass(command, fd)?;
    command.env(variable, value);
    Ok(())
}

/// Passes all descriptors of an anonymous segment, one or two, to the child that the command will start, under one name. The child finds
/// them with [`inherited_segment`]. For the rest it is as [`inherit`].
///
/// # Errors
/// As [`inherit`].
pub fn inherit_segment(command: &mut Command, name: &str, segment: &Segment) -> Result<(), SegmentError> {
    let variable = variable(name)?;
    let mut value = pass(command, segment.as_fd())?;
    if let Some(control) = segment.control_fd() {
        value.push(SEPARATOR);
        value.push_str(&pass(command, control)?);
    }
    command.env(variable, value);
    Ok(())
}

/// Makes the command hand a descriptor down; what the child is to be told of it.
fn pass(command: &mut Command, fd: BorrowedFd<'_>) -> Result<String, SegmentError> {
    let failed = |error| SegmentError::io("pass on", &Place::anonymous(), error);
    let passed = sys::duplicate(fd, LOWEST).map_err(failed)?;
    let (device, inode) = sys::identity(passed.as_raw_fd()).map_err(failed)?;
    let value = format!("{}:{device}:{inode}", passed.as_raw_fd());
    let in_child = move || sys::set_closes_on_exec(passed.as_raw_fd(), false);
    // SAFETY: the closure runs in the forked child, where it makes one system call and allocates
    // nothing: async-signal-safe.
    unsafe { command.pre_exec(in_child) };
    Ok(value)
}

/// Takes a descriptor that the parent process has passed under a name. Closes on exec from then on.
///
/// # Errors
/// [`SegmentError::InvalidName`], and [`SegmentError::Descriptor`] if nothing was passed under the
/// name, if the number in the variable is not open or is not the file that was passed, or if it has
/// been taken before.
pub fn inherited(name: &str) -> Result<OwnedFd, SegmentError> {
    let value = value(name)?;
    take(&value).map_err(|problem| SegmentError::Descriptor { name: name.to_owned(), problem })
}

/// Takes the descriptors of a segment that the parent process has passed under a name, with [`inherit_segment`] or with [`inherit`]. They
/// close on exec from then on.
///
/// # Errors
/// As [`inherited`]. If one descriptor is there and the other is not, the one is closed.
pub fn inherited_segment(name: &str) -> Result<Descriptors, SegmentError> {
    let value = value(name)?;
    let failed = |problem| SegmentError::Descriptor { name: name.to_owned(), problem };
    match value.split_once(SEPARATOR) {
        None => Ok(Descriptors::from(take(&value).map_err(failed)?)),
        Some((segment, control)) => {
            let segment = take(segment).map_err(failed)?;
            Ok(Descriptors { segment, control: Some(take(control).map_err(failed)?) })
        }
    }
}

/// What the parent process has said under a name.
fn value(name: &str) -> Result<String, SegmentError> {
    let failed = |problem| SegmentError::Descriptor { name: name.to_owned(), problem };
    let value = env::var_os(variable(name)?).ok_or_else(|| failed(DescriptorProblem::NotSet))?;
    value
        .into_string()
        .map_err(|value| failed(DescriptorProblem::Malformed { value: value.to_string_lossy().into_owned() }))
}

/// Takes the descriptor that was passed with these words.
fn take(value: &str) -> Result<OwnedFd, DescriptorProblem> {
    let (fd, device, inode) = parse(value).ok_or_else(|| DescriptorProblem::Malformed { value: value.to_owned() })?;
    // Held to the end: of two threads that ask for the same descriptor, one gets it.
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&fd) {
        return Err(DescriptorProblem::AlreadyTaken { fd });
    }
    let closes_on_exec = sys::closes_on_exec(fd).map_err(|_| DescriptorProblem::NotOpen { fd })?;
    // What was inherited across exec cannot be marked so. What is marked was opened here, whatever
    // its number; and what is another file took the number after an earlier process had closed the
    // right one.
    let is_passed_file = sys::identity(fd).is_ok_and(|found| found == (device, inode));
    if closes_on_exec || !is_passed_file {
        return Err(DescriptorProblem::AnotherFile { fd });
    }
    sys::set_closes_on_exec(fd, true).map_err(|_| DescriptorProblem::NotOpen { fd })?;
    taken.push(fd);
    // SAFETY: the descriptor is open, it is the file that the parent says it has passed for us to
    // own, it was inherited and not opened here, and it has not been taken before; so nothing else
    // in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The numbers that have been taken. One that was taken stays so: after it has been closed, it is
/// somebody else's.
static TAKEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// The environment variable for a name.
fn variable(name: &str) -> Result<String, SegmentError> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > 100 {
        "is longer than 100 bytes"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        "has a character outside A-Z a-z 0-9 _"
    } else {
        return Ok(format!("{VARIABLE_PREFIX}{name}"));
    };
    Err(SegmentError::InvalidName { name: name.to_owned(), reason })
}

/// Number, device and inode.
fn parse(value: &str) -> Option<(RawFd, u64, u64)> {
    let (fd, rest) = value.split_once(':')?;
    let (device, inode) = rest.split_once(':')?;
    let fd = fd.parse().ok().filter(|&fd: &RawFd| fd > libc::STDERR_FILENO)?;
    Some((fd, device.parse().ok()?, inode.parse().ok()?))
}
