//! Logs that outlive whoever writes them.
//!
//! Each participant has a log of its own in memory that is shared with whoever judges: a mapped file that a fork inherits.
//! What a process has stored there stays when the process is killed. A record is begun with the time of the call and
//! ended by the time of the return, stored last with Release; a record without that time is an operation that was under way
//! when its process was killed.
//!
//! **Why an interval is never too short.** The time of a call must be read before the operation's first access to shared memory,
//! and the time of a return after its last one is visible to all. Processors reorder both unless told otherwise:
//! the record is stored with the time in it, then comes a full fence, then the operation; after the operation comes a
//! full fence, then the clock is read. The fences also delay the participant a little, which is the price of never crying wolf.
//! `CLOCK_MONOTONIC` is the same in all processes and on all cores of a machine. Its ticks are no finer than a nanosecond, and
//! equal times count as overlapping.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU64, fence};

use memmap2::{MmapOptions, MmapRaw};

use crate::history::{Act, Answer, Death, Delivery, End, Operation, Time, Value};

pub(crate) fn now() -> Time {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is alive and of the type that the call fills in.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0, "every Linux has this clock");
    time.tv_sec as Time * 1_000_000_000 + time.tv_nsec as Time
}

/// Words, all zero at first, shared by all threads and by the processes forked after they were made.
pub(crate) struct Words(MmapRaw);

impl Words {
    pub(crate) fn new(count: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = PathBuf::from(format!("/dev/shm/rondel-histories-{}-{number}", process::id()));
        // What a killed run has left behind under the same name.
        let _ = fs::remove_file(&path);
        let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a new file");
        fs::remove_file(&path).expect("ours");
        file.set_len(8 * count as u64).expect("room");
        Self(MmapOptions::new().len(8 * count).map_raw(&file).expect("maps"))
    }

    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.0.len() / 8);
        let word = self.0.as_mut_ptr().cast::<u64>().wrapping_add(index);
        // SAFETY: inside the mapping (just checked), which lives as long as `self`; aligned, for a mapping begins at a page;
        // and all who share the file use its words as atomics only.
        unsafe { AtomicU64::from_ptr(word) }
    }

    pub(crate) fn wipe(&self) {
        for index in 0..self.0.len() / 8 {
            self.word(index).store(0, Relaxed);
        }
    }
}

/// The words of a record, which fill a cache line of their own.
const RECORD: usize = 8;
const CALL: usize = 0;
/// The value to push, or [`POP`].
const ACT: usize = 1;
const ROUND: usize = 2;
const PLACE: usize = 3;
const ANSWER: usize = 4;
const VALUE: usize = 5;
const RETURN: usize = 6;

const POP: u64 = 0;

const PUSHED: u64 = 1;
const FULL: u64 = 2;
const PENDING: u64 = 3;
const POPPED: u64 = 4;
const REDELIVERED: u64 = 5;
const EMPTY: u64 = 6;

/// The logs of all participants of a history.
pub(crate) struct Logs {
    words: Words,
    participants: usize,
    records: usize,
}

impl Logs {
    pub(crate) fn new(participants: usize, records: usize) -> Self {
        Self { words: Words::new(participants * (records + 1) * RECORD), participants, records }
    }

    /// Before the next history.
    pub(crate) fn wipe(&self) {
        for who in 0..self.participants as u32 {
            // What was begun beyond the count has no answer, and is begun anew.
            let len = self.word(who, 0, 0).swap(0, Relaxed) as usize;
            for record in 1..=len {
                for word in 0..RECORD {
                    self.word(who, record, word).store(0, Relaxed);
                }
            }
        }
    }

    pub(crate) fn of(&self, who: u32) -> Log<'_> {
        assert!((who as usize) < self.participants);
        Log { logs: self, who, len: 0, round: 0 }
    }

    /// Word `word` of record `record`; the first one of a log holds how many there are.
    fn word(&self, who: u32, record: usize, word: usize) -> &AtomicU64 {
        assert!(record <= self.records, "the log is full");
        self.words.word((who as usize * (self.records + 1) + record) * RECORD + word)
    }

    /// What a participant did; `death` if it was killed.
    pub(crate) fn read(&self, who: u32, death: Option<Death>) -> Vec<Operation> {
        let len = self.word(who, 0, 0).load(Acquire) as usize;
        (1..=len).map(|record| self.operation(who, record, death)).collect()
    }

    fn operation(&self, who: u32, record: usize, death: Option<Death>) -> Operation {
        let word = |word| self.word(who, record, word).load(Relaxed);
        let at = self.word(who, record, RETURN).load(Acquire);
        let act = match word(ACT) {
            POP => Act::Pop,
            value => Act::Push(value),
        };
        let answer = answer(word(ANSWER), word(VALUE));
        let end = match (at, answer) {
            (0, answer) => {
                let death = death.expect("who was not killed has returned from everything");
                let seen = match answer {
                    Some(Answer::Popped(delivery)) => Some(delivery),
                    _ => None,
                };
                End::Killed { death, seen }
            }
            (at, Some(answer)) => End::Returned { at, answer },
            (_, None) => panic!("a record that ends without an answer"),
        };
        Operation { who, round: word(ROUND) as u32, place: word(PLACE) as u32, call: word(CALL), act, end }
    }
}

fn answer(code: u64, value: Value) -> Option<Answer> {
    Some(match code {
        PUSHED => Answer::Pushed,
        FULL => Answer::Full,
        PENDING => Answer::Pending,
        POPPED => Answer::Popped(Delivery { value, redelivered: false }),
        REDELIVERED => Answer::Popped(Delivery { value, redelivered: true }),
        EMPTY => Answer::Empty,
        _ => return None,
    })
}

/// The log of one participant, in its own hands.
pub(crate) struct Log<'a> {
    logs: &'a Logs,
    who: u32,
    len: usize,
    round: u32,
}

impl Log<'_> {
    /// A push of these; it tells how many of them it pushed, and why not the others. True if there are no others.
    pub(crate) fn push(&mut self, values: &[Value], push: impl FnOnce() -> (usize, Answer)) -> bool {
        let first = self.begin(values);
        let (pushed, rest) = push();
        let answers = (0..values.len()).map(|place| if place < pushed { Answer::Pushed } else { rest });
        self.end(first, answers);
        pushed == values.len()
    }

    /// A pop of up to `most`; it tells the messages, or why there was none. What is only borrowed at first is noted by
    /// [`Seen`]. True if there was any.
    pub(crate) fn pop(&mut self, most: usize, pop: impl FnOnce(Seen<'_>) -> Result<Vec<Delivery>, Answer>) -> bool {
        let first = self.begin(&vec![POP; most]);
        let popped = pop(Seen { logs: self.logs, who: self.who, record: first });
        // A pop that was given fewer than it asked for says nothing about the rest.
        let answer = |place| match &popped {
            Ok(found) => found.get(place).map_or(Answer::Pending, |delivery| Answer::Popped(*delivery)),
            Err(answer) if place == 0 => *answer,
            Err(_) => Answer::Pending,
        };
        self.end(first, (0..most).map(answer));
        popped.is_ok()
    }

    fn begin(&mut self, acts: &[u64]) -> usize {
        let first = self.len + 1;
        let call = now();
        for (place, act) in acts.iter().enumerate() {
            let word = |word| self.logs.word(self.who, first + place, word);
            word(CALL).store(call, Relaxed);
            word(ACT).store(*act, Relaxed);
            word(ROUND).store(u64::from(self.round), Relaxed);
            word(PLACE).store(place as u64, Relaxed);
        }
        self.len += acts.len();
        self.round += 1;
        self.logs.word(self.who, 0, 0).store(self.len as u64, Release);
        fence(SeqCst);
        first
    }

    fn end(&self, first: usize, answers: impl Iterator<Item = Answer>) {
        fence(SeqCst);
        let at = now();
        for (record, answer) in (first..).zip(answers) {
            self.logs.note(self.who, record, answer);
            self.logs.word(self.who, record, RETURN).store(at, Release);
        }
    }
}

impl Logs {
    fn note(&self, who: u32, record: usize, answer: Answer) {
        let (code, value) = match answer {
            Answer::Pushed => (PUSHED, 0),
            Answer::Full => (FULL, 0),
            Answer::Pending => (PENDING, 0),
            Answer::Popped(Delivery { value, redelivered }) => (if redelivered { REDELIVERED } else { POPPED }, value),
            Answer::Empty => (EMPTY, 0),
        };
        self.word(who, record, VALUE).store(value, Relaxed);
        // The code says that the value is there, should this process be killed next.
        self.word(who, record, ANSWER).store(code, Release);
    }
}

/// Where a pop notes a message that it has been lent and has not given back.
pub(crate) struct Seen<'a> {
    logs: &'a Logs,
    who: u32,
    record: usize,
}

impl Seen<'_> {
    pub(crate) fn note(&self, delivery: Delivery) {
        self.logs.note(self.who, self.record, Answer::Popped(delivery));
    }
}
