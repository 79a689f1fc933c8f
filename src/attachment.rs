//! What every handle has, whatever its ring: a lock on its role, a gate, a strategy.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use crate::SegmentError;
use crate::fault::Fault;
use crate::gate::{Gate, State};
use crate::liveness::RoleLock;
use crate::protocol::{Corruption, event, role};
use crate::segment::{RoleRecord, Segment};
use crate::wait::{self, Registered, Unregistered, Wait};

/// A role in a segment, held.
#[derive(Debug)]
pub(crate) struct Attachment {
    // Before the segment, so that it falls first: dropping the segment may take its time to unlink a name, and a
    // successor that has heard of the close should find the role free.
    /// `None` if the handle never got a role, and has failed.
    lock: Option<RoleLock>,
    segment: Arc<Segment>,
    /// The role's record, which lives as long as the segment.
    record: NonNull<RoleRecord>,
    gate: Gate,
    /// Whether the process could register, so that the full fence is others' to pay.
    registered: bool,
    pid: u32,
    fault: Option<Fault>,
    /// How the handle waits.
    pub(crate) wait: Wait,
}

impl Attachment {
    /// Keeps a role that has been taken.
    pub(crate) fn new(segment: &Arc<Segment>, role: usize, lock: RoleLock) -> Result<Attachment, SegmentError> {
        let state = Self::open_state();
        let gate = Gate::new(state)
            .map_err(|source| SegmentError::map("map a private page for a handle of", segment.place(), 4096, source))?;
        Ok(Attachment {
            record: record(segment, role)?,
            segment: Arc::clone(segment),
            lock: Some(lock),
            gate,
            registered: state == State::Open,
            pid: std::process::id(),
            fault: None,
            wait: Wait::default(),
        })
    }

    /// What a handle has that could not be attached: nothing but its fault.
    pub(crate) fn failed(like: &Attachment, fault: Fault) -> Attachment {
        Attachment {
            record: like.record,
            segment: Arc::clone(&like.segment),
            lock: None,
            gate: Gate::failed(),
            registered: false,
            pid: std::process::id(),
            fault: Some(fault),
            wait: like.wait,
        }
    }

    fn open_state() -> State {
        if wait::register() { State::Open } else { State::Fenced }
    }

    /// Writes into the role's record which process holds it. Seen with the phase, which is stored with Release afterwards.
    pub(crate) fn sign(&self) {
        let record = self.record();
        record.pid.store(u64::from(self.pid), Ordering::Relaxed);
        record.start_time.store(start_time().unwrap_or(0), Ordering::Relaxed);
    }

    /// Looks whether the role's record still says what this attachment, the so manyth, wrote into it. Only the holder of the role writes
    /// there: anything else means that somebody has wiped the segment (cut it off and made it longer again, for example), or that
    /// this process has closed the descriptor of its own lock and the role has another holder by now.
    pub(crate) fn check_record(&self, attachments: u64) -> Result<(), Fault> {
        let (found, expected) = (role::read(&self.record().state), role::held_by(attachments));
        let corruption = Corruption { word: "own role state", least: expected, most: expected, found };
        if found == expected { Ok(()) } else { Err(Fault::Corrupted(corruption)) }
    }

    pub(crate) fn record(&self) -> &RoleRecord {
        // SAFETY: the pointer was made from a reference into the segment, which `self` keeps mapped; the record consists
        // of atomics, so that peers may write it meanwhile.
        unsafe { self.record.as_ref() }
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// True if neither a fork nor a fault nor a missing registration nor an errand stands in the way of the fast path.
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

    /// From now on, and until [`reopen`](Self::reopen), the handle takes its slow path.
    pub(crate) fn bar(&self) {
        if self.gate.state() == State::Open {
            self.gate.set(State::Fenced);
        }
    }

    /// The handle may take its fast path again, if the process can.
    pub(crate) fn reopen(&self) {
        if self.gate.state() == State::Fenced {
            self.gate.set(Self::open_state());
        }
    }

    /// Wakes whoever sleeps on `word`, after a publication. With the full fence, for the slow path.
    #[cold]
    pub(crate) fn notify_fenced(&self, word: &AtomicU32) {
        if event::someone_sleeps(word, &Unregistered) {
            event::wake(word, &Registered);
        }
    }

    /// The same without the full fence, where the process could register: for a handle that never takes the fast path.
    pub(crate) fn notify(&self, word: &AtomicU32) {
        if !self.registered {
            self.notify_fenced(word);
        } else if someone_sleeps(word) {
            wake(word);
        }
    }

    /// True if this process holds the role: neither forked off nor without a lock.
    pub(crate) fn holds(&self) -> bool {
        self.gate.state() != State::Forked && self.lock().is_some_and(|lock| !lock.is_lost())
    }

    pub(crate) fn lock(&self) -> Option<&RoleLock> {
        self.lock.as_ref()
    }
}

// SAFETY: the pointer is to atomics in shared memory, which belong to no thread, and the segment that `self` holds
// keeps them mapped. Everything else in it is `Send`.
unsafe impl Send for Attachment {}

/// The record of a role that every ring of this kind has.
pub(crate) fn record(segment: &Segment, role: usize) -> Result<NonNull<RoleRecord>, SegmentError> {
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
