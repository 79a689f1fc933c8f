//! Rings of one producer and one consumer: what is asked of one, and what is done to it.

mod history;
mod other;
mod outlive;
mod scenario;

use rondel::spsc::Peer;

pub(crate) use self::history::{Fill, POD_BYTES, Spot, State};
pub(crate) use self::outlive::is_whole;
pub(crate) use self::scenario::{Company, PairScenario};

/// A ring with two roles, all of one small shape. Messages have numbers, from 0; a message's number says all its bytes.
pub(crate) trait Pair: 'static {
    /// What names of scenarios begin with.
    const NAME: &'static str;
    /// As many messages always fit, whichever they are.
    const CAPACITY: u64;
    /// After so many messages, or fewer, the ring comes round.
    const LAP: u64;

    type Ring;
    type Producer;
    type Consumer;

    fn ring() -> Self::Ring;
    fn producer(ring: &Self::Ring) -> Self::Producer;
    fn consumer(ring: &Self::Ring) -> Self::Consumer;

    /// Pushes this message, if there is room.
    fn push(tx: &mut Self::Producer, number: u64) -> bool;
    /// Takes the next message, if there is one, and makes sure that it is whole.
    fn pop(rx: &mut Self::Consumer) -> Option<u64>;
    /// Waits, parked, as long as it takes.
    fn push_waiting(tx: &mut Self::Producer, number: u64) -> Answer;
    /// Likewise.
    fn pop_waiting(rx: &mut Self::Consumer) -> Answer;
    /// The number of the message that is to be pushed next.
    fn published(tx: &Self::Producer) -> u64;
    /// The number of the message that is to be consumed next.
    fn consumed(rx: &Self::Consumer) -> u64;
    /// Makes sure that both handles say that these messages are in the ring, and no others.
    fn check_unread(tx: &mut Self::Producer, rx: &mut Self::Consumer, first: u64, behind: u64);
    fn peer_of_producer(tx: &mut Self::Producer) -> Peer;
    fn peer_of_consumer(rx: &mut Self::Consumer) -> Peer;

    /// How many messages, from this one on, are promised to fit into an empty ring.
    fn promised(_first: u64) -> u64 {
        Self::CAPACITY
    }

    /// How many do fit, as far as that can be told.
    fn filled(first: u64) -> u64 {
        Self::promised(first)
    }

    /// Whether a message is one that lies there, or is such.
    fn is_at(spot: Spot, number: u64) -> bool;
}

/// What someone that waits is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Pushed, or taken: the message of this number.
    Message(u64),
    Closed,
    Dead,
}

impl Answer {
    const CLOSED: u64 = u64::MAX;
    const DEAD: u64 = u64::MAX - 1;

    pub(crate) fn word(self) -> u64 {
        match self {
            Answer::Message(number) => number,
            Answer::Closed => Self::CLOSED,
            Answer::Dead => Self::DEAD,
        }
    }

    pub(crate) fn of(word: u64) -> Self {
        match word {
            Self::CLOSED => Answer::Closed,
            Self::DEAD => Answer::Dead,
            number => Answer::Message(number),
        }
    }
}

/// What the victim does. What it answers is how many messages are pushed or taken by it.
pub(crate) enum Act<P: Pair> {
    /// Something that pushes messages, from this number on.
    Push(fn(&mut P::Producer, u64) -> u64),
    /// Something that takes messages.
    Pop(fn(&mut P::Consumer) -> u64),
    CloseProducer,
    CloseConsumer,
    AttachProducer,
    AttachConsumer,
}

impl<P: Pair> Clone for Act<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Pair> Copy for Act<P> {}

impl<P: Pair> Act<P> {
    pub(crate) fn is_producers(&self) -> bool {
        matches!(self, Act::Push(_) | Act::CloseProducer | Act::AttachProducer)
    }

    pub(crate) fn closes(&self) -> bool {
        matches!(self, Act::CloseProducer | Act::CloseConsumer)
    }

    pub(crate) fn attaches(&self) -> bool {
        matches!(self, Act::AttachProducer | Act::AttachConsumer)
    }
}
