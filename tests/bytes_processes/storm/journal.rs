//! What the victims note beside the ring, so that their successors, and the verdict, know what they were doing.
//!
//! A producer notes, before it publishes, which messages it is about to publish by one store, and where the first will lie. A consumer
//! notes, before it gives messages back, which, and where the first lies. After a kill the ring's position says how far that came:
//! nothing of it or all of it, or, for a read of the stream, up to any of its messages. So a successor knows the
//! next message exactly, and one that is lost or comes twice is not the one that is expected.
//!
//! A note consists of several words, and a kill may fall between them. There are two places for it, and one word that says which one
//! counts.

use std::sync::atomic::Ordering::SeqCst;

use crate::letters::{Letters, Place};
use crate::scratch::Ledger;

/// Words of the ledger for each side, and of a note.
const SIDE_WORDS: usize = 32;
const NOTE_WORDS: usize = 8;
/// Where the notes begin, behind the single words.
const NOTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Producer = 0,
    Consumer = 1,
}

/// Words of a side.
#[derive(Clone, Copy)]
pub(super) enum Word {
    /// Which note counts.
    Current = 0,
    /// How many have attached, and how many have closed in good order.
    Lives,
    Closed,
    /// Messages that were checked to the last byte: how many, and how many bytes they had.
    Checked,
    Bytes,
    /// Messages that a consumer had checked and was killed before it had given them back: they came again.
    Again,
    /// Messages that a consumer had taken out and was killed before it had checked them.
    Taken,
}

/// What is about to happen to the messages from `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) from: Place,
    pub(super) count: u64,
    /// All of them by one store, or one after the other.
    pub(super) at_once: bool,
    /// A consumer's that takes them out before it has checked them.
    pub(super) unchecked: bool,
}

pub(super) struct Journal<'a> {
    ledger: &'a Ledger,
    side: Side,
}

impl<'a> Journal<'a> {
    pub(super) fn of(ledger: &'a Ledger, side: Side) -> Self {
        Self { ledger, side }
    }

    pub(super) fn read(&self, word: Word) -> u64 {
        self.ledger.word(self.index(word as usize)).load(SeqCst)
    }

    pub(super) fn store(&self, word: Word, value: u64) {
        self.ledger.word(self.index(word as usize)).store(value, SeqCst);
    }

    pub(super) fn count(&self, word: Word, more: u64) {
        self.ledger.word(self.index(word as usize)).fetch_add(more, SeqCst);
    }

    fn index(&self, word: usize) -> usize {
        self.side as usize * SIDE_WORDS + word
    }

    pub(super) fn note(&self, note: Note) {
        let other = 1 - self.read(Word::Current);
        let Note { from, count, at_once, unchecked } = note;
        let words = [from.number, from.position, count, u64::from(at_once), u64::from(unchecked)];
        for (word, value) in (self.first_word(other)..).zip(words) {
            self.ledger.word(word).store(value, SeqCst);
        }
        self.store(Word::Current, other);
    }

    /// The last note; of a new ring that nothing has happened to.
    pub(super) fn last(&self) -> Note {
        let first = self.first_word(self.read(Word::Current));
        let [number, position, count, at_once, unchecked] =
            [0, 1, 2, 3, 4].map(|word| self.ledger.word(first + word).load(SeqCst));
        Note { from: Place { number, position }, count, at_once: at_once == 1, unchecked: unchecked == 1 }
    }

    fn first_word(&self, note: u64) -> usize {
        self.index(NOTES + note as usize * NOTE_WORDS)
    }

    /// Where a successor goes on whose handle is at `position`: somewhere in what the last note says, or that has gone wrong.
    #[track_caller]
    pub(super) fn resume(&self, letters: &Letters, position: u64) -> Place {
        let note = self.last();
        let mut place = note.from;
        for done in 0..=note.count {
            let possible = !note.at_once || done == 0 || done == note.count;
            if place.position == position && possible {
                return place;
            }
            place = letters.behind(place);
        }
        panic!("the {:?}'s successor is at {position} after {note:?}", self.side);
    }

    /// All messages before `number` have been checked.
    pub(super) fn checked(&self, letters: &Letters, number: u64) {
        let before = self.read(Word::Checked);
        if number > before {
            self.store(Word::Checked, number);
            self.count(Word::Bytes, (before..number).map(|number| letters.len(number) as u64).sum());
        }
    }

    /// For the consumer's successor that goes on at `place`: counts what its predecessor's kill did to single messages, and makes sure that it can
    /// have done that.
    #[track_caller]
    pub(super) fn account(&self, place: Place) {
        let (note, checked) = (self.last(), self.read(Word::Checked));
        if place.number < checked {
            assert!(place.number >= note.from.number, "back to {place:?} from {checked} after {note:?}");
            self.count(Word::Again, checked - place.number);
        } else if place.number > checked {
            assert!(note.unchecked, "{checked} were checked, and {place:?} is next after {note:?}");
            assert!(checked >= note.from.number, "{checked} were checked before {note:?}");
            self.count(Word::Taken, place.number - checked);
            self.store(Word::Checked, place.number);
        }
    }
}
