//! A run, in the form in which it is written, kept and read again. Whatever is shown of a run is made from this, so that a file
//! tells as much as the run itself did.
//!
//! A file has one JSON object a line: [`About`] first, under the name `about`, and then a [`Record`] for each figure.

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) about: About,
    pub(crate) records: Vec<Record>,
}

/// On what machine and how it was done. A figure without this means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    /// The version of this tool.
    pub(crate) rondel: String,
    /// By what it can be repeated in a clone of the project; empty if it is not known.
    #[serde(default)]
    pub(crate) command: String,
    /// When the run began, in UTC, as RFC 3339 has it.
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// The core of the side that measures, and that of the other side.
    pub(crate) near: usize,
    pub(crate) far: usize,
    /// How close they are to one another: `same-core`, `smt-siblings`, `same-l3`, `same-socket`, `across` or `unknown`.
    pub(crate) placement: String,
    /// All cores, over which many are spread.
    pub(crate) cores: Vec<usize>,
    /// What the clock is called, what a reading of it takes, and how far the readings of the two cores may lie apart.
    pub(crate) clock: String,
    pub(crate) clock_reading_ns: f64,
    pub(crate) clock_skew_ns: f64,
    pub(crate) repetitions: u32,
    /// Of each measurement.
    pub(crate) warm_up_ms: f64,
    pub(crate) measured_ms: f64,
    /// What took part, in the order in which it is shown.
    pub(crate) transports: Vec<AboutTransport>,
}

/// What is known of a transport before it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AboutTransport {
    pub(crate) name: String,
    /// Whose it is: `floor`, `rondel`, `peer`, `guarded` or `kernel`.
    pub(crate) kind: String,
    /// Who stands at its ends: `processes`, `threads` or `one thread`.
    pub(crate) between: String,
    /// What is set up.
    pub(crate) note: String,
    /// What this machine grants of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) granted: Option<String>,
}

/// What came of one measurement: what was measured, and what was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) between: String,
    pub(crate) repetitions: u32,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

/// What was measured. No two records of a run have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) transport: String,
    pub(crate) test: TestName,
    /// `spin`, `yield`, `park` or `default`.
    pub(crate) wait: String,
    pub(crate) payload_bytes: usize,
    /// Messages a step; only of what is done in batches.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) batch: Option<usize>,
    /// How many sent and how many received; only of what is done between many.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) producers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) consumers: Option<usize>,
    /// How many messages a second were to be sent; only of what is paced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) rate_per_s: Option<u64>,
}

/// What was asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TestName {
    /// How long a message and its answer take.
    RoundTrip,
    /// How many messages a second arrive.
    Throughput,
    /// The same of messages that lie ready and that nobody reads.
    Handover,
    /// How long a message takes that is sent when its time has come, so many a second.
    Paced,
}

/// What was found. Each figure is the median of the repetitions' figures; `_min` and `_max` are the lowest and the highest of them.
/// The fields that no other variant has tell them apart when they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Finding {
    RoundTrip {
        p50_ns: f64,
        p50_min_ns: f64,
        p50_max_ns: f64,
        p99_ns: f64,
        p999_ns: f64,
        /// The longest of all repetitions.
        max_ns: f64,
        /// How many there were, in all repetitions together.
        round_trips: u64,
        #[serde(flatten)]
        cost: Cost,
    },
    Throughput {
        messages_per_s: f64,
        messages_per_s_min: f64,
        messages_per_s_max: f64,
        bytes_per_s: f64,
        messages: u64,
        #[serde(flatten)]
        cost: Cost,
    },
    Paced {
        /// How many a second arrived; less than the rate where the transport cannot keep up with it.
        arrived_per_s: f64,
        /// The percentiles of all repetitions' delays together. None of which there were too few.
        p50_ns: f64,
        /// The lowest and the highest median of a repetition.
        p50_min_ns: f64,
        p50_max_ns: f64,
        p99_ns: Option<f64>,
        p999_ns: Option<f64>,
        p9999_ns: Option<f64>,
        max_ns: f64,
        /// How many there were, in all repetitions together.
        delays: u64,
        /// What the receiver alone cost: the sender looks at the clock without a pause, whatever the transport.
        #[serde(flatten)]
        cost: Cost,
    },
    /// The machine forbids it, and this is why.
    Unavailable { unavailable: String },
    /// It was broken off, and this is why.
    Failed { failed: String },
}

/// What a million messages cost (of round trips: a million round trips), at both ends together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds of processor time.
    pub(crate) cpu_s_per_million: f64,
    /// How often a core was given to somebody else, by its own will or not.
    pub(crate) switches_per_million: f64,
}

impl Finding {
    /// Why there is no figure, if there is none.
    pub(crate) fn missing(&self) -> Option<&str> {
        match self {
            Finding::Unavailable { unavailable } => Some(unavailable),
            Finding::Failed { failed } => Some(failed),
            _ => None,
        }
    }
}
