//! What can be found wrong, in words.

use std::fmt;
use std::time::Duration;

use crate::torture::evidence::{Lap, Side};
use crate::torture::letters::Id;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::torture) enum Fault {
    Lost {
        id: Id,
    },
    /// More are missing than died with consumers, in a ring where nobody knows which those were.
    TooManyLost {
        missing: u64,
        explained: u64,
        first: Id,
    },
    Doubled {
        id: Id,
        times: u64,
    },
    Torn {
        consumer: u64,
    },
    FromNowhere {
        id: Id,
        consumer: u64,
    },
    OutOfOrder {
        id: Id,
        after: Id,
        consumer: u64,
    },
    /// A batch that is published by one store was there in part.
    Split {
        author: u64,
        done: u64,
        begun: u64,
    },
    /// What a dead consumer had held came as if for the first time.
    Unmarked {
        id: Id,
    },
    /// Marked as redelivered though no death explains it.
    Marked {
        marked: u64,
        explained: u64,
    },
    /// Delivered again in a ring that discards.
    NotDiscarded {
        id: Id,
    },
    LeakedRoom {
        lap: u32,
        of: Lap,
    },
    LeakedPlace {
        places: usize,
        taken: usize,
    },
    LeakedLock,
    Left {
        what: String,
        count: usize,
    },
    Stalled {
        side: Side,
        wall: Duration,
        machine: Duration,
    },
    NotWoken {
        side: Side,
        median: Duration,
    },
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of participant {}", self.number, self.author)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Producers => "producers",
            Side::Consumers => "consumers",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost { id } => write!(f, "lost: {id} was published, and nobody got it"),
            Fault::TooManyLost { missing, explained, first } => write!(
                f,
                "lost: {missing} published messages are missing, and consumers that were killed in a pop explain at most \
                 {explained}; the first is {first}"
            ),
            Fault::Doubled { id, times } => write!(f, "doubled: {id} was delivered {times} times"),
            Fault::Torn { consumer } => write!(f, "torn: participant {consumer} was given bytes that nobody wrote"),
            Fault::FromNowhere { id, consumer } => {
                write!(f, "from nowhere: participant {consumer} was given {id}, which nobody had begun to push")
            }
            Fault::OutOfOrder { id, after, consumer } => {
                write!(f, "out of order: participant {consumer} was given {id} after {after}")
            }
            Fault::Split { author, done, begun } => write!(
                f,
                "split: of messages {done} to {begun} of participant {author}, a batch that is published by one store, some \
                 were there and some were not"
            ),
            Fault::Unmarked { id } => {
                write!(f, "not marked: {id} was held by a dead consumer, and came as if for the first time")
            }
            Fault::Marked { marked, explained } => {
                write!(
                    f,
                    "marked: {marked} messages came as redelivered, and dead consumers explain at most {explained}"
                )
            }
            Fault::NotDiscarded { id } => write!(f, "not discarded: {id} was delivered again"),
            Fault::LeakedRoom { lap, of } => write!(
                f,
                "leaked room: in lap {lap} at the end the ring was full before {} of {}, {} of {} came out",
                of.room, of.capacity, of.popped, of.pushed
            ),
            Fault::LeakedPlace { places, taken } => {
                write!(f, "leaked place: at the end only {taken} of {places} places could be taken")
            }
            Fault::LeakedLock => f.write_str("leaked lock: a place is still held though every participant has ended"),
            Fault::Left { what, count } => write!(f, "left behind: {count} of {what}"),
            Fault::Stalled { side, wall, machine } => write!(
                f,
                "stalled: no surviving one of the {side} got on for {wall:?} after a kill, of which the machine explains {machine:?}"
            ),
            Fault::NotWoken { side, median } => {
                write!(f, "not woken: sleeping {side} slept on for {median:?} after there was something for them")
            }
        }
    }
}
