//! The protocol of the ring between many, over a block of the heap, without a system call: any sequence of its operations by up to five
//! participants, who come, go, and die between the stores of an operation; recovery, takers, heritage; and words that somebody overwrites.
//!
//! Element `p` is the one at position `p`. Of each position is known how far things are there, so every answer is. A death is a
//! handle that is forgotten and a lock that falls, after the words that it would not have stored any more have been put back.

mod model;
mod pop;
mod push;
mod recover;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use self::model::{Model, State};
use crate::heap::mpmc::{Handle, Ring, Sleepers};
use crate::hostile::Value;
use crate::kept::kept;
use crate::protocol::event::Kernel;
use crate::protocol::mpmc::sleepers::{self, Beds};
use crate::protocol::mpmc::{self, Consumer, Inheritance, Memory, Orphan, Policy, Producer, Side};
use crate::script::{Conduct, Script};
use crate::sync::AtomicU32;

const LINES: u32 = 5;
const CAPACITIES: [u64; 6] = [1, 2, 3, 4, 8, 8];
/// More than the largest ring holds.
const BATCH: usize = 9;

/// A consumer, and what it has in its hands.
struct Taker {
    rx: Consumer<Handle>,
    attachment: u16,
    heritage: Option<Inheritance>,
    /// A position, and whether it was taken over.
    hand: Option<(u64, bool)>,
}

enum Seat {
    Vacant,
    Producer(Producer<Handle>),
    Consumer(Taker),
}

struct Game {
    ring: Arc<Ring>,
    /// The memory, as somebody has it who takes no part.
    handle: Handle,
    conduct: Conduct,
    policy: Policy,
    seats: [Seat; LINES as usize],
    attachments: u16,
    model: Model,
    /// An orphan that was seen, and the stamp that it had.
    orphan: Option<(Orphan, u64)>,
    old: Vec<u64>,
}

/// Whom one wakes was asleep.
struct Awake;

impl Kernel for Awake {
    type Until = ();

    fn heavy_fence(&self) {}

    fn light_fence(&self) {}

    fn futex_wait(&self, _: &AtomicU32, _: u32, (): ()) {}

    fn futex_wake(&self, _: &AtomicU32) -> bool {
        true
    }
}

impl Game {
    fn new(ring: Arc<Ring>, conduct: Conduct, policy: Policy) -> Self {
        ring.block.words().iter().for_each(|word| word.store(0, Relaxed));
        ring.held.iter().for_each(|held| held.store(false, Relaxed));
        Game {
            handle: ring.handle(),
            conduct,
            policy,
            seats: [const { Seat::Vacant }; LINES as usize],
            attachments: 0,
            model: Model::new(ring.geometry.slots()),
            orphan: None,
            old: Vec::new(),
            ring,
        }
    }

    fn honest(&self) -> bool {
        self.conduct == Conduct::Honest
    }

    /// Whether a word of intent covers a position.
    fn covers(word: u64, p: u64) -> bool {
        (word >> 16..(word >> 16) + (word & 0xFFFF)).contains(&p)
    }

    /// Whether a line says that its participant may hold a position as a producer, or as a consumer.
    fn pushes(&self, line: u32, p: u64) -> bool {
        Self::covers(self.handle.pushing(self.handle.line(line)).load(Relaxed), p)
    }

    fn pops(&self, line: u32, p: u64) -> bool {
        Self::covers(self.handle.popping(self.handle.line(line)).load(Relaxed), p)
    }

    fn takes(&self, line: u32, p: u64) -> bool {
        Self::covers(self.handle.taking(self.handle.line(line)).load(Relaxed), p)
    }

    fn lives(&self, line: u32) -> bool {
        self.ring.held[line as usize].load(Relaxed)
    }

    fn stamp(&self, p: u64) -> &crate::sync::AtomicU64 {
        self.handle.stamp(self.handle.slot(p))
    }

    /// Its participant is no more, and its lock falls.
    fn dies(&mut self, line: u32) {
        if !matches!(std::mem::replace(&mut self.seats[line as usize], Seat::Vacant), Seat::Vacant) {
            self.ring.dies(line);
            self.model.dies(line);
        }
    }

    fn step(&mut self, operation: u8, script: &mut Script<'_>) {
        let by = script.operand();
        let (line, more) = (u32::from(by) % LINES, by / LINES as u8);
        match operation % 20 {
            0..3 => drop(self.push(line, None)),
            3 => drop(self.push(line, Some(usize::from(more) % BATCH + 1))),
            4 | 5 => self.claim(line),
            6 => self.free(line),
            7 => {
                self.claim(line);
                self.free(line);
            }
            8 => drop(self.pop_slice(line, usize::from(more) % BATCH + 1)),
            9 => self.recover(line, usize::from(more)),
            10 => self.take(line),
            11 => self.inherit(line),
            12 => self.attach(line, if more % 2 == 0 { Side::Consumer } else { Side::Producer }),
            13 => {
                self.free(line);
                self.dies(line);
            }
            14 => self.dies(line),
            15 => self.die_pushing(line, more, script.operand()),
            16 => self.die_popping(line, more, script.operand()),
            17 => self.sleep(line, more),
            18 => self.overwrite(script, by),
            _ => {
                self.old.clear();
                self.old.extend(self.ring.block.words().iter().map(|word| word.load(Relaxed)));
            }
        }
        if self.honest() {
            self.check();
        }
    }

    /// Somebody lies down, or gets up, or wakes others.
    fn sleep(&self, line: u32, how: u8) {
        let side = if how / 4 % 2 == 0 { Side::Producer } else { Side::Consumer };
        let beds = Sleepers(&self.handle, side);
        match how % 4 {
            0 | 1 => sleepers::announce(&beds, line),
            2 => drop(sleepers::retract(&beds, line)),
            _ => {
                let before = beds.mask().load(Relaxed).count_ones();
                let count = u64::from(how / 8) + 1;
                sleepers::wake_for_each(&beds, &Awake, line.into(), count, |_| false);
                let after = beds.mask().load(Relaxed).count_ones();
                let owed = u64::from(before).min(count).min(LINES.into());
                assert!(!self.honest() || u64::from(before - after) >= owed, "a sleeper for each publication");
            }
        }
    }

    fn overwrite(&self, script: &mut Script<'_>, place: u8) {
        let [kind, by] = std::array::from_fn(|_| script.operand());
        if self.conduct == Conduct::Hostile {
            let words = self.ring.block.words();
            // Each of the first four stands in a line of its own; a quarter of the bytes is theirs.
            let place = if place >= 192 { usize::from(place % 4) * 8 } else { usize::from(place) };
            Value::of(kind, by).write(words, place, &self.old);
        }
    }

    /// What all say about the ring, and the invariant on which recovery rests.
    fn check(&self) {
        let (geometry, model) = (self.ring.geometry, &self.model);
        assert_eq!((self.handle.head().load(Relaxed), self.handle.tail().load(Relaxed)), (model.head, model.tail()));
        assert_eq!(mpmc::len(&self.handle, geometry), Ok(model.tail() - model.head));
        for seat in &self.seats {
            match seat {
                Seat::Producer(tx) => assert_eq!(tx.is_blocked(), !model.is_free(model.tail())),
                Seat::Consumer(taker) => assert_eq!(taker.rx.is_blocked(), model.blocks_pop()),
                Seat::Vacant => {}
            }
        }
        for p in model.recent() {
            let noted = |line: &u32| self.pops(*line, p) || self.takes(*line, p);
            let dead = |line: &u32| !self.lives(*line);
            let holds = match model.state(p) {
                State::Claimed { line, .. } => self.lives(line) && noted(&line),
                State::Left { .. } | State::VoidLeft => (0..LINES).any(|line| dead(&line) && noted(&line)),
                State::Unpublished => (0..LINES).any(|line| dead(&line) && self.pushes(line, p)),
                State::Published | State::Void | State::Free => true,
            };
            assert!(holds, "position {p} is in no intent of its holder's: {:?}", model.state(p));
        }
    }

    /// At the end successors settle and deliver all that is left, and all slots are free again.
    fn finish(mut self) {
        (0..LINES).for_each(|line| self.dies(line));
        for line in 0..LINES {
            self.attach(line, Side::Consumer);
            self.deliver(line);
            self.dies(line);
        }
        assert!(!self.model.recent().any(|p| self.model.state(p).is_left()), "something is left of the dead");
        self.attach(0, Side::Producer);
        self.attach(1, Side::Consumer);
        self.pop_slice(1, BATCH);
        self.pop_slice(1, BATCH);
        self.push(0, Some(BATCH));
        assert_eq!(self.model.tail() - self.model.head, self.ring.geometry.slots(), "all slots are free again");
        self.pop_slice(1, BATCH);
        self.check();
    }
}

/// Runs the target.
///
/// # Panics
///
/// If the protocol has failed.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let Some(shape) = script.next() else { return };
    let conduct = if shape % 3 == 2 { Conduct::Hostile } else { Conduct::Honest };
    let policy = if shape / 3 % 4 == 3 { Policy::Discard } else { Policy::Redeliver };
    let capacity = CAPACITIES[usize::from(shape / 12) % CAPACITIES.len()];
    let discards = policy == Policy::Discard;
    let ring = kept([capacity as usize, discards.into(), 0, 0], || Ring::new(capacity, LINES, policy));
    let mut game = Game::new(Arc::clone(&ring), conduct, policy);
    for (line, side) in [(0, Side::Producer), (1, Side::Producer), (2, Side::Consumer), (3, Side::Consumer)] {
        game.attach(line, side);
    }
    while let Some(operation) = script.next() {
        game.step(operation, &mut script);
    }
    if game.honest() {
        game.finish();
    }
}
