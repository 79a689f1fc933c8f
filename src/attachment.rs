//! What every handle has, whatever its ring: a role, a lock on it, a gate, a strategy and a peer.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use crate::SegmentError;
use crate::fault::Fault;
use crate::gate::{Gate, State};
use crate::liveness::RoleLock;
use crate::protocol::event;
use crate::protocol::role::{self, Phase};
use crate::segment::{RoleRecord, Segment};
use crate::wait::{self, Registered, Unregistered, Wait};

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
    /// Somebody holds the other role and lives, be it stopped by a signal or in a debugger.
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

/// A role in a segment, held.
#[derive(Debug)]
pub(crate) struct Attachment {
    // Before the segment, so that it falls first: dropping the segment may take its time to unlink a name, and a
    // successor that has heard of the close should find the role free.
    lock: RoleLock,
    segment: Arc<Segment>,
    /// The records of this role and of the peer's, which live as long as the segment.
    record: NonNull<RoleRecord>,
    peer_record: NonNull<RoleRecord>,
    /// The peer's number.
    peer: usize,
    gate: Gate,
    pid: u32,
    /// The count of attachments that this one was, once it is announced.
    attachments: u64,
    fault: Option<Fault>,
    /// How the handle waits.
    pub(crate) wait: Wait,
}

impl Attachment {
    /// Takes `role`. The word that says so is written by [`announce`](Self::announce), when the handle is ready.
    pub(crate) fn take(segment: &Arc<Segment>, role: usize, peer: usize) -> Result<Attachment, SegmentError> {
        let lock = segment.lock_role(role)?;
        let state = if wait::register() { State::Open } else { State::Fenced };
        let gate = Gate::new(state)
            .map_err(|source| SegmentError::io("map a private page for a handle of", segment.place(), source))?;
        Ok(Attachment {
            record: record(segment, role)?,
            peer_record: record(segment, peer)?,
            segment: Arc::clone(segment),
            peer,
            lock,
            gate,
            pid: std::process::id(),
            attachments: 0,
            fault: None,
            wait: Wait::default(),
        })
    }

    /// Says in the segment that the role is held, and by whom.
    pub(crate) fn announce(&mut self) {
        let record = self.record();
        // Relaxed: seen with the phase, which `role::attach` stores with Release.
        record.pid.store(u64::from(self.pid), Ordering::Relaxed);
        record.start_time.store(start_time().unwrap_or(0), Ordering::Relaxed);
        self.attachments = role::attach(&record.state);
    }

    fn record(&self) -> &RoleRecord {
        // SAFETY: the pointer was made from a reference into the segment, which `self` keeps mapped; the record consists
        // of atomics, so that peers may write it meanwhile.
        unsafe { self.record.as_ref() }
    }

    #[inline(always)]
    fn peer_record(&self) -> &RoleRecord {
        // SAFETY: as in `record`.
        unsafe { self.peer_record.as_ref() }
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// True if neither a fork nor a fault nor a missing registration stands in the way of the fast path.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// Whether the handle can be used.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.is_open() { Ok(()) } else { self.fault().map_or(Ok(()), Err) }
    }

    /// Why the handle cannot be used, if it cannot.
    #[cold]
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.gate.state() {
            State::Forked => Some(Fault::Forked { attached_in: self.pid, used_in: std::process::id() }),
            State::Failed => self.fault,
            State::Open | State::Fenced => None,
        }
    }

    /// From now on the handle fails with `fault`.
    #[cold]
    pub(crate) fn fail(&mut self, fault: Fault) -> Fault {
        if self.gate.state() != State::Forked {
            self.fault = Some(fault);
            self.gate.set(State::Failed);
        }
        fault
    }

    /// Wakes whoever sleeps on `word`, after a publication. With the full fence, for the slow path.
    #[cold]
    pub(crate) fn notify_fenced(&self, word: &AtomicU32) {
        if event::someone_sleeps(word, &Unregistered) {
            event::wake(word, &Registered);
        }
    }

    /// True if the peer has given its role back. One load.
    #[inline(always)]
    pub(crate) fn peer_has_closed(&self) -> Result<bool, Fault> {
        match role::decode(role::read(&self.peer_record().state)) {
            Phase::Invalid(found) => Err(invalid_role(found)),
            phase => Ok(phase == Phase::Closed),
        }
    }

    /// What is known of the peer. One system call if it is attached.
    pub(crate) fn peer(&self) -> Result<Peer, Fault> {
        let record = self.peer_record();
        let word = role::read(&record.state);
        if role::decode(word) == Phase::Attached && !self.lock.other_is_held(self.peer as u64).unwrap_or(true) {
            // The lock was free. If the word is still the same holder's, that one is gone without another. If not, it
            // has closed in the meantime, and a successor may even have attached.
            let again = role::read(&record.state);
            return if again == word { Ok(Peer::Dead { pid: self.peer_pid() }) } else { self.peer_by(again) };
        }
        // A query that fails declares nobody dead.
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

    /// Gives the role back and wakes a peer that sleeps on `word`. In a forked child: nothing, the role is the parent's.
    pub(crate) fn close(&self, word: &AtomicU32) {
        if self.gate.state() == State::Forked || self.lock.is_lost() {
            return;
        }
        role::close(&self.record().state, self.attachments);
        // W1 is the store above: a peer that is about to sleep sees that we have closed, or we see that it sleeps.
        self.notify_fenced(word);
    }
}

// SAFETY: the pointers are to atomics in shared memory, which belong to no thread, and the segment that `self` holds
// keeps them mapped. Everything else in it is `Send`.
unsafe impl Send for Attachment {}

/// The record of a role that every ring of this kind has.
fn record(segment: &Segment, role: usize) -> Result<NonNull<RoleRecord>, SegmentError> {
    let roles = segment.role_count();
    segment.role_record(role).map(NonNull::from).ok_or(SegmentError::NoSuchRole { role, roles })
}

/// When this process began, in clock ticks since boot, as proc_pid_stat(5) has it in field 22. With the pid it names a
/// process beyond the pid's reuse.
fn start_time() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the program's name, may itself contain blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

fn invalid_role(found: u64) -> Fault {
    Fault::Corrupted(crate::protocol::Corruption {
        word: "role state",
        least: (1 << 8) | 1,
        most: (u64::MAX << 8) | 2,
        found,
    })
}

/// Wakes whoever sleeps on `word`, after a publication, from the fast path.
#[inline(always)]
pub(crate) fn someone_sleeps(word: &AtomicU32) -> bool {
    event::someone_sleeps(word, &Registered)
}

/// Wakes whoever sleeps on `word`.
#[cold]
#[inline(never)]
pub(crate) fn wake(word: &AtomicU32) {
    event::wake(word, &Registered);
}
