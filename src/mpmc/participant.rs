//! A participant: a line in the table, leased; who else is there; and the audit of what the dead have left.

use core::ops::{ControlFlow, Deref, DerefMut};
use core::time::Duration;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use bytemuck::Pod;

use super::memory::Mapped;
use super::{Recovery, Ring, Stuck};
use crate::attachment::Attachment;
use crate::error::SegmentError;
use crate::fault::{Fault, NotAttached};
use crate::liveness::{RoleLock, is_locked};
use crate::protocol::mpmc::membership::{self, Attendance};
use crate::protocol::mpmc::sleepers::{self, Leaving};
use crate::protocol::mpmc::{
    Census, Inheritance, Intent, Leased, Memory, Orphan, Recovered, Side, Taker, lease, recovery,
};
use crate::protocol::role::{self, Phase};
use crate::segment::Segment;
use crate::wait::{Registered, SLICE, Unregistered, nap};

/// How often a look through the table is made by one handle, at the most, where nobody has asked for it: twice in the time after
/// which a blocked handle looks.
const AUDIT_INTERVAL: Duration = Duration::from_millis(SLICE.as_millis() as u64 / 2);

/// How often to try again where a line cannot be settled yet, and how long to wait in between: at random, up to this, for two newcomers
/// may each find the other in their way.
const LEASE_ROUNDS: u32 = 20;
const LONGEST_LEASE_WAIT: Duration = Duration::from_millis(4);

/// What the kernel knows of a ring's participants. A question that fails declares nobody dead.
pub(super) struct Lives<'a>(pub(super) &'a Segment);

impl Census for Lives<'_> {
    fn lives(&self, line: u32) -> bool {
        // Through the segment's own description, which holds no lock: it sees the locks of all participants, this process's too.
        is_locked(self.0.as_fd(), u64::from(line)).unwrap_or(true)
    }
}

/// A line of the table, held.
pub(super) struct Participant<T: Pod> {
    attachment: Attachment,
    memory: Mapped<T>,
    ring: Ring<T>,
    side: Side,
    line: u32,
    /// The count of the line's attachments that this one is.
    attachments: u64,
    /// The count of changes at which the other side's attendance was read, and that.
    seen: (u64, Attendance),
    audited: Option<Instant>,
    /// Where the next audit begins: not always at the same line, for one look may not come to the end.
    next_audit: u32,
}

impl<T: Pod> Participant<T> {
    /// Leases a line. With it, for a consumer, comes what the line's former holder had not freed.
    pub(super) fn attach(ring: &Ring<T>, side: Side) -> Result<(Self, Option<Inheritance>), SegmentError> {
        let segment = ring.segment();
        // SAFETY: the attachment, which the handle keeps as long as the memory, holds the segment; until then `ring` does.
        let memory = unsafe { Mapped::new(segment, ring.geometry) };
        let memory: Mapped<T> = memory.ok_or_else(|| ring.too_short())?;
        let (line, lock, attachments, heritage) = lease_any(&memory, ring, side)?;
        let attachment = Attachment::new(segment, line as usize, lock)?;
        attachment.sign();
        membership::join(&memory, line, number(side), attachments);
        if heritage.is_some() {
            attachment.bar();
        }
        let seen = (0, Attendance::Never);
        let participant = Participant {
            attachment,
            memory,
            ring: ring.clone(),
            side,
            line,
            attachments,
            seen,
            audited: None,
            next_audit: line,
        };
        Ok((participant, heritage))
    }

    /// A participant that is none: what a clone gets that could not be attached.
    pub(super) fn failed(like: &Self, error: &SegmentError) -> Self {
        let fault = Fault::NotAttached(NotAttached::from(error));
        Participant {
            attachment: Attachment::failed(&like.attachment, fault),
            memory: like.memory,
            ring: like.ring.clone(),
            side: like.side,
            line: like.line,
            attachments: 0,
            seen: like.seen,
            audited: None,
            next_audit: 0,
        }
    }

    pub(super) fn memory(&self) -> Mapped<T> {
        self.memory
    }

    pub(super) fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// The low bits of the count of the line's attachments, which tell this one from those before it.
    pub(super) fn attachment_number(&self) -> u16 {
        self.attachments as u16
    }

    pub(super) fn other_side(&self) -> Side {
        match self.side {
            Side::Producer => Side::Consumer,
            Side::Consumer => Side::Producer,
        }
    }

    /// Who is on the other side, by their own words. One load, unless somebody has come or gone since the last time.
    #[inline]
    pub(super) fn others(&mut self) -> Attendance {
        let changes = membership::changes(&self.memory);
        if changes != self.seen.0 {
            self.seen = (changes, membership::attendance(&self.memory, number(self.other_side())));
        }
        self.seen.1
    }

    /// True if the other side has gone, all in good order, and this ring's users are to be told.
    pub(super) fn others_have_closed(&mut self) -> bool {
        self.ring.ends_with(self.other_side()) && self.others() == Attendance::Closed
    }

    /// True if there were others and none of them lives, and this ring's users are to be told. Asks the kernel. If it turns out that all
    /// have closed, [`others_have_closed`](Self::others_have_closed) says so from now on.
    pub(super) fn others_are_dead(&mut self) -> bool {
        if !self.ring.ends_with(self.other_side()) || self.others() != Attendance::Attached {
            return false;
        }
        let lives = Lives(self.ring.segment());
        let before = membership::changes(&self.memory);
        let mut dead = false;
        for line in membership::attached(&self.memory, number(self.other_side())) {
            if lives.lives(line) {
                return false;
            }
            dead = true;
        }
        if !dead {
            // All have closed, though the count of changes has not told: the last one was killed before it had counted its close, and
            // nobody else ever will.
            self.seen = (before, membership::attendance(&self.memory, number(self.other_side())));
            return false;
        }
        // Whoever closes in good order between the two looks at its line seems to have died, but counts its close before it gives back the
        // lock. And the lines are not read at once: somebody may have attached to one that had been passed before the last of the others
        // died.
        membership::changes(&self.memory) == before
    }

    /// Looks whether the place is still this participant's.
    pub(super) fn check_place(&mut self) -> Result<(), Fault> {
        let intact = self.attachment.check_record(self.attachments);
        intact.map_err(|fault| self.attachment.fail(fault))
    }

    /// True once in a while: then an [`audit`](Self::audit) is due that nobody has asked for.
    pub(super) fn audit_is_due(&self) -> bool {
        self.audited.is_none_or(|audited| audited.elapsed() >= AUDIT_INTERVAL)
    }

    /// Settles what the dead have left. With it comes the first of the messages that are to be delivered again.
    pub(super) fn audit(&mut self) -> (Recovered, Option<Orphan>) {
        self.audited = Some(Instant::now());
        let (recovered, orphan) = audit(&self.memory, &self.ring, self.next_audit);
        self.next_audit = self.next_audit.wrapping_add(1);
        if recovered.skipped + recovered.freed > 0 {
            // Who waits behind what was settled can go on.
            self.wake_everybody();
        }
        (recovered, orphan)
    }

    /// Whom the next operation of this side waits for, if it is somebody who lives.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        let lives = Lives(self.ring.segment());
        let held = recovery(&self.memory, self.ring.geometry, &lives, self.ring.policy()).blocker(self.side)?;
        let pid = self.memory.record(held.line).pid.load(core::sync::atomic::Ordering::Relaxed);
        Some(Stuck { participant: held.line, pid: pid as u32, position: held.position })
    }

    /// W2 to W4 for `count` positions of this side from `p` on, from the fast path.
    #[inline(always)]
    pub(super) fn notify(&self, p: u64, count: u64, ready: impl Fn(u64) -> bool) {
        let side = self.other_side();
        if sleepers::someone_sleeps(self.memory.sleepers(side), &Registered) {
            sleepers::wake_for_each(&self.memory.beds(side), &Registered, p, count, ready);
        }
    }

    /// The same with a full fence, from the slow path.
    #[cold]
    pub(super) fn notify_fenced(&self, p: u64, count: u64, ready: impl Fn(u64) -> bool) {
        let side = self.other_side();
        if sleepers::someone_sleeps(self.memory.sleepers(side), &Unregistered) {
            sleepers::wake_for_each(&self.memory.beds(side), &Registered, p, count, ready);
        }
    }

    /// Wakes another sleeper of this side, if one is owed a wake-up.
    pub(super) fn pass_on(&self, leaving: Leaving, more: bool) {
        if leaving == Leaving::Chosen && more {
            sleepers::wake_for_each(&self.memory.beds(self.side), &Registered, 0, 1, |_| false);
        }
    }

    pub(super) fn wake_everybody(&self) {
        wake_everybody(&self.memory);
    }

    /// Gives the line back, and tells everybody. In a forked child: nothing, the line is the parent's.
    pub(super) fn close(&self, has_heritage: bool) {
        if !self.attachment.holds() {
            return;
        }
        if !has_heritage {
            // All is settled: nobody need look at it again.
            let line = self.memory.line(self.line);
            for intent in [self.memory.pushing(line), self.memory.popping(line), self.memory.taking(line)] {
                Intent::clear(intent);
            }
        }
        membership::leave(&self.memory, self.line, self.attachments);
        self.wake_everybody();
    }
}

impl<T: Pod> Deref for Participant<T> {
    type Target = Attachment;

    #[inline(always)]
    fn deref(&self) -> &Attachment {
        &self.attachment
    }
}

impl<T: Pod> DerefMut for Participant<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Attachment {
        &mut self.attachment
    }
}

fn number(side: Side) -> u64 {
    match side {
        Side::Producer => membership::PRODUCER,
        Side::Consumer => membership::CONSUMER,
    }
}

/// Wakes all who sleep, on both sides: something has changed that concerns everybody.
pub(super) fn wake_everybody<T: Pod>(memory: &Mapped<T>) {
    for side in [Side::Producer, Side::Consumer] {
        if sleepers::someone_sleeps(memory.sleepers(side), &Unregistered) {
            sleepers::wake_all(&memory.beds(side), &Registered);
        }
    }
}

/// One look through the table.
pub(super) fn audit<T: Pod>(memory: &Mapped<T>, ring: &Ring<T>, begin: u32) -> (Recovered, Option<Orphan>) {
    let (mut recovered, mut first) = (Recovered::default(), None);
    let lives = Lives(ring.segment());
    let _ = recovery(memory, ring.geometry, &lives, ring.policy()).run(begin, &mut recovered, |orphan| {
        first.get_or_insert(orphan);
        ControlFlow::Continue(())
    });
    (recovered, first)
}

type Lease = (u32, RoleLock, u64, Option<Inheritance>);

/// Leases some line: one that nobody ever had, else one that was given back, else a dead participant's.
fn lease_any<T: Pod>(memory: &Mapped<T>, ring: &Ring<T>, side: Side) -> Result<Lease, SegmentError> {
    // Where that is refused, every place would seem to be taken.
    ring.segment().check_liveness()?;
    let lives = Lives(ring.segment());
    for round in 0..LEASE_ROUNDS {
        if round > 0 {
            // The keys of std's hash maps are random numbers of the kernel's, and differ each time.
            let random = RandomState::new().hash_one(round);
            nap(LONGEST_LEASE_WAIT.mul_f64(random as f64 / u64::MAX as f64));
        }
        let mut again = false;
        for phase in [Phase::Never, Phase::Closed, Phase::Attached] {
            for line in 0..Memory::lines(memory) {
                let found = match role::decode(role::read(&memory.record(line).state)) {
                    // Something wrote nonsense there. The line is leased like a dead participant's.
                    Phase::Invalid(_) => Phase::Attached,
                    phase => phase,
                };
                if found != phase {
                    continue;
                }
                if lives.lives(line) {
                    // Somebody who is not attached has it: about to attach, or about to give it back.
                    again |= phase != Phase::Attached;
                    continue;
                }
                match lease_line(memory, ring, side, line)? {
                    Ok(lease) => return Ok(lease),
                    Err(Refused::HasOrphans) => {}
                    Err(Refused::Taken | Refused::Ambiguous) => again = true,
                }
            }
        }
        if !again {
            break;
        }
    }
    Err(SegmentError::TableFull { holders: ring.participants() })
}

/// Why a line cannot be leased.
enum Refused {
    Taken,
    Ambiguous,
    HasOrphans,
}

fn lease_line<T: Pod>(
    memory: &Mapped<T>,
    ring: &Ring<T>,
    side: Side,
    line: u32,
) -> Result<Result<Lease, Refused>, SegmentError> {
    let Some(lock) = ring.segment().try_lock_role(line as usize)? else {
        return Ok(Err(Refused::Taken));
    };
    let former = role::decode(role::read(&memory.record(line).state));
    // Counted before the first message bears the number: if this process dies before it is attached, the next one must not go by the
    // same name, lest a rival that has seen this one dead take the message from that one.
    let attachments = role::begin(&memory.record(line).state);
    let taker = Taker { line, attachment: attachments as u16 };
    let leased = lease(memory, ring.geometry, &Lives(ring.segment()), ring.policy(), side, taker);
    if !matches!(former, Phase::Never | Phase::Closed) {
        // What a dead holder had kept others from may have been settled just now.
        wake_everybody(memory);
    }
    Ok(match leased {
        Leased::Yes(heritage) => Ok((line, lock, attachments, heritage)),
        Leased::Ambiguous => Err(Refused::Ambiguous),
        Leased::HasOrphans => Err(Refused::HasOrphans),
    })
}

impl From<Recovered> for Recovery {
    fn from(recovered: Recovered) -> Recovery {
        let Recovered { skipped, freed, discarded, orphans, .. } = recovered;
        Recovery { skipped, freed, discarded, to_redeliver: orphans }
    }
}
