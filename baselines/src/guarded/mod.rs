//! Shared memory, and a lock or a semaphore of the system's that guards it.

mod mutex;
mod pthread;

pub use mutex::MutexCondvar;
