//! `rondel versus`: every transport measured on this machine, on equal terms. `docs/benchmarking.md` defines the figures.

mod clock;
mod cores;
mod crowd;
mod json;
mod machine;
mod measure;
mod plan;
mod record;
mod report;
#[allow(dead_code)]
mod show;
mod sizes;
mod stats;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use rondel_baselines::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use clock::Clock;
use cores::{Chosen, PairOfCores};
use machine::Machine;
use measure::{Sample, Slice, measure};
use plan::{Facts, Job};
use stats::Figures;

/// Measures rondel's rings beside pipes, sockets and the machine's own floor.
///
/// Real processes exchange real messages, each process on a core of its own, and every message is checked when it
/// arrives. Takes about 50 seconds. What each figure means is defined in docs/benchmarking.md.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print one JSON object a line, one for each figure, instead of the tables.
    #[arg(long)]
    json: bool,

    /// The two cores to use, for example 2,3. Without it: the first two that this process may run on, and between many all.
    #[arg(long, value_name = "A,B")]
    cores: Option<PairOfCores>,

    /// Only these transports, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(plan::all_names()))]
    only: Vec<String>,

    /// How often each measurement is repeated; the medians are reported.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,

    /// How long the whole run may take, divided equally among all measurements.
    #[arg(long, value_name = "S", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

/// What came of one job.
struct Outcome {
    job: Job,
    result: Result<Figures, String>,
}

/// How a run was done, for its reader.
struct Method {
    repetitions: u32,
    slice: Slice,
    clock: Clock,
    /// Those over which many are spread.
    cores: Vec<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let cores = cores::choose(arguments.cores)?;
    let facts = Facts::of_all(&arguments.only);
    let jobs = plan::jobs(&facts, cores.all.len());
    if jobs.is_empty() {
        bail!("there is nothing to measure");
    }
    let clock = Clock::best();
    let slice = Slice::of(Duration::from_secs(arguments.seconds), &jobs, arguments.repetitions);
    let (outcomes, repetitions) = rounds(jobs, arguments, &cores, slice, clock)?;

    let mut out = io::stdout().lock();
    if arguments.json {
        json::write(&mut out, &outcomes, repetitions)?;
    } else {
        let method = Method { repetitions, slice, clock, cores: cores.all };
        report::write(&mut out, &outcomes, &Machine::this(cores.pair), &method, &facts)?;
    }
    out.flush()?;
    Ok(())
}

/// Measures all jobs, in turn and again and again, so that a machine that slows down or speeds up in the course of the run
/// does so for all alike. Returns what came of each, and how often each was done.
fn rounds(
    jobs: Vec<Job>,
    arguments: &Arguments,
    cores: &Chosen,
    slice: Slice,
    clock: Clock,
) -> anyhow::Result<(Vec<Outcome>, u32)> {
    let bar = progress_bar(jobs.len() as u64 * u64::from(arguments.repetitions))?;
    let begin = Instant::now();
    let mut lanes: Vec<(Job, Result<Vec<Sample>, String>)> = jobs.into_iter().map(|job| (job, Ok(vec![]))).collect();
    let mut done = 0;
    while done < arguments.repetitions && !late(begin, done, arguments.seconds) {
        for (job, lane) in &mut lanes {
            bar.set_message(job.to_string());
            if let Ok(samples) = lane {
                match measure(job, cores, slice, clock) {
                    Ok(sample) => samples.push(sample),
                    // The machine forbids it: a line in the table. Anything else would make all figures doubtful.
                    Err(error) if matches!(*error, Error::Unavailable { .. }) => *lane = Err(error.to_string()),
                    Err(error) => {
                        bar.abandon();
                        return Err(error).with_context(|| format!("measuring {job}"));
                    }
                }
            }
            bar.inc(1);
        }
        done += 1;
    }
    bar.finish_and_clear();
    let outcomes =
        lanes.into_iter().map(|(job, lane)| Outcome { job, result: lane.map(|s| Figures::of(&s)) }).collect();
    Ok((outcomes, done))
}

/// Whether another round would take the run far beyond its time, as on a machine that is busy with other things. A
/// median wants three values, so the first three rounds are always done.
fn late(begin: Instant, done: u32, seconds: u64) -> bool {
    done >= 3 && begin.elapsed() * (done + 1) / done > Duration::from_secs(seconds) * 23 / 20
}

/// Drawn on stderr, and only where that is a terminal. It has no thread of its own: this process forks.
fn progress_bar(length: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:32} {percent:>3}%, {eta} left: {msg}")?;
    Ok(ProgressBar::new(length).with_style(style))
}
