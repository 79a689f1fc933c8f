//! "Empty" only when it was.
//!
//! A value is certainly inside after its push has returned and until somebody begins to take it. An answer "empty" is
//! impossible if such spans cover its interval without a gap.

use super::passage::Passage;
use super::{Condition, Violation};
use crate::history::{NEVER, Operation, Time};

/// A span in which an operation's value was certainly inside; its ends do not belong to it.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    from: Time,
    to: Time,
    push: &'a Operation,
    take: Option<&'a Operation>,
}

impl<'a> Span<'a> {
    pub(super) fn new(passage: &Passage<'a>, take: Option<&'a Operation>) -> Self {
        Self { from: passage.inside_from(), to: take.map_or(NEVER, |by| by.call), push: passage.push, take }
    }
}

/// As far as the values show of which it is known who took them.
pub(super) fn check(empties: &[&Operation], passages: &[Passage<'_>]) -> Result<(), Violation> {
    let known = |passage: &&Passage<'_>| passage.take().is_some();
    let span = |passage| Span::new(passage, passage.take().map(|take| take.by));
    covered(empties, passages.iter().filter(known).map(span).collect())
}

pub(super) fn covered(empties: &[&Operation], mut spans: Vec<Span<'_>>) -> Result<(), Violation> {
    spans.retain(|span| span.from < span.to);
    spans.sort_by_key(|span| span.from);
    // Stretches without a gap, in order and apart from each other.
    let mut stretches: Vec<(Time, Time)> = Vec::new();
    for span in &spans {
        match stretches.last_mut() {
            // Two that only touch leave a moment between them.
            Some((_, to)) if span.from < *to => *to = span.to.max(*to),
            _ => stretches.push((span.from, span.to)),
        }
    }
    for empty in empties {
        let before = stretches.partition_point(|(from, _)| *from < empty.call);
        if before > 0 && stretches[before - 1].1 > empty.end_time() {
            let shown = shortest_cover(&spans, empty);
            let takes = shown.iter().filter_map(|span| span.take);
            let pushes = shown.iter().map(|span| span.push);
            return Err(Violation::new(Condition::Empty, pushes.chain(takes).chain([*empty])));
        }
    }
    Ok(())
}

/// The fewest of the spans that cover the operation; there are some that do.
fn shortest_cover<'a>(spans: &[Span<'a>], empty: &Operation) -> Vec<Span<'a>> {
    let mut cover = Vec::new();
    let mut reached = empty.call;
    while cover.is_empty() || reached <= empty.end_time() {
        let longest = spans.iter().filter(|span| span.from < reached).max_by_key(|span| span.to);
        match longest {
            Some(span) if span.to > reached => {
                reached = span.to;
                cover.push(*span);
            }
            _ => unreachable!("a stretch without a gap has an end that another span reaches over"),
        }
    }
    cover
}
