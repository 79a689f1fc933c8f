//! Which victim took which of the messages that are missing.
//!
//! A message that was only ever delivered again *must* have been taken by a victim; so must one that was never delivered
//! although a later one was, or although the queue was empty later. Others that were never delivered may simply be
//! left. The search tries victims for each in turn and backtracks when a choice lets one message overtake another.

use super::empty::{self, Span};
use super::passage::{Fate, Passage, Take, given_up, overtakes};
use super::{Condition, Violation};
use crate::history::{NEVER, Operation, Time};

/// Steps after which the search is given up. Histories of a few kills take some dozens.
const STEPS: usize = 200_000;

/// How many messages went with victims, and whether the search was given up.
pub(super) fn assign(
    passages: &[Passage<'_>],
    victims: &[&Operation],
    empties: &[&Operation],
) -> Result<(usize, bool), Violation> {
    let takes: Vec<Option<Take<'_>>> = passages.iter().map(Passage::take).collect();
    let decided = takes.iter().map(Option::is_some).collect();
    let mut jobs = jobs(passages, victims, empties);
    jobs.sort_by_key(|job| job.blame.is_none());
    let groups = groups(victims);
    let mut search = Search { passages, empties, jobs, groups, takes, decided, steps: 0, deepest: None };
    match search.place(0) {
        Outcome::Fits => Ok((search.lost(), false)),
        Outcome::GivenUp => Ok((0, true)),
        Outcome::Impossible => {
            let (_, blame) = search.deepest.expect("whatever does not fit is noted");
            Err(blame)
        }
    }
}

/// A message whose taker is to be found.
struct Job {
    passage: usize,
    /// By when it had been taken.
    latest: Time,
    /// What is wrong if no victim took it; nothing if it may have been left.
    blame: Option<Violation>,
}

/// Victims that nothing tells apart: of one slice.
struct Group<'a> {
    victim: &'a Operation,
    room: usize,
}

fn groups<'a>(victims: &[&'a Operation]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for &victim in victims {
        match groups.iter_mut().find(|group| group.victim.same_call(victim)) {
            Some(group) => group.room += 1,
            None => groups.push(Group { victim, room: 1 }),
        }
    }
    groups
}

fn jobs(passages: &[Passage<'_>], victims: &[&Operation], empties: &[&Operation]) -> Vec<Job> {
    let blame = |condition, operations: &[&Operation]| {
        Some(Violation::new(condition, operations.iter().chain(victims).copied()))
    };
    let job = |(index, passage): (usize, &Passage<'_>)| match &passage.fate {
        Fate::Taken { .. } => None,
        Fate::Redelivered(again) => {
            let mut operations = again.clone();
            operations.push(passage.push);
            let latest = again.iter().map(|taker| taker.end_time()).min().unwrap_or(NEVER);
            Some(Job { passage: index, latest, blame: blame(Condition::Redelivered, &operations) })
        }
        Fate::Left => {
            let gone = passages.iter().find(|b| !matches!(b.fate, Fate::Left) && passage.push.is_before(b.push));
            let empty = empties.iter().find(|empty| passage.push.is_before(empty));
            let blame = match (gone, empty) {
                (Some(b), _) => match &b.fate {
                    Fate::Taken { take, .. } => blame(Condition::Order, &[passage.push, b.push, take.by]),
                    Fate::Redelivered(again) => {
                        blame(Condition::Order, &[&[passage.push, b.push], &again[..]].concat())
                    }
                    Fate::Left => None,
                },
                (None, Some(empty)) => blame(Condition::Empty, &[passage.push, empty]),
                (None, None) => None,
            };
            Some(Job { passage: index, latest: NEVER, blame })
        }
    };
    passages.iter().enumerate().filter_map(job).collect()
}

enum Outcome {
    Fits,
    Impossible,
    GivenUp,
}

struct Search<'a, 'b> {
    passages: &'b [Passage<'a>],
    empties: &'b [&'a Operation],
    jobs: Vec<Job>,
    groups: Vec<Group<'a>>,
    takes: Vec<Option<Take<'a>>>,
    /// Whether the passage's entry in `takes` is more than a blank.
    decided: Vec<bool>,
    steps: usize,
    /// What was wrong where the search got farthest, and how far that was.
    deepest: Option<(usize, Violation)>,
}

impl<'a> Search<'a, '_> {
    fn place(&mut self, next: usize) -> Outcome {
        self.steps += 1;
        if self.steps > STEPS {
            return Outcome::GivenUp;
        }
        let Some(job) = self.jobs.get(next) else {
            return self.nothing_was_empty_in_vain(next);
        };
        let (passage, latest, may_be_left) = (job.passage, job.latest, job.blame.is_none());
        let mut in_the_way = Vec::new();
        if may_be_left {
            match self.try_with(next, passage, None, &mut in_the_way) {
                Outcome::Impossible => {}
                outcome => return outcome,
            }
        }
        for group in 0..self.groups.len() {
            let Group { victim, room } = self.groups[group];
            let too_late = latest < given_up(victim) || victim.is_before(self.passages[passage].push);
            if room == 0 || too_late {
                continue;
            }
            let take = Take { by: victim, end: victim.end_time().min(latest) };
            self.groups[group].room -= 1;
            let outcome = self.try_with(next, passage, Some(take), &mut in_the_way);
            self.groups[group].room += 1;
            if !matches!(outcome, Outcome::Impossible) {
                return outcome;
            }
        }
        self.note(next, &in_the_way);
        Outcome::Impossible
    }

    fn try_with(&mut self, job: usize, passage: usize, take: Option<Take<'a>>, in_the_way: &mut Vec<usize>) -> Outcome {
        if let Some(other) = self.conflict(passage, take) {
            in_the_way.push(other);
            return Outcome::Impossible;
        }
        (self.takes[passage], self.decided[passage]) = (take, true);
        let outcome = self.place(job + 1);
        if matches!(outcome, Outcome::Impossible) {
            (self.takes[passage], self.decided[passage]) = (None, false);
        }
        outcome
    }

    /// Something decided that overtakes this one, or is overtaken by it.
    fn conflict(&self, passage: usize, take: Option<Take<'_>>) -> Option<usize> {
        let this = (self.passages[passage].push, take);
        (0..self.passages.len()).filter(|other| *other != passage && self.decided[*other]).find(|other| {
            let other = (self.passages[*other].push, self.takes[*other]);
            overtakes(this, other) || overtakes(other, this)
        })
    }

    fn nothing_was_empty_in_vain(&mut self, depth: usize) -> Outcome {
        let passages = self.passages.iter().zip(&self.takes);
        let spans = passages.map(|(passage, take)| Span::new(passage, take.map(|take| take.by))).collect();
        match empty::covered(self.empties, spans) {
            Ok(()) => Outcome::Fits,
            Err(violation) => {
                self.keep_deepest(depth, violation, &[]);
                Outcome::Impossible
            }
        }
    }

    fn note(&mut self, job: usize, in_the_way: &[usize]) {
        if let Some(mut blame) = self.jobs[job].blame.clone() {
            // There is a victim, and it cannot have been the one.
            if blame.condition == Condition::Redelivered && !in_the_way.is_empty() {
                blame.condition = Condition::Order;
            }
            self.keep_deepest(job, blame, in_the_way);
        }
    }

    /// Keeps what was wrong if it is farther than any before; with what the victims had been blamed for by then.
    fn keep_deepest(&mut self, depth: usize, mut blame: Violation, in_the_way: &[usize]) {
        if self.deepest.as_ref().is_some_and(|(deepest, _)| depth <= *deepest) {
            return;
        }
        let assigned =
            self.jobs[..depth].iter().map(|job| job.passage).filter(|passage| self.takes[*passage].is_some());
        for index in assigned.chain(in_the_way.iter().copied()) {
            let Passage { push, fate } = &self.passages[index];
            blame.operations.push(**push);
            match fate {
                Fate::Taken { take, .. } => blame.operations.push(*take.by),
                Fate::Redelivered(again) => blame.operations.extend(again.iter().copied().copied()),
                Fate::Left => {}
            }
            blame.operations.extend(self.takes[index].map(|take| *take.by));
        }
        self.deepest = Some((depth, Violation::new(blame.condition, &blame.operations)));
    }

    fn lost(&self) -> usize {
        let left = self.jobs.iter().filter(|job| matches!(self.passages[job.passage].fate, Fate::Left));
        left.filter(|job| self.takes[job.passage].is_some()).count()
    }
}
