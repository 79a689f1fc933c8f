//! The named pipe.
//!
//! Once both ends are open the name is of no more use and is removed, so that nothing is left behind however this
//! process ends later. A process that is killed in the few microseconds before leaves a directory, and the next one that
//! opens a FIFO removes it: each maker holds a lock on its directory, which falls when the maker is gone.

use super::pipe::{Pipe, enlarge};
use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait};
use rustix::fs::{CWD, FileType, FlockOperation, Mode, OFlags, flock, mknodat, open};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A FIFO in a directory of its own: one `write` and one `read` a message.
#[derive(Clone, Copy, Debug)]
pub struct Fifo;

impl Transport for Fifo {
    const NAME: &'static str = "fifo";
    const NOTE: &'static str = "named pipe, as large as fs.pipe-max-size allows; one write and one read a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        // As large as a pipe without a name, by the same rules.
        Pipe::granted()
    }
}

impl<const WORDS: usize> Carries<WORDS> for Fifo {
    type Sending = StreamSender;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let unavailable = |what| move |error: io::Error| Error::unavailable(Self::NAME, what, error);
        let place = Place::new(&std::env::temp_dir()).map_err(unavailable("making a private directory"))?;
        let (read, write) = place.open().map_err(unavailable("making and opening the FIFO"))?;
        drop(place);
        enlarge(&write);
        Ok((StreamSender::new(Self::NAME, write, wait)?, StreamReceiver::new(Self::NAME, read, wait)?))
    }
}

/// What the names of the directories begin with.
const PREFIX: &str = "rondel-fifo-";

/// The one name in each directory.
const NAME: &str = "fifo";

/// How often a new directory is tried, should another process's clean-up remove it before it is locked.
const TRIES: u32 = 16;

/// A locked directory for one FIFO; it is removed with what is in it on drop.
struct Place {
    directory: PathBuf,
    _lock: OwnedFd,
}

impl Place {
    fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            static MADE: AtomicU64 = AtomicU64::new(0);
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let directory = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            match lock(&directory) {
                // A clean-up that came between the two steps may have removed the directory that is locked now.
                Ok(lock) if directory.exists() => {
                    return Ok(Place { directory, _lock: lock });
                }
                Ok(_) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Makes the FIFO and opens both of its ends.
    fn open(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        let path = self.directory.join(NAME);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Not blocking, or the open would wait for a writer; the writer's finds its reader.
        let read = open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        let write = open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::fs::fcntl_setfl(&read, OFlags::empty())?;
        Ok((read, write))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.directory);
    }
}

/// Locks a directory for as long as the descriptor is open, or says at once that another process has.
fn lock(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = open(directory, flags, Mode::empty())?;
    flock(&descriptor, FlockOperation::NonBlockingLockExclusive)?;
    Ok(descriptor)
}

/// Removes the directories whose makers are gone. What cannot be removed (another user's) is left.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let directory = entry.path();
        if let Ok(_lock) = lock(&directory) {
            remove(&directory);
        }
    }
}

/// Removes a directory and the FIFO in it, and nothing else that might be there.
fn remove(directory: &Path) {
    // Either may be gone already, and what is not ours to remove stays: neither is worth a failed measurement.
    let _ = fs::remove_file(directory.join(NAME));
    let _ = fs::remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory for one test, empty at the start; unlike /tmp nobody else makes FIFOs in it.
    fn parent(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("baselines-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn what_a_killed_maker_left_is_removed_by_the_next() {
        let parent = parent("killed");
        let left = parent.join(format!("{PREFIX}1-0"));
        fs::create_dir(&left).unwrap();
        mknodat(CWD, left.join(NAME), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let place = Place::new(&parent).unwrap();
        assert!(!left.exists());
        drop(place);
        fs::remove_dir(&parent).expect("nothing else is left");
    }

    #[test]
    fn what_a_live_maker_holds_is_left_alone() {
        let parent = parent("live");
        let first = Place::new(&parent).unwrap();
        let second = Place::new(&parent).unwrap();
        assert!(first.directory.exists(), "the second maker removed the first one's directory");
        first.open().unwrap();
        drop((first, second));
        fs::remove_dir(&parent).expect("nothing is left");
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        let parent = parent("half-way");
        let place = Place::new(&parent).unwrap();
        // The name is taken, so making the FIFO fails.
        fs::write(place.directory.join(NAME), "").unwrap();
        assert_eq!(place.open().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(place);
        fs::remove_dir(&parent).expect("nothing is left");
    }
}
