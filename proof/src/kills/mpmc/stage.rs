//! What precedes an operation: the ring, what is in it, and who has died there before.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rondel::mpmc::{Consumer, OnConsumerDeath, Producer, Ring};

use super::super::page::Page;
use super::super::victim::{Stop, Victim, fork, wait};
use super::act;
use super::ledger::{Author, Delivery, Ledger};
use super::ring::{CAPACITY, Message, consumer, create, delivery, message, producer};

/// More places than anybody needs.
const PLENTY: u32 = 8;
/// No push takes as many instructions before it claims its position.
const MOST_STEPS: u32 = 100_000;

/// How many messages are in the ring when the operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Empty,
    One,
    NearlyFull,
    Full,
}

impl Fill {
    pub(super) const ALL: [Fill; 4] = [Fill::Empty, Fill::One, Fill::NearlyFull, Fill::Full];

    fn count(self) -> u64 {
        match self {
            Fill::Empty => 0,
            Fill::One => 1,
            Fill::NearlyFull => CAPACITY - 1,
            Fill::Full => CAPACITY,
        }
    }
}

/// Who has been there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prior {
    Nobody,
    /// One that has closed.
    Closed,
    /// One that died, and had nothing.
    Dead,
    /// A producer that died with a position claimed, behind everything …
    Claimed,
    /// … or before everything …
    ClaimedFirst,
    /// … which somebody has settled since: consumers skip it.
    Void,
    /// A consumer that died with the first message.
    Held,
    /// One that died with the first message, and a producer with a position behind everything.
    HeldAndClaimed,
}

/// All that there is before somebody does something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) fill: Fill,
    pub(super) wrap: bool,
    pub(super) policy: OnConsumerDeath,
    pub(super) prior: Prior,
    /// There is no place left but that of the one who was there before.
    pub(super) tight: bool,
}

impl Setting {
    pub(super) const PLAIN: Setting = Setting {
        fill: Fill::One,
        wrap: false,
        policy: OnConsumerDeath::Redeliver,
        prior: Prior::Nobody,
        tight: false,
    };

    /// Part of a scenario's name.
    pub(super) fn name(&self) -> String {
        let fill = match self.fill {
            Fill::Empty => "empty",
            Fill::One => "one",
            Fill::NearlyFull => "nearly-full",
            Fill::Full => "full",
        };
        let prior = match self.prior {
            Prior::Nobody => "",
            Prior::Closed => "-after-closed",
            Prior::Dead => "-after-dead",
            Prior::Claimed => "-claimed",
            Prior::ClaimedFirst => "-claimed-first",
            Prior::Void => "-void",
            Prior::Held => "-held",
            Prior::HeldAndClaimed => "-held-and-claimed",
        };
        let wrap = if self.wrap { "-at-the-wrap" } else { "" };
        let tight = if self.tight { "-last-place" } else { "" };
        let policy = if self.policy == OnConsumerDeath::Discard { "-discard" } else { "" };
        format!("{fill}{prior}{wrap}{tight}{policy}")
    }
}

/// The ring as the operation finds it, and those who have made it so.
pub(super) struct Stage {
    pub(super) ring: Ring<Message>,
    pub(super) tx: Option<Producer<Message>>,
    pub(super) rx: Option<Consumer<Message>>,
    pub(super) ledger: Ledger,
    /// Positions that dead producers have claimed and not published.
    pub(super) holes: u64,
    /// Messages that a dead consumer holds.
    pub(super) held: u64,
    /// Positions that producers have claimed, less those that consumers have: what the ring's length says.
    pub(super) len: u64,
}

impl Stage {
    /// `first_of`: whose operation is to begin in the ring's last slot, if it is to be at the wrap: a producer's or a consumer's.
    pub(super) fn new(setting: &Setting, first_of: act::Role) -> Self {
        let ring = create(if setting.tight { 3 } else { PLENTY }, setting.policy);
        let (mut tx, mut rx) = (producer(&ring), consumer(&ring));
        let count = setting.fill.count();
        if setting.wrap {
            let before = if first_of == act::Role::Producer { count } else { 0 };
            // Once around, that there was something in each slot, and on to the last one.
            for number in 0..2 * CAPACITY - 1 - before % CAPACITY {
                tx.try_push(message(Author::Lap, number)).expect("room");
                rx.try_pop().expect("just pushed");
            }
        }
        let mut stage = Stage { ring, tx: None, rx: None, ledger: Ledger::default(), holes: 0, held: 0, len: 0 };
        if matches!(setting.prior, Prior::ClaimedFirst | Prior::Void) {
            stage.claim(&mut rx);
        }
        (0..count).for_each(|number| tx.try_push(message(Author::Before, number)).expect("room"));
        stage.ledger.publish(Author::Before, count);
        match setting.prior {
            Prior::Nobody | Prior::ClaimedFirst => {}
            Prior::Closed => drop(producer(&stage.ring)),
            Prior::Dead => end_without_closing(|| std::mem::forget(producer(&stage.ring))),
            Prior::Claimed => stage.claim(&mut rx),
            Prior::Void => assert_eq!(stage.ring.recover().expect("intact").skipped, 1),
            Prior::Held => stage.hold(),
            Prior::HeldAndClaimed => {
                stage.hold();
                stage.claim(&mut rx);
            }
        }
        stage.len = rx.len().expect("intact") as u64;
        Stage { tx: Some(tx), rx: Some(rx), ..stage }
    }

    /// A producer dies with the next position claimed, and nothing published there.
    fn claim(&mut self, rx: &mut Consumer<Message>) {
        let said = Page::new().expect("a page of memory");
        let before = rx.len().expect("intact");
        let mut dead = Victim::start(|| act::PUSH.live(&self.ring, Author::Victim, &said));
        for _ in 0..MOST_STEPS {
            assert_eq!(dead.step(), Stop::Between, "it claims something");
            if rx.len().expect("intact") != before {
                self.holes += 1;
                return dead.kill();
            }
        }
        panic!("nothing claimed after {MOST_STEPS} instructions");
    }

    /// A consumer dies with the first message.
    fn hold(&mut self) {
        let word = Page::<AtomicU64>::new().expect("a page of memory");
        end_without_closing(|| {
            let mut rx = consumer(&self.ring);
            let guard = rx.try_pop_guard().expect("there is something");
            // Relaxed: read when this process has ended.
            word.store(delivery(*guard, guard.is_redelivered()).word(), Relaxed);
            std::mem::forget(guard);
            std::mem::forget(rx);
        });
        let first = Delivery { author: Author::Before, number: 0, redelivered: false };
        assert_eq!(Delivery::of(word.load(Relaxed)), first);
        self.held += 1;
    }
}

fn end_without_closing(life: impl FnOnce()) {
    assert_eq!(wait(fork(life)), 0, "it was to end without closing");
}
