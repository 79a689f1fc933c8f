//! The many-to-many ring: an element is the number of its push, which is its position.
//!
//! While nobody dies, every answer is known. Once somebody has, it depends on the clock when the living look for what the dead have left, and
//! who finds it first; so what is left is kept apart, and may be found or not. Everything else stays as exact as before.

mod members;
pub mod operation;
mod popping;
mod pushing;
mod seat;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rondel::mpmc::{OnConsumerDeath, Producer, Recovery, Ring, Stuck};

use crate::element::Element;
use crate::mpmc::operation::{How, Operation};
use crate::mpmc::seat::Seat;
use crate::{Where, leftovers};

/// No time at all: the call does everything that it does before it would wait.
const NOW: Duration = Duration::ZERO;

/// What its creator chooses of a ring.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names of the builder's methods")]
pub struct Shape {
    pub capacity: usize,
    pub participants: u32,
    pub place: Where,
    pub on_consumer_death: OnConsumerDeath,
    pub ends_with_producers: bool,
    pub ends_with_consumers: bool,
}

/// What the next push meets.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Room {
    Free,
    Full,
    /// The slot is held by this consumer, which took the element at this position.
    Held(u32, u64),
    /// A dead consumer took the element at this position, and nobody has settled it yet, as far as is known.
    Left(u64),
}

/// A ring with its handles, and the queue that it has to equal. The number of an element is its position.
pub struct Model<T: Element> {
    ring: Ring<T>,
    shape: Shape,
    /// Where the ring is mapped from again; `None`: from its descriptor.
    name: Option<String>,
    /// How many elements fit in fact.
    slots: u64,
    producers: Vec<Producer<T>>,
    consumers: Vec<Seat<T>>,
    had_producers: bool,
    had_consumers: bool,
    unread: VecDeque<u64>,
    pushed: u64,
    popped: u64,
    /// The positions that dead consumers held, and the places in the table where that is noted.
    left: BTreeMap<u64, u32>,
    dead_producers: u32,
    dead_consumers: u32,
    /// Handles whose places have been taken from them. They are not touched before the ring is done with, for to drop one is to close.
    corpses: (Vec<Producer<T>>, Vec<Seat<T>>),
}

fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", leftovers::of_this_process("test-mpmc-model"))
}

impl<T: Element> Model<T> {
    /// How to create a ring of this shape.
    pub fn builder(shape: Shape) -> rondel::Builder<Ring<T>> {
        Ring::<T>::builder()
            .capacity(shape.capacity)
            .participants(shape.participants)
            .on_consumer_death(shape.on_consumer_death)
            .ends_with_producers(shape.ends_with_producers)
            .ends_with_consumers(shape.ends_with_consumers)
    }

    /// Beside a new ring.
    ///
    /// # Panics
    ///
    /// As all that the model does, where the ring does not answer as it has to.
    pub fn new(shape: Shape) -> Self {
        let builder = Self::builder(shape);
        let (ring, name) = match shape.place {
            Where::Named => {
                let name = unique_name();
                (builder.create(name.as_str()).expect("a new name"), Some(name))
            }
            // Here consumers write among the messages, so that there is no ring that they cannot write.
            Where::Anonymous | Where::Unwritable => (builder.anonymous().expect("a memfd"), None),
        };
        Self::beside(ring, name, shape)
    }

    /// Beside an anonymous ring of this shape, which nobody has used, or which is as if nobody had.
    pub fn of(ring: Ring<T>, shape: Shape) -> Self {
        Self::beside(ring, None, shape)
    }

    fn beside(ring: Ring<T>, name: Option<String>, shape: Shape) -> Self {
        assert_eq!((ring.capacity(), ring.places()), (shape.capacity, shape.participants as usize));
        Model {
            ring,
            shape,
            name,
            slots: shape.capacity.next_power_of_two() as u64,
            producers: Vec::new(),
            consumers: Vec::new(),
            had_producers: false,
            had_consumers: false,
            unread: VecDeque::new(),
            pushed: 0,
            popped: 0,
            left: BTreeMap::new(),
            dead_producers: 0,
            dead_consumers: 0,
            corpses: (Vec::new(), Vec::new()),
        }
    }

    /// Does it, and compares the answer.
    pub fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Push(who, how) => self.push(who, how),
            Operation::PushSlice(who, how, len) => self.push_slice(who, how, len),
            Operation::Fill(who) => self.fill(who),
            Operation::Pop(who, how) => self.pop(who, how),
            Operation::PopSlice(who, how, len) => self.pop_slice(who, how, len),
            Operation::Guard(who, how, fate) => self.guard(who, how, fate),
            Operation::DropGuard(who) => self.drop_guard(who),
            Operation::TryIter(who, len) => self.try_iter(who, len),
            Operation::Drain(who) => self.drain(who),
            Operation::Stuck => self.stuck(),
            Operation::Recover => self.recover(),
            Operation::Participants => self.participants(),
            Operation::DropProducer(who) => self.drop_producer(who),
            Operation::DropConsumer(who) => self.drop_consumer(who),
            Operation::KillProducer(who) => self.kill_producer(who),
            Operation::KillConsumer(who) => self.kill_consumer(who),
            Operation::AttachProducer => self.attach_producer(),
            Operation::AttachConsumer => self.attach_consumer(),
            Operation::CloneProducer(who) => self.clone_producer(who),
            Operation::CloneConsumer(who) => self.clone_consumer(who),
            Operation::MapAgain => self.map_again(),
            Operation::SetWait(who, wait) => {
                if let Some(tx) = pick(&mut self.producers, who) {
                    tx.set_wait(wait);
                    assert_eq!(tx.wait_strategy(), wait);
                }
                if let Some(rx) = pick(&mut self.consumers, who).and_then(Seat::consumer) {
                    rx.set_wait(wait);
                    assert_eq!(rx.wait_strategy(), wait);
                }
            }
        }
    }

    /// What the next push meets.
    fn room(&self) -> Room {
        self.room_at(self.pushed)
    }

    fn room_at(&self, position: u64) -> Room {
        let Some(before) = position.checked_sub(self.slots) else { return Room::Free };
        if before >= self.popped {
            return Room::Full;
        }
        let holder = self.consumers.iter().position(|seat| seat.holds() == Some(before));
        match holder {
            Some(who) => Room::Held(self.consumers[who].number, before),
            None if self.left.contains_key(&before) => Room::Left(before),
            None => Room::Free,
        }
    }

    fn somebody_died(&self) -> bool {
        self.dead_producers + self.dead_consumers > 0
    }

    fn discards(&self) -> bool {
        self.shape.on_consumer_death == OnConsumerDeath::Discard
    }

    /// True if consumers are to be told that the producers have gone.
    fn producers_have_closed(&self) -> bool {
        self.shape.ends_with_producers && self.had_producers && self.producers.is_empty()
    }

    fn consumers_have_closed(&self) -> bool {
        self.shape.ends_with_consumers && self.had_consumers && self.consumers.is_empty()
    }

    /// What all handles say about the ring, after every operation.
    pub fn check(&mut self) {
        let (unread, capacity) = (self.unread.len(), self.shape.capacity);
        assert_eq!(self.pushed - self.popped, unread as u64);
        // What the dead have left may be settled by now, or not.
        let full = match self.room() {
            Room::Left(_) => None,
            room => Some(room != Room::Free),
        };
        let somebody_died = self.somebody_died();
        for tx in &mut self.producers {
            assert_eq!(tx.len(), Ok(unread), "a producer's len");
            assert_eq!(tx.is_empty(), Ok(unread == 0));
            let says = tx.is_full().expect("intact");
            assert!(full.is_none_or(|full| says == full), "`is_full` foretells `try_push`");
            assert_eq!(tx.capacity(), capacity);
        }
        for rx in self.consumers.iter_mut().filter_map(Seat::consumer) {
            assert_eq!(rx.len(), Ok(unread), "a consumer's len");
            assert_eq!(rx.is_empty(), Ok(unread == 0));
            assert_eq!(rx.is_full(), Ok(unread >= capacity));
            assert_eq!(rx.capacity(), capacity);
            assert!(somebody_died || !rx.redelivered(), "nobody died");
        }
    }

    /// Who is waited for, as each handle sees it.
    fn stuck(&mut self) {
        let pid = std::process::id();
        let expected = match self.room() {
            Room::Held(participant, position) => Some((participant, pid, position)),
            Room::Left(position) => return self.stuck_behind(position),
            Room::Free | Room::Full => None,
        };
        let named = |stuck: Stuck| (stuck.participant, stuck.pid, stuck.position);
        for tx in &mut self.producers {
            assert_eq!(tx.stuck().expect("intact").map(named), expected);
        }
        for rx in self.consumers.iter_mut().filter_map(Seat::consumer) {
            assert_eq!(rx.stuck(), Ok(None), "nobody is in the middle of a push");
        }
    }

    /// What a dead consumer has left may be in the hands of whoever has its place now.
    fn stuck_behind(&mut self, position: u64) {
        let living: Vec<u32> = self.consumers.iter().map(|seat| seat.number).collect();
        for tx in &mut self.producers {
            if let Some(stuck) = tx.stuck().expect("intact") {
                assert_eq!((stuck.position, stuck.pid), (position, std::process::id()));
                assert!(living.contains(&stuck.participant), "the dead are not waited for: {stuck:?}");
            }
        }
    }

    /// What a look for the dead has found, which has to be what they have left.
    fn recovered(&mut self, recovery: Recovery) {
        let left = self.left.len() as u64;
        assert_eq!(recovery.skipped, 0, "nobody died in the middle of a push");
        if self.discards() {
            assert!(recovery.discarded <= left && recovery.discarded == recovery.freed, "{recovery:?} of {left}");
            assert_eq!(recovery.to_redeliver, 0);
            // All that could be settled is; and nobody who lives has any of it.
            self.left.clear();
        } else {
            assert_eq!((recovery.freed, recovery.discarded), (0, 0));
            assert!(recovery.to_redeliver <= left, "{recovery:?} of {left}");
        }
    }

    /// Where nobody died there is nothing to settle, whatever is held.
    fn recover(&mut self) {
        if self.somebody_died() {
            let recovery = self.ring.recover().expect("intact");
            self.recovered(recovery);
        }
        if !self.left.is_empty() {
            return;
        }
        assert_eq!(self.ring.recover().expect("intact"), Recovery::default());
        for tx in &mut self.producers {
            assert_eq!(tx.recover(), Ok(Recovery::default()));
        }
        for rx in self.consumers.iter_mut().filter_map(Seat::consumer) {
            assert_eq!(rx.recover(), Ok(Recovery::default()));
        }
    }

    fn map_again(&mut self) {
        self.ring = match &self.name {
            Some(name) => Ring::attach(name.as_str()),
            None => Ring::from_fd(self.ring.try_clone_fd().expect("a descriptor")),
        }
        .expect("it is still there");
        assert_eq!((self.ring.capacity(), self.ring.places()), (self.shape.capacity, self.shape.participants as usize));
    }

    /// At the end, when all have gone: newcomers find exactly what is unread, and after that as much fits as there are slots.
    ///
    /// They come through a mapping of their own, if it is to be made `again`.
    pub fn finish(mut self, again: bool) {
        self.producers.clear();
        self.consumers.clear();
        if again {
            self.map_again();
        }
        // Before a producer: a place where a message is left is for a consumer.
        self.attach_consumer();
        self.pop_what_is_left();
        self.attach_producer();
        self.pop_all();
        self.fill(0);
        assert_eq!(self.unread.len() as u64, self.slots, "all slots are free again");
        self.pop_all();
        self.check();
    }

    /// Each look for the dead shows the next of what they have left.
    fn pop_what_is_left(&mut self) {
        for _ in 0..self.left.len() + self.unread.len() {
            let rx = self.consumers[0].consumer().expect("no guard");
            let recovery = rx.recover().expect("intact");
            self.recovered(recovery);
            self.pop(0, How::Try);
        }
        assert!(self.left.is_empty(), "what a dead consumer held is lost: {:?}", self.left);
    }

    fn pop_all(&mut self) {
        let len = self.unread.len();
        self.try_iter(0, len + 1);
        assert_eq!(self.unread.len(), 0, "nothing is lost");
    }
}

/// One of several, if there is one.
fn pick<H>(handles: &mut [H], who: usize) -> Option<&mut H> {
    let count = handles.len();
    handles.get_mut(who.checked_rem(count)?)
}

impl<T: Element> Drop for Model<T> {
    fn drop(&mut self) {
        if self.name.is_some() {
            let _ = self.ring.unlink();
        }
    }
}
