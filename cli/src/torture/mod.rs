//! `rondel torture`: rings whose participants are killed, stopped and replaced at random, for minutes to days, and an account of every message.
//!
//! The tool starts *episodes*, several at a time. Each is a process of its own with one ring and a random [`setup`] that follows from a
//! seed; its participants are forked, work in every manner that the rings know, and note in a [`journal`] beside the ring what they are about to
//! do and what came of it. When the [`storm`] is over, the [`judge`] compares what was pushed with what was delivered. `docs/testing.md` says
//! what is judged, and what that cannot show.

mod account;
mod crew;
mod display;
mod doing;
mod endgame;
mod episode;
mod evidence;
mod journal;
mod judge;
mod letters;
mod lifeline;
mod pen;
mod quiet;
mod report;
mod setup;
mod shared;
mod storm;
mod subject;
mod sweep;
mod time;
mod victim;

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use account::Account;
use crew::{Crew, Event, Orders, Seeds};
use display::Display;
pub(crate) use episode::{Episode, run as episode};
use setup::{Kind, Setup};

use crate::pipelines::{Ending, end_by, ignored_signals};

/// How often the display is drawn anew.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// Kills, stops and replaces the participants of random rings, and accounts for every message.
///
/// Exit status 0 if nothing was lost, doubled, torn, out of order, stalled or left behind; 1 with the seed if anything was. Ctrl-C ends it
/// in order, with the account so far. docs/testing.md says what is judged, and how.
#[derive(Args)]
pub(crate) struct Torture {
    /// How long, for example 10m or 3days.
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    time: Duration,

    /// Only the episode with this seed, over and over: the same ring, the same choices of everybody. When each process runs is up to the
    /// machine.
    #[arg(long, value_name = "N", conflicts_with = "rings")]
    seed: Option<u64>,

    /// Only these rings, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    rings: Vec<Kind>,

    /// How many episodes at a time. [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// For how long survivors may not get on after a kill, beyond what the machine explains.
    #[arg(long, value_name = "DURATION", default_value = "150ms", value_parser = humantime::parse_duration)]
    stall: Duration,

    /// Print the account as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Torture) -> anyhow::Result<Ending> {
    sweep::sweep();
    let (events, heard) = channel();
    listen(events.clone())?;
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    let kinds = if arguments.rings.is_empty() { Kind::ALL.to_vec() } else { arguments.rings.clone() };
    let seeds = arguments.seed.map_or_else(|| Seeds::From(first_seed(), kinds), Seeds::One);
    let until = Instant::now() + arguments.time;
    let crew = Crew::start(Orders { seeds, until, stall: arguments.stall }, jobs, &events);
    let mut account = Account::new(arguments.stall);
    let signal = follow(&heard, &crew, jobs, &mut account, Display::new(arguments.time));
    sweep::remove_own();

    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer(&mut out, &account.json()).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{account}")?;
    }
    out.flush()?;
    if !account.is_clean() {
        bail!("{} of {} episodes were not clean", account.faults(), account.episodes());
    }
    Ok(signal.map_or(Ending::Complete, Ending::Signal))
}

/// Until all jobs have finished: when the time is up, at the first fault, or at a signal, which is returned.
fn follow(
    heard: &Receiver<Event>,
    crew: &Crew,
    mut jobs: usize,
    account: &mut Account,
    mut display: Display,
) -> Option<i32> {
    let mut signal = None;
    while jobs > 0 {
        match heard.recv_timeout(DRAWN_EVERY) {
            Ok(Event::Began { job, seed, kind }) => {
                account.began(seed);
                display.began(job, seed, kind);
            }
            Ok(Event::Progress { job, messages, kills }) => display.progress(job, messages, kills),
            Ok(Event::Reported { job, report }) => {
                display.ended(job);
                account.add(*report);
            }
            Ok(Event::Failed { job, seed, why }) => {
                display.ended(job);
                let setup = Setup::drawn(seed);
                account.failed(seed, setup.to_string(), setup.kind, why);
            }
            Ok(Event::Finished) => jobs -= 1,
            Ok(Event::Signal(number)) => {
                (signal, account.interrupted) = (Some(number), true);
                crew.stop();
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The thread that hears signals has the other end as long as this process lives.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // One is enough: the others go on for nothing.
        if !account.is_clean() {
            crew.stop();
        }
        display.show(account);
    }
    display.clear();
    signal
}

/// Hears of SIGINT, SIGTERM and SIGHUP, those that this process was not started to ignore. The second ends it at once, and its episodes find
/// that out by themselves.
fn listen(events: Sender<Event>) -> anyhow::Result<()> {
    let ignored = ignored_signals();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(wanted).context("cannot listen to signals")?;
    let listen = move || {
        for (count, number) in signals.forever().enumerate() {
            if count > 0 || events.send(Event::Signal(number)).is_err() {
                end_by(number);
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listen)
        .context("cannot start a thread that listens to signals")?;
    Ok(())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Of the moment; short enough to be typed.
fn first_seed() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    (since.as_nanos() / 1000) as u64 % 1_000_000_000
}
