//! How a participant keeps its journal: what it notes before and after each operation, whatever the ring.

use std::hint::spin_loop;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use super::doing::Doing;
use super::evidence::Delivery;
use super::journal::{Record, entries};
use super::letters::{Id, Letters};
use super::setup::Setup;
use super::subject::Answer;

/// The longest slice or batch.
pub(super) const BATCH: u64 = 24;

/// A producer's.
pub(super) struct Producing<'a> {
    record: Record<'a>,
    letters: Letters,
    random: Rng,
    /// The next of its messages.
    next: u64,
}

/// A consumer's.
pub(super) struct Consuming<'a> {
    record: Record<'a>,
    letters: Letters,
    random: Rng,
    guards_only: bool,
    /// Where its deliveries are listed.
    chunks: Vec<u64>,
    delivered: u64,
    buffer: Vec<u8>,
}

/// With messages in hand, now and then, so that more kills fall there.
fn linger(random: &mut Rng) {
    match random.u32(..64) {
        0 => thread::sleep(Duration::from_micros(random.u64(..500))),
        1..=15 => (0..random.u32(..400)).for_each(|_| spin_loop()),
        _ => {}
    }
}

impl<'a> Producing<'a> {
    pub(super) fn new(record: Record<'a>, setup: &Setup, random: Rng) -> Self {
        Producing { record, letters: Letters::new(setup), random, next: 0 }
    }

    pub(super) fn random(&mut self) -> &mut Rng {
        &mut self.random
    }

    fn id(&self, index: u64) -> Id {
        Id { author: self.record.life(), number: self.next + index }
    }

    /// Writes the message that comes `index` messages after the next one.
    pub(super) fn write(&self, index: u64, message: &mut [u8]) {
        self.letters.write(self.id(index), message);
    }

    pub(super) fn message(&self, index: u64) -> Vec<u8> {
        let mut message = vec![0; self.letters.len(self.id(index))];
        self.write(index, &mut message);
        message
    }

    pub(super) fn does(&self, doing: Doing) {
        self.record.does(doing);
    }

    /// From now on the next `count` messages may be published, perhaps by one store.
    pub(super) fn begin(&self, doing: Doing, count: u64, at_once: bool) {
        self.record.begins(self.next + count, at_once);
        self.record.does(doing);
    }

    /// So many of them are, and no more.
    pub(super) fn end(&mut self, count: u64) {
        self.next += count;
        self.record.has_pushed(self.next);
        self.record.does(Doing::Between);
    }

    pub(super) fn nothing(&mut self, answer: Answer) -> Answer {
        self.end(0);
        answer
    }

    pub(super) fn linger(&mut self) {
        linger(&mut self.random);
    }
}

impl<'a> Consuming<'a> {
    pub(super) fn new(record: Record<'a>, setup: &Setup, random: Rng) -> Self {
        Consuming {
            record,
            letters: Letters::new(setup),
            random,
            guards_only: setup.guards_only,
            chunks: Vec::new(),
            delivered: 0,
            buffer: Vec::new(),
        }
    }

    pub(super) fn random(&mut self) -> &mut Rng {
        &mut self.random
    }

    pub(super) fn guards_only(&self) -> bool {
        self.guards_only
    }

    /// Whether there is room to list a batch of any length. To be asked before an operation, for afterwards it is too late.
    pub(super) fn has_room(&mut self) -> bool {
        while (self.chunks.len() as u64) * entries() < self.delivered + BATCH {
            match self.record.take_chunk() {
                Some(chunk) => self.chunks.push(chunk),
                None => return false,
            }
        }
        true
    }

    pub(super) fn does(&self, doing: Doing) {
        self.record.consumes(doing, 0, self.delivered);
    }

    /// From now on up to so many messages may be taken.
    pub(super) fn begin(&self, doing: Doing, most: u64) {
        self.record.consumes(doing, most, self.delivered);
    }

    /// Looks at the message that it was given `index` messages after the last one, to the last byte, and lists it.
    pub(super) fn list(&self, index: u64, message: &[u8], again: bool) -> Result<(), String> {
        let found = self.letters.read(message);
        let id = found.unwrap_or(Id { author: 0, number: 0 });
        let at = self.delivered + index;
        let chunk = self.chunks[(at / entries()) as usize];
        self.record.list(chunk, at % entries(), Delivery { id, again, whole: found.is_some() });
        if found.is_some() {
            return Ok(());
        }
        let begin: Vec<String> = message.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
        Err(format!("{} bytes that nobody wrote: {}", message.len(), begin.concat()))
    }

    /// The first `count` of these are held.
    pub(super) fn hold(&self, count: u64) {
        self.record.consumes(Doing::Holding, count, self.delivered);
    }

    pub(super) fn let_go(&self, count: u64) {
        self.record.consumes(Doing::LettingGo, count, self.delivered);
    }

    /// They are delivered.
    pub(super) fn end(&mut self, count: u64) {
        self.delivered += count;
        self.does(Doing::Between);
    }

    pub(super) fn nothing(&mut self, answer: Answer) -> Answer {
        self.end(0);
        answer
    }

    pub(super) fn linger(&mut self) {
        linger(&mut self.random);
    }

    /// A buffer for messages of up to so many bytes, to be given back.
    pub(super) fn buffer(&mut self, len: usize) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(len, 0);
        buffer
    }

    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }
}
