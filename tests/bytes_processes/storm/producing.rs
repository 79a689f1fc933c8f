//! The producers of a storm.

use std::io::{ErrorKind, IoSlice, Write};
use std::thread;
use std::time::Duration;

use rondel::bytes::{Producer, PushError, Ring, TryPushError};

use super::journal::{Journal, Note, Side, Word};
use super::linger;
use crate::letters::{Letters, Place};
use crate::scratch::{Ledger, Random, STRATEGIES};

/// The most messages of a batch.
const BATCH: u64 = 12;

/// How a life produces.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Copying,
    InPlace,
    Batches,
    Stream,
}

struct Life<'a> {
    tx: Producer,
    next: Place,
    letters: &'a Letters,
    journal: Journal<'a>,
    random: Random,
}

/// Publishes until it is killed or, now and then, has published enough and closes.
pub(super) fn live(ring: &Ring, letters: &Letters, ledger: &Ledger, mut random: Random) {
    let mut tx = ring.producer().expect("the predecessor has gone");
    tx.set_wait(STRATEGIES[random.below(3) as usize].1);
    let journal = Journal::of(ledger, Side::Producer);
    let next = journal.resume(letters, tx.position());
    journal.count(Word::Lives, 1);
    let manner = [Manner::Copying, Manner::InPlace, Manner::Batches, Manner::Stream][random.below(4) as usize];
    let end = if random.below(8) == 0 { next.number + random.below(2_000) } else { u64::MAX };
    let mut life = Life { tx, next, letters, journal, random };
    while life.next.number < end {
        match manner {
            Manner::Copying => life.copy(),
            Manner::InPlace => life.write_in_place(),
            Manner::Batches => life.publish_batch(),
            Manner::Stream => life.write_to_stream(),
        }
        assert_eq!(life.tx.position(), life.next.position);
    }
    life.journal.count(Word::Closed, 1);
}

/// The ring is full, and nobody is there to make room. The next consumer will come.
fn wait_for_a_consumer(error: PushError) {
    match error {
        PushError::Closed | PushError::Dead => thread::sleep(Duration::from_micros(200)),
        error => panic!("{error}"),
    }
}

impl Life<'_> {
    /// Notes that the next `count` messages are about to be published by one store.
    fn note(&self, count: u64) {
        self.journal.note(Note { from: self.next, count, at_once: true, unchecked: false });
    }

    fn published(&mut self, count: u64) {
        for _ in 0..count {
            self.next = self.letters.behind(self.next);
        }
    }

    fn copy(&mut self) {
        let bytes = self.letters.bytes(self.next.number);
        self.note(1);
        let pushed = if self.random.below(4) == 0 {
            let (begin, end) = bytes.split_at(self.random.below(bytes.len() as u64 + 1) as usize);
            self.tx.push_vectored(&[IoSlice::new(begin), IoSlice::new(&[]), IoSlice::new(end)])
        } else {
            self.tx.push(bytes)
        };
        match pushed {
            Ok(()) => self.published(1),
            Err(error) => wait_for_a_consumer(error),
        }
    }

    fn write_in_place(&mut self) {
        let bytes = self.letters.bytes(self.next.number);
        let longer = self.tx.largest().min(bytes.len() + self.random.below(100) as usize);
        let (abandon, middle) = (self.random.below(8) == 0, self.random.below(bytes.len() as u64 + 1) as usize);
        self.note(1);
        let mut reservation = match self.tx.reserve(longer) {
            Ok(reservation) => reservation,
            Err(error) => return wait_for_a_consumer(error),
        };
        // In two steps, so that more kills fall between.
        reservation[..middle].copy_from_slice(&bytes[..middle]);
        linger(&mut self.random);
        reservation[middle..bytes.len()].copy_from_slice(&bytes[middle..]);
        if abandon {
            return drop(reservation);
        }
        if longer == bytes.len() {
            reservation.commit().expect("intact");
        } else {
            reservation.commit_len(bytes.len()).expect("shorter than the reservation");
        }
        self.published(1);
    }

    fn publish_batch(&mut self) {
        // Batches do not wait: here is where this side sleeps.
        let len = self.letters.len(self.next.number);
        if let Err(error) = self.tx.reserve(len).map(drop) {
            return wait_for_a_consumer(error);
        }
        let most = 1 + self.random.below(BATCH);
        let abandon = self.random.below(8) == 0;
        let mut batch = self.tx.batch().expect("intact");
        for number in self.next.number..self.next.number + most {
            let bytes = self.letters.bytes(number);
            let added = match number % 2 {
                0 => batch.try_push(bytes),
                _ => batch.try_reserve(bytes.len()).and_then(|mut reservation| {
                    reservation.copy_from_slice(bytes);
                    Ok(reservation.commit()?)
                }),
            };
            match added {
                Ok(()) => {}
                Err(TryPushError::Full | TryPushError::Closed) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let count = batch.len() as u64;
        assert!(count > 0, "there was room before");
        if abandon {
            return drop(batch);
        }
        self.journal.note(Note { from: self.next, count, at_once: true, unchecked: false });
        linger(&mut self.random);
        batch.publish().expect("intact");
        self.published(count);
    }

    fn write_to_stream(&mut self) {
        let bytes = self.letters.bytes(self.next.number);
        if bytes.is_empty() || bytes.len() > self.letters.shape().write_len() {
            assert_eq!(self.tx.write(&[]).expect("intact"), 0, "which pushes nothing");
            return self.copy();
        }
        self.note(1);
        let written = if self.random.below(2) == 0 {
            self.tx.write(bytes)
        } else {
            let (begin, end) = bytes.split_at(self.random.below(bytes.len() as u64 + 1) as usize);
            self.tx.write_vectored(&[IoSlice::new(begin), IoSlice::new(end)])
        };
        match written {
            Ok(len) => {
                assert_eq!(len, bytes.len(), "a message as short is written whole");
                self.published(1);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
                thread::sleep(Duration::from_micros(200));
            }
        }
    }
}
