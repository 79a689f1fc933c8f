//! What a participant may be doing when it is killed.

use serde::{Deserialize, Serialize};

/// Noted before it is begun, so that at a kill the note is of what was under way, or is the next thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub(super) enum Doing {
    /// Forked, and not in the ring yet.
    Attaching = 0,
    /// Between two operations.
    Between,
    /// In a push that publishes one message, or several one after the other.
    Pushing,
    PushingSlice,
    /// Waiting for room for a reservation or a batch.
    Reserving,
    /// With a reservation, or a batch, in hand.
    Writing,
    /// Publishing it.
    Committing,
    /// In a pop that takes out one message, or several.
    Popping,
    PoppingSlice,
    /// In a pop under a guard, or of a batch where it lies.
    Reaching,
    /// With messages under a guard.
    Holding,
    /// Dropping the guard.
    LettingGo,
    /// Leaving in good order.
    Closing,
    /// Has left.
    Closed,
}

impl Doing {
    pub(super) const ALL: [Doing; 14] = [
        Doing::Attaching,
        Doing::Between,
        Doing::Pushing,
        Doing::PushingSlice,
        Doing::Reserving,
        Doing::Writing,
        Doing::Committing,
        Doing::Popping,
        Doing::PoppingSlice,
        Doing::Reaching,
        Doing::Holding,
        Doing::LettingGo,
        Doing::Closing,
        Doing::Closed,
    ];

    pub(super) fn of(number: u8) -> Doing {
        Doing::ALL.into_iter().find(|doing| *doing as u8 == number).unwrap_or(Doing::Attaching)
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Doing::Attaching => "attaching",
            Doing::Between => "between two operations",
            Doing::Pushing => "pushing",
            Doing::PushingSlice => "pushing a slice",
            Doing::Reserving => "waiting for room",
            Doing::Writing => "writing in place",
            Doing::Committing => "committing",
            Doing::Popping => "popping",
            Doing::PoppingSlice => "popping a slice",
            Doing::Reaching => "popping under a guard",
            Doing::Holding => "holding",
            Doing::LettingGo => "letting go",
            Doing::Closing => "closing",
            Doing::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back() {
        for doing in Doing::ALL {
            assert_eq!(Doing::of(doing as u8), doing);
        }
    }
}
