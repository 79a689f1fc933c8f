//! Random executions of a queue that works, made into histories: each operation has its effect at a moment, and the
//! interval on record is stretched around that.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::history::{Act, Answer, Death, Delivery, End, Operation, Time, Value};

/// Between the moments of two operations that follow each other.
const APART: Time = 10;

/// What is drawn for one operation; what it comes to depends on those before it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    kind: Kind,
    /// How much earlier than its effect it is called, and how much later it returns.
    before: Time,
    after: Time,
    /// Whether it belongs to the same slice as the one before it, if that is possible.
    joins: bool,
    /// Whether an operation that is killed has had its effect.
    has_effect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Push,
    Pop,
    Refused,
    KilledPush,
    /// Killed without a trace of what it took.
    Victim,
    /// Killed with a message in its hands.
    Holder,
    /// Delivers again, and returns; or is killed with it.
    Again,
    HolderAgain,
}

/// Steps in which `kills` of hundred have to do with a death.
pub(crate) fn step(kills: u32) -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        2 * (100 - kills) => Just(Kind::Push),
        2 * (100 - kills) => Just(Kind::Pop),
        kills + 1 => Just(Kind::Refused),
        kills => Just(Kind::KilledPush),
        kills => Just(Kind::Victim),
        kills => Just(Kind::Holder),
        kills => Just(Kind::Again),
        kills => Just(Kind::HolderAgain),
    ];
    (kind, 0..4 * APART, 0..4 * APART, prop::bool::weighted(0.2), any::<bool>())
        .prop_map(|(kind, before, after, joins, has_effect)| Step { kind, before, after, joins, has_effect })
}

/// The history of the steps, in the order of their effects.
pub(crate) fn execute(steps: &[Step]) -> Vec<Operation> {
    let mut queue = Queue::default();
    let mut history: Vec<Operation> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let at = APART * (index as Time + 10);
        let Some((act, end)) = queue.take(step, index as Value + 1, at) else {
            continue;
        };
        let mut operation = Operation { who: index as u32, round: 0, place: 0, call: at - step.before, act, end };
        match history.last_mut() {
            Some(last) if step.joins && may_share_a_slice(last, &operation) => join(&mut history, &mut operation),
            _ => {}
        }
        history.push(operation);
    }
    history
}

#[derive(Default)]
struct Queue {
    inside: VecDeque<Value>,
    adrift: VecDeque<Value>,
}

impl Queue {
    fn take(&mut self, step: &Step, value: Value, at: Time) -> Option<(Act, End)> {
        let returned = |answer| End::Returned { at: at + step.after, answer };
        let killed = |seen| {
            // Dead before the next operation has its effect; the times on record are less exact.
            let death = at + APART / 2;
            End::Killed { death: Death { not_before: death - step.before, not_after: death + step.after }, seen }
        };
        let fresh = |value| Delivery { value, redelivered: false };
        let again = |value| Delivery { value, redelivered: true };
        Some(match step.kind {
            Kind::Push => {
                self.inside.push_back(value);
                (Act::Push(value), returned(Answer::Pushed))
            }
            Kind::Refused => (Act::Push(value), returned(Answer::Full)),
            Kind::KilledPush => {
                self.inside.extend(step.has_effect.then_some(value));
                (Act::Push(value), killed(None))
            }
            Kind::Pop => {
                let answer = self.inside.pop_front().map_or(Answer::Empty, |value| Answer::Popped(fresh(value)));
                (Act::Pop, returned(answer))
            }
            Kind::Victim => {
                if step.has_effect {
                    self.adrift.extend(self.inside.pop_front());
                }
                (Act::Pop, killed(None))
            }
            Kind::Holder => {
                let taken = self.inside.pop_front()?;
                self.adrift.push_back(taken);
                (Act::Pop, killed(Some(fresh(taken))))
            }
            Kind::Again => (Act::Pop, returned(Answer::Popped(again(self.adrift.pop_front()?)))),
            Kind::HolderAgain => {
                let taken = self.adrift.pop_front()?;
                self.adrift.push_back(taken);
                (Act::Pop, killed(Some(again(taken))))
            }
        })
    }
}

/// Pushes that returned, or pops that returned with something taken in order.
fn may_share_a_slice(last: &Operation, next: &Operation) -> bool {
    let both = |answer: fn(&Answer) -> bool| {
        [last, next].iter().all(|operation| operation.answer().as_ref().is_some_and(answer))
    };
    both(|answer| *answer == Answer::Pushed)
        || both(|answer| matches!(answer, Answer::Popped(Delivery { redelivered: false, .. })))
}

/// Makes the operation one of the last slice, whose interval grows to that of the whole.
fn join(history: &mut [Operation], operation: &mut Operation) {
    let last = history[history.len() - 1];
    let call = last.call.min(operation.call);
    let end = last.end_time().max(operation.end_time());
    (operation.who, operation.place) = (last.who, last.place + 1);
    let slice = history.iter_mut().filter(|other| other.who == last.who);
    for one in slice.chain([operation]) {
        one.call = call;
        if let End::Returned { at, .. } = &mut one.end {
            *at = end;
        }
    }
}
