//! Messages in shared memory, guarded by a lock or a semaphore of the system's.

mod cursor;
mod mutex;
mod posix_sem;
mod pthread;
pub(crate) mod semaphore;
mod sysv_sem;

pub use mutex::MutexCondvar;
pub use posix_sem::PosixSem;
pub use sysv_sem::SysvSem;
