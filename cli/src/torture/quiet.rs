//! Quiet windows: after a kill, nobody else is killed or stopped for a while, and the survivors measure how long their side does not get on.
//!
//! What is measured is the longest time between two operations that survivors of one side complete, from the kill on: of those that were in the ring
//! before it, and not of successors. In an mpmc ring it is the side that has to get on and not each of them, for one may be
//! overtaken by others any number of times. In a ring between two the survivor is the side, and to be told that
//! the other has died is to get on.
//!
//! A survivor that had no processor is not one that waited for the dead. So it is noted too how long the machine can have been the
//! reason: how long all processes of the ring, together, were ready to run and did not (each may have been the one that
//! the others waited for), and by how much the episode's own sleeps of a millisecond were too long. What is left of the stall is judged.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::Pid;

use super::evidence::{Side, Stall};
use super::journal::Journal;
use super::time::{kept_waiting, now};

/// How long a window is at least; and one in which a survivor is left alone until it has been told.
const SHORT: Duration = Duration::from_millis(30);
const ALONE: Duration = Duration::from_millis(250);
/// When the successor comes then.
const SUCCESSOR: Duration = Duration::from_millis(150);
/// A sleep of a millisecond that takes so much longer says that the machine was away.
const AWAY: Duration = Duration::from_millis(2);
/// What means never, on a machine that is there.
pub(super) const NEVER: Duration = Duration::from_secs(10);

/// A window that is open.
pub(super) struct Window<'a> {
    journal: &'a Journal,
    began: u64,
    /// The sides that have survivors.
    sides: Vec<Side>,
    /// How long each process had been kept waiting before.
    waited: HashMap<Pid, Duration>,
    ticked: u64,
    away: Duration,
    least: Duration,
    /// Whether the successors are still to come.
    alone: bool,
}

/// What the storm is to do next.
pub(super) enum Next {
    Wait,
    /// The successors are to come.
    Succeed,
    Over,
}

impl<'a> Window<'a> {
    /// Opens it, just before the kill.
    pub(super) fn open(
        journal: &'a Journal,
        sides: Vec<Side>,
        processes: impl Iterator<Item = Pid>,
        alone: bool,
    ) -> Self {
        let waited = processes.map(|pid| (pid, waited(pid))).collect();
        let began = now();
        journal.open_window(began);
        let least = if alone { ALONE } else { SHORT };
        Window { journal, began, sides, waited, ticked: began, away: Duration::ZERO, least, alone }
    }

    /// After about a millisecond.
    pub(super) fn tick(&mut self) -> Next {
        let now = now();
        let slept = Duration::from_nanos(now - self.ticked);
        self.ticked = now;
        if slept > AWAY {
            self.away += slept;
        }
        let elapsed = Duration::from_nanos(now - self.began);
        if self.alone && elapsed > SUCCESSOR {
            self.alone = false;
            return Next::Succeed;
        }
        let end = self.began + self.least.as_nanos() as u64;
        let all_got_on = self.sides.iter().all(|side| self.journal.progress(*side).0 >= end);
        // However much of it the machine was away: three times never is enough.
        let never = elapsed.saturating_sub(self.away) > NEVER || elapsed > 3 * NEVER;
        if all_got_on || never { Next::Over } else { Next::Wait }
    }

    /// What came of it; `processes` are those that are there now.
    pub(super) fn close(self, processes: impl Iterator<Item = Pid>) -> Vec<Stall> {
        self.journal.close_window();
        let now = now();
        let before = |pid| self.waited.get(&pid).copied().unwrap_or_default();
        let machine = self.away + processes.map(|pid| waited(pid).saturating_sub(before(pid))).sum::<Duration>();
        let stall = |side: &Side| {
            let (last, gap) = self.journal.progress(*side);
            let still = Duration::from_nanos(now.saturating_sub(last));
            // One that never ends no machine explains.
            let (wall, machine) =
                if still > NEVER { (still, Duration::ZERO) } else { (Duration::from_nanos(gap), machine) };
            Stall { side: *side, wall, machine: machine.min(wall) }
        };
        self.sides.iter().map(stall).collect()
    }
}

fn waited(pid: Pid) -> Duration {
    kept_waiting(pid.as_raw_nonzero().get() as u32).unwrap_or_default()
}
