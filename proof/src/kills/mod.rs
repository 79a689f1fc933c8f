//! A kill at every instruction.
//!
//! A *victim*, a forked process, carries out one operation under ptrace(2), one machine instruction at a time, and is killed by SIGKILL
//! behind instruction k: for every k until the operation is over, for every operation of every ring, from every state, with nobody
//! else there, with somebody at work, with somebody asleep. Then the survivors and successors, in other processes, go on, and everything that
//! they find has to be what is promised. A failing case has a name, by which it is repeated.

mod account;
mod bytes;
mod case;
mod clock;
mod crew;
mod interruption;
mod last_words;
mod mpmc;
mod page;
mod pair;
mod pair_asleep;
mod pair_two;
mod permission;
mod scenario;
mod segments;
mod sleeper;
mod spsc;
mod victim;
mod walk;
mod whereabouts;
mod worker;

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::account::Account;
pub use self::case::Case;
use self::crew::{Points, Told, Unit};
use self::interruption::Interruption;
use self::scenario::{Played, Scenario};
use self::segments::workplace::Workplace;
use self::walk::{Course, Walk};

/// Kills a process behind every single instruction of every operation, and has the others go on.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only scenarios whose name contains this; several, by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only about so many kills a scenario, spread over its instructions
    #[arg(long, value_name = "KILLS")]
    sample: Option<NonZeroU64>,
    /// Only so many scenarios an operation, other ones each time
    #[arg(long, value_name = "COUNT")]
    scenarios: Option<NonZeroU64>,
    /// Every instruction also of operations of more than 8000, which go through the kernel; else of those each that is near a system
    /// call, and each 31st
    #[arg(long, conflicts_with = "sample")]
    all: bool,
    /// Of the second of two victims, of those instructions that are taken anyway, only every so-manieth: 1 takes four times as long
    #[arg(long, value_name = "STEP", default_value = "3")]
    pair_step: NonZeroU64,
    /// One case, as a failure has printed it
    #[arg(long, conflicts_with_all = ["only", "sample", "scenarios", "pair_step"])]
    case: Option<Case>,
    /// So many workers at a time (of scenarios with a sleeper eight times as many) [default: the cores]
    #[arg(long)]
    jobs: Option<usize>,
    /// Lists the scenarios, and does nothing else
    #[arg(long)]
    list: bool,
    /// The account as one JSON object
    #[arg(long)]
    json: bool,
}

/// How many workers there are to a core where most of the time is a sleeper's.
const SLEEPERS_A_CORE: usize = 8;
/// Into so many units a scenario is cut, so that no worker is the last one for long.
const PARTS: u64 = 4;
const PARTS_OF_PAIRS: u64 = 16;

fn scenarios() -> Vec<Box<dyn Scenario>> {
    let mut all = spsc::scenarios();
    all.extend(bytes::scenarios());
    all.extend(mpmc::scenarios());
    all.extend(segments::scenarios());
    all
}

/// Carries out the subcommand.
///
/// # Errors
/// What was asked for does not exist, or the machine refuses a process or memory.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut scenarios = scenarios();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    if let Some(case) = &arguments.case {
        return replay(&scenarios, case);
    }
    if !arguments.only.is_empty() {
        scenarios.retain(|scenario| arguments.only.iter().any(|text| scenario.name().contains(text.as_str())));
        if scenarios.is_empty() {
            bail!("no scenario's name contains any of {:?}; --list shows them all", arguments.only);
        }
    }
    if let Some(most) = arguments.scenarios {
        choose(&mut scenarios, most.get() as usize, seed);
    }
    if arguments.list {
        let names: String = scenarios.iter().map(|scenario| format!("{}\n", scenario.name())).collect();
        say(&names)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Err(refused) = permission::ask() {
        return Ok(forbidden(&refused));
    }
    sweep(&scenarios, arguments, seed)
}

/// The exit code where the machine does not let a process be stepped: nothing was tried, and nothing was found.
pub const EXIT_FORBIDDEN: u8 = 77;

fn forbidden(refused: &str) -> ExitCode {
    eprintln!(
        "nothing was tried: {refused}.\nA victim is stepped through its operations by ptrace(2). Containers forbid it by their \
         seccomp profile (`docker run --cap-add SYS_PTRACE` allows it), systems by kernel.yama.ptrace_scope = 3."
    );
    ExitCode::from(EXIT_FORBIDDEN)
}

/// Prints, unless nobody listens any more.
fn say(text: &str) -> anyhow::Result<()> {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

fn sweep(scenarios: &[Box<dyn Scenario>], arguments: &Arguments, seed: u64) -> anyhow::Result<ExitCode> {
    let cores = arguments.jobs.unwrap_or_else(|| available_parallelism().map_or(1, |cores| cores.get()));
    let interruption = Interruption::expect();
    let _workplace = Workplace::take()?;
    let mut account = Account::new(scenarios);
    let units: [Vec<Unit>; 2] = [false, true].map(|asleep| {
        let numbered = scenarios.iter().enumerate().filter(|(_, scenario)| scenario.sleeps() == asleep);
        numbered.flat_map(|(number, scenario)| cut(number, &**scenario, arguments, seed)).collect()
    });
    let bar = ProgressBar::new(units.iter().map(|units| units.len() as u64).sum());
    if !stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent}% · {msg} · {elapsed} gone, {eta} to go")?);
    let mut kills = 0;
    for (units, a_core) in units.iter().zip([1, SLEEPERS_A_CORE]) {
        let before = kills;
        crew::work(scenarios, units, (cores * a_core).min(units.len()), &interruption, |told, so_far| {
            match told {
                Some(Told::Fault { case, said }) => {
                    let is_told = account.fault(&case);
                    let text = format!("FAULT {case}\n{said}\nagain: rondel-proof kills --case '{case}'\n\n");
                    // Nobody may listen any more.
                    bar.suspend(|| is_told.then(|| stderr().write_all(text.as_bytes())));
                }
                Some(done @ Told::Done { .. }) => {
                    account.add(done);
                    bar.inc(1);
                }
                None => {}
            }
            kills = kills.max(before + so_far);
            let faults = if account.is_clean() { String::new() } else { format!(", {} FAULTS", account.faults()) };
            bar.set_message(format!("{kills} kills{faults}"));
        })
        .context("the workers")?;
    }
    bar.finish_and_clear();
    let signal = interruption.signal();
    if signal.is_some() {
        account.interrupted(kills);
    }
    say(&if arguments.json { format!("{}\n", account.json()) } else { account.to_string() })?;
    if let Some(signal) = signal {
        // As a shell says it of those that a signal ends.
        return Ok(ExitCode::from(128 + signal as u8));
    }
    Ok(if account.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keeps at most so many scenarios of each operation, spread over all of its states and companies; which ones the seed decides.
fn choose(scenarios: &mut Vec<Box<dyn Scenario>>, most: usize, seed: u64) {
    let mut totals: BTreeMap<String, usize> = BTreeMap::new();
    for scenario in scenarios.iter() {
        *totals.entry(account::operation(scenario.name())).or_default() += 1;
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    scenarios.retain(|scenario| {
        let operation = account::operation(scenario.name());
        let step = totals[&operation].div_ceil(most);
        let place = seen.entry(operation).or_default();
        *place += 1;
        // There is always one: the step is no longer than the list.
        *place % step == seed as usize % step
    });
}

/// A scenario's kills, in parts.
fn cut(number: usize, scenario: &dyn Scenario, arguments: &Arguments, seed: u64) -> Vec<Unit> {
    let unit = |points| Unit { scenario: number, points };
    match arguments.sample {
        // Of two walkers as many in all: the root of it for each.
        Some(count) if scenario.walkers() == 2 => {
            vec![unit(Points::Some { count: count.get().isqrt().max(1), seed: seed.wrapping_add(number as u64) })]
        }
        Some(count) => vec![unit(Points::Some { count: count.get(), seed: seed.wrapping_add(number as u64) })],
        None => {
            let parts = if scenario.walkers() == 2 { PARTS_OF_PAIRS } else { PARTS };
            let inner = arguments.pair_step.get();
            (0..parts).map(|first| unit(Points::Each { first, step: parts, inner, all: arguments.all })).collect()
        }
    }
}

/// One case, in this process, with everything that is said.
fn replay(scenarios: &[Box<dyn Scenario>], case: &Case) -> anyhow::Result<ExitCode> {
    let Some(scenario) = scenarios.iter().find(|scenario| scenario.name() == case.scenario) else {
        bail!("no scenario is called {:?}; --list shows them all", case.scenario);
    };
    if scenario.walkers() != case.instructions.len() {
        let (wanted, found) = (scenario.walkers(), case.instructions.len());
        bail!("{} has {wanted} victims, and wants as many numbers of instructions; found {found}", case.scenario);
    }
    if let Err(refused) = permission::ask() {
        return Ok(forbidden(&refused));
    }
    let _workplace = Workplace::take()?;
    // As in the sweep: how long the operation is, where its system calls are, and how much it does, is known from a run to its end.
    let mut known = None;
    if let [instructions] = case.instructions[..] {
        let mut walks = [Walk::survey()];
        match play(&**scenario, &mut walks) {
            Some(played) if instructions != Case::END => {
                let [walk] = walks;
                known = Some((walk.course(), played.progress));
            }
            played => return report(&walks, played, None),
        }
    }
    let nowhere = Course::default();
    let course = known.as_ref().map_or(&nowhere, |(course, _)| course);
    let walk = |place: &u64| if *place == Case::END { Walk::survey() } else { Walk::behind(*place, course) };
    let mut walks: Vec<Walk<'_>> = case.instructions.iter().map(walk).collect();
    let played = play(&**scenario, &mut walks);
    let whole = known.as_ref().filter(|_| scenario.is_whole()).map(|(_, whole)| *whole);
    report(&walks, played, whole)
}

/// What is found is printed by who finds it.
fn play(scenario: &dyn Scenario, walks: &mut [Walk<'_>]) -> Option<Played> {
    catch_unwind(AssertUnwindSafe(|| scenario.play(walks))).ok()
}

/// Tells what came of one case; `whole` is how much the operation does if it is not cut short, where it may do nothing between that and
/// nothing.
fn report(walks: &[Walk<'_>], played: Option<Played>, whole: Option<u64>) -> anyhow::Result<ExitCode> {
    let told = match played {
        None => "FAULT: what was found stands above".to_owned(),
        Some(Played { progress, .. }) if whole.is_some_and(|whole| ![0, whole].contains(&progress)) => {
            format!("FAULT: {progress} are done, of an operation that does {} or nothing", whole.unwrap_or(0))
        }
        Some(Played { progress, stall, .. }) => format!("survived: {progress} done, {stall:?} without progress"),
    };
    say(&format!("{}{told}\n", whereabouts::of_all(walks)))?;
    Ok(if told.starts_with("survived") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
