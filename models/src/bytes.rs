//! The ring of messages: both positions are known to the byte.

pub mod operation;
mod popping;
mod pushing;
mod reading;
mod refusal;
mod writing;

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rondel::bytes::{Consumer, Producer, Ring};
use rondel::{Peer, SegmentError};

use self::operation::{Length, Operation};
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

/// A message that is published and not consumed.
struct Unread {
    bytes: Vec<u8>,
    /// The position behind its record.
    next: u64,
}

/// A ring with its two handles, and the queue that it has to equal.
pub struct Model {
    ring: Ring,
    /// What the consumer attaches to: the same ring, mapped as its process may.
    reader: Ring,
    name: Name,
    capacity: usize,
    largest: usize,
    /// Bytes of the ring proper, as the segment's header implies them.
    data: u64,
    tx: Option<Producer>,
    rx: Option<Consumer>,
    producer: Role,
    consumer: Role,
    unread: VecDeque<Unread>,
    /// How many bytes of the first one this consumer has read as a stream.
    read: usize,
    /// The positions of the first unread message and of the next one to be published.
    head: u64,
    tail: u64,
    /// How many messages were thought of, so that no two are alike.
    made: u64,
    /// Handles whose roles have been taken from them. They are not touched before the ring is done with, for to drop one is to close.
    corpses: (Vec<Producer>, Vec<Consumer>),
}

fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", leftovers::of_this_process("test-bytes-model"))
}

/// Bytes of a record.
fn record(len: usize) -> u64 {
    8 + (len as u64).next_multiple_of(8)
}

/// Bytes of the ring proper, from `body_len` in the header: the rest of the body is 1 KiB of words and the slack.
fn data_len(ring: &Ring) -> u64 {
    const BODY_LEN_AT: u64 = 64;
    const WORDS: u64 = 1024;
    let mut body_len = [0; 8];
    let file = File::from(ring.try_clone_fd().expect("a descriptor"));
    file.read_exact_at(&mut body_len, BODY_LEN_AT).expect("a header");
    u64::from_ne_bytes(body_len) - WORDS - (ring.largest() as u64).next_multiple_of(64)
}

impl Model {
    /// Beside a new ring.
    ///
    /// # Panics
    ///
    /// As all that the model does, where the ring does not answer as it has to.
    pub fn new(capacity: usize, largest: Option<Length>, place: Where) -> Self {
        let most = capacity / 8 * 8 - 8;
        let mut builder = Ring::builder().capacity(capacity);
        let largest = largest.map(|length| length.of(most).clamp(1, most));
        if let Some(largest) = largest {
            builder = builder.largest(largest);
        }
        let (ring, name) = match place {
            Where::Named => {
                let name = unique_name();
                (builder.create(name.as_str()).expect("a new name"), Some(name))
            }
            Where::Anonymous => (builder.anonymous().expect("a memfd"), None),
            Where::Unwritable => (builder.read_only_consumers().anonymous().expect("two memfds"), None),
        };
        assert_eq!((ring.capacity(), ring.largest()), (capacity, largest.unwrap_or(most)));
        Self::beside(ring, name)
    }

    /// Beside an anonymous ring, which nobody has used, or which is as if nobody had.
    pub fn of(ring: Ring) -> Self {
        Self::beside(ring, None)
    }

    fn beside(ring: Ring, name: Name) -> Self {
        let (capacity, largest, data) = (ring.capacity(), ring.largest(), data_len(&ring));
        assert!(data % 64 == 0 && data >= capacity as u64 + 8, "{data} bytes for a capacity of {capacity}");
        Model {
            reader: reader_of(&ring),
            ring,
            name,
            capacity,
            largest,
            data,
            tx: None,
            rx: None,
            producer: Role::Never,
            consumer: Role::Never,
            unread: VecDeque::new(),
            read: 0,
            head: 0,
            tail: 0,
            made: 0,
            corpses: (Vec::new(), Vec::new()),
        }
    }

    /// Does it, and compares the answer.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            &Operation::Push(how, len) => self.push(how, len),
            Operation::PushVectored(how, lens) => self.push_vectored(*how, lens),
            &Operation::PushPod(how) => self.push_pod(how),
            &Operation::Reserve(how, len, fate) => self.reserve(how, len, fate),
            Operation::Batch(items, publish) => self.batch(items, *publish),
            &Operation::Fill(len) => self.fill(len),
            &Operation::IsFull(len) => self.is_full(len),
            Operation::Write(lens) => self.write(lens),
            Operation::WaitUntilEmpty => self.wait_until_empty(),
            &Operation::Pop(how, end) => self.pop(how, end),
            &Operation::PopInto(how, buffer) => self.pop_into(how, buffer),
            Operation::Peek => self.peek(),
            &Operation::PopBatch(taking) => self.pop_batch(taking),
            Operation::Pod => self.pod(),
            Operation::IsEmpty => {
                if let Some(rx) = &mut self.rx {
                    assert_eq!(rx.is_empty(), Ok(self.unread.is_empty()), "the consumer's is_empty");
                }
            }
            &Operation::Read(len) => self.read(len),
            &Operation::FillBuf(len) => self.fill_buf(len),
            Operation::ReadToEnd => self.read_to_end(),
            Operation::Peers => self.peers(),
            Operation::DropProducer => {
                if self.tx.take().is_some() {
                    self.producer = Role::Closed;
                }
            }
            Operation::DropConsumer => {
                if self.rx.take().is_some() {
                    self.consumer = Role::Closed;
                    // The successor gets the whole message.
                    self.read = 0;
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
                    // As after a close.
                    self.read = 0;
                    self.corpses.1.push(rx);
                }
            }
            Operation::AttachProducer => self.attach_producer(),
            Operation::AttachConsumer => self.attach_consumer(),
            Operation::Reattach => self.reattach(),
            &Operation::SetWait(wait) => {
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

    /// What both handles say about the ring, after every operation. Not those questions that tell a handle something: what it knew
    /// before is what the next operation is to work with.
    pub fn check(&mut self) {
        assert!(self.unread.back().is_none_or(|last| last.next == self.tail));
        let used = (self.tail - self.head) as usize;
        assert!(used as u64 <= self.data, "more than the ring has");
        if let Some(tx) = &mut self.tx {
            assert_eq!(tx.position(), self.tail, "the producer's position");
            assert_eq!(tx.used(), Ok(used), "the producer's used");
            assert_eq!(tx.is_empty(), Ok(self.unread.is_empty()));
            assert_eq!((tx.capacity(), tx.largest()), (self.capacity, self.largest));
        }
        if let Some(rx) = &mut self.rx {
            assert_eq!(rx.position(), self.head, "the consumer's position");
            assert_eq!((rx.capacity(), rx.largest()), (self.capacity, self.largest));
        }
    }

    /// At the end: successors find exactly what is unread, and after them records of the whole capacity fit, wherever they begin.
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
        // One of the largest, and the rest in pieces.
        let mut left = self.capacity - record(self.largest) as usize;
        self.push(operation::How::Try, Length::Below(0));
        for len in [self.largest / 2, 0] {
            while left >= record(len) as usize {
                left -= record(len) as usize;
                self.push(operation::How::Try, Length::Bytes(len));
            }
        }
        self.check();
        let unread: u64 = self.unread.iter().map(|unread| record(unread.bytes.len())).sum();
        assert_eq!(unread as usize, self.capacity / 8 * 8, "a capacity always fits");
        self.drain_now();
    }

    fn drain_now(&mut self) {
        while !self.unread.is_empty() {
            self.pop(operation::How::Try, operation::End::Drop);
        }
        self.pop(operation::How::Try, operation::End::Drop);
    }

    /// The bytes of a message that resembles no other: no word of it is one of those that lay there before.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        self.made += 1;
        let first = self.made << 32;
        let mut bytes: Vec<u8> = (first..)
            .take(len.div_ceil(8))
            .flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_ne_bytes())
            .collect();
        bytes.truncate(len);
        bytes
    }

    /// The position behind a record at `position`: one that runs over the ring's end ends there.
    fn next(&self, position: u64, len: usize) -> u64 {
        (position + record(len)).min((position / self.data + 1) * self.data)
    }

    /// Notes that messages have been published.
    fn published(&mut self, bytes: Vec<u8>) {
        self.tail = self.next(self.tail, bytes.len());
        self.unread.push_back(Unread { bytes, next: self.tail });
    }

    /// Notes that the first `count` messages have been consumed.
    fn consumed(&mut self, count: usize) {
        for unread in self.unread.drain(..count) {
            self.head = unread.next;
            self.read = 0;
        }
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
        assert_eq!((self.ring.capacity(), self.ring.largest()), (self.capacity, self.largest));
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if self.name.is_some() {
            let _ = self.ring.unlink();
        }
    }
}

/// The ring as a consumer's process has it.
fn reader_of(ring: &Ring) -> Ring {
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
