//! The journals: what each life notes in shared memory before and after each operation, so that it is known when the life is not there any more.
//!
//! # Orderings
//!
//! A life notes what it is about to do, does it, and notes what came of it. A kill may fall between any two of its
//! instructions. Whoever reads a journal to judge it does so when the process has been reaped, which is after everything that it did.
//! What matters is the order among the process's own stores, its notes and those of the ring: a note that precedes
//! an operation must be in memory if anything of the operation is, and the operation's effect must be if the note that
//! follows it is. The first holds because what a ring publishes it publishes with Release, behind which no
//! earlier store falls; the second because each note is a Release store.
//!
//! What changes together is one word: a kill cannot fall between its halves.

use std::io;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::doing::Doing;
use super::evidence::{Delivery, Hand, Life, Popped, Pushed, Side};
use super::letters::{AUTHORS, Id};
use super::shared::Shared;

/// The most lives of an episode. One number is left for what the endgame pushes itself.
pub(super) const LIVES: u64 = AUTHORS - 1;

/// Deliveries are listed in chunks, of which each life takes one after the other.
const CHUNK: u64 = 1 << 12;
const CHUNKS: u64 = 1 << 10;

/// What all lives share, each on lines of its own: the next chunk; the quiet window, see `quiet`.
const LINE: u64 = 16;
const NEXT_CHUNK: u64 = 0;
const WINDOW: u64 = LINE;
const WINDOWS: u64 = WINDOW + 1;
/// Two words a side, on a line of its own: when a survivor last got on, and the longest time that none did.
const LAST: u64 = 2 * LINE;
const GAP: u64 = LAST + 1;
/// When a sleeper was woken, in the endgame; and whether it lies down now.
const WOKEN: u64 = 4 * LINE;
const LYING_DOWN: u64 = WOKEN + 1;
/// Whose each chunk is: the life's number, and 1.
const OWNERS: u64 = 5 * LINE;
const RECORDS: u64 = OWNERS + CHUNKS;

/// Words of a life's record.
const RECORD: u64 = 64;
/// What it is doing; of a consumer also how many messages are listed and not yet delivered, and how many are delivered.
const STATE: u64 = 0;
/// Of a producer: how many messages it has begun to push, whether by one store, and how many are pushed.
const BEGUN: u64 = 1;
const DONE: u64 = 2;
/// Counts operations, so that a standstill is noticed.
const STEPS: u64 = 3;
/// What it has to complain of: so many bytes, and the bytes.
const COMPLAINT: u64 = 4;
const COMPLAINT_WORDS: u64 = RECORD - COMPLAINT - 1;

const LOG: u64 = RECORDS + RECORD * (LIVES + 1);
const WORDS: u64 = LOG + CHUNK * CHUNKS;

const AT_ONCE: u64 = 1 << 63;

pub(super) struct Journal(Shared);

impl Journal {
    pub(super) fn new() -> io::Result<Journal> {
        Ok(Journal(Shared::new(WORDS as usize)?))
    }

    fn read(&self, word: u64) -> u64 {
        // Acquire: with the Release of `note`, so that what was noted before is seen too.
        self.0.word(word as usize).load(Acquire)
    }

    fn note(&self, word: u64, value: u64) {
        // Release: see the head.
        self.0.word(word as usize).store(value, Release);
    }

    pub(super) fn of(&self, life: u64) -> Record<'_> {
        assert!(life <= LIVES);
        Record { journal: self, life }
    }

    /// Whether there is no chunk left: the episode has to end.
    pub(super) fn is_full(&self) -> bool {
        self.read(NEXT_CHUNK) >= CHUNKS
    }

    /// Opens a quiet window at this time, or closes it.
    pub(super) fn open_window(&self, now: u64) {
        for side in [Side::Producers, Side::Consumers] {
            self.note(LAST + LINE * side as u64, now);
            self.note(GAP + LINE * side as u64, 0);
        }
        let number = self.read(WINDOWS) + 1;
        self.note(WINDOWS, number);
        self.note(WINDOW, number);
    }

    pub(super) fn close_window(&self) {
        self.note(WINDOW, 0);
    }

    /// How many windows there were.
    pub(super) fn windows(&self) -> u64 {
        self.read(WINDOWS)
    }

    /// The number of the window that is open; 0 if none is.
    pub(super) fn window(&self) -> u64 {
        // Relaxed: looked at after every operation. Whoever sees a window sooner or later measures it sooner or later.
        self.0.word(WINDOW as usize).load(Relaxed)
    }

    /// In a window, by a survivor: its side gets on.
    pub(super) fn gets_on(&self, side: Side, now: u64) {
        let last = self.0.word((LAST + LINE * side as u64) as usize);
        // Acquire: with the Release of whoever opened the window, whose gap of 0 is not to come after the one below.
        let before = last.fetch_max(now, AcqRel);
        // Relaxed: only the greatest counts, whoever sees it when.
        self.0.word((GAP + LINE * side as u64) as usize).fetch_max(now.saturating_sub(before), Relaxed);
    }

    /// When a side last got on in the window, and the longest time between two of these.
    pub(super) fn progress(&self, side: Side) -> (u64, u64) {
        (self.read(LAST + LINE * side as u64), self.read(GAP + LINE * side as u64))
    }

    /// A sleeper of the endgame has this to say: that it lies down, and that it was woken. 0 is neither.
    pub(super) fn lie_down(&self, now: u64) {
        self.note(WOKEN, 0);
        self.note(LYING_DOWN, now);
    }

    pub(super) fn wake_up(&self, now: u64) {
        self.note(LYING_DOWN, 0);
        self.note(WOKEN, now);
    }

    pub(super) fn is_lying_down(&self) -> bool {
        self.read(LYING_DOWN) != 0
    }

    pub(super) fn woken(&self) -> u64 {
        self.read(WOKEN)
    }

    pub(super) fn forget_sleepers(&self) {
        self.note(LYING_DOWN, 0);
        self.note(WOKEN, 0);
    }

    /// The chunks of each life, in the order in which they were taken.
    fn chunks(&self) -> Vec<Vec<u64>> {
        let mut chunks = vec![Vec::new(); LIVES as usize + 1];
        for chunk in 0..CHUNKS.min(self.read(NEXT_CHUNK)) {
            // Whoever was killed in between has one that it never used.
            if let Some(life) = self.read(OWNERS + chunk).checked_sub(1) {
                chunks[life as usize].push(chunk);
            }
        }
        chunks
    }

    /// What the journals of these lives say.
    pub(super) fn lives(&self, sides: impl IntoIterator<Item = Side>) -> Vec<Life> {
        let chunks = self.chunks();
        let life = |(life, side)| match side {
            Side::Producers => Life::Producer(self.of(life).pushed()),
            Side::Consumers => Life::Consumer(self.of(life).popped(&chunks[life as usize])),
        };
        (0..).zip(sides).map(life).collect()
    }
}

/// One life's.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    journal: &'a Journal,
    life: u64,
}

impl Record<'_> {
    pub(super) fn life(&self) -> u64 {
        self.life
    }

    fn index(&self, word: u64) -> u64 {
        RECORDS + self.life * RECORD + word
    }

    fn read(&self, word: u64) -> u64 {
        self.journal.read(self.index(word))
    }

    fn note(&self, word: u64, value: u64) {
        self.journal.note(self.index(word), value);
    }

    pub(super) fn doing(&self) -> Doing {
        Doing::of(State::unpack(self.read(STATE)).doing)
    }

    /// A producer's, and anybody's as long as nothing was delivered.
    pub(super) fn does(&self, doing: Doing) {
        self.note(STATE, State { doing: doing as u8, listed: 0, delivered: 0 }.pack());
    }

    /// A consumer's: what it does with so many messages, which may be listed behind those delivered.
    pub(super) fn consumes(&self, doing: Doing, listed: u64, delivered: u64) {
        self.note(STATE, State { doing: doing as u8, listed, delivered }.pack());
    }

    pub(super) fn delivered(&self) -> u64 {
        State::unpack(self.read(STATE)).delivered
    }

    pub(super) fn step(&self, count: u64) {
        self.note(STEPS, count);
    }

    pub(super) fn steps(&self) -> u64 {
        self.read(STEPS)
    }

    /// A producer is about to push up to here.
    pub(super) fn begins(&self, up_to: u64, at_once: bool) {
        self.note(BEGUN, up_to | if at_once { AT_ONCE } else { 0 });
    }

    /// It has pushed up to here, and nothing else is begun.
    pub(super) fn has_pushed(&self, up_to: u64) {
        self.note(DONE, up_to);
        self.note(BEGUN, up_to);
    }

    pub(super) fn complain(&self, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(8 * COMPLAINT_WORDS as usize)];
        for (word, chunk) in (COMPLAINT + 1..).zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            value[..chunk.len()].copy_from_slice(chunk);
            self.note(word, u64::from_ne_bytes(value));
        }
        self.note(COMPLAINT, bytes.len() as u64);
    }

    pub(super) fn complaint(&self) -> Option<String> {
        let len = self.read(COMPLAINT).min(8 * COMPLAINT_WORDS) as usize;
        let bytes: Vec<u8> =
            (1..=COMPLAINT_WORDS).flat_map(|word| self.read(COMPLAINT + word).to_ne_bytes()).take(len).collect();
        (len > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The next chunk for this life's deliveries; `None` if there is none left.
    pub(super) fn take_chunk(&self) -> Option<u64> {
        // Relaxed: a number that nobody else gets; what is in the chunk is ordered by the state that counts it.
        let chunk = self.journal.0.word(NEXT_CHUNK as usize).fetch_add(1, Relaxed);
        (chunk < CHUNKS).then(|| self.journal.note(OWNERS + chunk, self.life + 1))?;
        Some(chunk)
    }

    /// Lists a message in a chunk of this life's; the state says when it counts.
    pub(super) fn list(&self, chunk: u64, index: u64, delivery: Delivery) {
        self.journal.note(entry_word(chunk, index), pack(delivery));
    }

    fn pushed(&self) -> Pushed {
        let begun = self.read(BEGUN);
        // A kill may have fallen between the two stores of `has_pushed`.
        let done = self.read(DONE);
        Pushed { done, begun: (begun & !AT_ONCE).max(done), at_once: begun & AT_ONCE != 0 }
    }

    fn popped(&self, chunks: &[u64]) -> Popped {
        let State { doing, listed, delivered } = State::unpack(self.read(STATE));
        let entry = |index: u64| {
            let chunk = chunks.get((index / CHUNK) as usize).copied();
            chunk.map(|chunk| unpack(self.journal.read(entry_word(chunk, index % CHUNK))))
        };
        let ids = || (delivered..delivered + listed).filter_map(entry).map(|delivery| delivery.id).collect();
        let hand = match Doing::of(doing) {
            Doing::Popping | Doing::PoppingSlice => Hand::Taking(listed),
            Doing::Reaching => Hand::Reaching(listed),
            Doing::Holding => Hand::Holding(ids()),
            Doing::LettingGo => Hand::LettingGo(ids()),
            _ => Hand::Empty,
        };
        Popped { log: (0..delivered).filter_map(entry).collect(), hand }
    }
}

/// Entries of a chunk.
pub(super) const fn entries() -> u64 {
    CHUNK
}

fn entry_word(chunk: u64, index: u64) -> u64 {
    assert!(chunk < CHUNKS && index < CHUNK);
    LOG + chunk * CHUNK + index
}

/// What a life's first word holds.
struct State {
    doing: u8,
    listed: u64,
    delivered: u64,
}

impl State {
    fn pack(&self) -> u64 {
        u64::from(self.doing) << 56 | self.listed << 40 | self.delivered
    }

    fn unpack(word: u64) -> State {
        State { doing: (word >> 56) as u8, listed: word >> 40 & 0xffff, delivered: word & ((1 << 40) - 1) }
    }
}

const AGAIN: u64 = 1 << 62;
const WHOLE: u64 = 1 << 63;

fn pack(Delivery { id, again, whole }: Delivery) -> u64 {
    id.author << 32 | id.number | if again { AGAIN } else { 0 } | if whole { WHOLE } else { 0 }
}

fn unpack(word: u64) -> Delivery {
    let id = Id { author: word >> 32 & (AUTHORS - 1), number: word & 0xffff_ffff };
    Delivery { id, again: word & AGAIN != 0, whole: word & WHOLE != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_through_several_chunks() {
        let journal = Journal::new().expect("memory");
        let [pushing, popping] = [0, 1].map(|life| journal.of(life));
        pushing.begins(9, true);
        assert_eq!(pushing.pushed(), Pushed { done: 0, begun: 9, at_once: true });
        pushing.has_pushed(9);
        let delivery = |number| Delivery {
            id: Id { author: AUTHORS - 1, number },
            again: number % 3 == 0,
            whole: number % 7 != 0,
        };
        // Another takes a chunk in between.
        let chunks = [popping.take_chunk(), pushing.take_chunk(), popping.take_chunk()].map(Option::unwrap);
        (0..CHUNK).for_each(|index| popping.list(chunks[0], index, delivery(index)));
        (0..5).for_each(|index| popping.list(chunks[2], index, delivery(CHUNK + index)));
        popping.consumes(Doing::Holding, 2, CHUNK + 3);
        let lives = journal.lives([Side::Producers, Side::Consumers]);
        assert_eq!(lives[0], Life::Producer(Pushed { done: 9, begun: 9, at_once: false }));
        let held = [CHUNK + 3, CHUNK + 4].map(|number| delivery(number).id).to_vec();
        assert_eq!(
            lives[1],
            Life::Consumer(Popped { log: (0..CHUNK + 3).map(delivery).collect(), hand: Hand::Holding(held) })
        );
        popping.complain("it is wrong: ü");
        assert_eq!(popping.complaint().as_deref(), Some("it is wrong: ü"));
        assert_eq!(pushing.complaint(), None);
    }
}
