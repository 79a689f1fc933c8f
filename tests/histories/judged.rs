//! Hand-made histories, legal and illegal, for each condition; the brute force agrees on each.

use crate::brute::linearizable;
use crate::check::{Condition, Verdict, check};
use crate::history::{Act, Answer, Death, Delivery, End, Operation, Time, Value};

/// Operations of participants that each do one thing.
struct Story(Vec<Operation>);

fn story() -> Story {
    Story(Vec::new())
}

impl Story {
    fn with(mut self, call: Time, act: Act, end: End) -> Self {
        let who = self.0.len() as u32;
        self.0.push(Operation { who, round: 0, place: 0, call, act, end });
        self
    }

    fn returned(self, call: Time, at: Time, act: Act, answer: Answer) -> Self {
        self.with(call, act, End::Returned { at, answer })
    }

    fn push(self, call: Time, at: Time, value: Value) -> Self {
        self.returned(call, at, Act::Push(value), Answer::Pushed)
    }

    fn refused(self, call: Time, at: Time, value: Value) -> Self {
        self.returned(call, at, Act::Push(value), Answer::Full)
    }

    fn pop(self, call: Time, at: Time, value: Value) -> Self {
        self.returned(call, at, Act::Pop, Answer::Popped(Delivery { value, redelivered: false }))
    }

    fn again(self, call: Time, at: Time, value: Value) -> Self {
        self.returned(call, at, Act::Pop, Answer::Popped(Delivery { value, redelivered: true }))
    }

    fn empty(self, call: Time, at: Time) -> Self {
        self.returned(call, at, Act::Pop, Answer::Empty)
    }

    fn killed(self, call: Time, death: (Time, Time), act: Act, seen: Option<Delivery>) -> Self {
        self.with(call, act, End::Killed { death: Death { not_before: death.0, not_after: death.1 }, seen })
    }

    fn victim(self, call: Time, death: (Time, Time)) -> Self {
        self.killed(call, death, Act::Pop, None)
    }

    fn holder(self, call: Time, death: (Time, Time), value: Value, redelivered: bool) -> Self {
        self.killed(call, death, Act::Pop, Some(Delivery { value, redelivered }))
    }

    fn unsure(self, call: Time, death: (Time, Time), value: Value) -> Self {
        self.killed(call, death, Act::Push(value), None)
    }

    /// Makes the operations since the `from`-th one slice.
    fn slice(mut self, from: usize) -> Self {
        let who = self.0[from].who;
        for (place, operation) in self.0[from..].iter_mut().enumerate() {
            (operation.who, operation.place) = (who, place as u32);
        }
        self
    }

    #[track_caller]
    fn passes(self, lost: usize, redelivered: usize) {
        let verdict = check(&self.0).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(verdict, Verdict { lost, redelivered, undecided: false });
        assert!(linearizable(&self.0), "the brute force disagrees");
    }

    /// Illegal, and shown to be by these operations alone.
    #[track_caller]
    fn breaks(self, condition: Condition, shown: &[usize]) {
        let violation = check(&self.0).expect_err("illegal");
        assert_eq!(violation.condition, condition, "{violation}");
        let mut expected: Vec<Operation> = shown.iter().map(|index| self.0[*index]).collect();
        expected.sort_by_key(|operation| (operation.call, operation.who, operation.place));
        assert_eq!(violation.operations, expected, "{violation}");
        assert!(!linearizable(&self.0), "the brute force disagrees");
    }
}

#[test]
fn nothing_from_nowhere() {
    story().push(1, 2, 7).pop(3, 4, 7).passes(0, 0);
    story().push(1, 5, 7).pop(3, 4, 7).passes(0, 0);
    story().push(3, 5, 7).pop(1, 3, 7).passes(0, 0);
    story().push(4, 5, 7).pop(1, 3, 7).breaks(Condition::Fresh, &[0, 1]);
    story().push(1, 2, 7).pop(3, 4, 8).breaks(Condition::Fresh, &[1]);
    story().push(1, 2, 7).refused(1, 2, 8).pop(3, 4, 7).passes(0, 0);
    story().push(1, 2, 7).refused(1, 2, 8).pop(3, 4, 8).breaks(Condition::Fresh, &[1, 2]);
}

#[test]
fn nothing_twice() {
    story().push(1, 2, 7).pop(1, 9, 7).pop(1, 9, 7).breaks(Condition::Repeated, &[0, 1, 2]);
}

#[test]
fn no_overtaking() {
    let pushed = || story().push(1, 2, 7).push(3, 4, 8);
    pushed().pop(5, 6, 7).pop(7, 8, 8).passes(0, 0);
    pushed().pop(5, 6, 8).pop(6, 8, 7).passes(0, 0);
    pushed().pop(5, 6, 8).pop(7, 8, 7).breaks(Condition::Order, &[0, 1, 2, 3]);
    story().push(1, 3, 7).push(3, 4, 8).pop(5, 6, 8).pop(7, 8, 7).passes(0, 0);
    // 9 was taken first, but only 8 was pushed for certain after 7.
    let tied = story().push(1, 3, 7).push(3, 4, 9).push(4, 5, 8);
    tied.pop(6, 7, 9).pop(8, 9, 8).pop(10, 11, 7).breaks(Condition::Order, &[0, 2, 4, 5]);
    // Far apart, and only one pair of many is in the wrong order.
    let long = || (0..100).fold(story(), |story, value| story.push(2 * value, 2 * value, value));
    let popped = |order: [u64; 100]| {
        (200..).zip(order).fold(long().0, |mut operations, (at, value)| {
            operations.extend(story().pop(2 * at, 2 * at, value).0);
            operations
        })
    };
    let mut order = std::array::from_fn(|index| index as u64);
    assert_eq!(check(&popped(order)).expect("in order"), Verdict::default());
    order.swap(40, 41);
    let violation = check(&popped(order)).expect_err("swapped");
    assert_eq!(violation.condition, Condition::Order);
    let pushed: Vec<Act> = violation.operations[..2].iter().map(|operation| operation.act).collect();
    assert_eq!((pushed, violation.operations.len()), (vec![Act::Push(40), Act::Push(41)], 4));
}

#[test]
fn nothing_left_behind() {
    story().push(1, 2, 7).push(3, 4, 8).pop(5, 6, 8).breaks(Condition::Order, &[0, 1, 2]);
    story().push(1, 3, 7).push(3, 4, 8).pop(5, 6, 8).passes(0, 0);
    story().push(1, 2, 7).push(3, 4, 8).pop(5, 6, 7).passes(0, 0);
}

#[test]
fn slices_are_in_order() {
    let pushed = || story().push(1, 2, 7).push(1, 2, 8).slice(0);
    pushed().pop(5, 6, 7).pop(7, 8, 8).passes(0, 0);
    pushed().pop(5, 6, 8).pop(7, 8, 7).breaks(Condition::Order, &[0, 1, 2, 3]);
    pushed().pop(5, 6, 8).breaks(Condition::Order, &[0, 1, 2]);
    let pushed = || story().push(1, 2, 7).push(3, 4, 8);
    pushed().pop(5, 6, 7).pop(5, 6, 8).slice(2).passes(0, 0);
    pushed().pop(5, 6, 8).pop(5, 6, 7).slice(2).breaks(Condition::Order, &[0, 1, 2, 3]);
}

#[test]
fn empty_only_when_it_was() {
    story().empty(1, 2).passes(0, 0);
    story().push(1, 2, 7).empty(3, 4).pop(5, 6, 7).breaks(Condition::Empty, &[0, 1, 2]);
    story().push(1, 2, 7).empty(3, 4).breaks(Condition::Empty, &[0, 1]);
    story().push(1, 3, 7).empty(3, 4).pop(5, 6, 7).passes(0, 0);
    story().push(1, 2, 7).empty(3, 5).pop(5, 6, 7).passes(0, 0);
    // Never empty, though neither value was there all the time.
    story()
        .push(1, 2, 7)
        .empty(3, 8)
        .push(4, 5, 8)
        .pop(6, 7, 7)
        .pop(9, 10, 8)
        .breaks(Condition::Empty, &[0, 1, 2, 3, 4]);
    // The second is never taken.
    story().push(1, 2, 7).empty(3, 8).push(4, 5, 8).pop(6, 7, 7).breaks(Condition::Empty, &[0, 1, 2, 3]);
    story().push(1, 2, 7).empty(3, 8).push(4, 6, 8).pop(6, 7, 7).pop(9, 10, 8).passes(0, 0);
}

#[test]
fn an_unsure_push_may_have_been_made_or_not() {
    story().unsure(1, (2, 3), 7).passes(0, 0);
    story().unsure(1, (2, 3), 7).pop(2, 4, 7).passes(0, 0);
    story().unsure(1, (2, 3), 7).empty(5, 6).passes(0, 0);
    story().unsure(5, (6, 7), 7).pop(1, 4, 7).breaks(Condition::Fresh, &[0, 1]);
    // The death orders it: whoever is dead pushes no more.
    story().unsure(1, (2, 3), 7).empty(5, 6).pop(7, 8, 7).breaks(Condition::Empty, &[0, 1, 2]);
    story().unsure(1, (2, 3), 7).push(4, 5, 8).pop(6, 7, 8).pop(8, 9, 7).breaks(Condition::Order, &[0, 1, 2, 3]);
}

#[test]
fn a_victim_may_have_taken_one_message() {
    story().push(1, 2, 7).victim(3, (4, 5)).empty(6, 7).passes(1, 0);
    story().push(1, 2, 7).victim(3, (4, 5)).pop(6, 7, 7).passes(0, 0);
    story().push(1, 2, 7).victim(3, (4, 5)).passes(0, 0);
    story().push(1, 2, 7).push(1, 2, 8).victim(3, (4, 5)).empty(6, 7).breaks(Condition::Empty, &[0, 1, 2, 3]);
    story().push(1, 2, 7).push(1, 2, 8).victim(3, (4, 5)).victim(3, (4, 5)).slice(2).empty(6, 7).passes(2, 0);
    // A message that was pushed after its death it cannot have taken.
    story().victim(3, (4, 5)).push(6, 7, 7).empty(8, 9).breaks(Condition::Empty, &[0, 1, 2]);
    // Nor one that was not its turn.
    story()
        .push(1, 2, 7)
        .push(3, 4, 8)
        .victim(5, (6, 7))
        .pop(8, 9, 7)
        .empty(10, 11)
        .breaks(Condition::Empty, &[0, 1, 2, 3, 4]);
    story().push(1, 2, 7).push(3, 4, 8).victim(5, (6, 7)).pop(8, 9, 8).empty(10, 11).passes(1, 0);
}

#[test]
fn two_victims_share_nothing() {
    let pushed = || story().push(1, 2, 7).push(3, 4, 8).push(5, 6, 9);
    pushed().victim(7, (8, 9)).victim(10, (11, 12)).pop(13, 14, 9).passes(2, 0);
    pushed().victim(7, (8, 9)).pop(13, 14, 9).breaks(Condition::Order, &[0, 1, 2, 3, 4]);
    // The one that died before the push of 8 took 7, whichever is tried first.
    story().push(1, 2, 7).victim(3, (4, 5)).victim(3, (20, 21)).push(6, 7, 8).empty(22, 23).passes(2, 0);
}

#[test]
fn a_redelivery_needs_a_victim() {
    story().push(1, 2, 7).victim(3, (4, 5)).again(6, 7, 7).passes(0, 1);
    story().push(1, 2, 7).holder(3, (4, 5), 7, false).again(6, 7, 7).passes(0, 1);
    story().push(1, 2, 7).again(6, 7, 7).breaks(Condition::Redelivered, &[0, 1]);
    story().push(1, 2, 7).victim(8, (9, 10)).again(6, 7, 7).breaks(Condition::Redelivered, &[0, 1, 2]);
    // It had not been killed by then.
    story().push(1, 2, 7).victim(3, (8, 9)).again(6, 7, 7).breaks(Condition::Redelivered, &[0, 1, 2]);
    story().push(1, 2, 7).holder(3, (8, 9), 7, false).again(6, 7, 7).breaks(Condition::Redelivered, &[0, 1, 2]);
    // The signal's time had been read long before; but it had not even begun.
    story().push(1, 2, 7).victim(8, (3, 10)).again(5, 6, 7).breaks(Condition::Redelivered, &[0, 1, 2]);
    story().push(1, 2, 7).holder(8, (3, 10), 7, false).again(5, 6, 7).breaks(Condition::Redelivered, &[0, 1, 2]);
    // What it saw was another message.
    story()
        .push(1, 2, 7)
        .push(1, 2, 8)
        .holder(3, (4, 5), 8, false)
        .again(6, 7, 7)
        .breaks(Condition::Redelivered, &[0, 3]);
    // One victim, two messages.
    let two = story().push(1, 2, 7).push(1, 2, 8).victim(3, (4, 5)).again(6, 7, 7).again(6, 7, 8);
    two.breaks(Condition::Redelivered, &[0, 1, 2, 3, 4]);
}

#[test]
fn a_redelivery_comes_once() {
    let held = || story().push(1, 2, 7).holder(3, (4, 5), 7, false);
    held().again(6, 7, 7).again(8, 9, 7).breaks(Condition::Repeated, &[0, 1, 2, 3]);
    held().pop(6, 7, 7).breaks(Condition::Repeated, &[0, 1, 2]);
    story().push(1, 2, 7).pop(3, 4, 7).victim(3, (4, 5)).again(6, 7, 7).breaks(Condition::Repeated, &[0, 1, 3]);
    // A taker that dies is taken over in turn.
    held().holder(6, (8, 9), 7, true).again(10, 11, 7).passes(0, 1);
    held().victim(6, (8, 9)).again(10, 11, 7).passes(0, 1);
    held().holder(6, (12, 13), 7, true).again(10, 11, 7).breaks(Condition::Redelivered, &[0, 1, 2, 3]);
}

#[test]
fn the_first_taker_keeps_the_order() {
    let two = || story().push(1, 2, 7).push(3, 4, 8);
    // Late, but taken in time.
    two().victim(5, (6, 7)).pop(8, 9, 8).again(10, 11, 7).passes(0, 1);
    // Before it was delivered again it had been taken, and so before 7 was, whenever the victim died.
    two().victim(5, (6, 20)).again(7, 8, 8).pop(9, 10, 7).breaks(Condition::Order, &[0, 1, 2, 3, 4]);
    // Taken only after 8 had gone.
    two().pop(5, 6, 8).victim(7, (8, 9)).again(10, 11, 7).breaks(Condition::Order, &[0, 1, 2, 3, 4]);
}
