//! What is measured, and in which order.

use rondel_baselines::{
    Crowd, CrowdVisitor, EverySize, FewSizes, Kind, Payload, Scope, Shape, Transport, Visitor, Wait, crowd_names,
    names, visit, visit_crowd,
};
use std::fmt;

/// What is known of a transport before it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    /// What this machine grants it.
    pub(crate) granted: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    waits: &'static [Wait],
    queues: bool,
    batches: bool,
    /// Whether it is measured between two.
    pairs: bool,
    /// Whether it is measured between many.
    crowds: bool,
    /// Whether it carries messages of any length, and is measured at every size.
    any_length: bool,
    /// Whether nothing is copied, so that to hand over what lies ready elsewhere is not what it is for.
    in_place: bool,
}

/// The names of all transports, between two and between many, in the order in which they are shown.
pub(crate) fn all_names() -> Vec<&'static str> {
    let only_crowds = crowd_names().iter().filter(|name| !names().contains(name));
    names().iter().chain(only_crowds).copied().collect()
}

impl Facts {
    /// The facts of all transports, or of those named in `only` if it names any.
    pub(crate) fn of_all(only: &[String]) -> Vec<Facts> {
        struct Ask;
        impl Visitor for Ask {
            type Output = Facts;
            fn visit<T: FewSizes>(self) -> Facts {
                Facts::of::<T>()
            }
            fn visit_any_length<T: EverySize>(self) -> Facts {
                Facts { any_length: true, ..Facts::of::<T>() }
            }
        }
        impl CrowdVisitor for Ask {
            type Output = Facts;
            fn visit<T: Crowd>(self) -> Facts {
                Facts::of::<T>()
            }
        }
        all_names()
            .into_iter()
            .filter(|name| only.is_empty() || only.iter().any(|wanted| wanted == name))
            .filter_map(|name| visit(name, Ask).or_else(|_| visit_crowd(name, Ask)).ok())
            .collect()
    }

    fn of<T: Transport>() -> Facts {
        Facts {
            name: T::NAME,
            note: T::NOTE,
            granted: T::granted(),
            kind: T::KIND,
            scope: T::SCOPE,
            waits: T::WAITS,
            queues: T::QUEUES,
            batches: T::BATCHES,
            pairs: names().contains(&T::NAME),
            crowds: crowd_names().contains(&T::NAME),
            any_length: false,
            in_place: T::IN_PLACE,
        }
    }

    /// The ways of waiting under which throughput is of interest. A busy stream never sleeps, so to be *ready* to sleep
    /// is the cost that counts, and where there is a default that is, it stands for parking too.
    fn throughput_waits(&self) -> impl Iterator<Item = Wait> {
        let has_default = self.waits.contains(&Wait::Default);
        self.waits.iter().copied().filter(move |wait| !(has_default && *wait == Wait::Park))
    }
}

/// What is asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Test {
    /// How long a message and its answer take.
    RoundTrip,
    /// How many messages a second arrive, one at a time.
    Throughput,
    /// The same of messages that lie ready and that nobody reads: how many a second are handed over.
    Handover,
    /// The same, so many messages a step.
    Batches(usize),
    /// How many messages a second arrive at all of many receivers from all of many senders, one at a time or so many a step.
    Crowd(Shape, Option<usize>),
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) transport: &'static str,
    pub(crate) scope: Scope,
    pub(crate) test: Test,
    pub(crate) wait: Wait,
    pub(crate) payload: Payload,
    /// Whether the transport carries messages of any length.
    pub(crate) any_length: bool,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.transport)?;
        match self.test {
            Test::RoundTrip => write!(f, "round trip")?,
            Test::Throughput => write!(f, "throughput")?,
            Test::Handover => write!(f, "handing over")?,
            Test::Batches(_) => write!(f, "throughput in batches")?,
            Test::Crowd(shape, None) => write!(f, "{shape}")?,
            Test::Crowd(shape, Some(_)) => write!(f, "{shape} in batches")?,
        }
        write!(f, ", {}, {} bytes", self.wait.name(), self.payload.bytes())
    }
}

impl Job {
    /// How many processes or threads take part.
    pub(crate) fn parts(&self) -> usize {
        match self.test {
            Test::Crowd(shape, _) => shape.parts(),
            _ => 2,
        }
    }
}

/// Messages a batch: 64 lines of a ring with seven 8-byte elements a line, and 4 to 32 KiB of the larger ones, but two at the
/// least. All fit in a ring of the size that `ring_capacity` gives, or `bytes` has, several times over, but for the largest.
const fn batch(payload: Payload) -> usize {
    match payload {
        Payload::B8 => 448,
        Payload::B64 => 64,
        Payload::B256 => 32,
        Payload::B1024 => 16,
        Payload::B4096 => 8,
        Payload::B65536 => 2,
    }
}

/// How many send and how many receive where many do.
const SHAPES: [Shape; 3] = [shape(1), shape(2), shape(4)];

const fn shape(each: usize) -> Shape {
    Shape { producers: each, consumers: each }
}

/// Messages a batch between many: few enough for a claim of so many to be a common thing, and for many to have one under
/// way at a time.
const CROWD_BATCH: usize = 32;

/// Everything to be measured once a round, on so many cores. What will be compared is measured in close succession.
pub(crate) fn jobs(transports: &[Facts], cores: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    for facts in transports {
        if facts.pairs {
            jobs.extend(between_two(facts));
        }
        if facts.crowds {
            jobs.extend(between_many(facts, cores));
        }
    }
    // Stable, so that transports keep the order of the list.
    jobs.sort_by_key(|job| match job.test {
        Test::RoundTrip => (0, job.payload, Some(job.wait), None),
        Test::Throughput => (1, job.payload, None, None),
        Test::Handover => (2, job.payload, None, None),
        Test::Batches(_) => (3, job.payload, None, None),
        Test::Crowd(shape, batch) => (4, job.payload, None, Some((shape, batch))),
    });
    jobs
}

/// The sizes of what fixed-size elements are asked for in round trips, and in streams. What carries any length is asked for all.
pub(crate) const ASKED: [Payload; 2] = [Payload::B8, Payload::B64];
pub(crate) const STREAMED: [Payload; 3] = [Payload::B8, Payload::B64, Payload::B1024];

fn between_two(facts: &Facts) -> Vec<Job> {
    let Facts { name: transport, scope, any_length, .. } = *facts;
    let job = |test, wait, payload| Job { transport, scope, test, wait, payload, any_length };
    let mut jobs = Vec::new();
    let (asked, streamed) =
        if any_length { (&Payload::ALL[..], &Payload::ALL[..]) } else { (&ASKED[..], &STREAMED[..]) };
    for payload in asked.iter().copied() {
        jobs.extend(facts.waits.iter().map(|wait| job(Test::RoundTrip, *wait, payload)));
    }
    if !facts.queues {
        return jobs;
    }
    for payload in streamed.iter().copied() {
        jobs.extend(facts.throughput_waits().map(|wait| job(Test::Throughput, wait, payload)));
        // One way of waiting will do for the rest.
        let wait = facts.throughput_waits().last();
        if any_length && !facts.in_place {
            jobs.extend(wait.map(|wait| job(Test::Handover, wait, payload)));
        }
        if facts.batches {
            jobs.extend(wait.map(|wait| job(Test::Batches(batch(payload)), wait, payload)));
        }
    }
    jobs
}

fn between_many(facts: &Facts, cores: usize) -> Vec<Job> {
    let job = |shape, batch, wait| Job {
        transport: facts.name,
        scope: facts.scope,
        test: Test::Crowd(shape, batch),
        wait,
        payload: Payload::B8,
        any_length: false,
    };
    let mut jobs = Vec::new();
    for shape in SHAPES {
        // Who polls without ever giving up its core wants one of its own: of two on one core, one would poll while the
        // other could work, until the scheduler takes its turn away.
        let waits = || facts.throughput_waits().filter(|wait| *wait != Wait::Spin || shape.parts() <= cores);
        jobs.extend(waits().map(|wait| job(shape, None, wait)));
        if facts.batches {
            jobs.extend(waits().last().map(|wait| job(shape, Some(CROWD_BATCH), wait)));
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(waits: &'static [Wait], queues: bool) -> Facts {
        let (pairs, crowds) = (true, false);
        Facts {
            name: "x",
            note: "",
            granted: None,
            kind: Kind::Kernel,
            scope: Scope::Processes,
            waits,
            queues,
            batches: true,
            pairs,
            crowds,
            any_length: false,
            in_place: false,
        }
    }

    fn crowds(waits: &'static [Wait], batches: bool) -> Facts {
        Facts { batches, pairs: false, crowds: true, ..facts(waits, true) }
    }

    fn count(jobs: &[Job], is: impl Fn(&Job) -> bool) -> usize {
        jobs.iter().filter(|job| is(job)).count()
    }

    #[test]
    fn what_cannot_queue_is_asked_for_round_trips_only() {
        let jobs = jobs(&[facts(&[Wait::Spin], false)], 2);
        assert_eq!(jobs.len(), 2);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 2);
    }

    #[test]
    fn what_has_a_choice_of_waiting_is_asked_for_each() {
        let jobs = jobs(&[facts(&[Wait::Spin, Wait::Default, Wait::Park], true)], 2);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 6);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Spin), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Default), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Park), 0);
        assert_eq!(count(&jobs, |job| matches!(job.test, Test::Batches(_)) && job.wait == Wait::Default), 3);
        assert_eq!(jobs.len(), 15);
    }

    #[test]
    fn what_carries_any_length_is_asked_for_every_size() {
        let pipe = Facts { any_length: true, ..facts(&[Wait::Park], true) };
        let jobs = jobs(&[pipe.clone(), Facts { in_place: true, ..pipe }], 2);
        for payload in Payload::ALL {
            let of = |is: fn(&Test) -> bool| count(&jobs, |job| job.payload == payload && is(&job.test));
            assert_eq!(of(|test| *test == Test::RoundTrip), 2);
            assert_eq!(of(|test| *test == Test::Throughput), 2);
            assert_eq!(of(|test| matches!(test, Test::Batches(_))), 2);
            // What lies ready elsewhere would have to be copied.
            assert_eq!(of(|test| *test == Test::Handover), 1);
        }
        assert!(jobs.iter().all(|job| job.any_length));
        assert_eq!(jobs.len(), 6 * 7);
    }

    #[test]
    fn what_is_compared_is_measured_in_succession() {
        let jobs = jobs(&Facts::of_all(&[]), 2);
        let round_trips: Vec<_> =
            jobs.iter().filter(|job| job.test == Test::RoundTrip).map(|job| (job.payload, job.wait)).collect();
        assert!(round_trips.is_sorted(), "{round_trips:?}");
        let rest = jobs.iter().skip(round_trips.len());
        assert!(rest.clone().all(|job| job.test != Test::RoundTrip));
    }

    #[test]
    fn only_some_of_the_transports() {
        let some = ["unix-stream", "array-queue", "pipe"].map(str::to_owned);
        let some: Vec<_> = Facts::of_all(&some).iter().map(|f| f.name).collect();
        assert_eq!(some, ["pipe", "unix-stream", "array-queue"]);
        let all: Vec<_> = Facts::of_all(&[]).iter().map(|f| f.name).collect();
        assert_eq!(all, all_names());
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len(), "named twice: {all:?}");
        assert!(names().iter().chain(crowd_names()).all(|name| all.contains(name)));
    }

    #[test]
    fn who_is_measured_between_many_is_measured_in_every_shape() {
        let all = [Wait::Spin, Wait::Default, Wait::Park];
        let jobs = |cores| jobs(&[crowds(const { &[Wait::Spin, Wait::Default, Wait::Park] }, true)], cores);
        for cores in [2, 4, 8] {
            let jobs = jobs(cores);
            for shape in SHAPES {
                let of = |wait, batch| count(&jobs, |job| job.test == Test::Crowd(shape, batch) && job.wait == wait);
                assert_eq!(all.map(|wait| of(wait, None)), [usize::from(shape.parts() <= cores), 1, 0]);
                assert_eq!(all.map(|wait| of(wait, Some(CROWD_BATCH))), [0, 1, 0]);
            }
            assert!(jobs.iter().all(|job| job.payload == Payload::B8));
        }
        let without = between_many(&crowds(&[Wait::Yield], false), 2);
        assert_eq!(without.len(), SHAPES.len());
    }

    #[test]
    fn shapes_are_compared_in_succession() {
        let jobs = jobs(&[crowds(&[Wait::Yield], false), crowds(&[Wait::Default], true)], 2);
        let order: Vec<_> =
            jobs.iter().filter_map(|j| if let Test::Crowd(s, b) = j.test { Some((s, b)) } else { None }).collect();
        assert_eq!(order.len(), 9);
        assert!(order.is_sorted(), "{order:?}");
    }
}
