//! Whether a history can be that of a FIFO queue.
//!
//! For histories in which no two pushes have the same value it need not be searched for an order of all operations: a
//! complete history is linearizable exactly if none of four things has happened (Henzinger, Sezgin, Vafeiadis,
//! "Aspect-oriented linearizability proofs", CONCUR 2013). Each is found in `n log n`:
//!
//! - *Fresh*: a value was popped that had not been pushed, or before it was, or though its push was refused.
//! - *Repeated*: a value was popped twice.
//! - *Order*: `a` was pushed before `b`, but `b` popped before `a`; or `b` was popped and `a` never. (The elements of one
//!   slice count as pushed, or popped, one after the other.)
//! - *Empty*: "empty" was answered, but at each moment from the call to the return some value was certainly inside.
//!
//! "Full" and "pending" are no claims about the queue's contents and are not checked, except that nothing may have happened.
//!
//! **Kills.** An operation under way when its process was killed may have taken effect, once, at any moment from its call to
//! the death, or not at all. A push of that kind counts as made if its value was ever delivered. A pop of that kind is a
//! *victim*; it may have taken any one message, which is then either gone with it, or delivered again:
//!
//! - *Redelivered*: a delivery marked so is legal only if an earlier taker of the same message was killed before it had
//!   returned from its pop: one that is on record as having seen it, or a victim that nothing else is blamed on. The delivery
//!   must not have returned before that process could have been dead: slow or stopped is not dead. Of all deliveries of
//!   one message at most one returns, and at most one is unmarked.
//!
//! The place of a redelivered message in the order is that of its *first* taker, who took it in order; the delivery that
//! is marked comes whenever the death is noticed, and is itself exempt from the rule of order.
//!
//! A message that nobody delivered is excused only by a victim of its own: [`victims`] looks for an assignment under which
//! everything else is in order. It is the one part that searches, and in histories of a few kills there is little to search.

mod empty;
mod order;
mod passage;
mod victims;

use std::fmt;

use crate::history::{Act, Answer, Operation};

/// What a legal history contained that only kills explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages gone with the consumer that had taken them.
    pub(crate) lost: usize,
    /// Messages delivered again.
    pub(crate) redelivered: usize,
    /// The search for victims was given up: nothing is shown against this history, nor for it.
    pub(crate) undecided: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Fresh,
    Repeated,
    Order,
    Empty,
    Redelivered,
}

/// What is wrong, and the operations that show it: no others are needed to see that it is.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) condition: Condition,
    pub(crate) operations: Vec<Operation>,
}

impl Violation {
    fn new<'a>(condition: Condition, operations: impl IntoIterator<Item = &'a Operation>) -> Self {
        let mut operations: Vec<Operation> = operations.into_iter().copied().collect();
        operations.sort_by_key(|operation| (operation.call, operation.who, operation.place));
        operations.dedup();
        Self { condition, operations }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.condition {
            Condition::Fresh => "popped though not pushed by then:",
            Condition::Repeated => "popped more than once:",
            Condition::Order => "overtaken (or lost):",
            Condition::Empty => "\"empty\" though something was inside all the time:",
            Condition::Redelivered => "marked as redelivered though no consumer of it had been killed by then:",
        })?;
        let start = self.operations.iter().map(|operation| operation.call).min().unwrap_or(0);
        write!(f, " (times are intervals in ns, since {start})")?;
        for operation in &self.operations {
            write!(f, "\n  {}", operation.since(start))?;
        }
        Ok(())
    }
}

/// Judges a history, in any order of its operations.
pub(crate) fn check(history: &[Operation]) -> Result<Verdict, Violation> {
    judge(history).map_err(|wrong| match wrong {
        Wrong::Shown(violation) => violation,
        Wrong::NotExcused(condition) => smallest(history, condition),
    })
}

enum Wrong {
    /// No victim could excuse it, and the operations that show it are known.
    Shown(Violation),
    /// There are not enough victims, or not the right ones.
    NotExcused(Condition),
}

impl From<Violation> for Wrong {
    fn from(violation: Violation) -> Self {
        Wrong::Shown(violation)
    }
}

fn judge(history: &[Operation]) -> Result<Verdict, Wrong> {
    let (passages, victims) = passage::collect(history)?;
    let is_empty = |operation: &&Operation| operation.answer() == Some(Answer::Empty);
    let empties: Vec<&Operation> = history.iter().filter(is_empty).collect();
    order::check(&passages)?;
    empty::check(&empties, &passages)?;
    let redelivered = passages.iter().filter(|passage| passage.redelivered()).count();
    match victims::assign(&passages, &victims, &empties) {
        Ok((lost, undecided)) => Ok(Verdict { lost, redelivered, undecided }),
        Err(condition) => Err(Wrong::NotExcused(condition)),
    }
}

/// Leaves out what is not needed to see that victims are missing.
///
/// Whatever is legal stays so without any of its values, and without any of its answers "empty". The victims stay: they are the
/// excuses that do not suffice, and without them others would seem to be wrong.
fn smallest(history: &[Operation], mut condition: Condition) -> Violation {
    let mut kept = history.to_vec();
    kept.retain(|operation| !matches!(operation.answer(), Some(Answer::Full | Answer::Pending)));
    for one in kept.clone() {
        let value = match (one.act, one.answer()) {
            (Act::Push(value), _) => Some(value),
            (Act::Pop, Some(Answer::Empty)) => None,
            (Act::Pop, _) => continue,
        };
        let goes = |other: &Operation| match value {
            Some(value) => other.act == Act::Push(value) || other.delivery().is_some_and(|one| one.value == value),
            None => *other == one,
        };
        let fewer: Vec<Operation> = kept.iter().filter(|other| !goes(other)).copied().collect();
        // Whatever a victim cannot excuse had been found before.
        if let Err(Wrong::NotExcused(reason)) = judge(&fewer) {
            (kept, condition) = (fewer, reason);
        }
    }
    Violation::new(condition, &kept)
}
