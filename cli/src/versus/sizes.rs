//! The tables of messages of many sizes: a transport a row, a size a column. Each figure stands beside its ratio to the pipe's.

use super::Outcome;
use super::plan::{Job, Test};
use super::report::{NONE, display_ratio, new_table, round_trip_median, throughput_median};
use super::stats::Figures;
use rondel_baselines::{Payload, display_bytes};
use std::io::{self, Write};

/// One table.
struct Grid {
    title: &'static str,
    belongs: fn(Test) -> bool,
    /// What is shown of one outcome, given all of them to compare it with.
    cell: fn(&Outcome, &[Outcome]) -> String,
}

const GRIDS: [Grid; 5] = [
    Grid {
        title: "Round trips by size, medians in µs, and how many times as fast as the pipe. Every word is made and checked.",
        belongs: |test| test == Test::RoundTrip,
        cell: |outcome, all| {
            let Some(median) = round_trip(outcome) else { return NONE.to_owned() };
            let pipe = round_trip_median(all, "pipe", &outcome.job);
            cell(median / 1e3, pipe.map(|pipe| pipe / median))
        },
    },
    Grid {
        title: "Throughput by size, million messages a second, and × pipe. Every word is made and checked.",
        belongs: |test| test == Test::Throughput,
        cell: millions,
    },
    Grid {
        title: "The same in GB a second.",
        belongs: |test| test == Test::Throughput,
        cell: |outcome, _| gigabytes(outcome).map_or_else(|| NONE.to_owned(), three_digits),
    },
    Grid {
        title: "Handing over what lies ready and is not read, GB a second, and × pipe. For what is in place there is nothing to do.",
        belongs: |test| test == Test::Handover,
        cell: |outcome, all| {
            let Some(rate) = gigabytes(outcome) else { return NONE.to_owned() };
            cell(rate, to_pipe(outcome, all))
        },
    },
    Grid {
        title: "Throughput by size in batches, million messages a second, and × pipe. Every word is made and checked.",
        belongs: |test| matches!(test, Test::Batches(_)),
        cell: millions,
    },
];

/// Writes the tables of whatever was measured with transports that carry messages of any length.
pub(super) fn write(out: &mut impl Write, outcomes: &[Outcome], width: Option<u16>) -> io::Result<()> {
    for grid in &GRIDS {
        let shown: Vec<&Outcome> =
            outcomes.iter().filter(|o| o.job.any_length && (grid.belongs)(o.job.test) && o.result.is_ok()).collect();
        if shown.is_empty() {
            continue;
        }
        let names = ["transport", "wait"].map(str::to_owned);
        let headings: Vec<String> =
            names.into_iter().chain(Payload::ALL.map(|payload| display_bytes(payload.bytes()))).collect();
        let mut table = new_table(&headings, &[0, 1], width);
        for row in rows(&shown) {
            let cells = Payload::ALL.map(|payload| {
                let outcome =
                    shown.iter().find(|outcome| outcome.job.payload == payload && same_row(&outcome.job, row));
                outcome.map_or_else(|| NONE.to_owned(), |outcome| (grid.cell)(outcome, outcomes))
            });
            table.add_row([row.transport, row.wait.name()].map(str::to_owned).into_iter().chain(cells));
        }
        writeln!(out, "\n{}\n{table}", grid.title)?;
    }
    Ok(())
}

/// One job of each row, transports and ways of waiting in the order in which they are listed.
fn rows<'a>(shown: &[&'a Outcome]) -> Vec<&'a Job> {
    let mut rows: Vec<&Job> = Vec::new();
    for outcome in shown {
        if !rows.iter().any(|row| same_row(row, &outcome.job)) {
            rows.push(&outcome.job);
        }
    }
    let mut transports: Vec<&str> = Vec::new();
    for row in &rows {
        if !transports.contains(&row.transport) {
            transports.push(row.transport);
        }
    }
    rows.sort_by_key(|row| transports.iter().position(|transport| *transport == row.transport));
    rows
}

fn same_row(one: &Job, other: &Job) -> bool {
    one.transport == other.transport && one.wait == other.wait
}

fn round_trip(outcome: &Outcome) -> Option<f64> {
    match &outcome.result {
        Ok(Figures::RoundTrip(figures)) => Some(figures.p50.median),
        _ => None,
    }
}

fn rate(outcome: &Outcome) -> Option<f64> {
    match &outcome.result {
        Ok(Figures::Throughput(figures)) => Some(figures.messages_per_second.median),
        _ => None,
    }
}

fn to_pipe(outcome: &Outcome, all: &[Outcome]) -> Option<f64> {
    Some(rate(outcome)? / throughput_median(all, "pipe", &outcome.job)?)
}

fn gigabytes(outcome: &Outcome) -> Option<f64> {
    rate(outcome).map(|rate| rate * outcome.job.payload.bytes() as f64 / 1e9)
}

fn millions(outcome: &Outcome, all: &[Outcome]) -> String {
    rate(outcome).map_or_else(|| NONE.to_owned(), |rate| cell(rate / 1e6, to_pipe(outcome, all)))
}

/// A figure, and its ratio in brackets if there is one.
fn cell(figure: f64, ratio: Option<f64>) -> String {
    match ratio {
        Some(_) => format!("{} ({}×)", three_digits(figure), display_ratio(ratio)),
        None => three_digits(figure),
    }
}

/// Three digits that count, and all before the point; but no more than four behind it.
fn three_digits(value: f64) -> String {
    let places = match value {
        _ if value < 0.1 => 4,
        _ if value < 1.0 => 3,
        _ if value < 10.0 => 2,
        _ if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versus::stats::{Spread, ThroughputFigures};
    use rondel_baselines::{Scope, Wait};

    fn outcome(transport: &'static str, wait: Wait, payload: Payload, rate: f64) -> Outcome {
        let job = Job { transport, scope: Scope::Processes, test: Test::Throughput, wait, payload, any_length: true };
        let messages_per_second = Spread { median: rate, least: rate, most: rate };
        Outcome { job, result: Ok(Figures::Throughput(ThroughputFigures { messages_per_second, count: 1 })) }
    }

    #[test]
    fn a_transport_a_row_and_a_size_a_column() {
        let outcomes = [
            outcome("bytes", Wait::Spin, Payload::B8, 2e8),
            outcome("bytes", Wait::Default, Payload::B8, 1e8),
            outcome("pipe", Wait::Park, Payload::B8, 2.5e6),
            outcome("bytes", Wait::Spin, Payload::B65536, 1e6),
            outcome("bytes", Wait::Default, Payload::B65536, 5e5),
            outcome("pipe", Wait::Park, Payload::B65536, 1e5),
            Outcome { result: Err("forbidden".to_owned()), ..outcome("fifo", Wait::Park, Payload::B8, 0.0) },
            // Of one size only, so not among these.
            Outcome {
                job: Job { any_length: false, ..outcome("spsc", Wait::Spin, Payload::B8, 0.0).job },
                ..outcome("spsc", Wait::Spin, Payload::B8, 9e8)
            },
        ];
        let mut text = Vec::new();
        write(&mut text, &outcomes, None).unwrap();
        let text = String::from_utf8(text).unwrap();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .filter(|row: &Vec<&str>| row.len() == 8)
            .collect();
        let heading = ["transport", "wait", "8 B", "64 B", "256 B", "1 KiB", "4 KiB", "64 KiB"];
        let expected = [
            heading,
            ["bytes", "spin", "200 (80.0×)", NONE, NONE, NONE, NONE, "1.00 (10.0×)"],
            ["bytes", "default", "100 (40.0×)", NONE, NONE, NONE, NONE, "0.500 (5.00×)"],
            ["pipe", "park", "2.50 (1.00×)", NONE, NONE, NONE, NONE, "0.100 (1.00×)"],
            heading,
            ["bytes", "spin", "1.60", NONE, NONE, NONE, NONE, "65.5"],
            ["bytes", "default", "0.800", NONE, NONE, NONE, NONE, "32.8"],
            ["pipe", "park", "0.0200", NONE, NONE, NONE, NONE, "6.55"],
        ];
        assert_eq!(rows, expected, "{text}");
    }

    #[test]
    fn without_a_pipe_there_are_no_ratios() {
        let mut text = Vec::new();
        write(&mut text, &[outcome("bytes", Wait::Spin, Payload::B8, 2e8)], None).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(" 200 ") && !text.contains("×)"), "{text}");
    }

    #[test]
    fn three_digits_count() {
        let shown = [0.0, 0.001_84, 0.018_44, 0.3321, 1.234, 12.34, 123.4, 48_556.4].map(three_digits);
        assert_eq!(shown, ["0.0000", "0.0018", "0.0184", "0.332", "1.23", "12.3", "123", "48556"]);
    }
}
