//! What the System V queues and semaphores have in common.

use rustix::io::Errno;

/// What the C library's last call in this thread has failed of.
#[cold]
pub(crate) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// A limit of the system's, by its name below `kernel`.
pub(crate) fn system_limit(name: &str) -> Option<usize> {
    std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}
