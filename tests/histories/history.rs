//! What a history is: operations, each with the time at which it was called and the time at which it had returned.
//!
//! Only times order operations: one comes before another if it had returned before the other was called. Between
//! operations whose times touch or overlap nothing is known.
//!
//! The call's time is read before the operation begins and the return's after it has ended, so an interval on record is
//! never shorter than the real one. A coarse clock lets more intervals overlap and so hides errors; it never makes one up.

use std::fmt;

/// Nanoseconds of a clock that all participants share.
pub(crate) type Time = u64;
/// After all that happens.
pub(crate) const NEVER: Time = Time::MAX;
/// Unique within a history: no two attempts to push have the same.
pub(crate) type Value = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) who: u32,
    /// The call that this operation was a part of, counted for each participant.
    pub(crate) round: u32,
    /// Its place in the slice: a slice of `k` elements is `k` operations with one interval.
    pub(crate) place: u32,
    pub(crate) call: Time,
    pub(crate) act: Act,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Push(Value),
    Pop,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Returned {
        at: Time,
        answer: Answer,
    },
    /// Its process was killed before. It may have had its effect, once, at any moment before the death; or never.
    Killed {
        death: Death,
        /// The message that it had been given, if that is on record: it has had its effect then.
        seen: Option<Delivery>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Pushed,
    Full,
    /// To a push or a pop: somebody stands in the way. Nothing happened.
    Pending,
    Popped(Delivery),
    Empty,
}

/// A message in the hands of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) value: Value,
    /// Marked as the message of a consumer that died.
    pub(crate) redelivered: bool,
}

/// When a process died: between the moment before the signal was sent and the moment after its end was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
}

impl Operation {
    /// The latest moment at which it can have had its effect.
    pub(crate) fn end_time(&self) -> Time {
        match self.end {
            End::Returned { at, .. } => at,
            End::Killed { death, .. } => death.not_after,
        }
    }

    /// Whether this one comes before the other, whatever the clocks did not see. The elements of one slice follow each other.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.end_time() < other.call || (self.same_call(other) && self.place < other.place)
    }

    pub(crate) fn same_call(&self, other: &Self) -> bool {
        (self.who, self.round) == (other.who, other.round)
    }

    /// What it was given, whether it returned with that or not.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        match self.end {
            End::Returned { answer: Answer::Popped(delivery), .. } => Some(delivery),
            End::Killed { seen, .. } => seen,
            End::Returned { .. } => None,
        }
    }

    pub(crate) fn death(&self) -> Option<Death> {
        match self.end {
            End::Killed { death, .. } => Some(death),
            End::Returned { .. } => None,
        }
    }

    /// The same, its times counted from `start` on, to be read by people.
    pub(crate) fn since(&self, start: Time) -> Self {
        let since = |time: Time| if time == NEVER { NEVER } else { time.saturating_sub(start) };
        let end = match self.end {
            End::Returned { at, answer } => End::Returned { at: since(at), answer },
            End::Killed { death, seen } => {
                let death = Death { not_before: since(death.not_before), not_after: since(death.not_after) };
                End::Killed { death, seen }
            }
        };
        Self { call: since(self.call), end, ..*self }
    }

    pub(crate) fn answer(&self) -> Option<Answer> {
        match self.end {
            End::Returned { answer, .. } => Some(answer),
            End::Killed { .. } => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "participant {:>2}, call {:>3}.{}: ", self.who, self.round, self.place)?;
        match self.act {
            Act::Push(value) => write!(f, "push {value:#x}")?,
            Act::Pop => write!(f, "pop")?,
        }
        match self.end {
            End::Returned { at, answer } => write!(f, " → {answer}  [{}, {at}]", self.call),
            End::Killed { death, seen } => {
                if let Some(delivery) = seen {
                    write!(f, " → {delivery}, and")?;
                }
                write!(f, " killed  [{}, death within {}..={}]", self.call, death.not_before, death.not_after)
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pushed => f.write_str("pushed"),
            Self::Full => f.write_str("full"),
            Self::Pending => f.write_str("pending"),
            Self::Popped(delivery) => delivery.fmt(f),
            Self::Empty => f.write_str("empty"),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}{}", self.value, if self.redelivered { " (redelivered)" } else { "" })
    }
}
