//! The account of a whole run: sums, and what was wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::report::{Report, Tally};
use super::setup::Kind;
use super::time::kept_waiting;

pub(super) struct Account {
    began: Instant,
    /// Episodes of each ring.
    rings: BTreeMap<&'static str, u64>,
    seeds: Option<(u64, u64)>,
    pub(super) tally: Tally,
    faults: Vec<Faulty>,
    /// How long a stall may be.
    bound: Duration,
    pub(super) interrupted: bool,
}

/// An episode that was not clean.
struct Faulty {
    seed: u64,
    setup: String,
    faults: Vec<String>,
    kept: Option<String>,
}

impl Account {
    pub(super) fn new(bound: Duration) -> Account {
        Account {
            began: Instant::now(),
            rings: BTreeMap::new(),
            seeds: None,
            tally: Tally::default(),
            faults: Vec::new(),
            bound,
            interrupted: false,
        }
    }

    pub(super) fn began(&mut self, seed: u64) {
        let (first, last) = self.seeds.unwrap_or((seed, seed));
        self.seeds = Some((first.min(seed), last.max(seed)));
    }

    pub(super) fn add(&mut self, report: Report) {
        *self.rings.entry(report.kind.name()).or_default() += 1;
        self.tally.add(&report.tally);
        if !report.faults.is_empty() {
            let kept = report.kept.map(|path| path.display().to_string());
            self.faults.push(Faulty { seed: report.seed, setup: report.setup, faults: report.faults, kept });
        }
    }

    /// An episode of which nothing is known but that it failed.
    pub(super) fn failed(&mut self, seed: u64, setup: String, kind: Kind, why: String) {
        *self.rings.entry(kind.name()).or_default() += 1;
        self.faults.push(Faulty { seed, setup, faults: vec![why], kept: None });
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn episodes(&self) -> u64 {
        self.rings.values().sum()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn faults(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn json(&self) -> Value {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        let tally = &self.tally;
        let kills: BTreeMap<&str, u64> = tally.kills.iter().map(|(doing, count)| (doing.words(), *count)).collect();
        let faults: Vec<Value> = self
            .faults
            .iter()
            .map(|faulty| {
                json!({
                    "seed": faulty.seed, "setup": faulty.setup, "faults": faulty.faults, "segment": faulty.kept,
                    "replay": replay(faulty.seed),
                })
            })
            .collect();
        json!({
            "clean": self.is_clean(),
            "interrupted": self.interrupted,
            "seconds": self.elapsed().as_secs_f64(),
            "episodes": self.episodes(),
            "rings": self.rings,
            "first_seed": self.seeds.map(|(first, _)| first),
            "last_seed": self.seeds.map(|(_, last)| last),
            "messages": tally.messages,
            "bytes": tally.bytes,
            "kills": tally.killed(),
            "kills_while": kills,
            "stops": tally.stops,
            "successions": tally.successions,
            "closed": tally.closed,
            "redelivered": tally.redelivered,
            "gone_with_consumer": tally.gone,
            "published_at_kill": tally.at_death,
            "skipped": tally.skipped,
            "windows": tally.windows,
            "longest_stall_ms": milliseconds(tally.longest.wall),
            "longest_stall_machine_ms": milliseconds(tally.longest.machine),
            "longest_stall_judged_ms": milliseconds(tally.longest.judged),
            "stall_bound_ms": milliseconds(self.bound),
            "stall_judged": is_judged(),
            "leaks": tally.leaks,
            "faults": faults,
        })
    }
}

/// Without a count of the time that processes waited for a processor, a stall is taken for what the clock says.
fn is_judged() -> &'static str {
    if kept_waiting(std::process::id()).is_some() { "without what the machine explains" } else { "by the clock" }
}

fn replay(seed: u64) -> String {
    format!("rondel torture --seed {seed}")
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let seconds = Duration::from_secs(self.elapsed().as_secs().max(1));
        let verdict = match (self.is_clean(), self.interrupted) {
            (true, false) => "clean",
            (true, true) => "interrupted, and clean until then",
            (false, _) => "NOT CLEAN",
        };
        let rings: Vec<String> = self.rings.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(
            f,
            "{verdict}: {} episodes in {} ({})",
            self.episodes(),
            humantime::format_duration(seconds),
            rings.join(", ")
        )?;
        let mut row = |name: &str, text: String| writeln!(f, "  {name:<22}{text}");
        if let Some((first, last)) = self.seeds {
            row("seeds", format!("{first} to {last}"))?;
        }
        row(
            "messages",
            format!("{} ({}), each looked at to the last byte", HumanCount(tally.messages), HumanBytes(tally.bytes)),
        )?;
        row("kills", HumanCount(tally.killed()).to_string())?;
        let mut kills: Vec<_> = tally.kills.iter().collect();
        kills.sort_by(|one, other| other.1.cmp(one.1));
        for (doing, count) in kills {
            row("", format!("{:>9} {}", HumanCount(*count).to_string(), doing.words()))?;
        }
        row("stops", HumanCount(tally.stops).to_string())?;
        row(
            "successions",
            format!("{}, and {} left in good order", HumanCount(tally.successions), HumanCount(tally.closed)),
        )?;
        row("redelivered", format!("{}, held by the dead", HumanCount(tally.redelivered)))?;
        row("gone with a consumer", format!("{}, killed in a pop that takes out", HumanCount(tally.gone)))?;
        row("published at a kill", format!("{}, by pushes under way", HumanCount(tally.at_death)))?;
        row("skipped", format!("{}, claimed in mpmc and never published", HumanCount(tally.skipped)))?;
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let longest = &tally.longest;
        row(
            "longest stall",
            format!(
                "{} after a kill ({} windows), of which the machine explains up to {}",
                ms(longest.wall),
                HumanCount(tally.windows),
                ms(longest.machine)
            ),
        )?;
        row(
            "",
            format!(
                "{} is the longest judged, {}; {} would be a fault",
                ms(longest.judged),
                is_judged(),
                ms(self.bound)
            ),
        )?;
        row("leaks", tally.leaks.to_string())?;
        for faulty in &self.faults {
            writeln!(f, "\n{}", faulty.setup)?;
            faulty.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
            if let Some(kept) = &faulty.kept {
                writeln!(f, "  the segment's bytes, as the last kill left them: {kept}")?;
            }
            writeln!(
                f,
                "  again, with the same choices (when each process runs is the machine's): {}",
                replay(faulty.seed)
            )?;
        }
        Ok(())
    }
}
