//! What is measured, and in which order.

use rondel_baselines::{Carries, Payload, Scope, Visitor, Wait, names, visit};
use std::fmt;

/// What is known of a transport before it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    scope: Scope,
    waits: &'static [Wait],
    queues: bool,
    batches: bool,
}

impl Facts {
    /// The facts of all transports, or of those named in `only` if it names any.
    pub(crate) fn of_all(only: &[String]) -> Vec<Facts> {
        struct Ask;
        impl Visitor for Ask {
            type Output = Facts;
            fn visit<T: Carries<1> + Carries<8> + Carries<128>>(self) -> Facts {
                Facts {
                    name: T::NAME,
                    note: T::NOTE,
                    scope: T::SCOPE,
                    waits: T::WAITS,
                    queues: T::QUEUES,
                    batches: T::BATCHES,
                }
            }
        }
        names()
            .iter()
            .filter(|name| only.is_empty() || only.iter().any(|wanted| wanted == *name))
            .filter_map(|name| visit(name, Ask).ok())
            .collect()
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
    /// The same, so many messages a step.
    Batches(usize),
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) transport: &'static str,
    pub(crate) scope: Scope,
    pub(crate) test: Test,
    pub(crate) wait: Wait,
    pub(crate) payload: Payload,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let test = match self.test {
            Test::RoundTrip => "round trip",
            Test::Throughput => "throughput",
            Test::Batches(_) => "throughput in batches",
        };
        write!(f, "{}, {test}, {}, {} bytes", self.transport, self.wait.name(), self.payload.bytes())
    }
}

/// Messages a batch: 64 lines of a ring with seven 8-byte elements a line, and about 4 and 16 KiB of the larger ones.
/// All fit in a ring of the size that `ring_capacity` gives several times over.
const fn batch(payload: Payload) -> usize {
    match payload {
        Payload::B8 => 448,
        Payload::B64 => 64,
        Payload::B1024 => 16,
    }
}

/// Everything to be measured once a round. What will be compared is measured in close succession.
pub(crate) fn jobs(transports: &[Facts]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for facts in transports {
        let job = |test, wait, payload| Job { transport: facts.name, scope: facts.scope, test, wait, payload };
        for payload in [Payload::B8, Payload::B64] {
            jobs.extend(facts.waits.iter().map(|wait| job(Test::RoundTrip, *wait, payload)));
        }
        if !facts.queues {
            continue;
        }
        for payload in [Payload::B8, Payload::B64, Payload::B1024] {
            jobs.extend(facts.throughput_waits().map(|wait| job(Test::Throughput, wait, payload)));
            if facts.batches {
                // One way of waiting will do: in batches it is asked for even less often.
                let wait = facts.throughput_waits().last();
                jobs.extend(wait.map(|wait| job(Test::Batches(batch(payload)), wait, payload)));
            }
        }
    }
    let kind = |test| match test {
        Test::RoundTrip => 0,
        Test::Throughput => 1,
        Test::Batches(_) => 2,
    };
    // Stable, so that transports keep the order of the list.
    jobs.sort_by_key(|job| {
        let wait = if kind(job.test) == 0 { Some(job.wait) } else { None };
        (kind(job.test), job.payload, wait)
    });
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(waits: &'static [Wait], queues: bool) -> Facts {
        Facts { name: "x", note: "", scope: Scope::Processes, waits, queues, batches: true }
    }

    fn count(jobs: &[Job], is: impl Fn(&Job) -> bool) -> usize {
        jobs.iter().filter(|job| is(job)).count()
    }

    #[test]
    fn what_cannot_queue_is_asked_for_round_trips_only() {
        let jobs = jobs(&[facts(&[Wait::Spin], false)]);
        assert_eq!(jobs.len(), 2);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 2);
    }

    #[test]
    fn what_has_a_choice_of_waiting_is_asked_for_each() {
        let jobs = jobs(&[facts(&[Wait::Spin, Wait::Default, Wait::Park], true)]);
        assert_eq!(count(&jobs, |job| job.test == Test::RoundTrip), 6);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Spin), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Default), 3);
        assert_eq!(count(&jobs, |job| job.test == Test::Throughput && job.wait == Wait::Park), 0);
        assert_eq!(count(&jobs, |job| matches!(job.test, Test::Batches(_)) && job.wait == Wait::Default), 3);
        assert_eq!(jobs.len(), 15);
    }

    #[test]
    fn what_is_compared_is_measured_in_succession() {
        let jobs = jobs(&Facts::of_all(&[]));
        let round_trips: Vec<_> =
            jobs.iter().filter(|job| job.test == Test::RoundTrip).map(|job| (job.payload, job.wait)).collect();
        assert!(round_trips.is_sorted(), "{round_trips:?}");
        let rest = jobs.iter().skip(round_trips.len());
        assert!(rest.clone().all(|job| job.test != Test::RoundTrip));
    }

    #[test]
    fn only_some_of_the_transports() {
        let names: Vec<_> = Facts::of_all(&["unix".to_owned(), "pipe".to_owned()]).iter().map(|f| f.name).collect();
        assert_eq!(names, ["pipe", "unix"]);
        assert_eq!(Facts::of_all(&[]).len(), names_known());
    }

    fn names_known() -> usize {
        rondel_baselines::names().len()
    }
}
