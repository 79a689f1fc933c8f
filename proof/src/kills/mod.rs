//! A kill at every instruction.
//!
//! A *victim*, a forked process, carries out one operation under ptrace(2), one machine instruction at a time, and is killed by SIGKILL
//! behind instruction k: for every k until the operation is over, for every operation of every ring, from every state, with nobody
//! else there, with somebody at work, with somebody asleep. Then the survivors and successors, in other processes, go on, and everything that
//! they find has to be what is promised. A failing case has a name, by which it is repeated.

mod account;
mod case;
mod clock;
mod crew;
mod last_words;
mod mpmc;
mod page;
mod pair;
mod pair_asleep;
mod pair_two;
mod scenario;
mod sleeper;
mod spsc;
mod victim;
mod walk;
mod whereabouts;
mod worker;

use std::io::{IsTerminal, stderr};
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::account::Account;
pub use self::case::Case;
use self::crew::{Points, Told, Unit};
use self::scenario::Scenario;
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
    /// Of the second of two victims only every so-manieth instruction
    #[arg(long, value_name = "STEP", default_value = "1")]
    pair_step: NonZeroU64,
    /// One case, as a failure has printed it
    #[arg(long, conflicts_with_all = ["only", "sample", "pair_step"])]
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
    all.extend(mpmc::scenarios());
    all
}

/// Carries out the subcommand.
///
/// # Errors
/// What was asked for does not exist, or the machine refuses a process or memory.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut scenarios = scenarios();
    if let Some(case) = &arguments.case {
        return replay(&scenarios, case);
    }
    if !arguments.only.is_empty() {
        scenarios.retain(|scenario| arguments.only.iter().any(|text| scenario.name().contains(text.as_str())));
        if scenarios.is_empty() {
            bail!("no scenario's name contains any of {:?}; --list shows them all", arguments.only);
        }
    }
    if arguments.list {
        scenarios.iter().for_each(|scenario| println!("{}", scenario.name()));
        return Ok(ExitCode::SUCCESS);
    }
    sweep(&scenarios, arguments)
}

fn sweep(scenarios: &[Box<dyn Scenario>], arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cores = arguments.jobs.unwrap_or_else(|| available_parallelism().map_or(1, |cores| cores.get()));
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
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
        crew::work(scenarios, units, (cores * a_core).min(units.len()), |told, so_far| {
            match told {
                Some(Told::Fault { case, said }) => {
                    bar.suspend(|| eprintln!("FAULT {case}\n{said}\nagain: rondel-proof kills --case '{case}'"));
                    account.fault();
                }
                Some(done @ Told::Done { .. }) => {
                    account.add(done);
                    bar.inc(1);
                }
                None => {}
            }
            kills = kills.max(before + so_far);
            bar.set_message(format!("{kills} kills"));
        })
        .context("the workers")?;
    }
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", account.json());
    } else {
        print!("{account}");
    }
    Ok(if account.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
            (0..parts).map(|first| unit(Points::Each { first, step: parts, inner })).collect()
        }
    }
}

/// One case, in this process, with everything that is said.
fn replay(scenarios: &[Box<dyn Scenario>], case: &Case) -> anyhow::Result<ExitCode> {
    let Some(scenario) = scenarios.iter().find(|scenario| scenario.name() == case.scenario) else {
        bail!("no scenario is called {:?}; --list shows them all", case.scenario);
    };
    if scenario.walkers() != case.instructions.len() {
        bail!("{} wants {} numbers of instructions", case.scenario, scenario.walkers());
    }
    // System calls are stepped like everything else where their places are not known.
    let course = Course::default();
    let survey = |place: &u64| if *place == u64::MAX { Walk::survey() } else { Walk::behind(*place, &course) };
    let mut walks: Vec<Walk<'_>> = case.instructions.iter().map(survey).collect();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario.play(&mut walks)));
    for (walk, place) in walks.iter().zip(&case.instructions) {
        let address = walk.address().map_or_else(String::new, whereabouts::of);
        let over = if walk.is_over() { ", when the operation was over" } else { "" };
        println!("left behind {place} instructions{over}: {address}");
    }
    match played {
        Ok(played) => {
            println!("survived: {} done, {:?} without progress", played.progress, played.stall);
            Ok(ExitCode::SUCCESS)
        }
        Err(_) => Ok(ExitCode::FAILURE),
    }
}
