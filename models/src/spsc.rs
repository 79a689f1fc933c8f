//! The ring between two: an element is the number of its push.

pub mod operation;
mod popping;
mod pushing;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rondel::spsc::{Consumer, PopTimeoutError, Producer, Ring, TryPopError};
use rondel::{Peer, SegmentError};

use crate::element::Element;
use crate::spsc::operation::Operation;
use crate::{Where, death, leftovers};

/// No time at all: the call does everything that it does before it would wait.
const NOW: Duration = Duration::ZERO;
/// The numbers of the roles, as `docs/layout.md` has them.
const PRODUCER: u64 = 0;
const CONSUMER: u64 = 1;

/// Where the ring comes back from when it was let go: its name, or else its descriptor.
type Name = Option<String>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Never,
    Attached,
    Closed,
    Dead,
}

impl Role {
    fn as_peer(self) -> Peer {
        match self {
            Role::Never => Peer::NotAttached,
            Role::Attached => Peer::Attached { pid: std::process::id() },
            Role::Closed => Peer::Closed,
            Role::Dead => Peer::Dead { pid: std::process::id() },
        }
    }
}

/// A ring with its two handles, and the queue that it has to equal.
pub struct Model<T: Element> {
    ring: Ring<T>,
    /// What the consumer attaches to: the same ring, mapped as its process may.
    reader: Ring<T>,
    name: Name,
    capacity: usize,
    tx: Option<Producer<T>>,
    rx: Option<Consumer<T>>,
    producer: Role,
    consumer: Role,
    /// The numbers of the unread elements.
    unread: VecDeque<u64>,
    pushed: u64,
    popped: u64,
    /// Handles whose roles have been taken from them. They are not touched before the ring is done with, for to drop one is to close.
    corpses: (Vec<Producer<T>>, Vec<Consumer<T>>),
}

fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", leftovers::of_this_process("test-model"))
}

impl<T: Element> Model<T> {
    /// Beside a new ring.
    ///
    /// # Panics
    ///
    /// As all that the model does, where the ring does not answer as it has to.
    pub fn new(capacity: usize, place: Where) -> Self {
        let builder = Ring::<T>::builder().capacity(capacity);
        let (ring, name) = match place {
            Where::Named => {
                let name = unique_name();
                (builder.create(name.as_str()).expect("a new name"), Some(name))
            }
            Where::Anonymous => (builder.anonymous().expect("a memfd"), None),
            Where::Unwritable => (builder.read_only_consumers().anonymous().expect("two memfds"), None),
        };
        assert_eq!(ring.capacity(), capacity);
        Self::beside(ring, name)
    }

    /// Beside an anonymous ring, which nobody has used, or which is as if nobody had.
    pub fn of(ring: Ring<T>) -> Self {
        Self::beside(ring, None)
    }

    fn beside(ring: Ring<T>, name: Name) -> Self {
        Model {
            reader: reader_of(&ring),
            capacity: ring.capacity(),
            ring,
            name,
            tx: None,
            rx: None,
            producer: Role::Never,
            consumer: Role::Never,
            unread: VecDeque::new(),
            pushed: 0,
            popped: 0,
            corpses: (Vec::new(), Vec::new()),
        }
    }

    /// Does it, and compares the answer.
    pub fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::TryPush => self.try_push(),
            Operation::PushTimeout => self.push(|tx, element| tx.push_timeout(element, NOW)),
            Operation::PushDeadline => {
                self.push(|tx, element| tx.push_deadline(element, Instant::now()));
            }
            Operation::TryPushSlice(len) => self.try_push_slice(len),
            Operation::PushSliceTimeout(len) => self.push_slice_timeout(len),
            Operation::Fill => self.fill(),
            Operation::TryPop => self.try_pop(),
            Operation::PopTimeout => self.pop(|rx| rx.pop_timeout(NOW)),
            Operation::PopDeadline => self.pop(|rx| rx.pop_deadline(Instant::now())),
            Operation::TryPopSlice(len) => self.try_pop_slice(len),
            Operation::PopSliceTimeout(len) => self.pop_slice_timeout(len),
            Operation::Peek => self.peek(),
            Operation::TryPopGuard(fate) => self.guard(fate, false, |rx| match rx.try_pop_guard() {
                Ok(guard) => Ok(guard),
                Err(TryPopError::Empty) => Err(PopTimeoutError::Timeout),
                Err(TryPopError::Closed) => Err(PopTimeoutError::Closed),
                Err(TryPopError::Failed(fault)) => Err(PopTimeoutError::Failed(fault)),
            }),
            Operation::PopGuardTimeout(fate) => self.guard(fate, true, |rx| rx.pop_guard_timeout(NOW)),
            Operation::TryIter(len) => self.try_iter(len),
            Operation::Drain => self.drain(),
            Operation::WaitUntilEmpty => self.wait_until_empty(),
            Operation::Peers => self.peers(),
            Operation::DropProducer => {
                if self.tx.take().is_some() {
                    self.producer = Role::Closed;
                }
            }
            Operation::DropConsumer => {
                if self.rx.take().is_some() {
                    self.consumer = Role::Closed;
                }
            }
            Operation::KillProducer => {
                if let Some(tx) = self.tx.take() {
                    death::strike(self.ring.segment(), PRODUCER);
                    self.producer = Role::Dead;
                    self.corpses.0.push(tx);
                }
            }
            Operation::KillConsumer => {
                if let Some(rx) = self.rx.take() {
                    death::strike(self.ring.segment(), CONSUMER);
                    self.consumer = Role::Dead;
                    self.corpses.1.push(rx);
                }
            }
            Operation::AttachProducer => self.attach_producer(),
            Operation::AttachConsumer => self.attach_consumer(),
            Operation::Reattach => self.reattach(),
            Operation::SetWait(wait) => {
                if let Some(tx) = &mut self.tx {
                    tx.set_wait(wait);
                    assert_eq!(tx.wait_strategy(), wait);
                }
                if let Some(rx) = &mut self.rx {
                    rx.set_wait(wait);
                    assert_eq!(rx.wait_strategy(), wait);
                }
            }
        }
    }

    /// What both handles say about the ring, after every operation.
    pub fn check(&mut self) {
        let unread = self.unread.len();
        assert_eq!(self.pushed - self.popped, unread as u64);
        if let Some(tx) = &mut self.tx {
            assert_eq!(tx.position(), self.pushed, "the producer's position");
            assert_eq!(tx.len(), Ok(unread), "the producer's len");
            assert_eq!(tx.is_empty(), Ok(unread == 0));
            assert_eq!(tx.capacity(), self.capacity);
            if tx.is_full().expect("intact") {
                assert!(unread >= self.capacity, "full with only {unread} unread");
            }
        }
        if let Some(rx) = &mut self.rx {
            assert_eq!(rx.position(), self.popped, "the consumer's position");
            assert_eq!(rx.len(), Ok(unread), "the consumer's len");
            assert_eq!(rx.is_empty(), Ok(unread == 0));
            assert_eq!(rx.is_full(), Ok(unread >= self.capacity));
            assert_eq!(rx.capacity(), self.capacity);
        }
    }

    /// At the end: successors find exactly what is unread, and after them at least `capacity` elements fit.
    ///
    /// They come through a mapping of their own, if it is to be made `again`.
    pub fn finish(mut self, again: bool) {
        if again {
            self.reattach();
        } else {
            self.apply(&Operation::DropProducer);
            self.apply(&Operation::DropConsumer);
        }
        self.attach_producer();
        self.attach_consumer();
        self.drain_now();
        for _ in 0..self.capacity {
            self.try_push();
        }
        assert_eq!(self.unread.len(), self.capacity, "a capacity always fits");
        self.drain_now();
    }

    fn drain_now(&mut self) {
        let rx = self.rx.as_mut().expect("attached");
        for element in rx.try_iter() {
            element.assert_numbered(self.unread.pop_front().expect("one that was pushed"));
            self.popped += 1;
        }
        assert_eq!(self.unread.len(), 0, "nothing is lost");
    }

    fn next_number(&mut self) -> u64 {
        self.pushed
    }

    fn was_pushed(&mut self, count: usize) {
        for _ in 0..count {
            self.unread.push_back(self.pushed);
            self.pushed += 1;
        }
    }

    /// Takes `count` off the queue and returns the first of their numbers.
    fn was_popped(&mut self, count: usize) -> u64 {
        let first = self.popped;
        for _ in 0..count {
            let number = self.unread.pop_front().expect("nothing comes from nowhere");
            assert_eq!(number, self.popped);
            self.popped += 1;
        }
        first
    }

    fn peers(&mut self) {
        if let Some(tx) = &mut self.tx {
            assert_eq!(tx.peer(), Ok(self.consumer.as_peer()));
        }
        if let Some(rx) = &mut self.rx {
            assert_eq!(rx.peer(), Ok(self.producer.as_peer()));
        }
    }

    fn attach_producer(&mut self) {
        match (self.ring.producer(), self.tx.is_some()) {
            (Ok(tx), false) => {
                self.tx = Some(tx);
                self.producer = Role::Attached;
            }
            (Err(error), true) => assert_taken(&error, "producer"),
            (Ok(_), true) => panic!("two producers"),
            (Err(error), false) => panic!("{error}"),
        }
    }

    fn attach_consumer(&mut self) {
        match (self.reader.consumer(), self.rx.is_some()) {
            (Ok(rx), false) => {
                self.rx = Some(rx);
                self.consumer = Role::Attached;
            }
            (Err(error), true) => assert_taken(&error, "consumer"),
            (Ok(_), true) => panic!("two consumers"),
            (Err(error), false) => panic!("{error}"),
        }
    }

    fn reattach(&mut self) {
        self.apply(&Operation::DropProducer);
        self.apply(&Operation::DropConsumer);
        self.ring = match &self.name {
            Some(name) => Ring::attach(name.as_str()),
            // Mapped anew it could not be written.
            None if self.ring.segment().has_read_only_consumers() => Ok(self.ring.clone()),
            None => Ring::from_fd(self.ring.try_clone_fd().expect("a descriptor")),
        }
        .expect("it is still there");
        self.reader = reader_of(&self.ring);
        assert_eq!(self.ring.capacity(), self.capacity);
    }
}

impl<T: Element> Drop for Model<T> {
    fn drop(&mut self) {
        if self.name.is_some() {
            let _ = self.ring.unlink();
        }
    }
}

/// The ring as a consumer's process has it.
fn reader_of<T: Element>(ring: &Ring<T>) -> Ring<T> {
    if !ring.segment().has_read_only_consumers() {
        return ring.clone();
    }
    let reader = Ring::from_fds(ring.segment().try_clone_fds().expect("descriptors")).expect("the same ring");
    assert!(ring.segment().is_writable() && !reader.segment().is_writable());
    assert!(matches!(reader.producer(), Err(SegmentError::ReadOnly)), "nobody pushes through it");
    reader
}

#[track_caller]
fn assert_taken(error: &SegmentError, expected: &str) {
    match error {
        SegmentError::RoleTaken { role, pid } => {
            assert_eq!(*role, expected);
            assert_eq!(*pid, Some(std::process::id()));
        }
        other => panic!("{other}"),
    }
}
