//! The three rings behind one face, so that each claim is made of all of them.

use std::path::Path;
use std::time::Duration;

use rondel::{Fault, SegmentError, Wait, bytes, mpmc, spsc};

use crate::scratch::{Message, message};

/// Elements that a test's ring has room for, or a little more.
pub(crate) const CAPACITY: usize = 8;

/// Which ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Spsc,
    Mpmc,
    Bytes,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Spsc, Kind::Mpmc, Kind::Bytes];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Spsc => "spsc",
            Kind::Mpmc => "mpmc",
            Kind::Bytes => "bytes",
        }
    }

    pub(crate) fn of(name: &str) -> Kind {
        KINDS.into_iter().find(|kind| kind.name() == name).expect("a kind of ring")
    }

    pub(crate) fn create(self, path: &Path) -> Result<Ring, SegmentError> {
        self.made(|ring| ring.create(path), |ring| ring.create(path), |ring| ring.create(path))
    }

    pub(crate) fn create_or_attach(self, path: &Path) -> Result<Ring, SegmentError> {
        self.made(
            |ring| ring.create_or_attach(path),
            |ring| ring.create_or_attach(path),
            |ring| ring.create_or_attach(path),
        )
    }

    pub(crate) fn attach(self, path: &Path) -> Result<Ring, SegmentError> {
        self.made(|ring| ring.attach(path), |ring| ring.attach(path), |ring| ring.attach(path))
    }

    pub(crate) fn anonymous(self) -> Result<Ring, SegmentError> {
        self.made(|ring| ring.anonymous(), |ring| ring.anonymous(), |ring| ring.anonymous())
    }

    fn made(
        self,
        spsc: impl FnOnce(rondel::Builder<spsc::Ring<Message>>) -> Result<spsc::Ring<Message>, SegmentError>,
        mpmc: impl FnOnce(rondel::Builder<mpmc::Ring<Message>>) -> Result<mpmc::Ring<Message>, SegmentError>,
        bytes: impl FnOnce(rondel::Builder<bytes::Ring>) -> Result<bytes::Ring, SegmentError>,
    ) -> Result<Ring, SegmentError> {
        match self {
            Kind::Spsc => spsc(spsc::Ring::builder().capacity(CAPACITY)).map(Ring::Spsc),
            Kind::Mpmc => mpmc(mpmc::Ring::builder().capacity(CAPACITY).participants(4)).map(Ring::Mpmc),
            // A record is a message and eight bytes.
            Kind::Bytes => bytes(bytes::Ring::builder().capacity(CAPACITY * 24).largest(64)).map(Ring::Bytes),
        }
    }
}

/// A ring of some kind.
#[derive(Clone)]
pub(crate) enum Ring {
    Spsc(spsc::Ring<Message>),
    Mpmc(mpmc::Ring<Message>),
    Bytes(bytes::Ring),
}

impl Ring {
    pub(crate) fn producer(&self) -> Result<Tx, SegmentError> {
        match self {
            Ring::Spsc(ring) => ring.producer().map(Tx::Spsc),
            Ring::Mpmc(ring) => ring.producer().map(Tx::Mpmc),
            Ring::Bytes(ring) => ring.producer().map(Tx::Bytes),
        }
    }

    pub(crate) fn consumer(&self) -> Result<Rx, SegmentError> {
        match self {
            Ring::Spsc(ring) => ring.consumer().map(Rx::Spsc),
            Ring::Mpmc(ring) => ring.consumer().map(Rx::Mpmc),
            Ring::Bytes(ring) => ring.consumer().map(Rx::Bytes),
        }
    }

    pub(crate) fn unlink(&self) -> Result<(), SegmentError> {
        self.segment().unlink()
    }

    pub(crate) fn segment(&self) -> &rondel::segment::Segment {
        match self {
            Ring::Spsc(ring) => ring.segment(),
            Ring::Mpmc(ring) => ring.segment(),
            Ring::Bytes(ring) => ring.segment(),
        }
    }

    pub(crate) fn file(&self) -> std::fs::File {
        self.segment().as_fd().try_clone_to_owned().expect("a descriptor").into()
    }
}

/// What came of a push or a pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Pushed,
    Popped(u64),
    /// An element of zeros, which no test sends.
    PoppedZeros,
    Timeout,
    Closed,
    Dead,
    Failed(Fault),
}

pub(crate) enum Tx {
    Spsc(spsc::Producer<Message>),
    Mpmc(mpmc::Producer<Message>),
    Bytes(bytes::Producer),
}

fn pushed<T>(result: Result<(), spsc::PushTimeoutError<T>>) -> Answer {
    match result {
        Ok(()) => Answer::Pushed,
        Err(spsc::PushTimeoutError::Timeout(_)) => Answer::Timeout,
        Err(spsc::PushTimeoutError::Closed(_)) => Answer::Closed,
        Err(spsc::PushTimeoutError::Dead(_)) => Answer::Dead,
        Err(spsc::PushTimeoutError::Failed(_, fault)) => Answer::Failed(fault),
    }
}

impl Tx {
    pub(crate) fn set_wait(&mut self, wait: Wait) {
        match self {
            Tx::Spsc(tx) => tx.set_wait(wait),
            Tx::Mpmc(tx) => tx.set_wait(wait),
            Tx::Bytes(tx) => tx.set_wait(wait),
        }
    }

    pub(crate) fn push(&mut self, number: u64, limit: Duration) -> Answer {
        match self {
            Tx::Spsc(tx) => pushed(tx.push_timeout(message(number), limit)),
            Tx::Mpmc(tx) => pushed(tx.push_timeout(message(number), limit)),
            Tx::Bytes(tx) => match tx.push_timeout(bytemuck::bytes_of(&message(number)), limit) {
                Ok(()) => Answer::Pushed,
                Err(bytes::PushTimeoutError::Timeout) => Answer::Timeout,
                Err(bytes::PushTimeoutError::Closed) => Answer::Closed,
                Err(bytes::PushTimeoutError::Dead) => Answer::Dead,
                Err(bytes::PushTimeoutError::Failed(fault)) => Answer::Failed(fault),
                Err(other) => panic!("{other}"),
            },
        }
    }

    /// Fills the ring; says what it took last.
    pub(crate) fn fill(&mut self, from: u64) -> u64 {
        let mut next = from;
        while self.push(next, Duration::ZERO) == Answer::Pushed {
            next += 1;
        }
        next
    }
}

pub(crate) enum Rx {
    Spsc(spsc::Consumer<Message>),
    Mpmc(mpmc::Consumer<Message>),
    Bytes(bytes::Consumer),
}

fn popped(result: Result<Message, spsc::PopTimeoutError>) -> Answer {
    match result {
        Ok([0, 0]) => Answer::PoppedZeros,
        Ok(found) => {
            assert_eq!(found, message(found[0]), "torn");
            Answer::Popped(found[0])
        }
        Err(spsc::PopTimeoutError::Timeout) => Answer::Timeout,
        Err(spsc::PopTimeoutError::Closed) => Answer::Closed,
        Err(spsc::PopTimeoutError::Dead) => Answer::Dead,
        Err(spsc::PopTimeoutError::Failed(fault)) => Answer::Failed(fault),
    }
}

impl Rx {
    pub(crate) fn set_wait(&mut self, wait: Wait) {
        match self {
            Rx::Spsc(rx) => rx.set_wait(wait),
            Rx::Mpmc(rx) => rx.set_wait(wait),
            Rx::Bytes(rx) => rx.set_wait(wait),
        }
    }

    pub(crate) fn pop(&mut self, limit: Duration) -> Answer {
        match self {
            Rx::Spsc(rx) => popped(rx.pop_timeout(limit)),
            Rx::Mpmc(rx) => popped(rx.pop_timeout(limit)),
            Rx::Bytes(rx) => popped(rx.pop_timeout(limit).map(|found| found.read_pod().expect("whole"))),
        }
    }
}
