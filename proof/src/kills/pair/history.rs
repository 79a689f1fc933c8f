//! The states that operations begin from, and what has passed through the ring until then.

use super::Pair;

/// How many messages are in the ring when the operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Empty,
    One,
    NearlyFull,
    /// One more is refused.
    Full,
    /// It was full, and all but the last message were taken: the producer still believes it full, and a consumer that gives room
    /// back late has not given back all.
    OneLeft,
}

/// Where in the ring the operation's first message lies, or what it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The ring is new.
    Beginning,
    /// It ends where the ring ends.
    End,
    /// It runs over the ring's end.
    OverTheEnd,
    /// The one after the next does.
    OverTheEndSoon,
    /// As large as can be.
    Largest,
    /// It has no bytes.
    Nothing,
    /// As large as a value of plain data, [`POD_BYTES`].
    Pod,
}

/// How large the plain data are that are pushed as such.
pub(crate) const POD_BYTES: usize = 16;

/// What precedes an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) fill: Fill,
    pub(crate) spot: Spot,
}

/// So many messages are pushed (or as many as fit, if that are fewer), and then taken, until so many are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) push: u64,
    pub(super) leave: u64,
}

/// No state needs a longer history: whoever looks farther would look for ever.
const MOST_PASSED: u64 = 500;

impl State {
    /// As it stands in the name of a scenario.
    pub(super) fn name(self) -> String {
        let fill = match self.fill {
            Fill::Empty => "empty",
            Fill::One => "one",
            Fill::NearlyFull => "nearly-full",
            Fill::Full => "full",
            Fill::OneLeft => "one-left",
        };
        let spot = match self.spot {
            Spot::Beginning => "",
            Spot::End => "-at-the-wrap",
            Spot::OverTheEnd => "-over-the-end",
            Spot::OverTheEndSoon => "-over-the-end-soon",
            Spot::Largest => "-largest",
            Spot::Nothing => "-no-bytes",
            Spot::Pod => "-pod",
        };
        format!("{fill}{spot}")
    }

    /// How many messages pass through the ring before it is filled, so that the operation's first message is where it is to be: the
    /// next to be pushed, for a producer's, or the first in the ring.
    pub(super) fn passed<P: Pair>(self, producers: bool) -> u64 {
        if self.spot == Spot::Beginning {
            return 0;
        }
        let target = |passed: u64| match (producers, self.fill) {
            (true, Fill::Empty) => passed,
            (true, Fill::One) => passed + 1,
            (true, Fill::NearlyFull) => passed + P::promised(passed) - 1,
            (true, Fill::Full | Fill::OneLeft) => passed + P::filled(passed),
            (false, Fill::OneLeft) => passed + P::filled(passed) - 1,
            (false, _) => passed,
        };
        let found = (0..MOST_PASSED).find(|passed| P::is_at(self.spot, target(*passed)));
        found.unwrap_or_else(|| panic!("{}: no message is like this: {self:?}", P::NAME))
    }

    /// All that happens before the operation, in portions that fit; the last of them makes the state.
    pub(super) fn steps<P: Pair>(self, passed: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut next = 0;
        while next < passed {
            let push = P::promised(next).min(passed - next);
            steps.push(Step { push, leave: 0 });
            next += push;
        }
        let all = u64::MAX;
        steps.push(match self.fill {
            Fill::Empty => Step { push: 0, leave: all },
            Fill::One => Step { push: 1, leave: all },
            Fill::NearlyFull => Step { push: P::promised(passed) - 1, leave: all },
            Fill::Full => Step { push: all, leave: all },
            Fill::OneLeft => Step { push: all, leave: 1 },
        });
        steps
    }
}

impl Step {
    /// The producer's part; says which message is the next.
    pub(super) fn push<P: Pair>(self, tx: &mut P::Producer, next: u64) -> u64 {
        let end = next.saturating_add(self.push);
        let pushed = (next..end).take_while(|number| P::push(tx, *number)).count() as u64;
        assert!(self.push == u64::MAX || pushed == self.push, "so many are promised to fit");
        next + pushed
    }

    /// The consumer's, when the message of this number is the next to be pushed.
    pub(super) fn pop<P: Pair>(self, rx: &mut P::Consumer, next: u64) {
        while next - P::consumed(rx) > self.leave {
            let first = P::consumed(rx);
            assert_eq!(P::pop(rx), Some(first));
        }
    }
}
