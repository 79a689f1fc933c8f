//! What the tests with real processes share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by each test: a fork copies the descriptors that another test has open at that moment, and the tests count
/// descriptors and children.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The descriptors of this process that are open.
#[allow(dead_code, reason = "not every test binary counts them")]
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list of descriptors").count()
}

/// Asserts that this process has no child left, dead or alive.
#[allow(dead_code, reason = "not every test binary forks")]
pub(crate) fn assert_childless() {
    let left = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    assert_eq!(left.err(), Some(rustix::io::Errno::CHILD), "a child is left");
}
