//! `rondel versus`: every transport measured on this machine, on equal terms. `docs/benchmarking.md` defines the figures.

mod clock;
mod cores;
mod crowd;
mod facts;
mod job;
mod machine;
mod measure;
mod near;
mod paced;
mod placement;
mod plan;
mod record;
mod rounds;
mod show;
mod skew;
mod solo;
mod stats;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use rondel_baselines::{Payload, Wait};
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clock::Clock;
use cores::Chosen;
use facts::Facts;
use measure::{Clocks, Slice};
use placement::Placement;
use plan::Wanted;
use record::{About, Finding, Record, Run};
use rounds::Outcome;
use show::charts::Which;
use show::compare::{Comparison, Tolerance};
use show::table::Terminal;
use skew::Skew;

/// Measures every way in which two processes of one machine can hand each other messages, beside the machine's own floor.
///
/// Real processes exchange real messages, each process on a core of its own, and every message is checked when it
/// arrives. Takes about 9 minutes, and with --quick less than 30 seconds. What each figure means is defined in
/// docs/benchmarking.md.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only round trips, throughput and one load, with messages of 64 bytes, in less than 30 seconds.
    #[arg(long)]
    quick: bool,

    /// Only these transports, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(facts::all_names()))]
    only: Vec<String>,

    /// Only messages of these sizes, separated by commas: 8, 64, 256, 1024, 4096, 65536 bytes. (Under load they have 64 bytes,
    /// between many 8.)
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = size)]
    sizes: Vec<Payload>,

    /// Only these ways of waiting, separated by commas: spin, yield, default, park.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = wait)]
    wait: Vec<Wait>,

    /// The two cores to use, for example 2,3, or what they are to share: same-core, smt-siblings, same-l3, same-socket, across.
    /// Without it: the first two that this process may run on, and between many all.
    #[arg(long, value_name = "A,B")]
    cores: Option<cores::Wanted>,

    /// How often each measurement is repeated; the medians are reported. [default: 5, with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: Option<u32>,

    /// How long the whole run may take, divided equally among all measurements. [default: 480, with --quick 20]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    /// Print one JSON object a line, one for the run and one for each figure, instead of the tables.
    #[arg(long)]
    json: bool,

    /// Write a page for a browser, with charts, to this file too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the charts to this directory too, as pictures of their own: round-trips.svg, throughput.svg, under-load.svg.
    #[arg(long, value_name = "DIRECTORY")]
    svg: Option<PathBuf>,

    /// Show an earlier run, which --json has written to this file, instead of measuring.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "only", "sizes", "wait", "cores", "repetitions", "seconds"])]
    from: Option<PathBuf>,

    /// Compare with an earlier run, which --json has written to this file.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// By how much a median may be worse than the baseline's, for example 10%. If one is worse by more, the exit status is 1.
    #[arg(long, value_name = "PERCENT", requires = "baseline")]
    tolerance: Option<Tolerance>,
}

fn size(text: &str) -> Result<Payload, String> {
    named(text, &Payload::ALL, |payload| payload.bytes().to_string())
}

fn wait(text: &str) -> Result<Wait, String> {
    named(text, &[Wait::Spin, Wait::Yield, Wait::Default, Wait::Park], |wait| wait.name().to_owned())
}

/// Refuses a name that nothing in the list has, and says what they are.
fn named<T: Copy>(text: &str, list: &[T], name: impl Fn(T) -> String) -> Result<T, String> {
    let found = list.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| format!("known are {}", list.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ")))
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // What cannot be read or written is found out before, and not after nine minutes.
    let baseline = arguments.baseline.as_deref().map(read).transpose()?;
    let mut page = arguments.html.clone().map(Output::open).transpose()?;
    let mut charts = arguments.svg.as_deref().map(open_charts).transpose()?.unwrap_or_default();
    let run = match &arguments.from {
        Some(file) => read(file)?,
        None => measured(arguments)?,
    };

    let mut out = io::stdout().lock();
    let terminal = Terminal::of_stdout();
    if arguments.json {
        show::lines::write(&mut out, &run)?;
    } else {
        show::table::write(&mut out, &run, &terminal)?;
    }
    if let Some(page) = &mut page {
        page.write(&show::html::page(&run))?;
    }
    for (which, file) in &mut charts {
        file.write(&show::charts::standalone(&run, *which))?;
    }
    let worse = match &baseline {
        Some(earlier) => compare(&mut out, earlier, &run, arguments, &terminal)?,
        None => 0,
    };
    out.flush()?;
    let failed = run.records.iter().filter(|record| matches!(record.finding, Finding::Failed { .. })).count();
    if failed > 0 {
        bail!("{failed} of {} measurements failed", run.records.len());
    }
    if worse > 0 {
        bail!("{worse} of {} figures are worse than the baseline's by more than the tolerance", run.records.len());
    }
    Ok(())
}

/// Shows how a run compares with an earlier one, and says how many figures are worse beyond the tolerance.
fn compare(
    out: &mut impl Write,
    earlier: &Run,
    now: &Run,
    arguments: &Arguments,
    terminal: &Terminal,
) -> anyhow::Result<usize> {
    let comparison = Comparison::of(earlier, now);
    let shown = arguments.tolerance.unwrap_or_default();
    if arguments.json {
        // The lines on stdout are those of the run.
        let plain = Terminal { width: None, colours: false };
        show::compare::write(&mut io::stderr().lock(), &comparison, shown, &plain)?;
    } else {
        show::compare::write(out, &comparison, shown, terminal)?;
    }
    let Some(tolerance) = arguments.tolerance else {
        return Ok(0);
    };
    if comparison.changes.is_empty() {
        bail!("the run and the baseline have no figure in common, so nothing can be said of a tolerance");
    }
    Ok(comparison.worse_than(tolerance).len())
}

fn read(path: &Path) -> anyhow::Result<Run> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    show::lines::read(BufReader::new(file)).with_context(|| format!("reading {}", path.display()))
}

/// A file to be written at the end of a run.
struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    /// Opened, but not emptied: a run that fails leaves what was there as it is.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("opening {} for writing", path.display()))?;
        Ok(Output { path, file })
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(text.as_bytes()));
        written.with_context(|| format!("writing {}", self.path.display()))
    }
}

/// The files of all charts, in a directory that is made if need be.
fn open_charts(directory: &Path) -> anyhow::Result<Vec<(Which, Output)>> {
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let charts =
        [(Which::RoundTrips, "round-trips"), (Which::Throughput, "throughput"), (Which::UnderLoad, "under-load")];
    let open = |(which, name)| Ok((which, Output::open(directory.join(name).with_extension("svg"))?));
    charts.into_iter().map(open).collect()
}

/// Measures what the arguments ask for.
fn measured(arguments: &Arguments) -> anyhow::Result<Run> {
    let (seconds, repetitions) = if arguments.quick { (20, 3) } else { (480, 5) };
    let seconds = arguments.seconds.unwrap_or(seconds);
    let repetitions = arguments.repetitions.unwrap_or(repetitions);
    let cores = cores::choose(arguments.cores)?;
    let facts = Facts::of_all(&arguments.only);
    let placement = cores.pair.placement();
    let wanted = Wanted {
        quick: arguments.quick,
        sizes: &arguments.sizes,
        waits: &arguments.wait,
        cores: cores.all.len(),
        one_core: placement == Placement::SameCore,
    };
    let jobs = plan::jobs(&facts, wanted);
    if jobs.is_empty() {
        bail!("there is nothing to measure: none of these transports is measured with these sizes and ways of waiting");
    }
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (clocks, skew) = clocks(&cores)?;
    let slice = Slice::of(Duration::from_secs(seconds), &jobs, repetitions);
    let (outcomes, repetitions) = rounds::all(jobs, repetitions, Duration::from_secs(seconds), &cores, slice, clocks)?;
    let milliseconds = |length: Duration| (length.as_secs_f64() * 1e4).round() / 10.0;
    let about = About {
        rondel: env!("CARGO_PKG_VERSION").to_owned(),
        command: command(std::env::args().skip(1)),
        date,
        processor: machine::processor(),
        kernel: machine::kernel(),
        near: cores.pair.near,
        far: cores.pair.far,
        placement: placement.name().to_owned(),
        cores: cores.all,
        clock: clocks.near.name().to_owned(),
        clock_reading_ns: clocks.near.cost().round(),
        clock_skew_ns: skew.bound().round(),
        repetitions,
        warm_up_ms: milliseconds(slice.warm_up),
        measured_ms: milliseconds(slice.measured),
        transports: facts.iter().map(Facts::about).collect(),
    };
    let record = |Outcome { job, finding }: Outcome| Record {
        key: job.key(),
        between: job.scope.name().to_owned(),
        repetitions,
        finding,
    };
    Ok(Run { about, records: outcomes.into_iter().map(record).collect() })
}

/// What repeats this run: the arguments but those that say what becomes of it, for a build with the same crates.
fn command(arguments: impl Iterator<Item = String>) -> String {
    const OUTPUTS: [&str; 4] = ["--html", "--svg", "--baseline", "--tolerance"];
    let features = if cfg!(feature = "peers") { " --features peers" } else { "" };
    let mut command = format!("cargo run --release -p rondel-cli{features} --");
    let mut is_value = false;
    for argument in arguments {
        let (name, value) = argument.split_once('=').map_or((argument.as_str(), false), |(name, _)| (name, true));
        let is_output = OUTPUTS.contains(&name);
        if !is_value && !is_output && name != "--json" {
            command = command + " " + &argument;
        }
        is_value = !is_value && is_output && !value;
    }
    command
}

/// The best clock, and the best of those that the two cores read alike, with how far their readings may lie apart.
fn clocks(cores: &Chosen) -> anyhow::Result<(Clocks, Skew)> {
    let near = Clock::best();
    let skew = Skew::measure(near, cores.pair).context("comparing the clocks of the two cores")?;
    if skew.is_none() {
        return Ok((Clocks { near, common: near }, skew));
    }
    let common = Clock::monotonic();
    let skew = Skew::measure(common, cores.pair).context("comparing the clocks of the two cores")?;
    Ok((Clocks { near, common }, skew))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_by_what_was_measured_and_not_by_what_became_of_it() {
        let repeated = |line: &str| {
            let command = command(line.split(' ').map(str::to_owned));
            command.split_once(" -- ").map(|(_, arguments)| arguments.to_owned())
        };
        let all = "versus --quick --html a.html --only pipe,fifo --json --baseline=b.jsonl --tolerance 5% --cores 2,3 --svg d";
        assert_eq!(repeated(all).as_deref(), Some("versus --quick --only pipe,fifo --cores 2,3"));
        assert_eq!(repeated("versus --html --json").as_deref(), Some("versus"));
    }
}
