//! One thing to measure.

use super::record::{Key, TestName};
use rondel_baselines::{Payload, Scope, Shape, Wait};
use std::fmt;

/// What is asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Test {
    /// How long a message and its answer take.
    RoundTrip,
    /// How many messages a second arrive, one at a time.
    Throughput,
    /// The same of messages that lie ready and that nobody reads: how many a second are handed over.
    Handover,
    /// The same, so many messages a step.
    Batches(usize),
    /// How long a message is under way where so many a second are sent, each when its time has come.
    Paced(u64),
    /// How many messages a second arrive at all of many receivers from all of many senders, one at a time or so many a step.
    Crowd(Shape, Option<usize>),
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) transport: &'static str,
    pub(crate) scope: Scope,
    pub(crate) test: Test,
    pub(crate) wait: Wait,
    pub(crate) payload: Payload,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.transport)?;
        match self.test {
            Test::RoundTrip => write!(f, "round trip")?,
            Test::Throughput => write!(f, "throughput")?,
            Test::Handover => write!(f, "handing over")?,
            Test::Batches(_) => write!(f, "throughput in batches")?,
            Test::Paced(rate) => write!(f, "{rate} a second")?,
            Test::Crowd(shape, None) => write!(f, "{shape}")?,
            Test::Crowd(shape, Some(_)) => write!(f, "{shape} in batches")?,
        }
        write!(f, ", {}, {} bytes", self.wait.name(), self.payload.bytes())
    }
}

impl Job {
    /// Whether there is nobody on the other side.
    pub(crate) fn is_solo(&self) -> bool {
        self.scope == Scope::OneThread
    }

    /// How many processes or threads take part.
    pub(crate) fn parts(&self) -> usize {
        match self.test {
            Test::Crowd(shape, _) => shape.parts(),
            _ => 2,
        }
    }

    /// What a record of it is known by.
    pub(crate) fn key(&self) -> Key {
        let (test, batch, shape, rate) = match self.test {
            Test::RoundTrip => (TestName::RoundTrip, None, None, None),
            Test::Throughput => (TestName::Throughput, None, None, None),
            Test::Handover => (TestName::Handover, None, None, None),
            Test::Batches(size) => (TestName::Throughput, Some(size), None, None),
            Test::Paced(rate) => (TestName::Paced, None, None, Some(rate)),
            Test::Crowd(shape, batch) => (TestName::Throughput, batch, Some(shape), None),
        };
        Key {
            transport: self.transport.to_owned(),
            test,
            wait: self.wait.name().to_owned(),
            payload_bytes: self.payload.bytes(),
            batch,
            producers: shape.map(|shape| shape.producers),
            consumers: shape.map(|shape| shape.consumers),
            rate_per_s: rate,
        }
    }
}
