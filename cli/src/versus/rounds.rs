//! All jobs, in turn and again and again.

use super::cores::Chosen;
use super::job::Job;
use super::measure::{Clocks, Sample, Slice, measure};
use super::record::Finding;
use super::stats::finding;
use indicatif::{ProgressBar, ProgressStyle};
use rondel_baselines::Error;
use std::time::{Duration, Instant};

/// What came of one job.
pub(super) struct Outcome {
    pub(super) job: Job,
    pub(super) finding: Finding,
}

/// Measures all jobs once, then all again, so that a machine that slows down or speeds up in the course of the run
/// does so for all alike. Returns what came of each, and how often each was done.
pub(super) fn all(
    jobs: Vec<Job>,
    repetitions: u32,
    whole: Duration,
    cores: &Chosen,
    slice: Slice,
    clocks: Clocks,
) -> anyhow::Result<(Vec<Outcome>, u32)> {
    let bar = progress_bar(jobs.len() as u64 * u64::from(repetitions))?;
    let begin = Instant::now();
    let mut lanes: Vec<(Job, Result<Vec<Sample>, Finding>)> = jobs.into_iter().map(|job| (job, Ok(vec![]))).collect();
    let mut done = 0;
    while done < repetitions && !late(begin.elapsed(), done, whole) {
        for (job, lane) in &mut lanes {
            bar.set_message(job.to_string());
            if let Ok(samples) = lane {
                match measure(job, cores, slice, clocks) {
                    Ok(sample) => samples.push(sample),
                    Err(error) => *lane = Err(broken_off(&error)),
                }
            }
            bar.inc(1);
        }
        done += 1;
    }
    bar.finish_and_clear();
    let outcomes = lanes.into_iter().map(|(job, lane)| {
        let finding = lane.map_or_else(|why| why, |samples| finding(&samples, job.payload.bytes()));
        Outcome { job, finding }
    });
    Ok((outcomes.collect(), done))
}

/// Why there is no figure. What the machine forbids is a line in the table; anything else is a fault, of the transport or of this program, of
/// which the run is told at its end, when all others have been measured.
fn broken_off(error: &Error) -> Finding {
    match error {
        Error::Unavailable { .. } => Finding::Unavailable { unavailable: error.to_string() },
        _ => Finding::Failed { failed: error.to_string() },
    }
}

/// Whether another round would take the run far beyond its time, as on a machine that is busy with other things. A
/// median wants three values, so the first three rounds are always done.
fn late(passed: Duration, done: u32, whole: Duration) -> bool {
    done >= 3 && passed * (done + 1) / done > whole * 23 / 20
}

/// Drawn on stderr, and only where that is a terminal. It has no thread of its own: this process forks.
fn progress_bar(length: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:32} {percent:>3}%, {eta} left: {wide_msg}")?;
    Ok(ProgressBar::new(length).with_style(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_falls_behind_ends_after_three_rounds_at_the_least() {
        let (second, whole) = (Duration::from_secs(1), Duration::from_secs(20));
        assert!(!late(100 * second, 2, whole));
        assert!(late(100 * second, 3, whole));
        assert!(!late(12 * second, 3, whole) && !late(18 * second, 4, whole));
        assert!(late(19 * second, 4, whole), "the fifth would end after 23.75 seconds");
    }

    #[test]
    fn what_is_forbidden_is_not_what_failed() {
        let forbidden = Error::Unavailable { transport: "x", what: "making one", source: "no".into() };
        assert!(
            matches!(broken_off(&forbidden), Finding::Unavailable { unavailable } if unavailable.contains("making one"))
        );
        let failed = Error::PeerGone { transport: "x" };
        assert!(matches!(broken_off(&failed), Finding::Failed { failed } if failed.contains("gone")));
    }
}
