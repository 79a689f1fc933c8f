//! The tables. Each figure stands beside its ratio to the one that it ought to be compared with.

use super::machine::Machine;
use super::plan::{ASKED, Facts, Job, STREAMED, Test};
use super::sizes;
use super::stats::{Figures, RoundTripFigures, Spread, ThroughputFigures};
use super::{Method, Outcome};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent};
use rondel_baselines::Wait;
use std::io::{self, IsTerminal, Write};

/// Stands where a figure has no meaning.
pub(super) const NONE: &str = "–";

pub(super) fn write(
    out: &mut impl Write,
    outcomes: &[Outcome],
    machine: &Machine,
    method: &Method,
    transports: &[Facts],
) -> io::Result<()> {
    let width = terminal_width();
    writeln!(out, "{}", machine.describe())?;
    writeln!(out, "{}", describe(method))?;
    if outcomes.iter().any(|outcome| matches!(outcome.job.test, Test::Crowd(..))) {
        let cores = method.cores.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        writeln!(out, "Where many send and receive, they are spread over cores {cores}.")?;
    }
    for section in &SECTIONS {
        let shown: Vec<&Outcome> = outcomes.iter().filter(|outcome| (section.belongs)(&outcome.job)).collect();
        if shown.is_empty() {
            continue;
        }
        let mut table = new_table(section.headings, section.names, width);
        for outcome in shown.iter().filter(|outcome| outcome.result.is_ok()) {
            table.add_row((section.row)(outcome, outcomes));
        }
        writeln!(out, "\n{}\n{table}", section.title)?;
    }
    sizes::write(out, outcomes, width)?;
    write_notes(out, outcomes, transports)
}

/// Whether every figure is shown of a transport's round trips with small messages. Of the kernel's that carry any length it is the pipe's
/// only: the others differ little, and their medians are in the tables by size.
fn in_detail(job: &Job) -> bool {
    !job.any_length || ["bytes", "bytes-in-place", "pipe"].contains(&job.transport)
}

/// One table.
struct Section {
    title: &'static str,
    belongs: fn(&Job) -> bool,
    headings: &'static [&'static str],
    /// The columns that hold names. All others hold figures, which stand to the right, so that their digits line up.
    names: &'static [usize],
    /// The cells of one outcome, given all of them to compare it with.
    row: fn(&Outcome, &[Outcome]) -> Vec<String>,
}

const SECTIONS: [Section; 3] = [
    Section {
        title: "Round trips, in ns. Ratios are of the medians: to the floor, and where it sleeps also to the bare futex.",
        belongs: |job| job.test == Test::RoundTrip && ASKED.contains(&job.payload) && in_detail(job),
        headings: &["bytes", "transport", "wait", "p50", "of repetitions", "p99", "p99.9", "max", "× floor", "× futex"],
        names: &[1, 2],
        row: round_trip_row,
    },
    Section {
        title: "Throughput, million messages a second. Ratios are to the same size and batch through the pipe and rtrb.",
        belongs: |job| {
            matches!(job.test, Test::Throughput | Test::Batches(_))
                && (!job.any_length || job.transport == "pipe")
                && STREAMED.contains(&job.payload)
        },
        headings: &["bytes", "transport", "wait", "batch", "M/s", "of repetitions", "MB/s", "× pipe", "× rtrb"],
        names: &[1, 2],
        row: throughput_row,
    },
    Section {
        title: "Many to many, 8 bytes, million messages a second through all consumers together. \
                Ratios are to array-queue between as many, one at a time.",
        belongs: |job| matches!(job.test, Test::Crowd(..)),
        headings: &["many", "transport", "between", "wait", "batch", "M/s", "of repetitions", "× array-queue"],
        names: &[0, 1, 2, 3],
        row: crowd_row,
    },
];

fn describe(method: &Method) -> String {
    let milliseconds = |length: std::time::Duration| format!("{:.0} ms", length.as_secs_f64() * 1e3);
    let clock = method.clock;
    format!(
        "Two sides, each pinned to its core; {} of {} each after {} of warm-up; the medians are shown.\n\
         Clock: {} (a reading takes {:.0} ns, which each round trip includes). Every message was checked on arrival.",
        if method.repetitions == 1 {
            "one repetition".to_owned()
        } else {
            format!("{} repetitions in turn", method.repetitions)
        },
        milliseconds(method.slice.measured),
        milliseconds(method.slice.warm_up),
        clock.name(),
        clock.cost(),
    )
}

/// What could not be measured and why, and what each transport is.
fn write_notes(out: &mut impl Write, outcomes: &[Outcome], transports: &[Facts]) -> io::Result<()> {
    writeln!(out)?;
    let mut told: Vec<&str> = Vec::new();
    for why in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()) {
        if !told.contains(&why.as_str()) {
            writeln!(out, "Not measured: {why}")?;
            told.push(why);
        }
    }
    let width = transports.iter().map(|facts| facts.name.len()).max().unwrap_or(0);
    for Facts { name, note, granted, .. } in transports {
        let granted = granted.as_ref().map_or_else(String::new, |granted| format!("; here {granted}"));
        writeln!(out, "{name:>width$}: {note}{granted}")?;
    }
    Ok(())
}

fn round_trip_row(outcome: &Outcome, all: &[Outcome]) -> Vec<String> {
    let Ok(Figures::RoundTrip(figures)) = &outcome.result else {
        return vec![];
    };
    let RoundTripFigures { p50, p99, p999, max, .. } = figures;
    let job = &outcome.job;
    let to = |other: &str| ratio(p50.median, round_trip_median(all, other, job));
    vec![
        job.payload.bytes().to_string(),
        job.transport.to_owned(),
        job.wait.name().to_owned(),
        digits(p50.median),
        spread(*p50, 1.0),
        digits(p99.median),
        digits(p999.median),
        digits(max.most),
        to("floor"),
        if job.wait == Wait::Park { to("futex") } else { NONE.to_owned() },
    ]
}

fn throughput_row(outcome: &Outcome, all: &[Outcome]) -> Vec<String> {
    let Ok(Figures::Throughput(ThroughputFigures { messages_per_second: rate, .. })) = &outcome.result else {
        return vec![];
    };
    let job = &outcome.job;
    let to = |other: &str| ratio(rate.median, throughput_median(all, other, job));
    vec![
        job.payload.bytes().to_string(),
        job.transport.to_owned(),
        job.wait.name().to_owned(),
        if let Test::Batches(size) = job.test { size.to_string() } else { NONE.to_owned() },
        digits(rate.median / 1e6),
        spread(*rate, 1e6),
        digits(rate.median * job.payload.bytes() as f64 / 1e6),
        to("pipe"),
        to("rtrb"),
    ]
}

fn crowd_row(outcome: &Outcome, all: &[Outcome]) -> Vec<String> {
    let (Ok(Figures::Throughput(figures)), Test::Crowd(shape, batch)) = (&outcome.result, outcome.job.test) else {
        return vec![];
    };
    let job = &outcome.job;
    let rate = figures.messages_per_second;
    // It has no batches, so that is what batches are compared with too.
    let alone = Job { test: Test::Crowd(shape, None), ..*job };
    vec![
        shape.to_string(),
        job.transport.to_owned(),
        job.scope.name().to_owned(),
        job.wait.name().to_owned(),
        batch.map_or_else(|| NONE.to_owned(), |size| size.to_string()),
        digits(rate.median / 1e6),
        spread(rate, 1e6),
        ratio(rate.median, throughput_median(all, "array-queue", &alone)),
    ]
}

/// The median round trip of another transport with messages of the same size. Those that are compared with have one
/// way of waiting.
pub(super) fn round_trip_median(all: &[Outcome], transport: &str, job: &Job) -> Option<f64> {
    all.iter().find_map(|other| match &other.result {
        Ok(Figures::RoundTrip(figures)) if other.job.transport == transport && other.job.payload == job.payload => {
            Some(figures.p50.median)
        }
        _ => None,
    })
}

pub(super) fn throughput_median(all: &[Outcome], transport: &str, job: &Job) -> Option<f64> {
    all.iter().find_map(|other| match &other.result {
        Ok(Figures::Throughput(figures))
            if other.job.transport == transport && other.job.payload == job.payload && other.job.test == job.test =>
        {
            Some(figures.messages_per_second.median)
        }
        _ => None,
    })
}

fn ratio(value: f64, other: Option<f64>) -> String {
    display_ratio(other.map(|other| value / other))
}

/// Two digits after the point, or three in all.
pub(super) fn display_ratio(ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) if ratio.is_finite() => {
            if ratio < 10.0 {
                format!("{ratio:.2}")
            } else {
                digits(ratio)
            }
        }
        _ => NONE.to_owned(),
    }
}

fn spread(spread: Spread, unit: f64) -> String {
    format!("{}–{}", digits(spread.least / unit), digits(spread.most / unit))
}

/// Three digits at the least, and no more after the point than are worth reading.
fn digits(value: f64) -> String {
    let places = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.places$}")
}

pub(super) fn new_table<H: ToString>(headings: &[H], names: &[usize], width: Option<u16>) -> Table {
    let mut table = Table::new();
    // Lines above, below and under the heading; none between the rows, of which there are many.
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .remove_style(TableComponent::HorizontalLines)
        .remove_style(TableComponent::MiddleIntersections)
        .set_header(headings.iter().map(ToString::to_string));
    for (place, column) in table.column_iter_mut().enumerate() {
        let side = if names.contains(&place) { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(side);
    }
    if let Some(width) = width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// None where the output is no terminal: then lines are as long as they are. There are no colours in either case.
fn terminal_width() -> Option<u16> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(out).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let shown: Vec<_> = [0.0, 1.234, 12.34, 123.4, 12_345.6].map(digits).into();
        assert_eq!(shown, ["0.00", "1.23", "12.3", "123", "12346"]);
    }

    #[test]
    fn a_ratio_to_nothing_is_no_ratio() {
        assert_eq!(ratio(2.0, Some(4.0)), "0.50");
        assert_eq!(ratio(300.0, Some(2.0)), "150");
        assert_eq!(ratio(2.0, None), NONE);
        assert_eq!(ratio(2.0, Some(0.0)), NONE);
    }
}
