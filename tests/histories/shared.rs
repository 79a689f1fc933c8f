//! A queue between processes that outlives its participants: slow, under one lock, easy to see through; and, on demand,
//! broken in one of many ways, each of which the judge must notice.
//!
//! The lock is a word with the holder's number in it. Who finds it held by somebody on record as dead takes it over and
//! repairs: each change of the queue is committed by one store, so what there is to repair is what that one store lacks.
//! A consumer claims a message under the lock, copies it, and frees its slot: if it dies between, the message
//! is delivered again, marked.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::history::{Delivery, Value};
use crate::record::Words;
use crate::subject::{Consumer, NotPopped, NotPushed, Producer, Subject};

/// What is wrong with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The youngest comes first.
    Lifo,
    /// Now and then the second comes first.
    Overtakes,
    /// A slice is pushed backwards.
    ReversedSlices,
    /// Now and then a push is acknowledged and not made.
    Drops,
    /// A push is made, now and then, and refused all the same.
    LiesFull,
    /// Now and then a message is delivered and stays.
    Duplicates,
    /// Now and then a value is not what was pushed.
    Tears,
    /// With one message inside it answers "empty", now and then.
    LiesEmpty,
    /// Whoever repairs, or takes over a message, throws away the last message that was published.
    LosesPublished,
    /// Claims of the living are taken for those of the dead.
    RobsTheLiving,
    /// The messages of the dead come again and again.
    RedeliversTwice,
    /// The messages of the dead come without a mark.
    HidesTheMark,
    /// Whatever comes may be marked.
    MarksAnything,
}

/// Words of the queue.
const LOCK: usize = 0;
const HEAD: usize = 1;
const TAIL: usize = 2;
/// How many operations there were: decides when a flaw shows.
const COUNT: usize = 3;
/// For each participant, whether it is dead.
const DEAD: usize = 4;
const PARTICIPANTS: usize = 64;
const SLOTS: usize = DEAD + PARTICIPANTS;

/// States of a slot; above them, claimed by a participant.
const FREE: u64 = 0;
const FULL: u64 = 1;
const CLAIMED: u64 = 2;

pub(crate) struct Shared<const FLAW: usize> {
    words: Words,
    capacity: u64,
}

/// All flaws, to be named by number in a type.
pub(crate) const FLAWS: [Flaw; 14] = [
    Flaw::None,
    Flaw::Lifo,
    Flaw::Overtakes,
    Flaw::ReversedSlices,
    Flaw::Drops,
    Flaw::LiesFull,
    Flaw::Duplicates,
    Flaw::Tears,
    Flaw::LiesEmpty,
    Flaw::LosesPublished,
    Flaw::RobsTheLiving,
    Flaw::RedeliversTwice,
    Flaw::HidesTheMark,
    Flaw::MarksAnything,
];

impl<const FLAW: usize> Subject for Shared<FLAW> {
    type Producer<'a> = Handle<'a, FLAW>;
    type Consumer<'a> = Handle<'a, FLAW>;

    fn new(capacity: usize) -> Self {
        Self { words: Words::new(SLOTS + 2 * capacity), capacity: capacity as u64 }
    }

    fn producer(&self, who: u32) -> Handle<'_, FLAW> {
        Handle { queue: self, who: u64::from(who) }
    }

    fn consumer(&self, who: u32) -> Handle<'_, FLAW> {
        self.producer(who)
    }

    fn has_died(&self, who: u32) {
        self.dead(u64::from(who)).store(1, SeqCst);
    }
}

impl<const FLAW: usize> Shared<FLAW> {
    fn word(&self, index: usize) -> &AtomicU64 {
        self.words.word(index)
    }

    fn dead(&self, who: u64) -> &AtomicU64 {
        assert!(who < PARTICIPANTS as u64);
        self.word(DEAD + who as usize)
    }

    fn state(&self, position: u64) -> &AtomicU64 {
        self.word(SLOTS + 2 * (position % self.capacity) as usize)
    }

    fn value(&self, position: u64) -> &AtomicU64 {
        self.word(SLOTS + 2 * (position % self.capacity) as usize + 1)
    }

    fn head(&self) -> u64 {
        self.word(HEAD).load(SeqCst)
    }

    fn tail(&self) -> u64 {
        self.word(TAIL).load(SeqCst)
    }

    /// Whether the flaw is this one, and its moment has come: one of so many operations.
    fn has(&self, flaw: Flaw, one_of: u64) -> bool {
        FLAWS[FLAW] == flaw && self.word(COUNT).fetch_add(1, SeqCst) % one_of == one_of - 1
    }

    /// What the death of a lock's holder left half done.
    fn repair(&self) {
        let (head, tail) = (self.head(), self.tail());
        // Claimed, but `head` not moved: the claim stands, and is a dead one's.
        let head = if head < tail && self.state(head).load(SeqCst) >= CLAIMED { head + 1 } else { head };
        self.word(HEAD).store(head, SeqCst);
        // Filled, but `tail` not moved: never published.
        if tail < head + self.capacity && self.state(tail).load(SeqCst) == FULL {
            self.state(tail).store(FREE, SeqCst);
        }
        self.throw_away_the_last();
    }

    fn throw_away_the_last(&self) {
        let tail = self.tail();
        if FLAWS[FLAW] == Flaw::LosesPublished && self.head() < tail {
            self.state(tail - 1).store(FREE, SeqCst);
            self.word(TAIL).store(tail - 1, SeqCst);
        }
    }
}

pub(crate) struct Handle<'a, const FLAW: usize> {
    queue: &'a Shared<FLAW>,
    who: u64,
}

/// The lock, given back on drop.
struct Held<'a>(&'a AtomicU64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(0, SeqCst);
    }
}

impl<'a, const FLAW: usize> Handle<'a, FLAW> {
    /// Waits for the lock. A dead holder is followed as soon as its death is on record.
    fn lock(&self) -> Held<'a> {
        let lock = self.queue.word(LOCK);
        loop {
            match lock.compare_exchange(0, self.who + 1, SeqCst, SeqCst) {
                Ok(_) => return Held(lock),
                Err(holder) => {
                    let is_dead = self.queue.dead(holder - 1).load(SeqCst) != 0;
                    if is_dead && lock.compare_exchange(holder, self.who + 1, SeqCst, SeqCst).is_ok() {
                        self.queue.repair();
                        return Held(lock);
                    }
                    std::thread::yield_now();
                }
            }
        }
    }

    /// A claim that somebody left behind, taken over.
    fn inherit(&self) -> Option<(u64, bool)> {
        let robs = self.queue.has(Flaw::RobsTheLiving, 2);
        for position in 0..self.queue.capacity {
            let state = self.queue.state(position);
            let holder = state.load(SeqCst).checked_sub(CLAIMED);
            let is_left = |holder: u64| self.queue.dead(holder).load(SeqCst) != 0 || (robs && holder != self.who);
            if holder.is_some_and(is_left) {
                if FLAWS[FLAW] != Flaw::RedeliversTwice {
                    state.store(CLAIMED + self.who, SeqCst);
                }
                self.queue.throw_away_the_last();
                return Some((position, FLAWS[FLAW] != Flaw::HidesTheMark));
            }
        }
        None
    }

    /// The position of a message that is claimed now, and whether it is marked.
    fn claim(&self) -> Result<(u64, bool), NotPopped> {
        let _held = self.lock();
        if let Some(inherited) = self.inherit() {
            return Ok(inherited);
        }
        let (head, tail) = (self.queue.head(), self.queue.tail());
        if head == tail || (tail - head == 1 && self.queue.has(Flaw::LiesEmpty, 8)) {
            return Err(NotPopped::Empty);
        }
        let ahead = match FLAWS[FLAW] {
            Flaw::Lifo => Some(tail - 1),
            Flaw::Overtakes if tail - head > 1 && self.queue.has(Flaw::Overtakes, 8) => Some(head + 1),
            _ => None,
        };
        if let Some(ahead) = ahead {
            let (first, other) = (self.queue.value(head), self.queue.value(ahead));
            first.store(other.swap(first.load(SeqCst), SeqCst), SeqCst);
        }
        if self.queue.has(Flaw::Duplicates, 8) {
            return Ok((head, false));
        }
        self.queue.state(head).store(CLAIMED + self.who, SeqCst);
        self.queue.word(HEAD).store(head + 1, SeqCst);
        Ok((head, self.queue.has(Flaw::MarksAnything, 8)))
    }
}

impl<const FLAW: usize> Producer for Handle<'_, FLAW> {
    fn try_push(&mut self, value: Value) -> Result<(), NotPushed> {
        let _held = self.lock();
        let tail = self.queue.tail();
        match self.queue.state(tail).load(SeqCst) {
            FREE => {}
            FULL => return Err(NotPushed::Full),
            _ => return Err(NotPushed::Pending),
        }
        if self.queue.has(Flaw::Drops, 8) {
            return Ok(());
        }
        let torn = u64::from(self.queue.has(Flaw::Tears, 8)) << 63;
        self.queue.value(tail).store(value | torn, SeqCst);
        self.queue.state(tail).store(FULL, SeqCst);
        self.queue.word(TAIL).store(tail + 1, SeqCst);
        if self.queue.has(Flaw::LiesFull, 8) { Err(NotPushed::Full) } else { Ok(()) }
    }

    fn try_push_slice(&mut self, values: &[Value]) -> (usize, NotPushed) {
        let mut values = values.to_vec();
        if FLAWS[FLAW] == Flaw::ReversedSlices {
            values.reverse();
        }
        for (pushed, value) in values.iter().enumerate() {
            if let Err(why) = self.try_push(*value) {
                return (pushed, why);
            }
        }
        (values.len(), NotPushed::Full)
    }
}

impl<const FLAW: usize> Consumer for Handle<'_, FLAW> {
    fn try_pop(&mut self) -> Result<Delivery, NotPopped> {
        self.try_pop_held(&mut |_| {})
    }

    fn try_pop_held(&mut self, hold: &mut dyn FnMut(Delivery)) -> Result<Delivery, NotPopped> {
        let (position, redelivered) = self.claim()?;
        let state = self.queue.state(position);
        let delivery = Delivery { value: self.queue.value(position).load(SeqCst), redelivered };
        hold(delivery);
        // Only a claim of one's own is settled: a flawed queue has others.
        let _ = state.compare_exchange(CLAIMED + self.who, FREE, SeqCst, SeqCst);
        Ok(delivery)
    }
}
