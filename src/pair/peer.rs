//! The other side of a ring that has two.

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::PRODUCER;
use crate::SegmentError;
use crate::attachment::{self, Attachment};
use crate::fault::Fault;
use crate::protocol::Corruption;
use crate::protocol::role::{self, Phase};
use crate::segment::{RoleRecord, Segment};

/// What is known of the other side of a ring.
///
/// ```text
///              attaches                    is dropped
///   NotAttached ─────▶ Attached ─────────────────────────▶ Closed
///                       ▲  │ is killed                       │
///                       │  ▼                                 │
///                       │ Dead                               │
///                       │  │ a successor attaches            │
///                       └──┴─────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// Nobody has taken the other role yet.
    NotAttached,
    /// Somebody holds the other role and lives, be it stopped by a signal or in a debugger, or while its memory is dumped.
    Attached {
        /// The process, as it named itself (in its own pid namespace).
        pid: u32,
    },
    /// The last holder gave the role back in good order.
    Closed,
    /// The last holder ended without giving the role back: its process was killed, or crashed.
    Dead {
        /// The process, as it had named itself.
        pid: u32,
    },
}

/// One of two roles, held, and a look at the other.
#[derive(Debug)]
pub(crate) struct Attached {
    attachment: Attachment,
    /// The peer's record, which lives as long as the segment.
    peer_record: NonNull<RoleRecord>,
    /// The peer's number.
    peer: u64,
    /// The count of attachments that this one was, once it is announced.
    attachments: u64,
}

impl Attached {
    /// Takes `role`. The word that says so is written by [`announce`](Self::announce), when the handle is ready.
    pub(crate) fn take(segment: &Arc<Segment>, role: usize, peer: usize) -> Result<Attached, SegmentError> {
        if role == PRODUCER && !segment.is_writable() {
            return Err(SegmentError::ReadOnly);
        }
        let lock = segment.lock_role(role)?;
        let attachment = Attachment::new(segment, role, lock)?;
        if role != PRODUCER && segment.has_read_only_consumers() {
            // What it pops is to be vouched for, which the fast path does not do.
            attachment.bar();
        }
        Ok(Attached { attachment, peer_record: attachment::record(segment, peer)?, peer: peer as u64, attachments: 0 })
    }

    /// Says in the segment that the role is held, and by whom.
    pub(crate) fn announce(&mut self) {
        self.sign();
        self.attachments = role::attach(&self.record().state);
    }

    #[inline(always)]
    fn peer_record(&self) -> &RoleRecord {
        // SAFETY: the pointer was made from a reference into the segment, which the attachment keeps mapped; the record
        // consists of atomics, so that peers may write it meanwhile.
        unsafe { self.peer_record.as_ref() }
    }

    /// True if the peer has given its role back. One load.
    #[inline(always)]
    pub(crate) fn peer_has_closed(&self) -> Result<bool, Fault> {
        match role::decode(role::read(&self.peer_record().state)) {
            Phase::Invalid(found) => Err(invalid_role(found)),
            phase => Ok(phase == Phase::Closed),
        }
    }

    /// What is known of the peer. One system call if it is attached. What is asked now and then is also whether this side
    /// is still there itself.
    pub(crate) fn peer(&self) -> Result<Peer, Fault> {
        self.check_record(self.attachments)?;
        let record = self.peer_record();
        let word = role::read(&record.state);
        if role::decode(word) == Phase::Attached && !self.peer_is_held() {
            // The lock was free. If the word is still the same holder's, that one is gone without another. If not, it
            // has closed in the meantime, and a successor may even have attached.
            let again = role::read(&record.state);
            return if again == word { Ok(Peer::Dead { pid: self.peer_pid() }) } else { self.peer_by(again) };
        }
        self.peer_by(word)
    }

    /// What the word says of the peer, if that is alive.
    fn peer_by(&self, word: u64) -> Result<Peer, Fault> {
        match role::decode(word) {
            Phase::Never => Ok(Peer::NotAttached),
            Phase::Attached => Ok(Peer::Attached { pid: self.peer_pid() }),
            Phase::Closed => Ok(Peer::Closed),
            Phase::Invalid(found) => Err(invalid_role(found)),
        }
    }

    fn peer_pid(&self) -> u32 {
        self.peer_record().pid.load(Ordering::Relaxed) as u32
    }

    /// What the kernel says. A query that fails declares nobody dead.
    fn peer_is_held(&self) -> bool {
        self.lock().is_none_or(|lock| lock.other_is_held(self.peer).unwrap_or(true))
    }

    /// Gives the role back and wakes a peer that sleeps on `word`. In a forked child: nothing, the role is the parent's.
    pub(crate) fn close(&self, word: &AtomicU32) {
        if !self.holds() {
            return;
        }
        role::close(&self.record().state, self.attachments);
        // W1 is the store above: a peer that is about to sleep sees that we have closed, or we see that it sleeps.
        self.notify_fenced(word);
    }
}

impl Deref for Attached {
    type Target = Attachment;

    #[inline(always)]
    fn deref(&self) -> &Attachment {
        &self.attachment
    }
}

impl DerefMut for Attached {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Attachment {
        &mut self.attachment
    }
}

// SAFETY: the pointer is to atomics in shared memory, which belong to no thread, and the segment that the attachment holds
// keeps them mapped. Everything else in it is `Send`.
unsafe impl Send for Attached {}

fn invalid_role(found: u64) -> Fault {
    Fault::Corrupted(Corruption { word: "role state", least: (1 << 8) | 1, most: (u64::MAX << 8) | 2, found })
}
