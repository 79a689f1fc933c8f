//! What is measured, and in which order.

use super::facts::Facts;
use super::job::{Job, Test};
use rondel_baselines::{Payload, Scope, Shape, Wait};

/// What is wanted of all that could be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// No more than is needed to see how things stand.
    pub(crate) quick: bool,
    /// Only messages of these sizes; all if there are none.
    pub(crate) sizes: &'a [Payload],
    /// Only these ways of waiting; all if there are none.
    pub(crate) waits: &'a [Wait],
    /// How many cores there are for many.
    pub(crate) cores: usize,
    /// Whether the two sides have to share a core.
    pub(crate) one_core: bool,
}

impl Wanted<'_> {
    fn includes(&self, job: &Job) -> bool {
        let of = |list: &[Payload]| list.is_empty() || list.contains(&job.payload);
        let sizes = if self.sizes.is_empty() && self.quick { of(&[QUICK_SIZE]) } else { of(self.sizes) };
        let waits = self.waits.is_empty() || self.waits.contains(&job.wait);
        // Of two that share a core, one would poll while the other could work, until the scheduler takes its turn away; and one that
        // sends by the clock never gives it up.
        let shares = !self.one_core || !(job.wait == Wait::Spin || matches!(job.test, Test::Paced(_)));
        // What one thread does alone is not disturbed by that.
        sizes && waits && (shares || job.scope == Scope::OneThread) && (!self.quick || is_quick(job.test))
    }
}

/// The size that is measured when time is short: a line.
const QUICK_SIZE: Payload = Payload::B64;

/// The rate that is.
const QUICK_RATE: u64 = 100_000;

fn is_quick(test: Test) -> bool {
    match test {
        Test::RoundTrip | Test::Throughput => true,
        Test::Paced(rate) => rate == QUICK_RATE,
        Test::Handover | Test::Batches(_) | Test::Crowd(..) => false,
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

/// Messages a second under load, and their size.
const RATES: [u64; 5] = [1_000, 10_000, QUICK_RATE, 1_000_000, 10_000_000];
const PACED: Payload = Payload::B64;

/// How many send and how many receive where many do.
const SHAPES: [Shape; 3] = [shape(1), shape(2), shape(4)];

const fn shape(each: usize) -> Shape {
    Shape { producers: each, consumers: each }
}

/// Messages a batch between many: few enough for a claim of so many to be a common thing, and for many to have one under
/// way at a time.
const CROWD_BATCH: usize = 32;

/// Everything to be measured once a round. What will be compared is measured in close succession.
pub(crate) fn jobs(transports: &[Facts], wanted: Wanted<'_>) -> Vec<Job> {
    let mut jobs = Vec::new();
    for facts in transports {
        if facts.pairs {
            jobs.extend(between_two(facts));
        }
        if facts.crowds {
            jobs.extend(between_many(facts, wanted.cores));
        }
        if facts.scope == Scope::OneThread {
            jobs.extend(of_one(facts));
        }
    }
    jobs.retain(|job| wanted.includes(job));
    // Stable, so that transports keep the order of the list.
    jobs.sort_by_key(|job| match job.test {
        Test::RoundTrip => (0, job.payload, Some(job.wait), 0, None),
        Test::Throughput => (1, job.payload, None, 0, None),
        Test::Handover => (2, job.payload, None, 0, None),
        Test::Batches(_) => (3, job.payload, None, 0, None),
        Test::Paced(rate) => (4, job.payload, None, rate, None),
        Test::Crowd(shape, batch) => (5, job.payload, None, 0, Some((shape, batch))),
    });
    jobs
}

/// The sizes of what fixed-size elements are asked for in round trips, and in streams. What carries any length is asked for all.
const ASKED: [Payload; 2] = [Payload::B8, Payload::B64];
const STREAMED: [Payload; 3] = [Payload::B8, Payload::B64, Payload::B1024];

fn between_two(facts: &Facts) -> Vec<Job> {
    let Facts { name: transport, scope, any_length, .. } = *facts;
    let job = |test, wait, payload| Job { transport, scope, test, wait, payload };
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
        if !facts.in_place {
            jobs.extend(wait.map(|wait| job(Test::Handover, wait, payload)));
        }
        if facts.batches {
            jobs.extend(wait.map(|wait| job(Test::Batches(batch(payload)), wait, payload)));
        }
    }
    for rate in RATES {
        jobs.extend(facts.waits.iter().map(|wait| job(Test::Paced(rate), *wait, PACED)));
    }
    jobs
}

/// What is copied by one thread, in and out again.
fn of_one(facts: &Facts) -> Vec<Job> {
    let Facts { name: transport, scope, .. } = *facts;
    let tests = [Test::Throughput, Test::Handover];
    let of = |wait: Wait| {
        let all = Payload::ALL.into_iter().flat_map(move |payload| tests.map(|test| (test, payload)));
        all.map(move |(test, payload)| Job { transport, scope, test, wait, payload })
    };
    facts.waits.iter().copied().flat_map(of).collect()
}

fn between_many(facts: &Facts, cores: usize) -> Vec<Job> {
    let Facts { name: transport, scope, .. } = *facts;
    let job =
        |shape, batch, wait| Job { transport, scope, test: Test::Crowd(shape, batch), wait, payload: Payload::B8 };
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
    use rondel_baselines::Kind;

    const ALL: Wanted<'_> = Wanted { quick: false, sizes: &[], waits: &[], cores: 2, one_core: false };

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

    fn paced(job: &Job) -> bool {
        matches!(job.test, Test::Paced(_))
    }

    #[test]
    fn what_cannot_queue_is_asked_for_round_trips_only() {
        let jobs = jobs(&[facts(&[Wait::Spin], false)], ALL);
        assert_eq!(jobs.len(), 2);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 2);
    }

    #[test]
    fn what_has_a_choice_of_waiting_is_asked_for_each() {
        let jobs = jobs(&[facts(&[Wait::Spin, Wait::Default, Wait::Park], true)], ALL);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 6);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Spin), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Default), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Park), 0);
        assert_eq!(count(&jobs, |job| matches!(job.test, Test::Batches(_)) && job.wait == Wait::Default), 3);
        for wait in [Wait::Spin, Wait::Default, Wait::Park] {
            assert_eq!(count(&jobs, |job| paced(job) && job.wait == wait && job.payload == PACED), RATES.len());
        }
        assert_eq!(count(&jobs, |job| job.test == Test::Handover && job.wait == Wait::Default), 3);
        assert_eq!(jobs.len(), 18 + 3 * RATES.len());
    }

    #[test]
    fn what_carries_any_length_is_asked_for_every_size() {
        let pipe = Facts { any_length: true, ..facts(&[Wait::Park], true) };
        let jobs = jobs(&[pipe.clone(), Facts { in_place: true, ..pipe }], ALL);
        for payload in Payload::ALL {
            let of = |is: fn(&Test) -> bool| count(&jobs, |job| job.payload == payload && is(&job.test));
            assert_eq!(of(|test| *test == Test::RoundTrip), 2);
            assert_eq!(of(|test| *test == Test::Throughput), 2);
            assert_eq!(of(|test| matches!(test, Test::Batches(_))), 2);
            // What lies ready elsewhere would have to be copied.
            assert_eq!(of(|test| *test == Test::Handover), 1);
        }
        assert_eq!(count(&jobs, paced), 2 * RATES.len());
        assert_eq!(jobs.len(), 6 * 7 + 2 * RATES.len());
    }

    #[test]
    fn what_is_wanted_is_all_that_is_measured() {
        let all = Facts { any_length: true, ..facts(&[Wait::Spin, Wait::Park], true) };
        let jobs = |wanted| jobs(&[all.clone(), crowds(&[Wait::Spin, Wait::Park], true)], wanted);
        let sizes = jobs(Wanted { sizes: &[Payload::B8, Payload::B1024], ..ALL });
        assert!(!sizes.is_empty() && sizes.iter().all(|j| [Payload::B8, Payload::B1024].contains(&j.payload)));
        let waits = jobs(Wanted { waits: &[Wait::Park], ..ALL });
        assert!(!waits.is_empty() && waits.iter().all(|job| job.wait == Wait::Park));
        let quick = jobs(Wanted { quick: true, ..ALL });
        // Two round trips and two streams; and how long a message takes under one load.
        assert_eq!(quick.len(), 6, "{quick:?}");
        assert!(quick.iter().all(|job| job.payload == Payload::B64));
        let other = jobs(Wanted { quick: true, sizes: &[Payload::B8], ..ALL });
        assert!(!other.is_empty() && other.iter().all(|job| job.payload == Payload::B8));
        let together = jobs(Wanted { one_core: true, ..ALL });
        assert!(!together.is_empty() && together.iter().all(|job| job.wait == Wait::Park && !paced(job)));
    }

    #[test]
    fn what_is_compared_is_measured_in_succession() {
        let jobs = jobs(&Facts::of_all(&[]), ALL);
        let round_trips: Vec<_> =
            jobs.iter().filter(|job| job.test == Test::RoundTrip).map(|job| (job.payload, job.wait)).collect();
        assert!(round_trips.is_sorted(), "{round_trips:?}");
        let rest = jobs.iter().skip(round_trips.len());
        assert!(rest.clone().all(|job| job.test != Test::RoundTrip));
        let keys: std::collections::BTreeSet<_> = jobs.iter().map(Job::key).collect();
        assert_eq!(keys.len(), jobs.len(), "no two jobs are known by the same");
    }

    #[test]
    fn who_is_measured_between_many_is_measured_in_every_shape() {
        let all = [Wait::Spin, Wait::Default, Wait::Park];
        let jobs =
            |cores| jobs(&[crowds(const { &[Wait::Spin, Wait::Default, Wait::Park] }, true)], Wanted { cores, ..ALL });
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
        let jobs = jobs(&[crowds(&[Wait::Yield], false), crowds(&[Wait::Default], true)], ALL);
        let order: Vec<_> =
            jobs.iter().filter_map(|j| if let Test::Crowd(s, b) = j.test { Some((s, b)) } else { None }).collect();
        assert_eq!(order.len(), 9);
        assert!(order.is_sorted(), "{order:?}");
    }
}
