//! Temporary names, for what cannot be done without one.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use super::place::TEMPORARY_PREFIX;

/// What a temporary name is for. It stands in the name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    /// A segment that is not complete yet, on a file system without nameless files.
    Creation,
    /// A segment that is being deleted.
    Deletion,
}

/// A path in the directory that nobody else uses: `.rondel-new.PID.RANDOM` or
/// `.rondel-old.PID.RANDOM`.
pub(super) fn path_in(directory: &Path, purpose: Purpose) -> PathBuf {
    let purpose = match purpose {
        Purpose::Creation => "new",
        Purpose::Deletion => "old",
    };
    let pid = std::process::id();
    // The keys of std's hash maps are random numbers of the kernel's, and differ each time.
    let random = RandomState::new().hash_one(pid);
    directory.join(format!("{TEMPORARY_PREFIX}{purpose}.{pid}.{random:016x}"))
}

/// The process that made the temporary file of this name; `None` where the name is no temporary
/// one.
pub(super) fn maker(file_name: &str) -> Option<u32> {
    let rest = file_name.strip_prefix(TEMPORARY_PREFIX)?;
    let rest = rest.strip_prefix("new.").or_else(|| rest.strip_prefix("old."))?;
    let (pid, _) = rest.split_once('.')?;
    pid.parse().ok()
}

/// A file that is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct DeletedOnDrop(pub(super) PathBuf);

impl Drop for DeletedOnDrop {
    fn drop(&mut self) {
        // Best effort: nothing can be done about a failure, and a listing shows what is left.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_lead_back_to_their_maker() {
        let directory = Path::new("/dev/shm");
        let new = path_in(directory, Purpose::Creation);
        let old = path_in(directory, Purpose::Deletion);
        assert_ne!(new, path_in(directory, Purpose::Creation));
        for path in [&new, &old] {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            assert_eq!(maker(name), Some(std::process::id()));
        }
        assert_eq!(maker("rondel.prices"), None);
        assert_eq!(maker(".rondel-new.x.0"), None);
    }
}
