//! What is known of an episode when all of its participants have ended: what they noted, and what was found afterwards. Plain data, so that the
//! judge can be shown any.

use std::time::Duration;

use super::letters::Id;

/// In which order a ring hands over what is pushed, and what a consumer's death does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// spsc and bytes: one order, and lives that succeed each other. What was held comes again, to a successor, without a mark.
    Total,
    /// mpmc: each consumer sees each producer's messages in order. What was held comes again, marked, out of order.
    Redelivers,
    /// mpmc: the same, but what was held is gone.
    Discards,
}

/// A life: a participant, from its attachment to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Producer(Pushed),
    Consumer(Popped),
}

/// What a producer's journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pushed {
    /// Messages of which the push has returned.
    pub(super) done: u64,
    /// Messages of which the push had begun.
    pub(super) begun: u64,
    /// Whether those between the two are published by one store.
    pub(super) at_once: bool,
}

/// What a consumer's journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Popped {
    /// In the order in which it was given them.
    pub(super) log: Vec<Delivery>,
    /// What was under its hand when it ended.
    pub(super) hand: Hand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) id: Id,
    /// Marked as redelivered.
    pub(super) again: bool,
    /// To the last byte what its author wrote.
    pub(super) whole: bool,
}

/// What a consumer was at when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Hand {
    #[default]
    Empty,
    /// In a pop of up to so many, which go with it once they are claimed.
    Taking(u64),
    /// In a pop under a guard, of up to so many, which have not gone before the guard is dropped.
    Reaching(u64),
    /// It had these under a guard.
    Holding(Vec<Id>),
    /// It was dropping the guard: these have gone, or will come again.
    LettingGo(Vec<Id>),
}

/// What was found in the ring, and of it, when nobody was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    pub(super) laps: Vec<Lap>,
    /// Places of the table, or roles, and how many of them somebody could take.
    pub(super) places: usize,
    pub(super) taken: usize,
    /// Of these the kernel still knew one to be held.
    pub(super) locked: bool,
    /// Files of the segment, descriptors and mappings more than before it was made, processes that were not reaped.
    pub(super) files: usize,
    pub(super) descriptors: usize,
    pub(super) mappings: usize,
    pub(super) processes: usize,
}

/// The empty ring was filled until it was full, and drained until it was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lap {
    /// In the unit of the capacity: what it had taken when it was full, and what it took no more.
    pub(super) room: u64,
    pub(super) capacity: u64,
    pub(super) pushed: u64,
    /// Popped, each whole and in its turn.
    pub(super) popped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Producers = 0,
    Consumers = 1,
}

/// The longest time that no survivor of a side got on while nobody was killed or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) side: Side,
    pub(super) wall: Duration,
    /// Of it, how long the machine can have been the reason: all processes of the ring together were ready to run and had no processor
    /// for as long, or the episode's own process, which only sleeps, slept too long.
    pub(super) machine: Duration,
}

/// How long sleepers of a side slept on after there was something for them, in order, without what they then waited for a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wakes {
    pub(super) side: Side,
    pub(super) delays: Vec<Duration>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) promise: Promise,
    pub(super) lives: Vec<Life>,
    pub(super) remains: Remains,
    pub(super) stalls: Vec<Stall>,
    pub(super) wakes: Vec<Wakes>,
    /// How long a stall may be.
    pub(super) bound: Duration,
}
