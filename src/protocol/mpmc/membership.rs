//! Which sides of the ring have participants, without asking the kernel.
//!
//! Each line says whether it is attached or closed ([`role`](crate::protocol::role)) and on which side. Nobody reads all lines at every pop that
//! finds nothing: one word counts the changes, and only when that has moved are the lines read again. A participant that is
//! killed changes no word; the kernel tells, when it is asked.

use crate::protocol::role::{self, Phase};
use crate::sync::{AtomicU64, Ordering};

/// The words about who takes part.
pub(crate) trait Roll {
    /// Lines in the table of participants.
    fn lines(&self) -> u32;
    /// How often somebody has attached or closed, times four; and [`PRODUCER`] and [`CONSUMER`] for each side that was ever attached.
    fn changes(&self) -> &AtomicU64;
    /// The phase of a line.
    fn state(&self, line: u32) -> &AtomicU64;
    /// Which side the participant of the line is on: [`PRODUCER`] or [`CONSUMER`].
    fn side(&self, line: u32) -> &AtomicU64;
}

/// A line's side.
pub(crate) const PRODUCER: u64 = 1;
/// A line's side.
pub(crate) const CONSUMER: u64 = 2;
const ONE_CHANGE: u64 = 4;

/// How often all lines are read again because somebody came or went meanwhile.
const LOOKS: u32 = 8;

/// Who is on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attendance {
    /// Nobody has ever been there.
    Never,
    /// At least one that has not closed; whether it lives, the kernel knows.
    Attached,
    /// All have closed.
    Closed,
}

/// Marks the line as attached; which attachment of the line this is, [`role::begin`] has said. For the holder of the line's lock.
pub(crate) fn join(roll: &impl Roll, line: u32, side: u64, attachments: u64) {
    // ORDER [side]: Relaxed; seen with the phase, which `role::attach_as` stores with Release.
    roll.side(line).store(side, Ordering::Relaxed);
    role::attach_as(roll.state(line), attachments);
    // ORDER [ever]: Release, partner [see-changes]: whoever sees that somebody was here sees the phase; or it would take a participant
    // that has just attached for one that has closed.
    roll.changes().fetch_or(side, Ordering::Release);
    change(roll);
}

/// Marks the line as closed. For the holder of the line's lock.
pub(crate) fn leave(roll: &impl Roll, line: u32, attachments: u64) {
    role::close(roll.state(line), attachments);
    change(roll);
}

fn change(roll: &impl Roll) {
    // ORDER [change]: Release, partner [see-changes]: whoever sees the count sees the phase.
    roll.changes().fetch_add(ONE_CHANGE, Ordering::Release);
}

/// Changes whenever somebody attaches or closes: while it stays the same, so does [`attendance`].
#[inline]
pub(crate) fn changes(roll: &impl Roll) -> u64 {
    // ORDER [see-changes]: Acquire, partners [change] and [ever].
    roll.changes().load(Ordering::Acquire)
}

/// Who is on a side.
pub(crate) fn attendance(roll: &impl Roll, side: u64) -> Attendance {
    let mut before = changes(roll);
    for _ in 0..LOOKS {
        if attached(roll, side).next().is_some() {
            return Attendance::Attached;
        }
        // The lines are not read at once: somebody may have attached to one that had been passed, before the last of the others closed.
        let now = changes(roll);
        if now == before {
            return if now & side != 0 { Attendance::Closed } else { Attendance::Never };
        }
        before = now;
    }
    // They come and go all the time. The count has moved: whoever asks will ask again.
    Attendance::Attached
}

/// The lines that are attached on a side, each as it was when it was looked at; whether their participants live, the kernel knows.
pub(crate) fn attached(roll: &impl Roll, side: u64) -> impl Iterator<Item = u32> {
    (0..roll.lines()).filter(move |&line| {
        // What no rondel process writes is nobody.
        let attached = role::decode(role::read(roll.state(line))) == Phase::Attached;
        // ORDER [see-side]: Relaxed; ordered by the Acquire of the phase.
        attached && roll.side(line).load(Ordering::Relaxed) == side
    })
}
