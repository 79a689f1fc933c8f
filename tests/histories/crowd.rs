//! Histories: a crowd works on a queue, as threads or as processes; some are killed; what all have logged is judged.

use std::ops::AddAssign;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::check::{Verdict, Violation, check};
use crate::history::{Answer, Death, Operation};
use crate::plan::{DRAIN, Gate, Plan, SLICE, consume, drain, produce};
use crate::process::{Forked, fork};
use crate::record::{Logs, Words, now};
use crate::subject::Subject;

/// Successors included, and whoever drains.
const PARTICIPANTS: usize = 16;
/// Of a slice in each call of the longest plan; more than enough for whoever drains.
const RECORDS: usize = 70 * SLICE;
const _: () = assert!(DRAIN <= RECORDS);

/// What many histories contained.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    /// Those of them in which somebody was killed.
    pub(crate) deadly: u64,
    pub(crate) operations: u64,
    pub(crate) popped: u64,
    pub(crate) empty: u64,
    pub(crate) full: u64,
    pub(crate) pending: u64,
    /// Pairs of operations of different participants of which one began during the other.
    pub(crate) overlaps: u64,
    pub(crate) killed: u64,
    /// Killed in the middle of an operation, as far as is known.
    pub(crate) cut: u64,
    pub(crate) lost: u64,
    pub(crate) redelivered: u64,
    pub(crate) undecided: u64,
}

impl Tally {
    fn of(history: &[Operation], killed: usize, verdict: Verdict) -> Self {
        let count = |is: fn(&Answer) -> bool| {
            history.iter().filter(|operation| operation.answer().as_ref().is_some_and(is)).count() as u64
        };
        Self {
            histories: 1,
            deadly: u64::from(killed > 0),
            operations: history.len() as u64,
            popped: count(|answer| matches!(answer, Answer::Popped(_))),
            empty: count(|answer| *answer == Answer::Empty),
            full: count(|answer| *answer == Answer::Full),
            pending: count(|answer| *answer == Answer::Pending),
            overlaps: overlaps(history),
            killed: killed as u64,
            cut: history.iter().filter(|operation| operation.death().is_some()).count() as u64,
            lost: verdict.lost as u64,
            redelivered: verdict.redelivered as u64,
            undecided: u64::from(verdict.undecided),
        }
    }
}

fn overlaps(history: &[Operation]) -> u64 {
    let mut operations: Vec<&Operation> = history.iter().collect();
    operations.sort_by_key(|operation| operation.call);
    let later = |(index, a): (usize, &&Operation)| {
        let during = operations[index + 1..].iter().take_while(|b| b.call <= a.end_time());
        during.filter(|b| b.who != a.who).count() as u64
    };
    operations.iter().enumerate().map(later).sum()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.deadly += other.deadly;
        self.operations += other.operations;
        self.popped += other.popped;
        self.empty += other.empty;
        self.full += other.full;
        self.pending += other.pending;
        self.overlaps += other.overlaps;
        self.killed += other.killed;
        self.cut += other.cut;
        self.lost += other.lost;
        self.redelivered += other.redelivered;
        self.undecided += other.undecided;
    }
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    Threads,
    /// Forked from this process, which must have no threads at work. At most so many are killed in a history.
    Processes {
        most_kills: usize,
    },
}

/// Runs `histories` of them, or fewer: up to the first that is illegal.
pub(crate) fn run<S: Subject>(crowd: Crowd, first_seed: u64, histories: u64) -> Result<Tally, (Plan, Violation)> {
    let logs = Logs::new(PARTICIPANTS, RECORDS);
    let gate = Words::new(Gate::WORDS);
    let mut tally = Tally::default();
    for seed in first_seed..first_seed + histories {
        crate::process::set_alarm();
        logs.wipe();
        gate.wipe();
        let most_kills = if let Crowd::Processes { most_kills } = crowd { most_kills } else { 0 };
        let plan = Plan::new(seed, most_kills);
        let subject = S::new(plan.capacity);
        let scene = Scene { plan: &plan, subject: &subject, logs: &logs, gate: Gate::new(&gate) };
        let mut deaths = match crowd {
            Crowd::Threads => scene.threads(),
            Crowd::Processes { .. } => scene.processes(),
        };
        let last = deaths.len() as u32;
        let drained = drain(subject.consumer(last), &mut logs.of(last));
        deaths.push(None);
        let read = |(who, death): (u32, &Option<Death>)| logs.read(who, *death);
        let history: Vec<Operation> = (0..).zip(&deaths).flat_map(read).collect();
        let killed = deaths.iter().flatten().count();
        match check(&history) {
            Ok(_) if !drained => panic!("never empty again, though nobody else is left: {plan:?}"),
            Ok(verdict) => tally += Tally::of(&history, killed, verdict),
            Err(violation) => return Err((plan, violation)),
        }
    }
    Ok(tally)
}

/// What befalls a participant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Kill,
    Stop,
}

/// A participant that is a process.
struct Running {
    part: u32,
    who: u32,
    process: Forked,
}

struct Scene<'a, S> {
    plan: &'a Plan,
    subject: &'a S,
    logs: &'a Logs,
    gate: Gate<'a>,
}

impl<S: Subject> Scene<'_, S> {
    /// The life of one participant. A successor does what the first of its line was to do.
    fn act(&self, part: u32, who: u32) {
        let mut log = self.logs.of(who);
        if self.plan.is_producer(part) {
            let tx = self.subject.producer(who);
            self.gate.pass();
            produce(self.plan, who, tx, &mut log);
        } else {
            let rx = self.subject.consumer(who);
            self.gate.pass();
            consume(self.plan, who, rx, &mut log);
        }
    }

    /// For each participant, its death: threads do not die.
    fn threads(&self) -> Vec<Option<Death>> {
        thread::scope(|scope| {
            for who in 0..self.plan.crowd() {
                scope.spawn(move || self.act(who, who));
            }
            self.gate.open_for(self.plan.crowd());
        });
        vec![None; self.plan.crowd() as usize]
    }

    fn processes(&self) -> Vec<Option<Death>> {
        let mut rng = Rng::with_seed(!self.plan.seed);
        let start = |part, who| Running { part, who, process: fork(|| self.act(part, who)) };
        let mut running: Vec<Running> = (0..self.plan.crowd()).map(|who| start(who, who)).collect();
        let mut deaths = vec![None; running.len()];
        self.gate.open_for(self.plan.crowd());
        let mut events = vec![Event::Kill; self.plan.kills];
        events.resize(self.plan.kills + self.plan.stops, Event::Stop);
        rng.shuffle(&mut events);
        for event in events {
            thread::sleep(Duration::from_micros(rng.u64(0..200)));
            if running.is_empty() {
                break;
            }
            let index = rng.usize(0..running.len());
            if event == Event::Stop {
                running[index].process.stop_for(Duration::from_micros(rng.u64(0..500)));
                continue;
            }
            let Running { part, who, process } = running.swap_remove(index);
            let not_before = now();
            if process.kill() {
                deaths[who as usize] = Some(Death { not_before, not_after: now() });
                self.subject.has_died(who);
            }
            if rng.bool() {
                let successor = deaths.len() as u32;
                running.push(start(part, successor));
                deaths.push(None);
            }
        }
        for one in running {
            one.process.succeed();
        }
        deaths
    }
}
