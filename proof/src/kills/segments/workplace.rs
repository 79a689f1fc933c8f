//! Names and a directory of the sweep's own, which are gone when it is, however it ends.
//!
//! They bear its number. A directory is locked as long as anybody of a sweep lives; so another one knows which are left over, also
//! those of a process whose number means nothing here. They are removed by a keeper, a process that does nothing else, when the
//! last process of the sweep has let go of a pipe: even SIGKILL leaves none. What a keeper could not do, the next sweep does.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, bail};
use libc::pid_t;

use crate::kills::crew::pipe;

const SHARED: &str = "/dev/shm";
const DIRECTORY: &str = "rondel-proof.";
/// Names of segments: `rondel.proof-NUMBER-WORKER`.
const NAME: &str = "proof-";
/// The upper half of the schema tag of all segments; the lower one is the sweep's number.
const SCHEMA: u64 = 0x7072_6f6f;
/// Where the tag is in a segment's header: `docs/layout.md`.
const OFFSET_OF_SCHEMA: u64 = 40;

/// The number of this sweep.
static NUMBER: OnceLock<u32> = OnceLock::new();

fn number() -> u32 {
    *NUMBER.get().expect("a workplace is taken before anybody works")
}

/// The sweep's own directory.
pub(super) fn directory() -> PathBuf {
    directory_of(number())
}

fn directory_of(number: u32) -> PathBuf {
    PathBuf::from(format!("{SHARED}/{DIRECTORY}{number}"))
}

/// What the names of its segments begin with.
pub(super) fn name_prefix() -> String {
    prefix_of(number())
}

fn prefix_of(number: u32) -> String {
    format!("{NAME}{number}-")
}

/// The tag of its segments.
pub(super) fn schema() -> u64 {
    schema_of(number())
}

fn schema_of(number: u32) -> u64 {
    SCHEMA << 32 | u64::from(number)
}

/// A directory, and names; removed when this is dropped.
pub(crate) struct Workplace {
    /// Open as long as anybody of the sweep lives: children inherit it.
    alive: Option<File>,
    /// Likewise, with its lock.
    _directory: File,
    keeper: pid_t,
}

impl Workplace {
    /// A workplace for this process and all that it forks. Removes what is left of others first.
    pub(crate) fn take() -> anyhow::Result<Self> {
        sweep_up_after_the_dead().with_context(|| format!("what is left in {SHARED}"))?;
        let (number, directory) = own_directory().with_context(|| format!("a directory in {SHARED}"))?;
        if NUMBER.set(number).is_err() {
            bail!("a process has one workplace");
        }
        let (hear, alive) = pipe()?;
        // SAFETY: this process has one thread, so that the child finds no lock held and may do whatever the parent might.
        let keeper = match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()).context("fork"),
            0 => {
                drop(alive);
                keep(hear, number);
            }
            pid => pid,
        };
        Ok(Self { alive: Some(alive), _directory: directory, keeper })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        drop(self.alive.take());
        let mut status = 0;
        // SAFETY: `status` is alive and writable; the child is ours and is not reaped yet.
        unsafe { libc::waitpid(self.keeper, &raw mut status, 0) };
    }
}

/// The keeper's life. Nothing that is meant for the sweep ends it: not a terminal's signals, for it has no terminal.
fn keep(mut hear: File, number: u32) -> ! {
    // SAFETY: takes nothing.
    unsafe { libc::setsid() };
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
        // SAFETY: to ignore a signal runs nothing of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // Nobody writes: the end comes when the last who could is gone.
    let _ = hear.read(&mut [0]);
    let _ = sweep_up(number);
    // SAFETY: ends the process; nothing of the parent's is run or dropped here.
    unsafe { libc::_exit(0) }
}

/// A new directory, locked, and its number: this process's own, or, where one of another pid namespace has the same, a higher one.
fn own_directory() -> io::Result<(u32, File)> {
    const ABOVE_ALL_PIDS: u32 = 1 << 22;
    for number in (std::process::id()..).step_by(ABOVE_ALL_PIDS as usize) {
        match fs::DirBuilder::new().mode(0o700).create(directory_of(number)) {
            Ok(()) => match lock(number)? {
                Some(directory) => return Ok((number, directory)),
                // Another one takes it for a dead one's, and is about to remove it.
                None => continue,
            },
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// The directory of this number, if nobody has it locked.
fn lock(number: u32) -> io::Result<Option<File>> {
    let directory = File::open(directory_of(number))?;
    // SAFETY: takes integers; the descriptor is open.
    match unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(Some(directory)),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        },
    }
}

/// What sweeps have left of which nobody lives. Other users' is theirs.
fn sweep_up_after_the_dead() -> io::Result<()> {
    for entry in fs::read_dir(SHARED)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY)?.parse().ok());
        let Some(number) = number else { continue };
        // One that is gone by now, or another user's, is not ours to remove.
        if let Ok(Some(_lock)) = lock(number) {
            match sweep_up(number) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Removes all that a sweep has in the file system.
fn sweep_up(number: u32) -> io::Result<()> {
    let name = format!("rondel.{}", prefix_of(number));
    for entry in fs::read_dir(SHARED)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        // What a killed process was deleting does not have the name any more.
        let moved_aside = || {
            let mut schema = [0; 8];
            let read = File::open(entry.path()).and_then(|file| file.read_exact_at(&mut schema, OFFSET_OF_SCHEMA));
            read.is_ok() && u64::from_ne_bytes(schema) == schema_of(number)
        };
        if file_name.starts_with(&name) || file_name.starts_with(".rondel-old.") && moved_aside() {
            let _ = fs::remove_file(entry.path());
        }
    }
    // Last: as long as it is there, somebody knows that there is something to remove.
    fs::remove_dir_all(directory_of(number))
}
