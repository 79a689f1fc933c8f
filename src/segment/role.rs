//! The role records at the start of every body: who holds a role, for error messages and for
//! listings.
//!
//! A record never decides whether a role is free: the kernel's lock does (`crate::liveness`). What it
//! says of the holder may be stale, and it may be nonsense; that is only ever shown to people. In a
//! table of participants it also has words of the ring's, with which the holder and the other
//! participants keep to the ring's protocol.

use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, AtomicU64};

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
    /// Which end of the ring the participant works, 0, [`PRODUCER`](Self::PRODUCER)
    /// or [`CONSUMER`](Self::CONSUMER). As all that follows, only in a table: 0 where the role's
    /// number says it.
    pub(crate) side: AtomicU64,
    /// The positions that the participant pushes to: an intent of the ring's protocol.
    pub(crate) pushing: AtomicU64,
    /// The positions that it pops from.
    pub(crate) popping: AtomicU64,
    /// The position that it takes over from a dead consumer.
    pub(crate) taking: AtomicU64,
    /// Whether it sleeps; a futex.
    pub(crate) asleep: AtomicU32,
}

impl RoleRecord {
    /// A `side` that pushes.
    pub(crate) const PRODUCER: u64 = 1;
    /// A `side` that pops.
    pub(crate) const CONSUMER: u64 = 2;
}

// The offsets in `docs/layout.md`.
const _: () = assert!(
    size_of::<RoleRecord>() == ROLE_STRIDE as usize
        && offset_of!(RoleRecord, state) == 0
        && offset_of!(RoleRecord, pid) == 8
        && offset_of!(RoleRecord, start_time) == 16
        && offset_of!(RoleRecord, side) == 24
        && offset_of!(RoleRecord, pushing) == 32
        && offset_of!(RoleRecord, popping) == 40
        && offset_of!(RoleRecord, taking) == 48
        && offset_of!(RoleRecord, asleep) == 56
);

/// The process that an attached role's record names. `None` where nobody is recorded, or where the
/// number cannot be one.
pub(super) fn recorded_pid(state: u64, pid: u64) -> Option<u32> {
    if decode(state) != Phase::Attached {
        return None;
    }
    u32::try_from(pid).ok().filter(|&pid| pid != 0)
}
