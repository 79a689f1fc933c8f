//! The named pipe.
//!
//! A keeper makes the name, and removes it as soon as both ends are open, or this process has been killed: nothing is left behind.

use super::pipe::{Pipe, enlarge};
use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::keeper::{Charge, Keeper};
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, mknodat, open, unlinkat};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
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
        let (keeper, fifo) =
            make_below(&std::env::temp_dir()).map_err(unavailable("making a FIFO in a private directory"))?;
        let (read, write) = open_both(&fifo).map_err(unavailable("opening the FIFO"))?;
        drop(keeper);
        enlarge(&write);
        Ok((StreamSender::new(Self::NAME, write, wait)?, StreamReceiver::new(Self::NAME, read, wait)?))
    }
}

/// A directory for one FIFO, and the FIFO in it.
struct Place {
    directory: CString,
    fifo: CString,
}

impl Place {
    fn below(parent: &Path) -> io::Result<Self> {
        static NAMED: AtomicU64 = AtomicU64::new(0);
        let number = NAMED.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("rondel-fifo-{}-{number}", std::process::id()));
        let fifo = CString::new(directory.join("fifo").into_os_string().into_vec())?;
        Ok(Place { directory: CString::new(directory.into_os_string().into_vec())?, fifo })
    }
}

impl Charge for Place {
    fn make(&mut self) -> std::result::Result<i32, Errno> {
        mkdirat(CWD, &self.directory, Mode::RWXU)?;
        match mknodat(CWD, &self.fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) => Ok(0),
            Err(error) => {
                self.remove();
                Err(error)
            }
        }
    }

    fn remove(&mut self) {
        // What somebody else has removed already is as good, and what somebody else has put there stays.
        let _ = unlinkat(CWD, &self.fifo, AtFlags::empty());
        let _ = unlinkat(CWD, &self.directory, AtFlags::REMOVEDIR);
    }
}

/// How many names are tried, should some be taken: by a keeper that was killed, or from within another space of process numbers.
const TRIES: u32 = 16;

/// Has a FIFO made, and tells where it is for as long as the keeper is held.
fn make_below(parent: &Path) -> io::Result<(Keeper, CString)> {
    let mut tries = TRIES;
    loop {
        let place = Place::below(parent)?;
        let fifo = place.fifo.clone();
        tries -= 1;
        match Keeper::new(place) {
            Ok((keeper, _)) => return Ok((keeper, fifo)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens both ends of a FIFO.
fn open_both(fifo: &CString) -> io::Result<(OwnedFd, OwnedFd)> {
    // Not blocking, or the open would wait for a writer; the writer's finds its reader.
    let read = open(fifo, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let write = open(fifo, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fcntl_setfl(&read, OFlags::empty())?;
    Ok((read, write))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    /// A directory for one test, empty at the start; unlike /tmp nobody else makes FIFOs in it.
    fn parent(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("baselines-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn the_name_is_there_until_its_keeper_is_dropped() {
        let parent = parent("kept");
        let (keeper, fifo) = make_below(&parent).unwrap();
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        open_both(&fifo).unwrap();
        drop(keeper);
        fs::remove_dir(&parent).expect("nothing is left");
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        let parent = parent("half-way");
        let mut place = Place::below(&parent).unwrap();
        // In a directory that is not there.
        place.fifo = c"/nowhere at all/fifo".into();
        let error = Keeper::new(place).err().expect("no FIFO can be made there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        fs::remove_dir(&parent).expect("nothing is left");
    }

    #[test]
    fn what_is_there_already_is_neither_taken_nor_removed() {
        let parent = parent("taken");
        let place = Place::below(&parent).unwrap();
        let taken = PathBuf::from(place.directory.to_str().unwrap());
        fs::create_dir(&taken).unwrap();
        let error = Keeper::new(place).err().expect("the name is taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir(&taken).expect("it is still there");
        fs::remove_dir(&parent).expect("nothing is left");
    }
}
