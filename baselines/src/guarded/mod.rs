//! Messages in shared memory, guarded by a lock or a semaphore of the system's.

mod posix_sem;
pub(crate) mod semaphore;
mod slots;
mod sysv_sem;

pub use posix_sem::PosixSem;
pub use sysv_sem::SysvSem;
