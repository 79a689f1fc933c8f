//! Two runs beside each other.

use super::super::record::{Key, Record, Run, TestName};
use super::digits::{NONE, micros, millions, rate, spread, times, trimmed};
use super::grids::{Cell, Column, Grid, KEPT, Row};
use super::table::{HEADING, Terminal, clean, write_grid};
use super::view::{Kind, View};
use rondel_baselines::display_bytes;
use std::collections::HashMap;
use std::io::{self, Write};
use std::str::FromStr;

/// How much longer a message may take than in the earlier run before that counts as worse: a share of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerance(f64);

impl Default for Tolerance {
    /// What is called worse and better where nobody names a tolerance.
    fn default() -> Self {
        Tolerance(0.1)
    }
}

impl FromStr for Tolerance {
    type Err = String;

    /// A percentage, such as `10%` or `10`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim();
        let number = number.strip_suffix('%').unwrap_or(number).trim_end();
        match number.parse::<f64>() {
            Ok(hundredths) if hundredths.is_finite() && hundredths >= 0.0 => Ok(Tolerance(hundredths / 100.0)),
            _ => Err(format!("`{text}` is no percentage such as 10% or 7.5")),
        }
    }
}

impl Tolerance {
    fn excuses(self, ratio: f64) -> bool {
        // Said of the time that a message takes, in all tests alike; so of a rate, too, which is one by that time. The last digits of
        // a quotient are no reason to call a run worse.
        ratio * (1.0 + self.0) >= 1.0 - 1e-9
    }
}

/// What was measured in both runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) earlier: Side,
    pub(crate) now: Side,
    /// How many times as good it has become: above one is better, for times as for rates. None where there is no telling, because either
    /// run has no figure or both have nothing.
    pub(crate) ratio: Option<f64>,
    /// There was a figure and is none any more: it has become unavailable, or cannot keep up with its rate.
    pub(crate) lost: bool,
}

/// What one of the runs says of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Side {
    /// The median, and the lowest and highest of the repetitions: of a time in nanoseconds, less of which is better.
    Time([f64; 3]),
    /// The same of messages a second, more of which is better.
    Rate([f64; 3]),
    /// It could not keep up; how many a second arrived.
    Behind(f64),
    Unavailable,
}

impl Side {
    fn of(record: &Record) -> Self {
        if let Some(trip) = record.trip() {
            Side::Time([trip.p50, trip.low, trip.high])
        } else if let Some(flow) = record.flow() {
            Side::Rate([flow.rate, flow.low, flow.high])
        } else {
            match record.delays() {
                Some(delays) if delays.kept_up() => Side::Time([delays.p50, delays.low, delays.high]),
                Some(delays) => Side::Behind(delays.arrived),
                None => Side::Unavailable,
            }
        }
    }

    /// How many times as good as this another is. None if they cannot be compared.
    fn to(&self, now: &Side) -> Option<f64> {
        let (ratio, nothing) = match (self, now) {
            (&Side::Time([before, ..]), &Side::Time([after, ..])) => (before / after, before == after),
            (&Side::Rate([before, ..]), &Side::Rate([after, ..])) => (after / before, before == after),
            // A delay without end has no median: what arrived is what can be compared.
            (&Side::Behind(before), &Side::Behind(after)) => (after / before, before == after),
            _ => return None,
        };
        // Nothing that has stayed nothing has not changed; something from nothing is infinitely better, which orders rightly.
        if nothing { Some(1.0) } else { Some(ratio) }
    }

    fn is_figure(&self) -> bool {
        matches!(self, Side::Time(_) | Side::Rate(_))
    }

    fn cell(&self) -> Cell {
        let figure = |[median, low, high]: &[f64; 3], write: fn(f64) -> String, unit: &str| Cell {
            aside: Some(spread(*low, *high, write)),
            ..Cell::from(format!("{} {unit}", write(*median)))
        };
        match self {
            Side::Time(time) => figure(time, micros, "µs"),
            Side::Rate(rate) => figure(rate, millions, "M/s"),
            Side::Behind(arrived) => Cell {
                short: Some(format!("✗ {}", rate(*arrived))),
                ..Cell::from(format!("cannot keep up: {}", rate(*arrived)))
            },
            Side::Unavailable => Cell::from("unavailable"),
        }
    }
}

impl Change {
    fn of(earlier: &Record, now: &Record) -> Self {
        let (before, after) = (Side::of(earlier), Side::of(now));
        Change {
            key: now.key.clone(),
            ratio: before.to(&after),
            lost: match (&before, &after) {
                (Side::Time(_), Side::Behind(_)) => true,
                (_, Side::Unavailable) => before != Side::Unavailable,
                _ => false,
            },
            earlier: before,
            now: after,
        }
    }

    /// Whether a message takes longer than before by more than the tolerance, or there is no figure any more.
    fn is_worse(&self, tolerance: Tolerance) -> bool {
        self.lost || self.ratio.is_some_and(|ratio| !tolerance.excuses(ratio))
    }

    /// How far it is from no change, whichever way.
    fn size(&self) -> f64 {
        match self.ratio {
            _ if self.lost => f64::INFINITY,
            Some(ratio) => ratio.ln().abs(),
            // It has become available.
            None => 0.0,
        }
    }
}

/// What has changed from an earlier run to this one.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// What differs between the two that should not.
    pub(crate) warnings: Vec<String>,
    /// Of what both have, that which changed most first.
    pub(crate) changes: Vec<Change>,
    pub(crate) only_earlier: Vec<Key>,
    pub(crate) only_now: Vec<Key>,
    kinds: HashMap<String, Kind>,
}

impl Comparison {
    pub(crate) fn of(earlier: &Run, now: &Run) -> Self {
        let (then, view) = (View::of(earlier), View::of(now));
        let both = now.records.iter().filter_map(|record| Some((then.record(&record.key)?, record)));
        let mut changes: Vec<Change> = both
            .map(|(before, after)| Change::of(before, after))
            // What neither run could measure has not changed.
            .filter(|change| change.earlier != Side::Unavailable || change.now != Side::Unavailable)
            .collect();
        changes.sort_by(|one, other| {
            other.size().total_cmp(&one.size()).then(other.lost.cmp(&one.lost)).then_with(|| one.key.cmp(&other.key))
        });
        let only = |run: &Run, other: &View| -> Vec<Key> {
            let measured = run.records.iter().filter(|record| record.finding.missing().is_none());
            measured.filter(|record| other.record(&record.key).is_none()).map(|record| record.key.clone()).collect()
        };
        Comparison {
            warnings: warnings(earlier, now),
            only_earlier: only(earlier, &view),
            only_now: only(now, &then),
            kinds: changes.iter().map(|c| (c.key.transport.clone(), view.kind(&c.key.transport))).collect(),
            changes,
        }
    }

    /// What has become worse by more than is tolerated, that which changed most first.
    pub(crate) fn worse_than(&self, tolerance: Tolerance) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.is_worse(tolerance)).collect()
    }
}

/// Whatever makes figures differ that are of one and the same program.
fn warnings(earlier: &Run, now: &Run) -> Vec<String> {
    let (before, after) = (&earlier.about, &now.about);
    let mut warnings = Vec::new();
    let mut differs = |what: &str, before: String, after: String| {
        if before != after {
            warnings.push(format!("{what}: {before} then, {after} now"));
        }
    };
    differs("The machine differs", before.processor.clone(), after.processor.clone());
    differs("The kernel differs", before.kernel.clone(), after.kernel.clone());
    let cores = |about: &super::super::record::About| format!("{} and {} ({})", about.near, about.far, about.placement);
    differs("The cores differ", cores(before), cores(after));
    differs("The cores of many differ", format!("{:?}", before.cores), format!("{:?}", after.cores));
    differs("The clock differs", before.clock.clone(), after.clock.clone());
    differs("The repetitions differ", before.repetitions.to_string(), after.repetitions.to_string());
    let measured = |about: &super::super::record::About| format!("{:.0} ms", about.measured_ms);
    differs("The time of a measurement differs", measured(before), measured(after));
    warnings
}

/// What was measured, in words; in fewer where there is little room.
fn describe(key: &Key) -> Cell {
    let mut words = match key.test {
        TestName::RoundTrip => "round trip".to_owned(),
        TestName::Throughput => "throughput".to_owned(),
        TestName::Handover => "handing over".to_owned(),
        TestName::Paced => format!("delay at {}", key.rate_per_s.map_or_else(|| NONE.to_owned(), |r| rate(r as f64))),
    };
    let mut short = Vec::new();
    if let (Some(producers), Some(consumers)) = (key.producers, key.consumers) {
        short.push(format!("{producers}p{consumers}c"));
        words.push_str(&format!(" {producers}p{consumers}c"));
    }
    if let Some(batch) = key.batch {
        short.push(format!("batches of {batch}"));
        words.push_str(&format!(" in batches of {batch}"));
    }
    Cell { short: (!short.is_empty()).then(|| short.join(", ")), ..Cell::from(words) }
}

pub(crate) fn write(
    out: &mut impl Write,
    comparison: &Comparison,
    tolerance: Tolerance,
    terminal: &Terminal,
) -> io::Result<()> {
    for warning in &comparison.warnings {
        writeln!(out, "{}", terminal.paragraph(&format!("Warning: {warning}. The two runs may not be comparable.")))?;
    }
    let names = |heading: &str, worth| Column { heading: heading.to_owned(), names: true, worth };
    let figure = |heading: &str, worth| Column { heading: heading.to_owned(), names: false, worth };
    let grid = Grid {
        title: "Beside the earlier run".to_owned(),
        about: format!(
            "Medians, with the lowest and the highest of the repetitions in brackets. × as good: how many times as good as then, for times \
             and rates alike; above one is better. Worse: a message takes more than {} % longer, or there is no figure any more.",
            trimmed(tolerance.0 * 100.0)
        ),
        columns: vec![
            names("transport", KEPT),
            names("wait", KEPT),
            names("what", KEPT),
            figure("bytes", 100),
            figure("then", 90),
            figure("now", 95),
            figure("× as good", KEPT),
            names("", KEPT),
        ],
        rows: comparison.changes.iter().map(|change| row(change, tolerance, &comparison.kinds)).collect(),
    };
    if grid.rows.is_empty() {
        writeln!(out, "{}", terminal.paint(HEADING, "The two runs have nothing in common that could be compared."))?;
    } else {
        write_grid(out, &grid, terminal)?;
    }
    for (title, keys) in [("Only in the earlier run", &comparison.only_earlier), ("Only now", &comparison.only_now)] {
        if !keys.is_empty() {
            writeln!(out, "\n{}", terminal.paint(HEADING, title))?;
        }
        for key in keys {
            let told = format!(
                "{}, {}, {}, {}",
                key.transport,
                key.wait,
                describe(key).text,
                display_bytes(key.payload_bytes)
            );
            writeln!(out, "{}", terminal.paragraph(&told))?;
        }
    }
    let worse = comparison.worse_than(tolerance).len();
    let percent = trimmed(tolerance.0 * 100.0);
    let verdict = match (worse, comparison.changes.len()) {
        (0, all) => format!("None of {all} figures is worse by more than {percent} %."),
        (worse, all) => format!("{worse} of {all} figures are worse by more than {percent} %."),
    };
    writeln!(out, "\n{}", terminal.paint(HEADING, &clean(&verdict)))
}

fn row(change: &Change, tolerance: Tolerance, kinds: &HashMap<String, Kind>) -> Row {
    let key = &change.key;
    let ratio = match change.ratio {
        Some(ratio) if ratio.is_infinite() => "∞".to_owned(),
        ratio => times(ratio),
    };
    let verdict = if change.is_worse(tolerance) {
        "worse"
    } else if !change.earlier.is_figure() && change.now.is_figure() {
        "new"
    } else if change.ratio.is_some_and(|ratio| ratio > 1.0 + tolerance.0) {
        "better"
    } else {
        ""
    };
    Row {
        kind: kinds.get(&key.transport).copied().unwrap_or(Kind::Other),
        cells: vec![
            key.transport.as_str().into(),
            key.wait.as_str().into(),
            describe(key),
            display_bytes(key.payload_bytes).into(),
            change.earlier.cell(),
            change.now.cell(),
            ratio.into(),
            verdict.into(),
        ],
    }
}
