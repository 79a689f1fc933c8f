//! The role records at the start of every body: who holds a role, for error messages and for
//! listings.
//!
//! A record never decides whether a role is free: the kernel's lock does (`crate::liveness`). It
//! may be stale, and it may be nonsense; it is only ever shown to people.

use std::sync::atomic::AtomicU64;

use crate::protocol::role::{Phase, decode};

/// Bytes from one record to the next: two cache lines, so that neighbours do not disturb each
/// other, nor the adjacent-line prefetcher.
pub(crate) const ROLE_STRIDE: u32 = 128;

/// A role record as it lies in the segment. All fields in the machine's byte order.
#[repr(C, align(128))]
pub(crate) struct RoleRecord {
    /// Whether the role is held; `protocol::role` has its values and who may write it when.
    pub(crate) state: AtomicU64,
    /// The process that holds the role, or held it last.
    pub(crate) pid: AtomicU64,
    /// When that process started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub(crate) start_time: AtomicU64,
}

const _: () = assert!(size_of::<RoleRecord>() == ROLE_STRIDE as usize);

/// The process that an attached role's record names. `None` where nobody is recorded, or where the
/// number cannot be one.
pub(super) fn recorded_pid(state: u64, pid: u64) -> Option<u32> {
    if decode(state) != Phase::Attached {
        return None;
    }
    u32::try_from(pid).ok().filter(|&pid| pid != 0)
}
