//! What the tests share.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rondel::SegmentError;
use rondel::segment::{Builder, Place};
use rondel::spsc::Ring;

use crate::leftovers;

/// A builder for the ring that most tests use: 100 elements of 8 bytes.
pub(crate) fn builder() -> Builder<Ring<u64>> {
    Ring::builder().capacity(100)
}

/// A directory of its own in memory, deleted at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new("/dev/shm").join(leftovers::of_this_process(&format!("rondel-tests-{test}")));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The names of all files in a directory, sorted.
pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A name in `/dev/shm` that no other test uses; unlinked at the end, should the test have failed.
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(test: &str) -> Self {
        Self(leftovers::of_this_process(&format!("test-{test}")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self) -> PathBuf {
        Place::from(self.as_str()).to_path().expect("a good name")
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// The error of what should have failed.
pub(crate) fn error_of<T>(result: Result<T, SegmentError>) -> SegmentError {
    match result {
        Ok(_) => panic!("succeeded, but should have failed"),
        Err(error) => error,
    }
}

/// Asserts that a result is an error of a pattern.
macro_rules! assert_error {
    ($result:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        match $crate::common::error_of($result) {
            $pattern $(if $guard)? => {}
            other => panic!("expected {}, found {other:?}", stringify!($pattern $(if $guard)?)),
        }
    };
}
pub(crate) use assert_error;

/// Device and inode behind a ring.
pub(crate) fn inode(ring: &Ring<u64>) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let data = fs::metadata(format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd())).expect("the file");
    (data.dev(), data.ino())
}

/// Waits until something is so; panics after ten seconds, which is not a measurement but a stuck
/// test.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
