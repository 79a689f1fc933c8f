//! One JSON object a line for each figure.

use super::Outcome;
use super::plan::Test;
use super::stats::{Figures, RoundTripFigures, Spread, ThroughputFigures};
use serde::Serialize;
use std::io::{self, Write};

/// What every line has.
#[derive(Serialize)]
struct Line<'a> {
    transport: &'a str,
    test: &'a str,
    wait: &'a str,
    payload_bytes: usize,
    /// Messages a step; only of what is done in batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<usize>,
    /// How many sent and how many received; only of what is done between many.
    #[serde(skip_serializing_if = "Option::is_none")]
    producers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers: Option<usize>,
    /// Whether the sides were processes or threads.
    between: &'a str,
    repetitions: u32,
    #[serde(flatten)]
    result: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    /// Medians of the repetitions' percentiles; the maximum is that of all repetitions.
    RoundTrip {
        p50_ns: f64,
        p99_ns: f64,
        p999_ns: f64,
        max_ns: f64,
        p50_min_ns: f64,
        p50_max_ns: f64,
        round_trips: u64,
    },
    /// The median of the repetitions, and the lowest and highest of them.
    Throughput {
        messages_per_s: f64,
        bytes_per_s: f64,
        messages_per_s_min: f64,
        messages_per_s_max: f64,
        messages: u64,
    },
    /// The machine forbids the transport, and this is why.
    Unavailable { unavailable: &'a str },
}

pub(super) fn write(out: &mut impl Write, outcomes: &[Outcome], repetitions: u32) -> io::Result<()> {
    for outcome in outcomes {
        serde_json::to_writer(&mut *out, &line(outcome, repetitions))?;
        writeln!(out)?;
    }
    Ok(())
}

fn line(outcome: &Outcome, repetitions: u32) -> Line<'_> {
    let job = &outcome.job;
    let (test, batch, shape) = match job.test {
        Test::RoundTrip => ("round_trip", None, None),
        Test::Throughput => ("throughput", None, None),
        Test::Handover => ("handover", None, None),
        Test::Batches(size) => ("throughput", Some(size), None),
        Test::Crowd(shape, batch) => ("throughput", batch, Some(shape)),
    };
    Line {
        transport: job.transport,
        test,
        wait: job.wait.name(),
        payload_bytes: job.payload.bytes(),
        batch,
        producers: shape.map(|shape| shape.producers),
        consumers: shape.map(|shape| shape.consumers),
        between: job.scope.name(),
        repetitions,
        result: match &outcome.result {
            Ok(Figures::RoundTrip(figures)) => round_trip(figures),
            Ok(Figures::Throughput(figures)) => throughput(figures, job.payload.bytes()),
            Err(why) => Body::Unavailable { unavailable: why },
        },
    }
}

fn round_trip(figures: &RoundTripFigures) -> Body<'static> {
    Body::RoundTrip {
        p50_ns: tenths(figures.p50.median),
        p99_ns: tenths(figures.p99.median),
        p999_ns: tenths(figures.p999.median),
        max_ns: tenths(figures.max.most),
        p50_min_ns: tenths(figures.p50.least),
        p50_max_ns: tenths(figures.p50.most),
        round_trips: figures.count,
    }
}

fn throughput(figures: &ThroughputFigures, bytes: usize) -> Body<'static> {
    let Spread { median, least, most } = figures.messages_per_second;
    Body::Throughput {
        messages_per_s: median.round(),
        bytes_per_s: (median * bytes as f64).round(),
        messages_per_s_min: least.round(),
        messages_per_s_max: most.round(),
        messages: figures.count,
    }
}

/// A tenth of a nanosecond is more than any clock here resolves.
fn tenths(nanoseconds: f64) -> f64 {
    (nanoseconds * 10.0).round() / 10.0
}
