//! The passage of each value through the queue: its push, whoever took it first, whoever was given it again.

use std::collections::HashMap;

use super::{Condition, Violation};
use crate::history::{Act, Answer, End, NEVER, Operation, Time, Value};

#[derive(Clone, Debug)]
pub(super) struct Passage<'a> {
    pub(super) push: &'a Operation,
    pub(super) fate: Fate<'a>,
}

/// What became of a value, as far as the history says.
#[derive(Clone, Debug)]
pub(super) enum Fate<'a> {
    /// Taken by an operation that is known. Whether it was delivered again is settled.
    Taken { take: Take<'a>, again: bool },
    /// Delivered, but only with the mark of a redelivery: the first taker is a victim.
    Redelivered(Vec<&'a Operation>),
    /// Never delivered: left in the queue, or gone with a victim.
    Left,
}

/// How a value left the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take<'a> {
    pub(super) by: &'a Operation,
    /// The latest moment: the end of the operation, or earlier if the value was delivered again earlier.
    pub(super) end: Time,
}

impl Take<'_> {
    fn is_before(&self, other: &Self) -> bool {
        if self.end < other.by.call {
            return true;
        }
        // Which of a victim's places a message fell to is not known, so between two of one slice nothing is.
        let unknown = is_victim(self.by) && is_victim(other.by);
        !unknown && self.by.same_call(other.by) && self.by.place < other.by.place
    }
}

impl<'a> Passage<'a> {
    pub(super) fn take(&self) -> Option<Take<'a>> {
        match self.fate {
            Fate::Taken { take, .. } => Some(take),
            Fate::Redelivered(_) | Fate::Left => None,
        }
    }

    pub(super) fn redelivered(&self) -> bool {
        matches!(self.fate, Fate::Taken { again: true, .. } | Fate::Redelivered(_))
    }

    /// From when on it was certainly inside, until somebody took it.
    pub(super) fn inside_from(&self) -> Time {
        self.push.end_time()
    }
}

/// Whether a value taken as the one says has overtaken a value that was taken, or left, as the other says.
pub(super) fn overtakes(b: (&Operation, Option<Take<'_>>), a: (&Operation, Option<Take<'_>>)) -> bool {
    let taken_before = match (b.1, a.1) {
        (Some(b), Some(a)) => b.is_before(&a),
        (Some(_), None) => true,
        (None, _) => false,
    };
    taken_before && a.0.is_before(b.0)
}

/// A pop of a killed process of which it is not known what it took.
fn is_victim(operation: &Operation) -> bool {
    operation.act == Act::Pop && matches!(operation.end, End::Killed { seen: None, .. })
}

/// The earliest moment at which somebody else may be given what this one had taken and not given back.
pub(super) fn given_up(taker: &Operation) -> Time {
    // The process may have gone on for a while after the time of the signal was read.
    taker.death().map_or(NEVER, |death| death.not_before.max(taker.call))
}

/// The passages of all values that were certainly inside, and the victims.
pub(super) fn collect(history: &[Operation]) -> Result<(Vec<Passage<'_>>, Vec<&Operation>), Violation> {
    let mut pushes: HashMap<Value, &Operation> = HashMap::new();
    let mut deliveries: HashMap<Value, Vec<&Operation>> = HashMap::new();
    let mut victims = Vec::new();
    for operation in history {
        if let Act::Push(value) = operation.act {
            assert!(
                pushes.insert(value, operation).is_none(),
                "{value:#x} is pushed twice: not a history to be judged"
            );
        }
        if let Some(delivery) = operation.delivery() {
            deliveries.entry(delivery.value).or_default().push(operation);
        }
        if is_victim(operation) {
            victims.push(operation);
        }
    }
    for (value, takers) in &deliveries {
        fresh(pushes.get(value).copied(), takers)?;
    }
    let mut passages = Vec::new();
    for (value, push) in &pushes {
        let fate = match deliveries.get(value) {
            Some(takers) => fate(push, takers)?,
            None if push.answer() == Some(Answer::Pushed) => Fate::Left,
            // Refused, or not made before the kill, as far as anybody can tell.
            None => continue,
        };
        passages.push(Passage { push, fate });
    }
    // The maps have no order; the reports should not change from run to run.
    passages.sort_by_key(|passage| (passage.push.call, passage.push.who, passage.push.round, passage.push.place));
    Ok((passages, victims))
}

fn fresh(push: Option<&Operation>, takers: &[&Operation]) -> Result<(), Violation> {
    let Some(push) = push else {
        return Err(Violation::new(Condition::Fresh, takers.iter().copied()));
    };
    let refused = matches!(push.answer(), Some(answer) if answer != Answer::Pushed);
    let early = takers.iter().find(|taker| refused || taker.is_before(push));
    early.map_or(Ok(()), |taker| Err(Violation::new(Condition::Fresh, [push, taker])))
}

fn fate<'a>(push: &'a Operation, takers: &[&'a Operation]) -> Result<Fate<'a>, Violation> {
    let wrong = |condition| Err(Violation::new(condition, takers.iter().copied().chain([push])));
    let (marked, unmarked): (Vec<&Operation>, Vec<&Operation>) =
        takers.iter().partition(|taker| taker.delivery().is_some_and(|delivery| delivery.redelivered));
    let returned = takers.iter().filter(|taker| taker.death().is_none()).count();
    let first = match unmarked[..] {
        [] => None,
        [first] => Some(first),
        _ => return wrong(Condition::Repeated),
    };
    if returned > 1 || first.is_some_and(|first| first.death().is_none() && !marked.is_empty()) {
        return wrong(Condition::Repeated);
    }
    // Each comes after the death of the first; the one that returned comes last.
    for taker in &marked {
        let before = takers.iter().filter(|other| match taker.death() {
            Some(_) => Some(**other) == first,
            None => *other != taker,
        });
        if before.into_iter().any(|other| taker.end_time() < given_up(other)) {
            return wrong(Condition::Redelivered);
        }
    }
    let latest = takers.iter().map(|taker| taker.end_time()).min().unwrap_or(NEVER);
    Ok(match first {
        Some(by) => Fate::Taken { take: Take { by, end: by.end_time().min(latest) }, again: !marked.is_empty() },
        None => Fate::Redelivered(marked),
    })
}
