//! No overtaking, among the values of which it is known who took them.

use std::collections::HashMap;

use super::passage::{Passage, overtakes};
use super::{Condition, Violation};

/// For each `a`, is there a `b` that was pushed after `a` and had been taken before anybody began to take `a`? Of all that
/// were pushed after `a` only the one that was taken first need be looked at.
pub(super) fn check(passages: &[Passage<'_>]) -> Result<(), Violation> {
    let mut by_push: Vec<&Passage<'_>> = passages.iter().filter(|passage| passage.take().is_some()).collect();
    by_push.sort_by_key(|passage| passage.push.call);
    // first[i]: which of by_push[i..] was taken first.
    let mut first = Vec::with_capacity(by_push.len());
    for &passage in by_push.iter().rev() {
        let earlier = |other: &&Passage<'_>| taken_by(other) <= taken_by(passage);
        first.push(first.last().copied().filter(earlier).unwrap_or(passage));
    }
    first.reverse();
    for &a in &by_push {
        let later = by_push.partition_point(|b| b.push.call <= a.push.end_time());
        if let Some(&b) = first.get(later) {
            judge(a, b)?;
        }
    }
    slices(&by_push)
}

fn taken_by(passage: &Passage<'_>) -> Option<u64> {
    passage.take().map(|take| take.end)
}

/// What times do not show: the order within a slice that was pushed, and within one that was popped.
fn slices(passages: &[&Passage<'_>]) -> Result<(), Violation> {
    let mut calls: HashMap<(u32, u32), Vec<&Passage<'_>>> = HashMap::new();
    for &passage in passages {
        let pushed = (passage.push.who, passage.push.round);
        calls.entry(pushed).or_default().push(passage);
        if let Some(take) = passage.take() {
            calls.entry((take.by.who, take.by.round)).or_default().push(passage);
        }
    }
    for slice in calls.values() {
        for (i, a) in slice.iter().enumerate() {
            for b in &slice[i + 1..] {
                judge(a, b)?;
                judge(b, a)?;
            }
        }
    }
    Ok(())
}

fn judge(a: &Passage<'_>, b: &Passage<'_>) -> Result<(), Violation> {
    if overtakes((b.push, b.take()), (a.push, a.take())) {
        let takes = [a, b].into_iter().filter_map(|passage| passage.take()).map(|take| take.by);
        return Err(Violation::new(Condition::Order, takes.chain([a.push, b.push])));
    }
    Ok(())
}
