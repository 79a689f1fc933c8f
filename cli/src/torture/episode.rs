//! One episode, in a process of its own with one thread: a ring, its storm, its end, and the judgement.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::endgame::{children_left, drain, examine, possessions, wake};
use super::evidence::{Evidence, Life as Lived, Promise, Remains, Side};
use super::journal::Journal;
use super::judge::{Fault, Verdict, judge};
use super::letters::Letters;
use super::lifeline::{Lifeline, Line, tell};
use super::report::{Longest, Report, Tally};
use super::setup::{Kind, Setup};
use super::storm::{FIRST_LIFE, Storm};
use super::subject::{Crowd, Messages, Pair, Subject};
use super::victim::Life;

/// What takes longer is stuck somewhere that nobody has thought of.
const ALARM: libc::c_uint = 120;

/// Runs one episode of `rondel torture`, as that does.
#[derive(Args)]
pub(crate) struct Episode {
    #[arg(long)]
    seed: u64,
    /// The longest storm.
    #[arg(long, value_parser = humantime::parse_duration)]
    storm: Duration,
    #[arg(long, value_parser = humantime::parse_duration)]
    stall: Duration,
    /// The name of the segment, if it is to have one.
    #[arg(long)]
    name: String,
}

pub(crate) fn run(arguments: &Episode) -> anyhow::Result<()> {
    // SAFETY: takes an integer; the signal's default action ends this process, and with it its children.
    unsafe { libc::alarm(ALARM) };
    let setup = Setup::drawn(arguments.seed);
    let report = match (setup.kind, setup.size) {
        (Kind::Bytes, _) => play::<Messages>(&setup, arguments),
        (Kind::Spsc, 8) => play::<Pair<[u64; 1]>>(&setup, arguments),
        (Kind::Spsc, 16) => play::<Pair<[u64; 2]>>(&setup, arguments),
        (Kind::Spsc, 56) => play::<Pair<[u64; 7]>>(&setup, arguments),
        (Kind::Spsc, 200) => play::<Pair<[u64; 25]>>(&setup, arguments),
        (Kind::Spsc, _) => play::<Pair<[u64; 128]>>(&setup, arguments),
        (Kind::Mpmc, 8) => play::<Crowd<[u64; 1]>>(&setup, arguments),
        (Kind::Mpmc, 16) => play::<Crowd<[u64; 2]>>(&setup, arguments),
        (Kind::Mpmc, 56) => play::<Crowd<[u64; 7]>>(&setup, arguments),
        (Kind::Mpmc, 200) => play::<Crowd<[u64; 25]>>(&setup, arguments),
        (Kind::Mpmc, _) => play::<Crowd<[u64; 128]>>(&setup, arguments),
    }?;
    tell(&Line::Report(Box::new(report)));
    Ok(())
}

fn play<S: Subject>(setup: &Setup, arguments: &Episode) -> anyhow::Result<Report> {
    let before = possessions()?;
    let journal = Journal::new().context("no memory for the journals")?;
    let name = setup.named.then_some(arguments.name.as_str());
    let ring = S::create(setup, name)?;
    let played = storm_and_end(&ring, setup, &journal, arguments);
    // Whatever has happened: the name goes.
    let unlinked = if setup.named { ring.segment().unlink() } else { Ok(()) };
    let Played { mut faults, mut evidence, mut tally, bytes, whole } = played?;
    unlinked?;
    let file = ring.segment().place().to_path().ok();
    drop(ring);
    let after = possessions()?;
    let remains = &mut evidence.remains;
    remains.files = usize::from(file.is_some_and(|file| file.exists()));
    remains.descriptors = after.0.saturating_sub(before.0);
    remains.mappings = after.1.saturating_sub(before.1);
    remains.processes = children_left();
    if !whole {
        // What was not looked at is not found wanting: why it was not stands among the faults.
        (remains.places, remains.taken) = (0, 0);
    }
    let verdict = judge(&evidence);
    faults.extend(verdict.faults.iter().map(Fault::to_string));
    tally.count(setup, &evidence, &verdict);
    let kept = if faults.is_empty() { None } else { Some(keep(setup, &bytes)?) };
    Ok(Report { seed: setup.seed, kind: setup.kind, setup: setup.to_string(), tally, faults, kept })
}

/// What came of a ring.
struct Played {
    /// What was wrong before anything was judged.
    faults: Vec<String>,
    evidence: Evidence,
    tally: Tally,
    /// The segment's, as the last kill left it.
    bytes: Vec<u8>,
    /// Whether the ring was looked at when all was over.
    whole: bool,
}

fn storm_and_end<S: Subject>(
    ring: &S,
    setup: &Setup,
    journal: &Journal,
    arguments: &Episode,
) -> anyhow::Result<Played> {
    let mut lifeline = Lifeline::new();
    let mut storm = Storm::new(ring, setup, journal);
    storm.rage(setup.length.min(arguments.storm), &mut lifeline)?;
    storm.end()?;
    let bytes = snapshot(ring)?;
    let mut faults = std::mem::take(&mut storm.complaints);
    let mut sides = storm.sides;
    let mut tally = Tally {
        kills: storm.kills,
        stops: storm.stops,
        closed: storm.closed,
        successions: (sides.len() - setup.producers - setup.consumers) as u64,
        windows: storm.stalls.len() as u64,
        longest: Longest::of(&storm.stalls),
        ..Tally::default()
    };
    let number = sides.len() as u64;
    let random = setup.random(FIRST_LIFE + number);
    sides.push(Side::Consumers);
    let life = Life { ring, setup, journal, side: Side::Consumers, number, random };
    let (mut remains, mut wakes, mut whole) = (Remains::default(), Vec::new(), false);
    let mut claimed = 0;
    let ended = drain(&life).and_then(|()| {
        claimed = ring.tail().map_or(Ok(0), |offset| word(ring, offset)).map_err(|error| error.to_string())?;
        remains = examine(ring, setup)?;
        whole = true;
        for side in [Side::Consumers, Side::Producers] {
            wakes.push(wake(ring, setup, journal, side)?);
        }
        Ok(())
    });
    faults.extend(ended.err().map(|why| format!("at the end: {why}")));
    let promise = match (setup.kind, setup.discard) {
        (Kind::Spsc | Kind::Bytes, _) => Promise::Total,
        (Kind::Mpmc, false) => Promise::Redelivers,
        (Kind::Mpmc, true) => Promise::Discards,
    };
    let lives = journal.lives(sides);
    tally.skipped = claimed;
    let evidence = Evidence { promise, lives, remains, stalls: storm.stalls, wakes, bound: arguments.stall };
    Ok(Played { faults, evidence, tally, bytes, whole })
}

impl Tally {
    fn count(&mut self, setup: &Setup, evidence: &Evidence, verdict: &Verdict) {
        let Verdict { delivered, redelivered, gone, at_death, .. } = *verdict;
        (self.messages, self.redelivered, self.gone, self.at_death) = (delivered, redelivered, gone, at_death);
        let letters = Letters::new(setup);
        let logs = evidence.lives.iter().filter_map(|life| match life {
            Lived::Consumer(popped) => Some(&popped.log),
            Lived::Producer(_) => None,
        });
        self.bytes = logs.flatten().map(|delivery| letters.len(delivery.id) as u64).sum();
        // Of what was claimed, what neither came out nor went with somebody.
        self.skipped = self.skipped.saturating_sub(delivered + gone);
        let leaks = verdict.faults.iter().filter(|fault| {
            matches!(
                fault,
                Fault::LeakedRoom { .. } | Fault::LeakedPlace { .. } | Fault::LeakedLock | Fault::Left { .. }
            )
        });
        self.leaks = leaks.count() as u64;
    }
}

fn snapshot<S: Subject>(ring: &S) -> anyhow::Result<Vec<u8>> {
    let file = File::from(ring.segment().try_clone_fd()?);
    let mut bytes = vec![0; ring.segment().total_len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn word<S: Subject>(ring: &S, offset: u64) -> anyhow::Result<u64> {
    let mut word = [0; 8];
    File::from(ring.segment().try_clone_fd()?).read_exact_at(&mut word, offset)?;
    Ok(u64::from_ne_bytes(word))
}

fn keep(setup: &Setup, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("rondel-torture-{}.segment", setup.seed));
    std::fs::write(&path, bytes).with_context(|| format!("cannot keep the segment's bytes in {}", path.display()))?;
    Ok(path)
}
