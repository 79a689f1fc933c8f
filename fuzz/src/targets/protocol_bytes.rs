//! The protocol of the ring of messages, over a block of the heap, without a system call: any sequence of its operations, with deaths
//! between them and between the stores of one, and with words that somebody overwrites.

mod read;
mod write;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::heap::bytes::{Handle, Ring};
use crate::hostile::Value;
use crate::kept::kept;
use crate::protocol::Corruption;
use crate::protocol::bytes::{Consumer, Memory, Producer};
use crate::script::{Conduct, Script};

/// The smallest, and such as begin a line, or end one, or span several.
const CAPACITIES: [u64; 8] = [16, 24, 40, 64, 100, 200, 264, 700];

/// A message that is published, or complete.
#[derive(Clone, Copy, Debug)]
struct Message {
    position: u64,
    /// What its bytes follow from: no two messages have the same.
    seed: u64,
    len: u64,
    /// The position behind its record.
    next: u64,
}

impl Message {
    fn word(&self, index: usize) -> [u8; 8] {
        (self.seed << 32 | index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_ne_bytes()
    }

    fn fill(&self, place: &mut [u8]) {
        for (index, chunk) in place.chunks_mut(8).enumerate() {
            chunk.copy_from_slice(&self.word(index)[..chunk.len()]);
        }
    }

    fn is(&self, found: &[u8]) -> bool {
        found.chunks(8).enumerate().all(|(index, chunk)| *chunk == self.word(index)[..chunk.len()])
    }
}

struct Game {
    /// The memory, as somebody has it who takes no part.
    handle: Handle,
    conduct: Conduct,
    capacity: u64,
    tx: Option<Producer<Handle>>,
    rx: Option<Consumer<Handle>>,
    /// All that were published, and how many of them have been consumed.
    published: Vec<Message>,
    consumed: usize,
    staged: Vec<Message>,
    /// What has been written and is not complete.
    reserved: Option<Message>,
    made: u64,
    /// How many bytes of the first message this consumer has read as a stream.
    read: u64,
    /// A consumer has died before it gave back what it had consumed.
    held_back: bool,
    /// A liar has had this consumer begin where no message does: what it takes for one is up to the bytes there, as `SECURITY.md` says.
    astray: bool,
    /// What the producer does between the consumer's look at a message and its reading of it.
    meanwhile: Option<u8>,
    old: Vec<u64>,
}

impl Game {
    fn new(ring: &Arc<Ring>, conduct: Conduct, capacity: u64) -> Self {
        ring.block.words().iter().for_each(|word| word.store(0, Relaxed));
        Game {
            handle: Handle(Arc::clone(ring)),
            conduct,
            capacity,
            tx: None,
            rx: None,
            published: Vec::new(),
            consumed: 0,
            staged: Vec::new(),
            reserved: None,
            made: 0,
            read: 0,
            held_back: false,
            astray: false,
            meanwhile: None,
            old: Vec::new(),
        }
    }

    fn honest(&self) -> bool {
        self.conduct == Conduct::Honest
    }

    /// The position of the next message to be published, and of the first that is not consumed.
    fn tail(&self) -> u64 {
        self.published.last().map_or(0, |last| last.next)
    }

    fn head(&self) -> u64 {
        self.consumed.checked_sub(1).map_or(0, |last| self.published[last].next)
    }

    /// The position behind a record: one that runs over the ring's end ends there.
    fn behind(&self, position: u64, len: u64) -> u64 {
        let data = self.handle.0.geometry.data;
        (position + 8 + len.next_multiple_of(8)).min((position / data + 1) * data)
    }

    fn attach_producer(&mut self) {
        self.forget_producer();
        match Producer::attach(Handle(Arc::clone(&self.handle.0)), self.handle.0.geometry) {
            Ok(tx) => self.tx = Some(tx),
            Err(corruption) => self.producer_failed(corruption),
        }
    }

    fn forget_producer(&mut self) {
        (self.tx, self.reserved) = (None, None);
        self.staged.clear();
    }

    fn attach_consumer(&mut self) {
        self.read = 0;
        match Consumer::attach(Handle(Arc::clone(&self.handle.0)), self.handle.0.geometry) {
            Ok(rx) => {
                let head = rx.head().position();
                let begins = self.published.binary_search_by_key(&head, |message| message.position).is_ok();
                self.astray = self.conduct == Conduct::Lies && !begins && head != self.tail();
                self.rx = Some(rx);
                self.held_back = false;
            }
            Err(corruption) => self.consumer_failed(corruption),
        }
    }

    #[track_caller]
    fn producer_failed(&mut self, corruption: Corruption) {
        assert!(!self.honest(), "{corruption}");
        self.forget_producer();
    }

    #[track_caller]
    fn consumer_failed(&mut self, corruption: Corruption) {
        assert!(!self.honest(), "{corruption}");
        (self.rx, self.read) = (None, 0);
    }

    fn step(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation % 16 {
            0 | 1 => self.push(script.operand()),
            2 => self.reserve(script.operand()),
            3 => self.stage(script.operand()),
            4 => self.publish(),
            5 => self.abandon(),
            6 | 7 => self.take(script.operand()),
            8 => self.read_on(script.operand()),
            9 => self.ask(script.operand()),
            // A succeeding producer begins where a liar says that the consumer is: what it writes there is another matter.
            10 if self.conduct != Conduct::Lies => self.attach_producer(),
            10 => {}
            11 => self.attach_consumer(),
            12 => self.die(script.operand()),
            13 => self.forge(script.operand()),
            14 => self.overwrite(script),
            _ => {
                self.old.clear();
                self.old.extend(self.handle.0.block.words().iter().map(|word| word.load(Relaxed)));
            }
        }
        if self.honest() {
            self.check();
        }
    }

    /// Questions that may tell the handle something.
    fn ask(&mut self, which: u8) {
        let len = u64::from(which / 8) % (self.handle.0.geometry.largest + 1);
        match (which % 8, &mut self.tx, &mut self.rx) {
            (0, Some(tx), _) => {
                let room = tx.see_released(len);
                self.room(len, room);
            }
            (1, Some(tx), _) => {
                let room = tx.see_consumed(len);
                self.room(len, room);
            }
            (2, _, Some(rx)) => match rx.is_empty() {
                Ok(empty) => assert!(!self.honest() || empty == (self.consumed == self.published.len())),
                Err(corruption) => self.consumer_failed(corruption),
            },
            (3, _, Some(rx)) => rx.release(),
            (4, Some(tx), _) => {
                if let Err(corruption) = tx.used() {
                    self.producer_failed(corruption);
                }
            }
            (5, ..) if self.conduct == Conduct::Lies => self.meanwhile = Some(which),
            _ => {}
        }
    }

    /// Somebody dies, between two operations or between the two stores of one.
    fn die(&mut self, how: u8) {
        match how % 4 {
            0 if self.conduct != Conduct::Lies => self.forget_producer(),
            // The place behind is zeroed, and nothing is published yet.
            1 if self.conduct != Conduct::Lies => {
                let Some(tx) = &mut self.tx else { return };
                let offset = tx.position() % self.handle.0.geometry.data;
                tx.publish();
                // SAFETY: a position is a multiple of 8; the offset is less than the ring's length.
                unsafe { self.handle.word(offset) }.store(0, Relaxed);
                self.forget_producer();
            }
            // Consumed, and nothing given back.
            2 => {
                let released = self.handle.released().load(Relaxed);
                self.take((how / 4) | 0x80);
                if self.rx.take().is_some() {
                    self.handle.released().store(released, Relaxed);
                    self.held_back = true;
                }
                self.read = 0;
            }
            _ => (self.rx, self.read) = (None, 0),
        }
    }

    /// A length word that bears its place's tag.
    fn forge(&mut self, by: u8) {
        let position = match (&self.tx, &self.rx) {
            (Some(tx), _) if by % 2 == 0 => tx.position(),
            (_, Some(rx)) => rx.head().position(),
            _ => return,
        };
        if self.conduct == Conduct::Hostile {
            let len = u64::from(by / 2) * if by >= 128 { 8 } else { 1 };
            // SAFETY: positions of handles are multiples of 8; the offset is less than the ring's length.
            let word = unsafe { self.handle.word(position % self.handle.0.geometry.data) };
            word.store((1 << 63 | (position / 8) << 32) + len, Relaxed);
        }
    }

    fn overwrite(&mut self, script: &mut Script<'_>) {
        let [place, kind, by] = std::array::from_fn(|_| script.operand());
        let words = self.handle.0.block.words();
        let value = Value::of(kind, by);
        match self.conduct {
            Conduct::Honest => {}
            // A liar's words are positions.
            Conduct::Lies => {
                let word = [self.handle.consumed(), self.handle.released()][usize::from(place % 2)];
                let head = self.rx.as_ref().map_or(0, |rx| rx.head().position());
                word.store(head.wrapping_add_signed(i64::from(by as i8) * 8), Relaxed);
            }
            // The positions stand far apart; a quarter of the bytes is theirs.
            Conduct::Hostile if place >= 192 => value.write(words, usize::from(place % 3) * 8, &self.old),
            Conduct::Hostile => value.write(words, usize::from(place) + 24, &self.old),
        }
    }

    fn check(&self) {
        let (head, tail) = (self.head(), self.tail());
        assert_eq!(self.handle.consumed().load(Relaxed), head);
        assert!(self.handle.released().load(Relaxed) <= head);
        if let Some(tx) = &self.tx {
            assert_eq!((tx.position(), tx.used()), (tail, Ok(tail - head)));
        }
        if let Some(rx) = &self.rx {
            assert_eq!(rx.head().position(), head);
        }
    }

    /// At the end successors find what is unread, and after that records of the whole capacity fit, wherever they begin.
    fn finish(mut self) {
        self.attach_producer();
        self.attach_consumer();
        self.check();
        self.take_all();
        let mut left = self.capacity;
        for len in [self.handle.0.geometry.largest, self.handle.0.geometry.largest / 3, 0] {
            while left >= 8 + len.next_multiple_of(8) {
                left -= 8 + len.next_multiple_of(8);
                assert!(self.push_one(len), "a capacity always fits");
            }
        }
        self.check();
        self.take_all();
        assert_eq!(self.head(), self.tail());
    }
}

/// Runs the target.
///
/// # Panics
///
/// If the protocol has failed.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let Some(shape) = script.next() else { return };
    let conduct = [Conduct::Honest, Conduct::Honest, Conduct::Lies, Conduct::Hostile][usize::from(shape % 4)];
    let tells = conduct == Conduct::Lies || shape / 4 % 2 == 1;
    let capacity = CAPACITIES[usize::from(shape / 8 % 8)];
    let most = capacity / 8 * 8 - 8;
    let largest = [most, most.div_ceil(3), most.min(20), most.min(7)][usize::from(shape / 64)];
    let ring = kept([capacity as usize, tells.into(), largest as usize, 0], || Ring::new(capacity, largest, tells));
    let mut game = Game::new(&ring, conduct, capacity);
    game.attach_producer();
    game.attach_consumer();
    while let Some(operation) = script.next() {
        game.step(operation, &mut script);
    }
    if game.honest() {
        game.finish();
    }
}
