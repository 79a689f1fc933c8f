//! A ring and what it has to be, side by side.

mod members;
mod popping;
mod pushing;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rondel::mpmc::{Producer, Recovery, Ring, Stuck};

use crate::element::Element;
use crate::leftovers;
use crate::operation::Operation;
use crate::seat::Seat;

/// No time at all: the call does everything that it does before it would wait.
const NOW: Duration = Duration::ZERO;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Where {
    Named,
    Anonymous,
}

/// What its creator chooses of a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) capacity: usize,
    pub(crate) participants: u32,
    pub(crate) place: Where,
    pub(crate) ends_with_producers: bool,
    pub(crate) ends_with_consumers: bool,
}

/// Where the ring is mapped from again.
enum Place {
    Named(String),
    Anonymous(OwnedFd),
}

/// What the next push meets.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Room {
    Free,
    Full,
    /// The slot is held by this consumer, which took the element at this position.
    Held(u32, u64),
}

/// A ring with its handles, and the queue that it has to equal. The number of an element is its position.
pub(crate) struct Model<T: Element> {
    ring: Ring<T>,
    shape: Shape,
    place: Place,
    /// How many elements fit in fact.
    slots: u64,
    producers: Vec<Producer<T>>,
    consumers: Vec<Seat<T>>,
    had_producers: bool,
    had_consumers: bool,
    unread: VecDeque<u64>,
    pushed: u64,
    popped: u64,
}

fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", leftovers::of_this_process("test-mpmc-model"))
}

impl<T: Element> Model<T> {
    pub(crate) fn new(shape: Shape) -> Self {
        let builder = Ring::<T>::builder()
            .capacity(shape.capacity)
            .participants(shape.participants)
            .ends_with_producers(shape.ends_with_producers)
            .ends_with_consumers(shape.ends_with_consumers);
        let (ring, place) = match shape.place {
            Where::Named => {
                let name = unique_name();
                let ring = builder.create(name.as_str()).expect("a new name");
                (ring, Place::Named(name))
            }
            Where::Anonymous => {
                let ring = builder.anonymous().expect("a memfd");
                let fd = ring.try_clone_fd().expect("a descriptor");
                (ring, Place::Anonymous(fd))
            }
        };
        assert_eq!((ring.capacity(), ring.places()), (shape.capacity, shape.participants as usize));
        Model {
            ring,
            shape,
            place,
            slots: shape.capacity.next_power_of_two() as u64,
            producers: Vec::new(),
            consumers: Vec::new(),
            had_producers: false,
            had_consumers: false,
            unread: VecDeque::new(),
            pushed: 0,
            popped: 0,
        }
    }

    pub(crate) fn apply(&mut self, operation: &Operation) {
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
        holder.map_or(Room::Free, |who| Room::Held(self.consumers[who].number, before))
    }

    /// True if consumers are to be told that the producers have gone.
    fn producers_have_closed(&self) -> bool {
        self.shape.ends_with_producers && self.had_producers && self.producers.is_empty()
    }

    fn consumers_have_closed(&self) -> bool {
        self.shape.ends_with_consumers && self.had_consumers && self.consumers.is_empty()
    }

    /// What all handles say about the ring, after every operation.
    pub(crate) fn check(&mut self) {
        let (unread, capacity) = (self.unread.len(), self.shape.capacity);
        assert_eq!(self.pushed - self.popped, unread as u64);
        let full = self.room() != Room::Free;
        for tx in &mut self.producers {
            assert_eq!(tx.len(), Ok(unread), "a producer's len");
            assert_eq!(tx.is_empty(), Ok(unread == 0));
            assert_eq!(tx.is_full(), Ok(full), "`is_full` foretells `try_push`");
            assert_eq!(tx.capacity(), capacity);
        }
        for rx in self.consumers.iter_mut().filter_map(Seat::consumer) {
            assert_eq!(rx.len(), Ok(unread), "a consumer's len");
            assert_eq!(rx.is_empty(), Ok(unread == 0));
            assert_eq!(rx.is_full(), Ok(unread >= capacity));
            assert_eq!(rx.capacity(), capacity);
            assert!(!rx.redelivered(), "nobody died");
        }
    }

    /// Who is waited for, as each handle sees it.
    fn stuck(&mut self) {
        let expected = match self.room() {
            Room::Held(participant, position) => Some((participant, std::process::id(), position)),
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

    /// Where nobody died there is nothing to settle, whatever is held.
    fn recover(&mut self) {
        assert_eq!(self.ring.recover().expect("intact"), Recovery::default());
        for tx in &mut self.producers {
            assert_eq!(tx.recover(), Ok(Recovery::default()));
        }
        for rx in self.consumers.iter_mut().filter_map(Seat::consumer) {
            assert_eq!(rx.recover(), Ok(Recovery::default()));
        }
    }

    fn map_again(&mut self) {
        self.ring = match &self.place {
            Place::Named(name) => Ring::attach(name.as_str()),
            Place::Anonymous(fd) => Ring::from_fd(fd.try_clone().expect("a descriptor")),
        }
        .expect("it is still there");
        assert_eq!((self.ring.capacity(), self.ring.places()), (self.shape.capacity, self.shape.participants as usize));
    }

    /// At the end, when all have gone: newcomers find exactly what is unread, and after that as much fits as there are slots.
    pub(crate) fn finish(mut self) {
        self.producers.clear();
        self.consumers.clear();
        self.map_again();
        self.attach_producer();
        self.attach_consumer();
        self.pop_all();
        self.fill(0);
        assert_eq!(self.unread.len() as u64, self.slots, "all slots are free again");
        self.pop_all();
        self.check();
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
        if self.shape.place == Where::Named {
            let _ = self.ring.unlink();
        }
    }
}
