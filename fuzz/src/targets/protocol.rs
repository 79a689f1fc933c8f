//! The protocol of the ring between two, over a block of the heap, without a system call: any sequence of its operations, with deaths
//! between the stores of one, and with words that somebody overwrites.
//!
//! Element `p` is the one at position `p`, so the model is two numbers. A death is a handle that is forgotten, after the words that it
//! would not have stored any more have been put back.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::heap::spsc::{Element, Handle, Ring, element};
use crate::hostile::Value;
use crate::kept::kept;
use crate::protocol::Corruption;
use crate::protocol::spsc::{Advanced, Consumer, Memory, Producer};
use crate::script::{Conduct, Script};

/// A line has three slots: rings of one line, of a few, and of so many that `released` lags by several.
const CAPACITIES: [u64; 6] = [1, 2, 4, 7, 12, 50];
/// More than the smallest rings hold.
const BATCH: usize = 24;

struct Game {
    /// The memory, as somebody has it who takes no part.
    handle: Handle,
    conduct: Conduct,
    /// Whether what is popped is vouched for.
    tells: bool,
    capacity: u64,
    tx: Option<Producer<Handle>>,
    rx: Option<Consumer<Handle>>,
    pushed: u64,
    popped: u64,
    /// A consumer has died before it gave back what it had consumed.
    held_back: bool,
    /// An element was shown, and may be consumed.
    peeked: bool,
    old: Vec<u64>,
}

impl Game {
    fn new(ring: &Arc<Ring>, conduct: Conduct, tells: bool, capacity: u64) -> Self {
        ring.block.words().iter().for_each(|word| word.store(0, Relaxed));
        Game {
            handle: Handle(Arc::clone(ring)),
            conduct,
            tells,
            capacity,
            tx: None,
            rx: None,
            pushed: 0,
            popped: 0,
            held_back: false,
            peeked: false,
            old: Vec::new(),
        }
    }

    fn honest(&self) -> bool {
        self.conduct == Conduct::Honest
    }

    fn unread(&self) -> u64 {
        self.pushed - self.popped
    }

    fn attach_producer(&mut self) {
        match Producer::attach(Handle(Arc::clone(&self.handle.0)), self.handle.0.geometry) {
            Ok(tx) => self.tx = Some(tx),
            Err(corruption) => self.producer_failed(corruption),
        }
    }

    fn attach_consumer(&mut self) {
        self.peeked = false;
        match Consumer::attach(Handle(Arc::clone(&self.handle.0)), self.handle.0.geometry) {
            Ok(rx) => {
                self.rx = Some(rx);
                self.held_back = false;
            }
            Err(corruption) => self.consumer_failed(corruption),
        }
    }

    #[track_caller]
    fn producer_failed(&mut self, corruption: Corruption) {
        assert!(!self.honest(), "{corruption}");
        self.tx = None;
    }

    #[track_caller]
    fn consumer_failed(&mut self, corruption: Corruption) {
        assert!(!self.honest(), "{corruption}");
        (self.rx, self.peeked) = (None, false);
    }

    fn step(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation % 16 {
            0 | 1 => self.push(),
            2 => self.push_slice(script.operand()),
            3 => self.peek(),
            4 => self.advance(),
            5 | 6 => self.pop_slice(script.operand()),
            7 => self.ask(script.operand()),
            8 => self.attach_producer(),
            9 => self.attach_consumer(),
            10 => self.die_pushing(script.operand()),
            11 => self.die_popping(script.operand()),
            12..15 => self.overwrite(script),
            _ => {
                self.old.clear();
                self.old.extend(self.handle.0.block.words().iter().map(|word| word.load(Relaxed)));
            }
        }
        if self.honest() {
            self.check();
        }
    }

    fn push(&mut self) {
        let Some(tx) = &mut self.tx else { return };
        match tx.try_push(element(tx.tail())) {
            Ok(true) => self.pushed += 1,
            Ok(false) => self.refused(),
            Err(corruption) => self.producer_failed(corruption),
        }
    }

    /// More is unread than the capacity, or a consumer has died with room in its hands. Then `consumed` shows that.
    fn refused(&mut self) {
        let honest = self.honest();
        let Some(tx) = &mut self.tx else { return };
        let full = match tx.see_consumed() {
            Ok(room) => !room,
            Err(corruption) => return self.producer_failed(corruption),
        };
        if !honest {
            return;
        }
        if full || !self.held_back {
            assert!(self.pushed - self.popped > self.capacity, "refused with {} unread", self.pushed - self.popped);
        }
        if !full {
            assert_eq!(tx.try_push(element(tx.tail())), Ok(true), "there was room");
            self.pushed += 1;
        }
    }

    fn push_slice(&mut self, len: u8) {
        let Some(tx) = &mut self.tx else { return };
        let tail = tx.tail();
        let len = usize::from(len) % (BATCH + 1);
        let elements: [Element; BATCH] = std::array::from_fn(|i| element(tail + i as u64));
        match tx.try_push_slice(&elements[..len]) {
            Ok(count) => {
                assert!(count <= len);
                self.pushed += count as u64;
                if count < len {
                    self.refused();
                }
            }
            Err(corruption) => self.producer_failed(corruption),
        }
    }

    /// What was popped was published there, unless just anybody may have written it.
    fn judge(&self, position: u64, found: &[Element]) {
        if self.conduct != Conduct::Hostile {
            found.iter().zip(position..).for_each(|(found, number)| assert_eq!(*found, element(number)));
        }
    }

    fn peek(&mut self) {
        let Some(rx) = &mut self.rx else { return };
        let (head, unread) = (rx.head(), self.pushed > self.popped);
        match if self.tells { rx.peek_vouched() } else { rx.peek() } {
            Ok(found) => {
                assert!(!self.honest() || found.is_some() == unread, "shown: {found:?}");
                self.peeked = found.is_some();
                self.judge(head, found.as_slice());
            }
            Err(corruption) => self.consumer_failed(corruption),
        }
    }

    fn advance(&mut self) {
        let Some(rx) = self.rx.as_mut().filter(|_| self.peeked) else { return };
        let advanced = rx.advance();
        self.peeked = false;
        self.popped += 1;
        self.consumed(advanced);
    }

    /// Who waits for room, or for an empty ring, is told.
    fn consumed(&self, advanced: Advanced) {
        if self.honest() {
            assert!(self.unread() > 0 || advanced != Advanced::Within, "empty, and nobody was told");
            assert!(advanced != Advanced::Released || self.handle.released().load(Relaxed) == self.popped);
        }
    }

    fn pop_slice(&mut self, len: u8) {
        let Some(rx) = &mut self.rx else { return };
        let (head, len) = (rx.head(), usize::from(len) % (BATCH + 1));
        let mut elements = [[0; 2]; BATCH];
        let place = &mut elements[..len];
        self.peeked = false;
        match if self.tells { rx.pop_slice_vouched(place) } else { rx.pop_slice(place) } {
            Ok((count, advanced)) => {
                assert!(count <= len);
                self.judge(head, &elements[..count]);
                assert!(!self.honest() || count as u64 == self.unread().min(len as u64), "{count} of {len}");
                self.popped += count as u64;
                if count > 0 {
                    self.consumed(advanced);
                }
            }
            Err(corruption) => self.consumer_failed(corruption),
        }
    }

    /// Questions that may tell the handle something.
    fn ask(&mut self, which: u8) {
        let (honest, unread) = (self.honest(), self.unread_if_honest());
        match (which % 4, &mut self.tx, &mut self.rx) {
            (0, Some(tx), _) => match tx.is_full() {
                Ok(full) => assert!(!honest || !full || self.held_back || unread > self.capacity),
                Err(corruption) => self.producer_failed(corruption),
            },
            (1, Some(tx), _) => match tx.see_consumed() {
                Ok(room) => assert!(!honest || room || unread > self.capacity),
                Err(corruption) => self.producer_failed(corruption),
            },
            (2, _, Some(rx)) => match rx.is_empty() {
                Ok(empty) => assert!(!honest || empty == (unread == 0)),
                Err(corruption) => self.consumer_failed(corruption),
            },
            (3, _, Some(rx)) => rx.release(),
            _ => {}
        }
        if let (false, Some(Err(corruption))) = (honest, self.tx.as_ref().map(Producer::len)) {
            self.producer_failed(corruption);
        }
        if let (false, Some(Err(corruption))) = (honest, self.rx.as_ref().map(Consumer::len)) {
            self.consumer_failed(corruption);
        }
    }

    fn unread_if_honest(&self) -> u64 {
        if self.honest() { self.unread() } else { 0 }
    }

    /// A producer dies when it has stored some of the stamps of a slice: those behind are what they were.
    fn die_pushing(&mut self, how: u8) {
        let Some(tx) = &self.tx else { return };
        let (geometry, tail) = (self.handle.0.geometry, tx.tail());
        let numbers = (geometry.number(tail)..).take(geometry.lines as usize);
        let stamp = |number| self.handle.stamp(self.handle.line(geometry.index(number)));
        let before: Vec<u64> = numbers.clone().map(|number| stamp(number).load(Relaxed)).collect();
        self.push_slice(how % 16);
        let Some(tx) = self.tx.take() else { return };
        let touched = numbers.zip(before).take_while(|(number, _)| geometry.start(*number) < tx.tail());
        for (number, stamp_before) in touched.skip(usize::from(how / 16 % 4)) {
            let stamp = self.handle.stamp(self.handle.line(geometry.index(number)));
            stamp.store(stamp_before, Relaxed);
            self.pushed = self.pushed.min(geometry.start(number).max(tail));
        }
    }

    /// A consumer dies between its two stores, or before them.
    fn die_popping(&mut self, how: u8) {
        let words = [self.handle.consumed(), self.handle.released()];
        let before = words.map(|word| word.load(Relaxed));
        let popped = self.popped;
        self.pop_slice(how / 2);
        if self.rx.take().is_none() {
            return;
        }
        let words = [self.handle.consumed(), self.handle.released()];
        words[1].store(before[1], Relaxed);
        self.held_back = true;
        if how % 2 == 1 {
            words[0].store(before[0], Relaxed);
            self.popped = popped;
        }
    }

    fn overwrite(&mut self, script: &mut Script<'_>) {
        let [place, kind, by] = std::array::from_fn(|_| script.operand());
        let words = self.handle.0.block.words();
        let value = Value::of(kind, by);
        match self.conduct {
            Conduct::Honest => {}
            // A liar's words are made of positions.
            Conduct::Lies => {
                let word = [self.handle.consumed(), self.handle.released()][usize::from(place % 2)];
                let near = self.rx.as_ref().map_or(self.popped, Consumer::head).wrapping_add_signed((by as i8).into());
                word.store(if kind % 2 == 0 { near } else { by.into() }, Relaxed);
            }
            // The positions stand far apart; a quarter of the bytes is theirs.
            Conduct::Hostile if place >= 192 => value.write(words, usize::from(place % 3) * 8, &self.old),
            Conduct::Hostile => value.write(words, place.into(), &self.old),
        }
    }

    fn check(&self) {
        assert_eq!(self.handle.consumed().load(Relaxed), self.popped);
        assert!(self.handle.released().load(Relaxed) <= self.popped);
        if let Some(tx) = &self.tx {
            assert_eq!((tx.tail(), tx.len()), (self.pushed, Ok(self.unread())));
        }
        if let Some(rx) = &self.rx {
            assert_eq!((rx.head(), rx.len()), (self.popped, Ok(self.unread())));
        }
    }

    /// At the end successors find what is unread, and after that a capacity fits.
    fn finish(mut self) {
        self.attach_producer();
        self.attach_consumer();
        self.check();
        let drain = |game: &mut Game| {
            while game.unread() > 0 {
                game.pop_slice(BATCH as u8);
            }
            game.peek();
        };
        drain(&mut self);
        for _ in 0..self.capacity {
            self.push();
        }
        assert_eq!(self.unread(), self.capacity, "a capacity always fits");
        drain(&mut self);
        self.check();
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
    let capacity = CAPACITIES[usize::from(shape / 8) % CAPACITIES.len()];
    let ring = kept([capacity as usize, tells.into(), 0, 0], || Ring::new(capacity, tells));
    let mut game = Game::new(&ring, conduct, tells, capacity);
    game.attach_producer();
    game.attach_consumer();
    while let Some(operation) = script.next() {
        game.step(operation, &mut script);
    }
    if game.honest() {
        game.finish();
    }
}
