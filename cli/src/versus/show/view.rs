//! A finished run as those see it who show it: what was found of whom, and what that is compared with.

use super::super::record::{Cost, Finding, Key, Record, Run, TestName};
use super::digits::ratio;
use std::collections::HashMap;

/// Whose a transport is. The order is that in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Floor,
    Rondel,
    Peer,
    Guarded,
    Kernel,
    /// Of a kind that this version does not know: another version wrote the file.
    Other,
}

impl Kind {
    pub(super) const ALL: [Kind; 6] = [Kind::Floor, Kind::Rondel, Kind::Peer, Kind::Guarded, Kind::Kernel, Kind::Other];

    fn named(name: &str) -> Self {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Kind::Other)
    }

    /// The name that a file has for it, and a style sheet.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Floor => "floor",
            Kind::Rondel => "rondel",
            Kind::Peer => "peer",
            Kind::Guarded => "guarded",
            Kind::Kernel => "kernel",
            Kind::Other => "other",
        }
    }

    /// What a legend says of it.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Kind::Floor => "floor",
            Kind::Rondel => "rondel",
            Kind::Peer => "other crates",
            Kind::Guarded => "lock or semaphore",
            Kind::Kernel => "kernel",
            Kind::Other => "other",
        }
    }
}

/// What a way of waiting does while nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Manner {
    /// It polls for as long as it takes, and a core is gone.
    Polls,
    /// It polls for a while and then sleeps. What answers fast never sees it asleep.
    Both,
    /// It sleeps at once.
    Sleeps,
}

/// A transport and a way of waiting: a row of most tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane<'a> {
    pub(super) transport: &'a str,
    pub(super) wait: &'a str,
    pub(super) kind: Kind,
    pub(super) between: &'a str,
}

impl Lane<'_> {
    pub(super) fn manner(&self) -> Manner {
        match self.wait {
            "park" => Manner::Sleeps,
            "default" => Manner::Both,
            _ => Manner::Polls,
        }
    }
}

/// The figures of round trips.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    pub(super) p50: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
    pub(super) cost: Cost,
}

/// The figures of a stream without a pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) rate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) bytes: f64,
    pub(super) cost: Cost,
}

/// The figures of a stream at a rate that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    pub(super) asked: f64,
    pub(super) arrived: f64,
    pub(super) p50: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    pub(super) p9999: Option<f64>,
    pub(super) max: f64,
    pub(super) cost: Cost,
}

impl Delays {
    /// Of what arrives late without end, a delay says nothing but how long the measurement took.
    pub(super) fn kept_up(&self) -> bool {
        self.arrived >= 0.95 * self.asked
    }

    /// What share of its core's time the receiver was running.
    pub(super) fn share(&self) -> f64 {
        self.cost.cpu_s_per_million * self.arrived / 1e6
    }
}

impl Record {
    pub(super) fn trip(&self) -> Option<Trip> {
        match &self.finding {
            &Finding::RoundTrip { p50_ns, p50_min_ns, p50_max_ns, p99_ns, p999_ns, max_ns, cost, .. } => Some(Trip {
                p50: p50_ns,
                low: p50_min_ns,
                high: p50_max_ns,
                p99: p99_ns,
                p999: p999_ns,
                max: max_ns,
                cost,
            }),
            _ => None,
        }
    }

    pub(super) fn flow(&self) -> Option<Flow> {
        match &self.finding {
            &Finding::Throughput {
                messages_per_s, messages_per_s_min, messages_per_s_max, bytes_per_s, cost, ..
            } => Some(Flow {
                rate: messages_per_s,
                low: messages_per_s_min,
                high: messages_per_s_max,
                bytes: bytes_per_s,
                cost,
            }),
            _ => None,
        }
    }

    pub(super) fn delays(&self) -> Option<Delays> {
        match (&self.finding, self.key.rate_per_s) {
            (
                &Finding::Paced {
                    arrived_per_s,
                    p50_ns,
                    p50_min_ns,
                    p50_max_ns,
                    p99_ns,
                    p999_ns,
                    p9999_ns,
                    max_ns,
                    cost,
                    ..
                },
                Some(asked),
            ) => Some(Delays {
                asked: asked as f64,
                arrived: arrived_per_s,
                p50: p50_ns,
                low: p50_min_ns,
                high: p50_max_ns,
                p99: p99_ns,
                p999: p999_ns,
                p9999: p9999_ns,
                max: max_ns,
                cost,
            }),
            _ => None,
        }
    }

    /// Whether it is of two sides, one message at a time: neither in batches nor between many.
    pub(super) fn is_plain(&self) -> bool {
        self.key.batch.is_none() && self.key.producers.is_none() && self.key.consumers.is_none()
    }

    /// Whether it is of many, one of each included.
    pub(super) fn is_crowd(&self) -> bool {
        self.key.producers.is_some() || self.key.consumers.is_some()
    }

    fn is_measured(&self) -> bool {
        self.finding.missing().is_none()
    }
}

/// A run, and where to find what in it.
pub(super) struct View<'a> {
    pub(super) run: &'a Run,
    found: HashMap<&'a Key, &'a Record>,
}

impl<'a> View<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        View { run, found: run.records.iter().map(|record| (&record.key, record)).collect() }
    }

    /// What was measured and answers to a description.
    pub(super) fn measured(&self, which: impl Fn(&Record) -> bool) -> impl Iterator<Item = &'a Record> {
        self.run.records.iter().filter(move |record| record.is_measured() && which(record))
    }

    /// The row of a record.
    pub(super) fn lane(&self, record: &'a Record) -> Lane<'a> {
        Lane {
            transport: &record.key.transport,
            wait: &record.key.wait,
            kind: self.kind(&record.key.transport),
            between: &record.between,
        }
    }

    pub(super) fn kind(&self, transport: &str) -> Kind {
        let about = self.run.about.transports.iter().find(|about| about.name == transport);
        about.map_or(Kind::Other, |about| Kind::named(&about.kind))
    }

    /// The rows in which something was measured that answers to a description, in the run's own order of transports.
    pub(super) fn lanes(&self, which: impl Fn(&Record) -> bool) -> Vec<Lane<'a>> {
        let mut lanes: Vec<Lane> = Vec::new();
        for record in self.measured(which) {
            let lane = self.lane(record);
            if !lanes.contains(&lane) {
                lanes.push(lane);
            }
        }
        let place = |lane: &Lane| self.run.about.transports.iter().position(|about| about.name == lane.transport);
        lanes.sort_by_key(|lane| (place(lane).unwrap_or(usize::MAX), lane.manner()));
        lanes
    }

    /// The sizes of what was measured and answers to a description, ascending.
    pub(super) fn sizes(&self, which: impl Fn(&Record) -> bool) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.measured(which).map(|record| record.key.payload_bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// The rates of what is paced, ascending.
    pub(super) fn rates(&self) -> Vec<u64> {
        let mut rates: Vec<u64> = self.measured(is_paced).filter_map(|record| record.key.rate_per_s).collect();
        rates.sort_unstable();
        rates.dedup();
        rates
    }

    /// The size that stands for all where there is room for one only: 64 bytes, a cache line, or else the smallest.
    pub(super) fn main_size(&self, which: impl Fn(&Record) -> bool) -> Option<usize> {
        let sizes = self.sizes(which);
        if sizes.contains(&64) { Some(64) } else { sizes.first().copied() }
    }

    fn plain(&self, transport: &str, wait: &str, test: TestName, bytes: usize) -> Option<&'a Record> {
        self.found.get(&key(transport, wait, test, bytes)).copied()
    }

    pub(super) fn trip(&self, transport: &str, wait: &str, bytes: usize) -> Option<Trip> {
        self.plain(transport, wait, TestName::RoundTrip, bytes)?.trip()
    }

    pub(super) fn flow(&self, transport: &str, wait: &str, test: TestName, bytes: usize) -> Option<Flow> {
        self.plain(transport, wait, test, bytes)?.flow()
    }

    pub(super) fn delays(&self, transport: &str, wait: &str, bytes: usize, rate: u64) -> Option<Delays> {
        let key = Key { rate_per_s: Some(rate), ..key(transport, wait, TestName::Paced, bytes) };
        self.found.get(&key)?.delays()
    }

    /// Any record, by its key.
    pub(super) fn record(&self, key: &Key) -> Option<&'a Record> {
        self.found.get(key).copied()
    }

    /// How many times as fast as the pipe's round trip this is. The pipe is the one that sleeps: so pipes are used.
    pub(super) fn trip_to_pipe(&self, trip: &Trip, bytes: usize) -> Option<f64> {
        ratio(1.0, ratio(trip.p50, self.trip("pipe", "park", bytes).map(|pipe| pipe.p50)))
    }

    /// How many times as long as the floor's round trip this takes.
    pub(super) fn trip_to_floor(&self, trip: &Trip, bytes: usize) -> Option<f64> {
        ratio(trip.p50, self.trip("floor", "spin", bytes).map(|floor| floor.p50))
    }

    /// How many times as many messages a second as through the pipe these are.
    pub(super) fn flow_to_pipe(&self, flow: &Flow, test: TestName, bytes: usize) -> Option<f64> {
        ratio(flow.rate, self.flow("pipe", "park", test, bytes).map(|pipe| pipe.rate))
    }
}

/// The key of what two sides do, one message at a time.
pub(super) fn key(transport: &str, wait: &str, test: TestName, bytes: usize) -> Key {
    Key {
        transport: transport.to_owned(),
        test,
        wait: wait.to_owned(),
        payload_bytes: bytes,
        batch: None,
        producers: None,
        consumers: None,
        rate_per_s: None,
    }
}

pub(super) fn is_trip(record: &Record) -> bool {
    record.key.test == TestName::RoundTrip
}

pub(super) fn is_flow(record: &Record) -> bool {
    record.key.test == TestName::Throughput && record.is_plain()
}

pub(super) fn is_handover(record: &Record) -> bool {
    record.key.test == TestName::Handover && record.is_plain()
}

pub(super) fn is_batch(record: &Record) -> bool {
    record.key.batch.is_some() && !record.is_crowd()
}

pub(super) fn is_paced(record: &Record) -> bool {
    record.key.test == TestName::Paced && record.key.rate_per_s.is_some()
}
