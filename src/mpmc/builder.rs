//! What the creator of a many-to-many ring decides for all who attach.

use bytemuck::Pod;

use super::Ring;
use crate::segment::{Builder, OptionBit};

pub(super) const DISCARDS: u32 = 0;
pub(super) const OUTLIVES_PRODUCERS: u32 = 1;
pub(super) const OUTLIVES_CONSUMERS: u32 = 2;

pub(super) const OPTIONS: [OptionBit; 3] = [
    OptionBit { name: "on_consumer_death", clear: "redeliver", set: "discard" },
    OptionBit { name: "ends_with_producers", clear: "true", set: "false" },
    OptionBit { name: "ends_with_consumers", clear: "true", set: "false" },
];

/// What becomes of a message whose consumer is killed before it has let go of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConsumerDeath {
    /// Another consumer gets it, marked as redelivered: each message at least once.
    #[default]
    Redeliver,
    /// Nobody gets it: each message at most once.
    Discard,
}

/// Only for [`mpmc`](crate::mpmc).
impl<T: Pod> Builder<Ring<T>> {
    /// How many handles there can be at a time, producers and consumers together: 1 to 4096; 64 if not called. Each takes 128 bytes of the
    /// segment. Those from the 64th place on share a signal when they sleep, and are woken together.
    ///
    /// At attach it is a requirement if it is given ([`SegmentError::Participants`](crate::SegmentError::Participants)
    /// otherwise).
    #[must_use]
    pub fn participants(self, places: u32) -> Self {
        self.with_role_count(places)
    }

    /// What becomes of a message whose consumer is killed before it has let go of it: [`OnConsumerDeath::Redeliver`] if not called.
    ///
    /// At attach it is a requirement if it is given ([`SegmentError::RingOption`](crate::SegmentError::RingOption) otherwise); so are the
    /// following two.
    #[must_use]
    pub fn on_consumer_death(self, policy: OnConsumerDeath) -> Self {
        self.with_option(DISCARDS, policy == OnConsumerDeath::Discard)
    }

    /// Whether consumers are told `Closed` or `Dead` when the last producer has gone and the ring is drained; true if not called. If
    /// false, they wait for others to come.
    #[must_use]
    pub fn ends_with_producers(self, ends: bool) -> Self {
        self.with_option(OUTLIVES_PRODUCERS, !ends)
    }

    /// Whether producers are told `Closed` or `Dead` when the last consumer has gone and the ring is full; true if not called. If
    /// false, they wait for others to come.
    #[must_use]
    pub fn ends_with_consumers(self, ends: bool) -> Self {
        self.with_option(OUTLIVES_CONSUMERS, !ends)
    }
}
