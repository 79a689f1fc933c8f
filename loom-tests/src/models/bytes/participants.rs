//! The two participants as the library's handles are: what they do around each step of the protocol.
//!
//! `put` and `take` leave out the look at the other side's flag, of which the fence would order what the protocol must order by itself.

use loom::sync::Arc;

use crate::messages::{Handle, Message, Shared};
use crate::models::pair::{Until, close};
use crate::protocol::bytes::{Consumer, Place, Producer, Record};
use crate::protocol::event;
use crate::protocol::role;

pub(super) struct Tx {
    pub(super) half: Producer<Handle>,
    attachments: u64,
    shared: Arc<Shared>,
}

pub(super) struct Rx {
    pub(super) half: Consumer<Handle>,
    attachments: u64,
    shared: Arc<Shared>,
}

/// Both ends of a ring.
pub(super) fn ends(shared: &Arc<Shared>) -> (Tx, Rx) {
    (Tx::attach(shared), Rx::attach(shared))
}

/// Both ends of a ring that messages of these lengths have passed through, numbered from 1 on.
pub(super) fn ends_after(shared: &Arc<Shared>, lengths: &[u64]) -> (Tx, Rx) {
    let (mut tx, mut rx) = ends(shared);
    for (number, &len) in (1..).zip(lengths) {
        assert!(tx.put(Message::new(number, len)));
        assert_eq!(rx.take(), Some(Message::new(number, len)));
    }
    (tx, rx)
}

impl Tx {
    pub(super) fn attach(shared: &Arc<Shared>) -> Self {
        let half = Producer::attach(Handle(Arc::clone(shared)), shared.geometry).expect("sound words");
        Tx { half, attachments: role::attach(&shared.producer_role), shared: Arc::clone(shared) }
    }

    /// Where the bytes of the next message go, if there is room for `len`. Before it says that there is none, it asks `consumed`.
    fn reserve(&mut self, len: u64) -> Option<u64> {
        if let Some(payload) = self.half.reserve(len).expect("sound words") {
            return Some(payload);
        }
        if !self.half.see_consumed(len).expect("sound words") {
            return None;
        }
        let payload = self.half.reserve(len).expect("sound words");
        assert!(payload.is_some(), "there was room");
        payload
    }

    /// Writes a message in place, and does not complete it. False if there is no room.
    pub(super) fn write(&mut self, message: Message) -> bool {
        let Some(payload) = self.reserve(message.len) else { return false };
        self.write_at(payload, message);
        true
    }

    /// The same, as far as `released` goes.
    pub(super) fn write_into_released(&mut self, message: Message) -> bool {
        let Some(payload) = self.half.reserve(message.len).expect("sound words") else { return false };
        self.write_at(payload, message);
        true
    }

    fn write_at(&mut self, payload: u64, message: Message) {
        // Its record's position: the first one at that offset that is not before the tail.
        let (tail, data) = (self.half.position(), self.shared.geometry.data);
        let record = tail + (payload - 8 + data - tail % data) % data;
        self.half.memory().write(record, payload, message);
    }

    /// Adds a message to those that are published next.
    pub(super) fn stage(&mut self, message: Message) -> bool {
        let written = self.write(message);
        if written {
            self.half.stage(message.len);
        }
        written
    }

    /// Publishes a message.
    pub(super) fn put(&mut self, message: Message) -> bool {
        let staged = self.stage(message);
        if staged {
            self.half.publish();
        }
        staged
    }

    /// Publishes what is staged, and wakes the consumer.
    pub(super) fn publish(&mut self) {
        self.half.publish();
        if event::someone_sleeps(&self.shared.data, &self.shared.data_futex) {
            event::wake(&self.shared.data, &self.shared.data_futex);
        }
    }

    pub(super) fn try_push(&mut self, message: Message) -> bool {
        let staged = self.stage(message);
        if staged {
            self.publish();
        }
        staged
    }

    /// Pushes, sleeping while there is no room. False if the consumer has closed.
    pub(super) fn push(&mut self, message: Message) -> bool {
        while !self.try_push(message) {
            let shared = Arc::clone(&self.shared);
            let half = &mut self.half;
            let mut sleeper = Until {
                word: &shared.space,
                peer: &shared.consumer_role,
                reached: |cheap| match cheap {
                    true => half.see_released(message.len).expect("sound words"),
                    false => half.see_consumed(message.len).expect("sound words"),
                },
            };
            if !event::park(&mut sleeper, &shared.space_futex) {
                return false;
            }
        }
        true
    }

    /// Sleeps until the consumer has consumed everything. False if it has closed before.
    pub(super) fn wait_until_empty(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let half = &mut self.half;
        let mut sleeper = Until {
            word: &shared.space,
            peer: &shared.consumer_role,
            reached: |_| half.used().expect("sound words") == 0,
        };
        event::park(&mut sleeper, &shared.space_futex)
    }

    pub(super) fn close(self) {
        close(&self.shared.producer_role, self.attachments, &self.shared.data, &self.shared.data_futex);
    }
}

impl Rx {
    pub(super) fn attach(shared: &Arc<Shared>) -> Self {
        let half = Consumer::attach(Handle(Arc::clone(shared)), shared.geometry).expect("sound words");
        Rx { half, attachments: role::attach(&shared.consumer_role), shared: Arc::clone(shared) }
    }

    /// The first message, read where it lies.
    pub(super) fn peek(&mut self) -> Option<Message> {
        let head = self.half.head();
        let record = self.half.look(head).expect("sound words")?;
        assert_eq!(record.next, self.half.behind_head(record.len));
        Some(self.half.memory().read(head.position(), record.payload, record.len))
    }

    /// Takes the first message.
    pub(super) fn take(&mut self) -> Option<Message> {
        let message = self.peek()?;
        self.half.consume(self.half.behind_head(message.len));
        Some(message)
    }

    /// Takes all that is ready: finds it, reads it, and then gives it back, all at once.
    pub(super) fn take_all(&mut self) -> Vec<Message> {
        let mut records = Vec::new();
        let mut place = self.half.head();
        while let Some(record) = self.half.look(place).expect("sound words") {
            records.push((place, record));
            place = record.next;
        }
        let memory = self.half.memory();
        let read = |&(place, record): &(Place, Record)| memory.read(place.position(), record.payload, record.len);
        let messages: Vec<Message> = records.iter().map(read).collect();
        if !messages.is_empty() {
            self.half.consume(place);
        }
        messages
    }

    /// Takes the first message, and wakes the producer if that may go on.
    pub(super) fn try_pop(&mut self) -> Option<Message> {
        let message = self.peek()?;
        let released = self.half.consume(self.half.behind_head(message.len));
        let Shared { space, space_futex, .. } = &*self.shared;
        if event::someone_sleeps(space, space_futex) && (released || self.half.is_empty().expect("sound words")) {
            event::wake(space, space_futex);
        }
        Some(message)
    }

    /// Pops, sleeping while the ring is empty. `None` if it is drained and the producer has closed.
    pub(super) fn pop(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.try_pop() {
                return Some(message);
            }
            let shared = Arc::clone(&self.shared);
            let half = &mut self.half;
            let mut sleeper = Until {
                word: &shared.data,
                peer: &shared.producer_role,
                reached: |_| !half.is_empty().expect("sound words"),
            };
            if !event::park(&mut sleeper, &shared.data_futex) {
                return None;
            }
        }
    }

    pub(super) fn close(mut self) {
        self.half.release();
        close(&self.shared.consumer_role, self.attachments, &self.shared.space, &self.shared.space_futex);
    }
}
