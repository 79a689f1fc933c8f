//! The files of a connection that the crate behind it keeps under names, and the keeper that removes them.
//!
//! An orderly end of both processes leaves some, a killed one leaves all. They lie in a directory made for this connection alone, and
//! in `/dev/shm` under a prefix that only this connection has. So whatever is found there when both ends have gone is to be removed, and the
//! keeper needs to know nothing of what it is.

use crate::keeper::{Charge, keep_between};
use crate::lifeline::Lifeline;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the C library has its shared memory.
const MEMORY: &CStr = c"/dev/shm";

/// A directory, and a prefix of names in `/dev/shm`.
#[derive(Clone)]
pub(super) struct Traces {
    directory: CString,
    prefix: CString,
}

/// How many names are tried, should some be taken: by what a keeper that was killed has left, or from within another space of process
/// numbers.
const TRIES: u32 = 16;

impl Traces {
    /// Makes them, kept for as long as there is one of the two ends: the lifeline of the one that sends, and of the one that receives.
    pub(super) fn kept() -> io::Result<(Self, Lifeline, Lifeline)> {
        let mut tries = TRIES;
        loop {
            let traces = Traces::below(&std::env::temp_dir())?;
            tries -= 1;
            match keep_between(traces.clone()) {
                Ok((_, sender, receiver)) => return Ok((traces, sender, receiver)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn below(parent: &Path) -> io::Result<Self> {
        static NAMED: AtomicU64 = AtomicU64::new(0);
        // Relaxed: nothing but a number that no other connection of this process has; nothing is handed over with it.
        let number = NAMED.fetch_add(1, Ordering::Relaxed);
        let name = format!("rondel-peer-{}-{number}", std::process::id());
        let directory = CString::new(parent.join(&name).into_os_string().into_vec())?;
        // The last character keeps the first connection's prefix from being the beginning of the tenth's.
        Ok(Traces { directory, prefix: CString::new(format!("{name}-"))? })
    }

    /// The directory's path.
    pub(super) fn directory(&self) -> &[u8] {
        self.directory.to_bytes()
    }

    /// What all names in `/dev/shm` must begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        self.prefix.to_bytes()
    }
}

impl Charge for Traces {
    fn make(&mut self) -> std::result::Result<i32, Errno> {
        mkdirat(CWD, &self.directory, Mode::RWXU)?;
        Ok(0)
    }

    fn remove(&mut self) {
        // It may be a link, on systems that have it elsewhere.
        remove_below(CWD, MEMORY, OFlags::empty(), self.prefix.to_bytes());
        remove_below(CWD, &self.directory, OFlags::NOFOLLOW, b"");
        // What somebody else has removed already is as good.
        let _ = unlinkat(CWD, &self.directory, AtFlags::REMOVEDIR);
    }
}

/// Removes what is in a directory and has such a name, and what is below that. Runs in a keeper, so it allocates nothing.
fn remove_below(parent: impl AsFd, directory: &CStr, link: OFlags, prefix: &[u8]) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | link;
    let Ok(directory) = openat(parent, directory, flags, Mode::empty()) else {
        return;
    };
    // What is passed over when files are removed while they are read is left open by POSIX, so it is read again until there is
    // nothing more that can be removed.
    while remove_once(directory.as_fd(), prefix) {
        if rustix::fs::seek(&directory, rustix::fs::SeekFrom::Start(0)).is_err() {
            return;
        }
    }
}

/// Reads the directory once, and says whether something was removed.
fn remove_once(directory: impl AsFd, prefix: &[u8]) -> bool {
    let mut room = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(directory.as_fd(), &mut room);
    let mut removed = false;
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if !name.to_bytes().starts_with(prefix) || [c".", c".."].contains(&name) {
            continue;
        }
        removed |= match unlinkat(directory.as_fd(), name, AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::ISDIR | Errno::PERM) => {
                // No link is followed out of the directory, not even one that has just taken a directory's place.
                remove_below(directory.as_fd(), name, OFlags::NOFOLLOW, b"");
                unlinkat(directory.as_fd(), name, AtFlags::REMOVEDIR).is_ok()
            }
            Err(_) => false,
        };
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_has_the_prefix_goes_and_nothing_else() {
        let parent = std::env::temp_dir().join(format!("baselines-traces-{}", std::process::id()));
        fs::create_dir(&parent).unwrap();
        let path = CString::new(parent.to_str().unwrap()).unwrap();
        // More than one reading finds room for.
        for number in 0..300 {
            fs::write(parent.join(format!("ours-{number}")), "").unwrap();
        }
        fs::create_dir_all(parent.join("ours-deep/deeper/deepest")).unwrap();
        fs::write(parent.join("ours-deep/deeper/file"), "").unwrap();
        fs::write(parent.join("our"), "").unwrap();
        fs::create_dir(parent.join("others")).unwrap();
        std::os::unix::fs::symlink(parent.join("others"), parent.join("ours-link")).unwrap();
        fs::write(parent.join("others/file"), "").unwrap();
        remove_below(CWD, &path, OFlags::NOFOLLOW, b"ours-");
        let mut left: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["others", "our"]);
        assert!(parent.join("others/file").exists(), "a link is removed, and not followed");
        let link = CString::new(parent.join("link").to_str().unwrap()).unwrap();
        std::os::unix::fs::symlink(parent.join("others"), parent.join("link")).unwrap();
        remove_below(CWD, &link, OFlags::NOFOLLOW, b"");
        assert!(parent.join("others/file").exists(), "nor is one in a directory's place");
        remove_below(CWD, &link, OFlags::empty(), b"f");
        assert!(!parent.join("others/file").exists(), "unless that is wanted");
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn they_stay_until_both_ends_have_gone() {
        let (traces, sender, receiver) = Traces::kept().unwrap();
        let directory = std::path::PathBuf::from(traces.directory.to_str().unwrap());
        let memory = Path::new("/dev/shm").join(format!("{}test", traces.prefix.to_str().unwrap()));
        fs::write(directory.join("file"), "").unwrap();
        fs::write(&memory, "").unwrap();
        drop(sender);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(directory.join("file").exists() && memory.exists());
        drop(receiver);
        crate::keeper::tests::soon("all is removed", || !directory.exists() && !memory.exists());
    }
}
