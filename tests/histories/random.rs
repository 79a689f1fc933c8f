//! The judge against random histories: right ones are accepted, spoilt ones are rejected, and small ones, right or not,
//! are judged as the brute force judges them.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::brute::linearizable;
use crate::check::{Condition, check};
use crate::executions::{execute, step};
use crate::history::{Act, Answer, Death, Delivery, End, Operation, Time, Value};

fn configuration(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        max_shrink_iters: 20_000,
        max_global_rejects: 1_000_000,
        ..ProptestConfig::with_cases(asked.unwrap_or(cases))
    }
}

/// Rejected, for one of these reasons; and what is shown is rejected for the same reason when nothing else is known.
#[track_caller]
fn must_be_rejected(history: &[Operation], conditions: &[Condition]) {
    let violation = check(history).expect_err("a spoilt history");
    assert!(conditions.contains(&violation.condition), "{violation}");
    let shown = check(&violation.operations).expect_err("it is in what is shown");
    assert_eq!(shown.condition, violation.condition, "{violation}");
}

#[test]
fn stretched_executions_are_accepted() {
    proptest!(configuration(1000), |(steps in vec(step(0), 1..200))| {
        let verdict = check(&execute(&steps));
        prop_assert!(verdict.is_ok(), "{}", verdict.expect_err("not accepted"));
    });
}

#[test]
fn stretched_executions_with_kills_are_accepted() {
    let excused = Cell::new([0; 2]);
    proptest!(configuration(1000), |(steps in vec(step(3), 1..60))| {
        let history = execute(&steps);
        let verdict = check(&history);
        prop_assert!(verdict.is_ok(), "{}", verdict.expect_err("not accepted"));
        let verdict = verdict.expect("accepted");
        prop_assert!(!verdict.undecided);
        let [lost, redelivered] = excused.get();
        excused.set([lost + verdict.lost, redelivered + verdict.redelivered]);
    });
    println!("messages excused as lost, and delivered again: {:?}", excused.get());
    assert!(excused.get().iter().all(|count| *count > 0), "too few kills to prove anything");
}

/// Histories long enough that something can be spoilt.
fn histories() -> impl Strategy<Value = Vec<Operation>> {
    vec(step(0), 4..100).prop_map(|steps| execute(&steps))
}

fn pushed(history: &[Operation], value: Value) -> &Operation {
    history.iter().find(|operation| operation.act == Act::Push(value)).expect("popped, so pushed")
}

/// Those that popped, by index, with what they popped.
fn pops(history: &[Operation]) -> Vec<(usize, Value)> {
    let popped = |(index, operation): (usize, &Operation)| Some((index, operation.delivery()?.value));
    history.iter().enumerate().filter_map(popped).collect()
}

fn pop_of(value: Value, call: Time, at: Time) -> Operation {
    let answer = Answer::Popped(Delivery { value, redelivered: false });
    Operation { who: 10_000, round: 0, place: 0, call, act: Act::Pop, end: End::Returned { at, answer } }
}

fn empty(call: Time, at: Time) -> Operation {
    Operation { end: End::Returned { at, answer: Answer::Empty }, ..pop_of(0, call, at) }
}

fn set_value(operation: &mut Operation, value: Value) {
    if let End::Returned { answer, .. } = &mut operation.end {
        *answer = Answer::Popped(Delivery { value, redelivered: false });
    }
}

#[test]
fn a_value_duplicated_is_rejected() {
    proptest!(configuration(400), |(mut history in histories(), at in any::<prop::sample::Index>())| {
        let pops = pops(&history);
        prop_assume!(!pops.is_empty());
        let (index, value) = pops[at.index(pops.len())];
        history.push(pop_of(value, history[index].call, history[index].end_time() + 1000));
        must_be_rejected(&history, &[Condition::Repeated]);
    });
}

#[test]
fn a_value_from_nowhere_is_rejected() {
    proptest!(configuration(400), |(mut history in histories(), at in any::<prop::sample::Index>())| {
        let pops = pops(&history);
        prop_assume!(!pops.is_empty());
        let (index, _) = pops[at.index(pops.len())];
        set_value(&mut history[index], 1_000_000);
        must_be_rejected(&history, &[Condition::Fresh]);
    });
}

#[test]
fn values_swapped_beyond_overlap_are_rejected() {
    proptest!(configuration(400), |(mut history in histories(), at in any::<prop::sample::Index>())| {
        let pops = pops(&history);
        let ordered = |a: &(usize, Value), b: &(usize, Value)| {
            history[a.0].is_before(&history[b.0]) && pushed(&history, a.1).is_before(pushed(&history, b.1))
        };
        let pairs: Vec<_> =
            pops.iter().flat_map(|a| pops.iter().filter(|b| ordered(a, b)).map(|b| (*a, *b))).collect();
        prop_assume!(!pairs.is_empty());
        let (a, b) = pairs[at.index(pairs.len())];
        set_value(&mut history[a.0], b.1);
        set_value(&mut history[b.0], a.1);
        must_be_rejected(&history, &[Condition::Order, Condition::Fresh]);
    });
}

#[test]
fn a_value_dropped_in_the_middle_is_rejected() {
    proptest!(configuration(400), |(mut history in histories(), at in any::<prop::sample::Index>())| {
        let pops = pops(&history);
        let is_followed = |a: &&(usize, Value)| {
            pops.iter().any(|b| pushed(&history, a.1).is_before(pushed(&history, b.1)))
        };
        let followed: Vec<_> = pops.iter().filter(is_followed).collect();
        prop_assume!(!followed.is_empty());
        history.remove(followed[at.index(followed.len())].0);
        must_be_rejected(&history, &[Condition::Order, Condition::Empty]);
    });
}

#[test]
fn the_last_value_lost_is_rejected() {
    proptest!(configuration(400), |(mut history in histories())| {
        let pops = pops(&history);
        prop_assume!(!pops.is_empty());
        let end = history.iter().map(Operation::end_time).max().expect("not empty");
        history.remove(pops[pops.len() - 1].0);
        history.push(empty(end + 1, end + 2));
        must_be_rejected(&history, &[Condition::Order, Condition::Empty]);
    });
}

#[test]
fn empty_where_it_cannot_be_is_rejected() {
    proptest!(configuration(400), |(mut history in histories(), at in any::<prop::sample::Index>())| {
        let spans: Vec<_> = pops(&history)
            .iter()
            .map(|(index, value)| (pushed(&history, *value).end_time() + 1, history[*index].call))
            .filter(|(from, to)| from < to)
            .collect();
        prop_assume!(!spans.is_empty());
        let (from, to) = spans[at.index(spans.len())];
        history.push(empty(from, to - 1));
        must_be_rejected(&history, &[Condition::Empty]);
    });
}

/// What is done to an operation, by index, of a history that may be legal or not afterwards.
#[derive(Clone, Debug)]
enum Spoil {
    Call(Time),
    End(Time),
    Gives(Value),
    IsEmpty,
    IsKilled,
    IsMarked,
    IsRemoved,
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        (0..150_u64).prop_map(Spoil::Call),
        (0..80_u64).prop_map(Spoil::End),
        (1..8_u64).prop_map(Spoil::Gives),
        Just(Spoil::IsEmpty),
        Just(Spoil::IsKilled),
        Just(Spoil::IsMarked),
        Just(Spoil::IsRemoved),
    ]
}

fn spoiled(mut history: Vec<Operation>, spoils: &[(prop::sample::Index, Spoil)]) -> Vec<Operation> {
    for (index, spoil) in spoils {
        if history.is_empty() {
            break;
        }
        let index = index.index(history.len());
        // A slice has one interval: who is moved alone leaves it.
        let alone = Operation { who: 100 + index as u32, place: 0, ..history[index] };
        let is_pop = alone.act == Act::Pop;
        let end = alone.end_time();
        let becomes = |end| Operation { end, ..alone };
        let returns = |answer| becomes(End::Returned { at: end, answer });
        history[index] = match *spoil {
            Spoil::Call(call) => Operation { call: call.min(alone.call.max(end)), ..alone },
            Spoil::End(later) => match alone.end {
                End::Returned { answer, .. } => becomes(End::Returned { at: alone.call + later, answer }),
                End::Killed { seen, .. } => {
                    becomes(End::Killed { death: Death { not_before: later, not_after: alone.call + later }, seen })
                }
            },
            Spoil::Gives(value) if is_pop => returns(Answer::Popped(Delivery { value, redelivered: false })),
            Spoil::IsEmpty if is_pop => returns(Answer::Empty),
            Spoil::IsKilled => {
                let death = Death { not_before: alone.call, not_after: end };
                becomes(End::Killed { death, seen: None })
            }
            Spoil::IsMarked => match alone.end {
                End::Returned { at, answer: Answer::Popped(Delivery { value, .. }) } => {
                    let answer = Answer::Popped(Delivery { value, redelivered: true });
                    becomes(End::Returned { at, answer })
                }
                end => becomes(end),
            },
            Spoil::IsRemoved => {
                history.remove(index);
                continue;
            }
            Spoil::Gives(_) | Spoil::IsEmpty => alone,
        };
    }
    history
}

#[test]
fn small_histories_are_judged_as_by_brute_force() {
    let legal = Cell::new(0);
    let judged = Cell::new(0);
    let strategy = (vec(step(15), 1..=7), vec((any::<prop::sample::Index>(), spoil()), 1..6));
    proptest!(configuration(10_000), |((steps, spoils) in strategy)| {
        let history = spoiled(execute(&steps), &spoils);
        let verdict = check(&history);
        let expected = linearizable(&history);
        let shown = || history.iter().map(|operation| format!("{operation}\n")).collect::<String>();
        prop_assert_eq!(verdict.is_ok(), expected, "{:?}\n{}", verdict, shown());
        if let Err(violation) = &verdict {
            let again = check(&violation.operations);
            prop_assert!(again.is_err(), "{violation}\nis not shown by itself; of\n{}", shown());
        }
        judged.set(judged.get() + 1);
        legal.set(legal.get() + u32::from(expected));
    });
    let (legal, judged) = (legal.get(), judged.get());
    println!("{legal} of {judged} small histories were legal");
    assert!(legal > judged / 10 && legal < judged * 9 / 10, "one verdict alone proves little");
}
