//! A ring of messages as loom sees it.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;

use crate::futex::Futex;
use crate::protocol::bytes::{Geometry, Memory};
use crate::sync::{AtomicU32, AtomicU64};

const WORD_BYTES: u64 = 8;

/// One ring, its slack, and the words around it.
#[derive(Debug)]
pub(crate) struct Shared {
    words: Vec<AtomicU64>,
    consumed: AtomicU64,
    released: AtomicU64,
    /// The event on which the producer sleeps, and the one for the consumer.
    pub(crate) space: AtomicU32,
    pub(crate) data: AtomicU32,
    pub(crate) space_futex: Futex,
    pub(crate) data_futex: Futex,
    pub(crate) producer_role: AtomicU64,
    pub(crate) consumer_role: AtomicU64,
    pub(crate) geometry: Geometry,
}

impl Shared {
    /// A ring of `data` bytes, fewer than any that a capacity could ask for, so that a few messages wrap it.
    pub(crate) fn new(data: u64, largest: u64, lag: u64) -> Arc<Self> {
        let slack = largest.next_multiple_of(WORD_BYTES);
        let fences = Arc::new(AtomicUsize::new(0));
        Arc::new(Shared {
            words: (0..(data + slack) / WORD_BYTES).map(|_| AtomicU64::among_bytes(0)).collect(),
            consumed: AtomicU64::watched(0),
            released: AtomicU64::watched(0),
            space: AtomicU32::new(0),
            data: AtomicU32::new(0),
            space_futex: Futex::new(&fences),
            data_futex: Futex::new(&fences),
            producer_role: AtomicU64::new(0),
            consumer_role: AtomicU64::new(0),
            geometry: Geometry { data, slack, largest, lag },
        })
    }
}

/// A message: its number and its length. Its bytes follow from both, and from where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// 0 in an empty message, which has nowhere to put it.
    pub(crate) number: u64,
    pub(crate) len: u64,
}

impl Message {
    pub(crate) fn new(number: u64, len: u64) -> Message {
        Message { number: if len == 0 { 0 } else { number }, len }
    }
}

/// What message `number` holds at `position`, in a ring of `data` bytes: the very word that would publish a message of `number` bytes
/// there one lap later. If a consumer ever takes what was left there for a length, no check can tell it from one.
pub(crate) fn content(position: u64, data: u64, number: u64) -> u64 {
    1 << 63 | ((position + data) / WORD_BYTES) << 32 | number
}

/// A participant's access to the ring.
#[derive(Clone, Debug)]
pub(crate) struct Handle(pub(crate) Arc<Shared>);

impl Handle {
    /// Writes a message in place. Its record is at `position`, its bytes at the offset `payload`.
    pub(crate) fn write(&self, position: u64, payload: u64, message: Message) {
        for (position, word) in self.words(position, payload, message.len) {
            word.write_bytes(content(position, self.0.geometry.data, message.number));
        }
    }

    /// Reads the message of `len` bytes of which the record is at `position` and the bytes are at the offset `payload`, and makes sure that
    /// it is one, and whole.
    pub(crate) fn read(&self, position: u64, payload: u64, len: u64) -> Message {
        let mut number = 0;
        for (index, (position, word)) in self.words(position, payload, len).enumerate() {
            let found = word.read_bytes();
            if index == 0 {
                number = found & u64::from(u32::MAX);
            }
            assert_eq!(found, content(position, self.0.geometry.data, number), "not the bytes of a message, or of two");
        }
        Message { number, len }
    }

    /// The words of a message, each with its position: as if the slack were a part of the ring that nothing else lies in.
    fn words(&self, position: u64, payload: u64, len: u64) -> impl Iterator<Item = (u64, &AtomicU64)> {
        let first = (payload / WORD_BYTES) as usize;
        let words = &self.0.words[first..first + len.div_ceil(WORD_BYTES) as usize];
        (position + WORD_BYTES..).step_by(WORD_BYTES as usize).zip(words)
    }
}

// SAFETY: every word has an atomic of its own, which lives as long as the handle.
unsafe impl Memory for Handle {
    unsafe fn word(&self, offset: u64) -> &AtomicU64 {
        assert!(offset % WORD_BYTES == 0 && offset < self.0.geometry.data, "no length lies at {offset}");
        &self.0.words[(offset / WORD_BYTES) as usize]
    }

    fn consumed(&self) -> &AtomicU64 {
        &self.0.consumed
    }

    fn released(&self) -> &AtomicU64 {
        &self.0.released
    }

    fn hint_read(&self, _: u64) {}

    fn hint_write(&self, _: u64, _: u64) {}
}
