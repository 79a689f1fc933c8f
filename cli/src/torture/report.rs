//! What an episode reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::doing::Doing;
use super::evidence::Stall;
use super::setup::Kind;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) kind: Kind,
    /// In words.
    pub(super) setup: String,
    pub(super) tally: Tally,
    pub(super) faults: Vec<String>,
    /// Where the segment's bytes are, if there is a fault.
    pub(super) kept: Option<PathBuf>,
}

/// What happened, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Delivered, and their bytes.
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) kills: BTreeMap<Doing, u64>,
    pub(super) stops: u64,
    /// Lives that took the place of others.
    pub(super) successions: u64,
    /// Lives that left in good order.
    pub(super) closed: u64,
    pub(super) redelivered: u64,
    /// Messages that went with the consumer that was popping them.
    pub(super) gone: u64,
    /// Messages that were published by a push under way at a kill.
    pub(super) at_death: u64,
    /// Positions of mpmc rings that dead producers had claimed and not published.
    pub(super) skipped: u64,
    /// Quiet windows that were measured.
    pub(super) windows: u64,
    pub(super) longest: Longest,
    pub(super) leaks: u64,
}

/// The longest stall, how much of it the machine explains, and the longest of what it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Longest {
    pub(super) wall: Duration,
    pub(super) machine: Duration,
    pub(super) judged: Duration,
}

impl Longest {
    pub(super) fn add(&mut self, wall: Duration, machine: Duration, judged: Duration) {
        if wall > self.wall {
            (self.wall, self.machine) = (wall, machine);
        }
        self.judged = self.judged.max(judged);
    }

    pub(super) fn of(stalls: &[Stall]) -> Longest {
        let mut longest = Longest::default();
        for Stall { wall, machine, .. } in stalls {
            longest.add(*wall, *machine, wall.saturating_sub(*machine));
        }
        longest
    }
}

impl Tally {
    pub(super) fn killed(&self) -> u64 {
        self.kills.values().sum()
    }

    pub(super) fn add(&mut self, other: &Tally) {
        for (doing, count) in &other.kills {
            *self.kills.entry(*doing).or_default() += count;
        }
        self.longest.add(other.longest.wall, other.longest.machine, other.longest.judged);
        for (sum, more) in [
            (&mut self.messages, other.messages),
            (&mut self.bytes, other.bytes),
            (&mut self.stops, other.stops),
            (&mut self.successions, other.successions),
            (&mut self.closed, other.closed),
            (&mut self.redelivered, other.redelivered),
            (&mut self.gone, other.gone),
            (&mut self.at_death, other.at_death),
            (&mut self.skipped, other.skipped),
            (&mut self.windows, other.windows),
            (&mut self.leaks, other.leaks),
        ] {
            *sum += more;
        }
    }
}
