//! What is tortured: a ring of any kind, and handles of it that note what they do.

mod elements;
mod messages;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use rondel::SegmentError;
use rondel::Wait;
use rondel::segment::{Place, Segment};

pub(super) use elements::{Crowd, Pair};
pub(super) use messages::Messages;

use super::pen::{Consuming, Producing};
use super::setup::Setup;

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Nothing to pop, no room to push, and the time was up.
    Nothing,
    /// The other side has gone, and that was said.
    Told,
}

/// What an operation answers: so many messages, or an error that is none of the ring's honest answers.
pub(super) type Answer = Result<Outcome, String>;

/// How long an operation waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    Never,
    For(Duration),
    Always,
}

impl Patience {
    pub(super) fn drawn(random: &mut Rng) -> Patience {
        match random.u32(..4) {
            0 => Patience::Never,
            1 => Patience::Always,
            _ => Patience::For(Duration::from_micros([100, 5_000, 500_000][random.usize(..3)])),
        }
    }
}

/// A ring.
pub(super) trait Subject: Sized {
    type Sender: Sender;
    type Receiver: Receiver;

    /// A new one, under this name or without any.
    fn create(setup: &Setup, name: Option<&str>) -> Result<Self, SegmentError>;
    /// The same ring, mapped anew.
    fn again(&self) -> Result<Self, SegmentError>;
    fn sender(&self) -> Result<Self::Sender, SegmentError>;
    fn receiver(&self) -> Result<Self::Receiver, SegmentError>;
    fn segment(&self) -> &Arc<Segment>;
    /// Settles what the dead have left, where anybody can; true if nothing was left.
    fn recover(&self) -> Result<bool, SegmentError>;
    /// The word of the segment that counts the positions claimed by producers, if there is one.
    fn tail(&self) -> Option<u64>;
    /// Places for participants.
    fn places(&self) -> usize;
    /// What is full, in the unit in which `weight` counts.
    fn room(&self) -> u64;
    fn weight(&self, len: usize) -> u64;
}

/// A producer's handle.
pub(super) trait Sender {
    fn set_wait(&mut self, wait: Wait);
    /// One operation of any sort.
    fn act(&mut self, pen: &mut Producing<'_>) -> Answer;
    /// Pushes this message, if there is room.
    fn push(&mut self, message: &[u8], patience: Patience) -> Answer;
}

/// A consumer's.
pub(super) trait Receiver {
    fn set_wait(&mut self, wait: Wait);
    /// One operation of any sort.
    fn act(&mut self, pen: &mut Consuming<'_>) -> Answer;
    /// Pops a message into the buffer, which is made as long; says whether it is marked.
    fn pop(&mut self, message: &mut Vec<u8>, patience: Patience) -> Result<Option<bool>, String>;
}

/// The place of a segment, to attach to it anew.
fn place_of(segment: &Segment) -> Option<Place> {
    segment.place().name().map(Place::named)
}
