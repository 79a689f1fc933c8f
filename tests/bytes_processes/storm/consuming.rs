//! The consumers of a storm.

use std::io::{BufRead, Error, ErrorKind, Read};
use std::thread;
use std::time::Duration;

use rondel::bytes::{Consumer, PopError, PopIntoError, Ring};

use super::journal::{Journal, Note, Side, Word};
use super::linger;
use crate::letters::{Letters, Place};
use crate::scratch::{Ledger, Random, STRATEGIES};

/// The most messages of a batch.
const BATCH: u64 = 12;

/// How a life consumes.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Copying,
    InPlace,
    Batches,
    Stream,
}

struct Life<'a> {
    rx: Consumer,
    /// The first message, and how much of it was read as a stream.
    next: Place,
    read: usize,
    letters: &'a Letters,
    journal: Journal<'a>,
    random: Random,
    buffer: Vec<u8>,
}

/// Consumes until it is killed or, now and then, has consumed enough and closes.
pub(super) fn live(ring: &Ring, letters: &Letters, ledger: &Ledger, mut random: Random) {
    let mut rx = ring.consumer().expect("the predecessor has gone");
    rx.set_wait(STRATEGIES[random.below(3) as usize].1);
    let journal = Journal::of(ledger, Side::Consumer);
    let next = journal.resume(letters, rx.position());
    journal.account(next);
    journal.count(Word::Lives, 1);
    let manner = [Manner::Copying, Manner::InPlace, Manner::Batches, Manner::Stream][random.below(4) as usize];
    let end = if random.below(8) == 0 { next.number + random.below(2_000) } else { u64::MAX };
    let buffer = vec![0; 2 * letters.shape().largest];
    let mut life = Life { rx, next, read: 0, letters, journal, random, buffer };
    // What is begun is read to its end: only a kill leaves a part of a message to be read again.
    while life.next.number < end || life.read > 0 {
        match manner {
            Manner::Copying => life.copy(),
            Manner::InPlace => life.read_in_place(),
            Manner::Batches => life.take_batch(),
            Manner::Stream => life.read_from_stream(),
        }
        assert_eq!(life.rx.position(), life.next.position);
    }
    life.journal.count(Word::Closed, 1);
}

/// The ring is drained, and nobody is there to fill it. The next producer will come.
fn wait_for_a_producer(error: PopError) {
    match error {
        PopError::Closed | PopError::Dead => thread::sleep(Duration::from_micros(200)),
        error => panic!("{error}"),
    }
}

impl Life<'_> {
    /// Notes that the first `count` messages are about to be given back by one store.
    fn note(&self, count: u64, unchecked: bool) {
        self.journal.note(Note { from: self.next, count, at_once: true, unchecked });
    }

    fn consumed(&mut self, count: u64) {
        for _ in 0..count {
            self.next = self.letters.behind(self.next);
        }
        self.read = 0;
    }

    fn copy(&mut self) {
        let number = self.next.number;
        let whole = self.letters.len(number);
        // Too short a buffer now and then: the message stays.
        let short = whole > 0 && self.random.below(8) == 0;
        let len = if short { self.random.below(whole as u64) as usize } else { self.rx.largest() };
        self.note(1, true);
        match self.rx.pop_into(&mut self.buffer[..len]) {
            Ok(found) => {
                assert!(!short);
                self.letters.check(number, &self.buffer[..found]);
                self.journal.checked(self.letters, number + 1);
                self.consumed(1);
            }
            Err(PopIntoError::TooShort { message, buffer }) => assert_eq!((short, message, buffer), (true, whole, len)),
            Err(PopIntoError::Pop(error)) => wait_for_a_producer(error),
        }
    }

    /// A message, or what is left of it.
    fn read_in_place(&mut self) {
        let number = self.next.number;
        let keep = self.random.below(16) == 0;
        self.note(1, false);
        let message = match self.rx.pop() {
            Ok(message) => message,
            Err(error) => return wait_for_a_producer(error),
        };
        assert_eq!(message.len(), self.letters.len(number) - self.read);
        self.letters.check_part(number, self.read, &message);
        if keep {
            return message.keep();
        }
        self.journal.checked(self.letters, number + 1);
        linger(&mut self.random);
        drop(message);
        self.consumed(1);
    }

    fn take_batch(&mut self) {
        let first = self.next.number;
        let most = 1 + self.random.below(BATCH) as usize;
        let mut batch = match self.rx.pop_batch() {
            Ok(batch) => batch,
            Err(error) => return wait_for_a_producer(error),
        };
        let messages: Vec<&[u8]> = batch.into_iter().take(most).collect();
        for (number, message) in (first..).zip(&messages) {
            self.letters.check(number, message);
        }
        let count = messages.len() as u64;
        assert_eq!(batch.given() as u64, count);
        self.journal.note(Note { from: self.next, count, at_once: true, unchecked: false });
        self.journal.checked(self.letters, first + count);
        linger(&mut self.random);
        drop(batch);
        self.consumed(count);
    }

    fn read_from_stream(&mut self) {
        match self.random.below(5) {
            0 | 1 => self.read_into_buffer(),
            2 | 3 => self.read_where_it_lies(),
            _ => self.read_in_place(),
        }
    }

    /// Across the boundaries of messages, to the middle of one.
    fn read_into_buffer(&mut self) {
        let most = if self.random.below(2) == 0 { 64 } else { self.buffer.len() };
        let len = 1 + self.random.below(most as u64) as usize;
        self.journal.note(Note { from: self.next, count: self.ended_by(len), at_once: false, unchecked: true });
        match self.rx.read(&mut self.buffer[..len]) {
            Ok(0) => self.wait_for_more(None),
            Ok(read) => {
                let mut at = 0;
                while at < read {
                    let left = self.letters.len(self.next.number) - self.read;
                    let here = left.min(read - at);
                    self.letters.check_part(self.next.number, self.read, &self.buffer[at..at + here]);
                    at += here;
                    self.read += here;
                    if here == left {
                        self.consumed(1);
                    }
                }
                self.pass_over_empty();
            }
            Err(error) => self.wait_for_more(Some(error)),
        }
    }

    /// How many messages end within the next `len` bytes of the stream.
    fn ended_by(&self, len: usize) -> u64 {
        let mut left = self.read + len;
        let mut number = self.next.number;
        while left > 0 && self.letters.len(number) <= left {
            left -= self.letters.len(number);
            number += 1;
        }
        number - self.next.number
    }

    fn read_where_it_lies(&mut self) {
        // Empty ones are passed over before there is anything to check.
        let is_empty = |number: &u64| self.read == 0 && self.letters.len(*number) == 0;
        let empty = (self.next.number..).take_while(is_empty).count() as u64;
        self.journal.note(Note { from: self.next, count: empty, at_once: false, unchecked: true });
        let bytes = match self.rx.fill_buf() {
            Ok([]) => return self.wait_for_more(None),
            Ok(bytes) => bytes,
            Err(error) => return self.wait_for_more(Some(error)),
        };
        for _ in 0..empty {
            self.next = self.letters.behind(self.next);
        }
        let number = self.next.number;
        self.journal.checked(self.letters, number);
        assert_eq!(bytes.len(), self.letters.len(number) - self.read);
        self.letters.check_part(number, self.read, bytes);
        let len = if self.random.below(2) == 0 { bytes.len() } else { self.random.below(bytes.len() as u64) as usize };
        if len < bytes.len() {
            self.rx.consume(len);
            self.read += len;
        } else {
            self.journal.note(Note { from: self.next, count: 1, at_once: true, unchecked: false });
            self.journal.checked(self.letters, number + 1);
            self.rx.consume(len);
            self.consumed(1);
        }
    }

    /// The stream has come to an end, for now.
    fn wait_for_more(&mut self, error: Option<Error>) {
        if let Some(error) = error {
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        }
        self.pass_over_empty();
        thread::sleep(Duration::from_micros(200));
    }

    /// What the handle has given back beyond the bytes that it returned can only be empty messages.
    fn pass_over_empty(&mut self) {
        let next = self.letters.at(self.rx.position(), self.next);
        assert!((self.next.number..next.number).all(|number| self.letters.len(number) == 0), "passed over unread");
        self.journal.checked(self.letters, next.number);
        self.next = next;
    }
}
