//! Which victim took which of the messages that are missing.
//!
//! A message that was only ever delivered again *must* have been taken by a victim; so must one that was never delivered
//! although a later one was, or although the queue was empty later. Others that were never delivered may simply be
//! left. The search tries victims for each in turn and backtracks when a choice lets one message overtake another.

use super::Condition;
use super::empty::{self, Span};
use super::passage::{Fate, Passage, Take, given_up, overtakes};
use crate::history::{NEVER, Operation, Time};

/// Steps after which the search is given up. Histories of a few kills take some dozens.
const STEPS: usize = 200_000;

/// How many messages went with victims, and whether the search was given up.
pub(super) fn assign(
    passages: &[Passage<'_>],
    victims: &[&Operation],
    empties: &[&Operation],
) -> Result<(usize, bool), Condition> {
    let takes: Vec<Option<Take<'_>>> = passages.iter().map(Passage::take).collect();
    let decided = takes.iter().map(Option::is_some).collect();
    let mut jobs = jobs(passages, empties);
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
    blame: Option<Condition>,
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

fn jobs(passages: &[Passage<'_>], empties: &[&Operation]) -> Vec<Job> {
    let job = |(index, passage): (usize, &Passage<'_>)| match &passage.fate {
        Fate::Taken { .. } => None,
        Fate::Redelivered(again) => {
            let latest = again.iter().map(|taker| taker.end_time()).min().unwrap_or(NEVER);
            Some(Job { passage: index, latest, blame: Some(Condition::Redelivered) })
        }
        Fate::Left => {
            let is_overtaken = |b: &Passage<'_>| !matches!(b.fate, Fate::Left) && passage.push.is_before(b.push);
            let blame = if passages.iter().any(is_overtaken) {
                Some(Condition::Order)
            } else {
                empties.iter().any(|empty| passage.push.is_before(empty)).then_some(Condition::Empty)
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
    deepest: Option<(usize, Condition)>,
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
        if may_be_left && self.fits(passage, None) {
            match self.try_with(next, passage, None) {
                Outcome::Impossible => {}
                outcome => return outcome,
            }
        }
        let mut out_of_order = false;
        for group in 0..self.groups.len() {
            let Group { victim, room } = self.groups[group];
            let too_late = latest < given_up(victim) || victim.is_before(self.passages[passage].push);
            if room == 0 || too_late {
                continue;
            }
            let take = Take { by: victim, end: victim.end_time().min(latest) };
            if !self.fits(passage, Some(take)) {
                out_of_order = true;
                continue;
            }
            self.groups[group].room -= 1;
            let outcome = self.try_with(next, passage, Some(take));
            self.groups[group].room += 1;
            if !matches!(outcome, Outcome::Impossible) {
                return outcome;
            }
        }
        match self.jobs[next].blame {
            // There is a victim, and it cannot have been the one.
            Some(Condition::Redelivered) if out_of_order => self.note(next, Condition::Order),
            Some(blame) => self.note(next, blame),
            // What was wrong if it is left was noted further on; or it cannot be left where it is overtaken.
            None => self.note(next, Condition::Order),
        }
        Outcome::Impossible
    }

    fn try_with(&mut self, job: usize, passage: usize, take: Option<Take<'a>>) -> Outcome {
        (self.takes[passage], self.decided[passage]) = (take, true);
        let outcome = self.place(job + 1);
        if matches!(outcome, Outcome::Impossible) {
            (self.takes[passage], self.decided[passage]) = (None, false);
        }
        outcome
    }

    /// Whether nothing that is decided overtakes this one, or is overtaken by it.
    fn fits(&self, passage: usize, take: Option<Take<'_>>) -> bool {
        let this = (self.passages[passage].push, take);
        (0..self.passages.len()).filter(|other| *other != passage && self.decided[*other]).all(|other| {
            let other = (self.passages[other].push, self.takes[other]);
            !overtakes(this, other) && !overtakes(other, this)
        })
    }

    fn nothing_was_empty_in_vain(&mut self, depth: usize) -> Outcome {
        let passages = self.passages.iter().zip(&self.takes);
        let spans = passages.map(|(passage, take)| Span::new(passage, take.map(|take| take.by))).collect();
        match empty::covered(self.empties, spans) {
            Ok(()) => Outcome::Fits,
            Err(violation) => {
                self.note(depth, violation.condition);
                Outcome::Impossible
            }
        }
    }

    /// Keeps what was wrong where the search got farthest.
    fn note(&mut self, depth: usize, blame: Condition) {
        if self.deepest.is_none_or(|(deepest, _)| deepest < depth) {
            self.deepest = Some((depth, blame));
        }
    }

    fn lost(&self) -> usize {
        let left = self.jobs.iter().filter(|job| matches!(self.passages[job.passage].fate, Fate::Left));
        left.filter(|job| self.takes[job.passage].is_some()).count()
    }
}
