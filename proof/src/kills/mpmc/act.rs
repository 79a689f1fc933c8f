//! What a victim does, and what it says of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rondel::mpmc::{Consumer, Producer, Ring};

use super::super::victim::pause;
use super::ledger::{Author, Delivery};
use super::ring::{Message, consumer, delivery, message, producer};

/// Long enough to fall asleep.
const NAP: Duration = Duration::from_micros(200);
/// Several slices of sleep: for one that is woken, or killed, before that is over.
const LONG: Duration = Duration::from_millis(200);
/// How many messages a batch has, at the most.
const BATCH: u64 = 3;

/// What it has before its operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Producer,
    Consumer,
    /// Nothing: it attaches, or looks at the ring from outside.
    Nobody,
}

/// An operation.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) role: Role,
    run: fn(&mut Hands<'_>),
    /// It takes place as a whole, or not at all.
    pub(super) whole: bool,
    /// So many messages are pushed by it at the most.
    pub(super) pushes: u64,
    /// So many are taken.
    pub(super) takes: u64,
    /// What it takes it still holds when it is over.
    pub(super) keeps: bool,
    /// It gives its place back.
    pub(super) closes: bool,
}

impl Act {
    const fn new(name: &'static str, role: Role, run: fn(&mut Hands<'_>)) -> Self {
        Self { name, role, run, whole: true, pushes: 0, takes: 0, keeps: false, closes: false }
    }

    const fn pushing(name: &'static str, pushes: u64, run: fn(&mut Hands<'_>)) -> Self {
        Self { pushes, whole: pushes == 1, ..Self::new(name, Role::Producer, run) }
    }

    const fn taking(name: &'static str, takes: u64, run: fn(&mut Hands<'_>)) -> Self {
        Self { takes, whole: takes == 1, ..Self::new(name, Role::Consumer, run) }
    }

    /// The victim's life. The first pause stands before the operation, the second behind it; whoever is let go on then drops what it has.
    pub(super) fn live(&self, ring: &Ring<Message>, author: Author, said: &Said) {
        let mut hands = Hands {
            ring,
            author,
            said,
            tx: (self.role == Role::Producer).then(|| producer(ring)),
            rx: (self.role == Role::Consumer).then(|| consumer(ring)),
            other_tx: None,
            other_rx: None,
        };
        let place = hands.tx.as_ref().map(Producer::participant).or(hands.rx.as_ref().map(Consumer::participant));
        // Relaxed, here and below: read by the parent, which has seen this process stop.
        said[PLACE].store(place.map_or(u64::MAX, u64::from), Relaxed);
        pause();
        (self.run)(&mut hands);
        pause();
        drop(hands);
    }
}

/// What a victim says of itself, in memory that survives it.
pub(super) type Said = [AtomicU64; 3 + BATCH as usize];

const PLACE: usize = 0;
const PUSHED: usize = 1;
const TAKEN: usize = 2;
const FIRST_TAKEN: usize = 3;

/// Its number in the ring's table, if it had a place before its operation began.
pub(super) fn place(said: &Said) -> Option<u32> {
    u32::try_from(said[PLACE].load(Relaxed)).ok()
}

/// How many messages it has pushed, when its operation is over.
pub(super) fn pushed(said: &Said) -> u64 {
    said[PUSHED].load(Relaxed)
}

/// What it was given.
pub(super) fn taken(said: &Said) -> Vec<Delivery> {
    let count = said[TAKEN].load(Relaxed) as usize;
    said[FIRST_TAKEN..].iter().take(count).map(|word| Delivery::of(word.load(Relaxed))).collect()
}

/// What a victim has.
struct Hands<'a> {
    ring: &'a Ring<Message>,
    author: Author,
    said: &'a Said,
    tx: Option<Producer<Message>>,
    rx: Option<Consumer<Message>>,
    other_tx: Option<Producer<Message>>,
    other_rx: Option<Consumer<Message>>,
}

impl Hands<'_> {
    fn tx(&mut self) -> &mut Producer<Message> {
        self.tx.as_mut().expect("a producer")
    }

    fn rx(&mut self) -> &mut Consumer<Message> {
        self.rx.as_mut().expect("a consumer")
    }

    fn say_pushed(&self, count: u64) {
        self.said[PUSHED].store(count, Relaxed);
    }

    fn say_taken(&mut self, found: Message) {
        let redelivered = self.rx().redelivered();
        let place = self.said[TAKEN].load(Relaxed);
        self.said[FIRST_TAKEN + place as usize].store(delivery(found, redelivered).word(), Relaxed);
        self.said[TAKEN].store(place + 1, Relaxed);
    }

    fn pop(&mut self) {
        if let Ok(found) = self.rx().try_pop() {
            self.say_taken(found);
        }
    }
}

pub(super) const PUSH: Act = Act::pushing("push", 1, |hands| {
    let message = message(hands.author, 0);
    let pushed = hands.tx().try_push(message).is_ok();
    hands.say_pushed(pushed.into());
});

pub(super) const PUSH_PARKED: Act = Act::pushing("push-parked", 1, |hands| {
    let message = message(hands.author, 0);
    let pushed = hands.tx().push_timeout(message, NAP).is_ok();
    hands.say_pushed(pushed.into());
});

/// For one that is to be found asleep.
pub(super) const PUSH_WAITING: Act = Act::pushing("push-waiting", 1, |hands| {
    let message = message(hands.author, 0);
    let pushed = hands.tx().push_timeout(message, LONG).is_ok();
    hands.say_pushed(pushed.into());
});

pub(super) const PUSH_SLICE: Act = Act::pushing("push-slice", BATCH, |hands| {
    let messages = [0, 1, 2].map(|number| message(hands.author, number));
    let pushed = hands.tx().try_push_slice(&messages).unwrap_or(0);
    hands.say_pushed(pushed as u64);
});

pub(super) const POP: Act = Act::taking("pop", 1, |hands| hands.pop());

pub(super) const POP_PARKED: Act = Act::taking("pop-parked", 1, |hands| {
    if let Ok(found) = hands.rx().pop_timeout(NAP) {
        hands.say_taken(found);
    }
});

/// For one that is to be found asleep.
pub(super) const POP_WAITING: Act = Act::taking("pop-waiting", 1, |hands| {
    if let Ok(found) = hands.rx().pop_timeout(LONG) {
        hands.say_taken(found);
    }
});

pub(super) const POP_SLICE: Act = Act::taking("pop-slice", BATCH, |hands| {
    let mut found = [[0; 2]; BATCH as usize];
    let count = hands.rx().try_pop_slice(&mut found).unwrap_or(0);
    found[..count].iter().for_each(|found| hands.say_taken(*found));
});

pub(super) const GUARD: Act = Act::taking("guard", 1, |hands| {
    let found = hands.rx().try_pop_guard().map(|guard| guard.consume());
    if let Ok(found) = found {
        hands.say_taken(found);
    }
});

/// What is held is let go of when the handle is dropped.
pub(super) const GUARD_HELD: Act = Act {
    keeps: true,
    ..Act::taking("guard-held", 1, |hands| {
        let found = hands.rx().try_pop_guard().map(|guard| {
            let found = *guard;
            std::mem::forget(guard);
            found
        });
        if let Ok(found) = found {
            hands.say_taken(found);
        }
    })
};

pub(super) const CLOSE_PRODUCER: Act =
    Act { closes: true, ..Act::new("close-producer", Role::Producer, |hands| drop(hands.tx.take())) };

pub(super) const CLOSE_CONSUMER: Act =
    Act { closes: true, ..Act::new("close-consumer", Role::Consumer, |hands| drop(hands.rx.take())) };

pub(super) const ATTACH_PRODUCER: Act =
    Act::new("attach-producer", Role::Nobody, |hands| hands.tx = Some(producer(hands.ring)));

pub(super) const ATTACH_CONSUMER: Act =
    Act::new("attach-consumer", Role::Nobody, |hands| hands.rx = Some(consumer(hands.ring)));

/// Where the only place that is left holds a dead consumer's message, which a producer could not deliver.
pub(super) const ATTACH_REFUSED: Act = Act::new("attach-refused", Role::Nobody, |hands| {
    assert!(hands.ring.producer().is_err(), "a message waits in that place");
});

/// Where somebody else may have the place.
pub(super) const ATTACH_IF_FREE: Act = Act::new("attach-if-free", Role::Nobody, |hands| {
    hands.rx = hands.ring.consumer().ok();
});

/// It attaches, and lets go of the first message that it is given.
pub(super) const INHERIT: Act = Act {
    takes: 1,
    ..Act::new("inherit", Role::Nobody, |hands| {
        hands.rx = Some(consumer(hands.ring));
        hands.pop();
    })
};

pub(super) const CLONE_PRODUCER: Act = Act::new("clone-producer", Role::Producer, |hands| {
    let clone = hands.tx().try_clone().expect("a place is free");
    hands.other_tx = Some(clone);
});

pub(super) const CLONE_CONSUMER: Act = Act::new("clone-consumer", Role::Consumer, |hands| {
    let clone = hands.rx().try_clone().expect("a place is free");
    hands.other_rx = Some(clone);
});

pub(super) const RECOVER_RING: Act = Act::new("recover-ring", Role::Nobody, |hands| {
    hands.ring.recover().expect("intact");
});

pub(super) const RECOVER_PRODUCER: Act = Act::new("recover-producer", Role::Producer, |hands| {
    hands.tx().recover().expect("intact");
});

/// It looks for the dead, and takes over what it finds.
pub(super) const RECOVER: Act = Act::taking("recover", 1, |hands| {
    hands.rx().recover().expect("intact");
    hands.pop();
});

pub(super) const STUCK_PRODUCER: Act = Act::new("stuck-producer", Role::Producer, |hands| {
    hands.tx().stuck().expect("intact");
});

pub(super) const STUCK_CONSUMER: Act = Act::new("stuck-consumer", Role::Consumer, |hands| {
    hands.rx().stuck().expect("intact");
});

pub(super) const PARTICIPANTS: Act = Act::new("participants", Role::Nobody, |hands| {
    hands.ring.participants();
});
