//! The definition itself: is there an order of all operations, in accord with their times, that a queue could have gone
//! through? Tries them all; for histories of a few operations, to judge the judge by.

use std::collections::HashSet;

use crate::history::{Act, Answer, Delivery, End, Operation, Time, Value};

/// Whether some order explains the history.
pub(crate) fn linearizable(history: &[Operation]) -> bool {
    assert!(history.len() <= 16, "the time it takes grows like a factorial");
    Search { history, dead_ends: HashSet::new() }.goes_on(&State::default())
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct State {
    /// Which operations have had their effect: a bit for each.
    done: u16,
    inside: Vec<Value>,
    /// What those took who died before they had returned, and from when on each may be delivered again.
    adrift: Vec<(Value, Time)>,
}

struct Search<'a> {
    history: &'a [Operation],
    dead_ends: HashSet<State>,
}

impl Search<'_> {
    fn goes_on(&mut self, state: &State) -> bool {
        let undone = |index: &usize| state.done & (1 << index) == 0;
        if (0..self.history.len()).filter(undone).all(|index| may_be_without_effect(&self.history[index])) {
            return true;
        }
        if self.dead_ends.contains(state) {
            return false;
        }
        for index in (0..self.history.len()).filter(undone) {
            let operation = &self.history[index];
            let mut done = self.history.iter().enumerate().filter(|(other, _)| !undone(other));
            if done.any(|(_, other)| operation.is_before(other)) {
                continue;
            }
            let mut next = state.clone();
            next.done |= 1 << index;
            if next.takes(operation) && self.goes_on(&next) {
                return true;
            }
        }
        self.dead_ends.insert(state.clone());
        false
    }
}

fn may_be_without_effect(operation: &Operation) -> bool {
    match operation.end {
        End::Killed { seen, .. } => seen.is_none(),
        End::Returned { answer, .. } => matches!(answer, Answer::Full | Answer::Pending),
    }
}

impl State {
    /// Lets an operation have its effect; false if it cannot have had it now.
    fn takes(&mut self, operation: &Operation) -> bool {
        match (operation.act, operation.end) {
            (_, End::Returned { answer: Answer::Full | Answer::Pending, .. }) => true,
            (Act::Push(value), End::Returned { answer: Answer::Pushed, .. } | End::Killed { .. }) => {
                self.inside.push(value);
                true
            }
            (Act::Pop, End::Returned { answer: Answer::Empty, .. }) => self.inside.is_empty(),
            (Act::Pop, End::Returned { answer: Answer::Popped(delivery), at }) => self.give(delivery, at).is_some(),
            (Act::Pop, End::Killed { death, seen }) => {
                let first = self.inside.first().map(|value| Delivery { value: *value, redelivered: false });
                let Some(delivery) = seen.or(first) else {
                    return false;
                };
                let Some(before) = self.give(delivery, death.not_after) else {
                    return false;
                };
                self.adrift.push((delivery.value, before.max(death.not_before).max(operation.call)));
                true
            }
            (act, end) => panic!("{act:?} cannot end with {end:?}"),
        }
    }

    /// From when on the message could be given, if it can be given by `end`.
    fn give(&mut self, delivery: Delivery, end: Time) -> Option<Time> {
        if delivery.redelivered {
            let at = self.adrift.iter().position(|(value, since)| *value == delivery.value && *since <= end)?;
            return Some(self.adrift.swap_remove(at).1);
        }
        let is_next = self.inside.first() == Some(&delivery.value);
        is_next.then(|| {
            self.inside.remove(0);
            0
        })
    }
}
