//! Whether a role is attached, closed or was never taken.
//!
//! One word a role, written only by whoever holds the role's lock (the lock is the kernel's, see `liveness`),
//! hence plain stores suffice. The low byte is the phase, the rest counts the attachments:
//!
//! ```text
//!   0 ──attach──▶ (1, attached) ──close──▶ (1, closed) ──attach──▶ (2, attached) ──▶ …
//!                        │                                    ▲
//!                        └── killed: the word stays, the lock falls ──attach──┘
//! ```
//!
//! A killed holder leaves `attached` behind. That such a word lies is the lock's to say, never this word's. An attachment that did
//! not come about may have used up a number: see [`begin`].

use crate::sync::{AtomicU64, Ordering};

const PHASE_BITS: u32 = 8;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;
const ATTACHED: u64 = 1;
const CLOSED: u64 = 2;

/// What a role's word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody has taken the role yet.
    Never,
    /// Somebody has taken it and has not given it back; whether they live, the lock tells.
    Attached,
    /// The last holder gave it back.
    Closed,
    /// No rondel process writes this.
    Invalid(u64),
}

/// Reads the word. Two equal words mean the same holder, for each attachment is counted.
#[inline(always)]
pub(crate) fn read(state: &AtomicU64) -> u64 {
    // ORDER [closed-seen]: Acquire, partner [close]. Whoever sees the phase also sees all that the holder
    // published before; without it a consumer could report "closed and drained" with elements still to come.
    state.load(Ordering::Acquire)
}

/// What a role's word means.
#[inline(always)]
pub(crate) fn decode(word: u64) -> Phase {
    match (word >> PHASE_BITS, word & PHASE_MASK) {
        (0, 0) => Phase::Never,
        (1.., ATTACHED) => Phase::Attached,
        (1.., CLOSED) => Phase::Closed,
        _ => Phase::Invalid(word),
    }
}

/// The word of the holder that is this attachment, as long as it holds the role.
pub(crate) fn held_by(attachments: u64) -> u64 {
    attachments << PHASE_BITS | ATTACHED
}

/// The count of attachments that the next one will be. For the holder of the role's lock.
fn next_attachment(state: &AtomicU64) -> u64 {
    // ORDER [attach-count]: Relaxed. Only holders of the lock write here, and taking the lock orders them.
    let before = state.load(Ordering::Relaxed) >> PHASE_BITS;
    // After 2^56 attachments (or hostile bytes) the count would be 0, which means "never".
    (before.wrapping_add(1) & (u64::MAX >> PHASE_BITS)).max(1)
}

/// Counts an attachment and leaves the phase as it is, for one who leaves traces under that number before it says that it is attached:
/// should it die in between, or give up, the number is used up. A role that was never taken stays so. For the holder of the role's
/// lock, before [`attach_as`].
pub(crate) fn begin(state: &AtomicU64) -> u64 {
    let attachments = next_attachment(state);
    let phase = state.load(Ordering::Relaxed) & PHASE_MASK; // ORDER [attach-count]
    if phase != 0 {
        // ORDER [attach-count]: Relaxed, and a store. Only holders of the lock write here, and taking the lock orders them.
        state.store(attachments << PHASE_BITS | phase, Ordering::Relaxed);
    }
    attachments
}

/// Marks the role as taken by this attachment. For the holder of the role's lock.
pub(crate) fn attach_as(state: &AtomicU64, attachments: u64) {
    // ORDER [attach]: Release, partner [closed-seen]: the holder's pid, stored before, is seen with the phase.
    state.store(held_by(attachments), Ordering::Release);
}

/// Marks the role as taken, and returns the count of attachments for [`close`]. For the holder of the role's lock.
pub(crate) fn attach(state: &AtomicU64) -> u64 {
    let attachments = next_attachment(state);
    attach_as(state, attachments);
    attachments
}

/// Marks the role as given back. For the holder of the role's lock.
pub(crate) fn close(state: &AtomicU64, attachments: u64) {
    // ORDER [close]: Release, partner [closed-seen]: everything published before is seen by whoever sees this.
    state.store(attachments << PHASE_BITS | CLOSED, Ordering::Release);
}
