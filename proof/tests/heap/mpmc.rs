//! Elements between many, some of whom die.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crate::block::{Block, LINE};
use crate::kernel::Futex;
use crate::protocol::event::{self, Sleeper};
use crate::protocol::mpmc::sleepers::{self, Beds};
use crate::protocol::mpmc::{
    Census, Consumer, Geometry, Leased, Memory, Policy, Popped, Producer, Pushed, Recovered, Side, Taker, lease,
    recovery,
};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::{MESSAGES, wait_a_little};

/// Who pushed it, its number, and a word that follows from both.
type Element = [u64; 3];

const TAIL: usize = 0;
const HEAD: usize = LINE;
const DATA_MASK: usize = 2 * LINE;
const SPACE_MASK: usize = 3 * LINE;
const TABLE: usize = 4 * LINE;
/// In a line of the table.
const PUSHING: usize = 0;
const POPPING: usize = 8;
const TAKING: usize = 16;
const ASLEEP: usize = 24;
/// A stamp and an element.
const SLOT: usize = 32;

fn element(who: u64, number: u64) -> Element {
    [who, number, (who << 32 | number).wrapping_mul(0x9E37_79B9_7F4A_7C15)]
}

struct Ring {
    block: Block,
    lines: u32,
    /// The kernel's locks.
    held: Vec<AtomicBool>,
    futex: Futex,
    geometry: Geometry,
}

impl Ring {
    fn new(capacity: u64, lines: u32) -> Arc<Ring> {
        let geometry = Geometry::new(capacity).expect("a capacity");
        let bytes = TABLE + lines as usize * LINE + geometry.slots() as usize * SLOT;
        let held = (0..lines).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Ring { block: Block::new(bytes), lines, held, futex: Futex::default(), geometry })
    }

    /// Takes a line, and settles what its former holder has left.
    fn lease(self: &Arc<Ring>, line: u32, side: Side, attachment: u16) -> Leased {
        assert!(!self.held[line as usize].swap(true, Ordering::AcqRel), "a line that nobody holds");
        let handle = Handle(Arc::clone(self));
        lease(&handle, self.geometry, &handle, Policy::Redeliver, side, Taker { line, attachment })
    }

    fn producer(self: &Arc<Ring>, line: u32) -> Producer<Handle> {
        assert!(matches!(self.lease(line, Side::Producer, 1), Leased::Yes(None)));
        Producer::new(Handle(Arc::clone(self)), self.geometry, line)
    }

    fn consumer(self: &Arc<Ring>, line: u32) -> Consumer<Handle> {
        assert!(matches!(self.lease(line, Side::Consumer, 1), Leased::Yes(None)));
        Consumer::new(Handle(Arc::clone(self)), self.geometry, line)
    }

    /// The lock falls.
    fn dies(&self, line: u32) {
        assert!(self.held[line as usize].swap(false, Ordering::AcqRel));
    }
}

#[derive(Clone)]
struct Handle(Arc<Ring>);

impl Handle {
    fn slots(&self) -> usize {
        TABLE + self.0.lines as usize * LINE
    }

    fn place(&self, slot: usize) -> *mut Element {
        self.0.block.at(slot + size_of::<u64>(), size_of::<Element>()).cast()
    }
}

// SAFETY: each slot has memory of its own in the block, which lives as long as the handle: a stamp, and behind it the element.
unsafe impl Memory for Handle {
    type Element = Element;
    /// Where it lies.
    type Slot = usize;
    type Line = usize;

    fn slot(&self, p: u64) -> usize {
        self.slots() + (p % self.0.geometry.slots()) as usize * SLOT
    }

    fn stamp(&self, slot: usize) -> &AtomicU64 {
        self.0.block.word(slot)
    }

    fn tail(&self) -> &AtomicU64 {
        self.0.block.word(TAIL)
    }

    fn head(&self) -> &AtomicU64 {
        self.0.block.word(HEAD)
    }

    fn lines(&self) -> u32 {
        self.0.lines
    }

    fn line(&self, number: u32) -> usize {
        TABLE + number as usize * LINE
    }

    fn pushing(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + PUSHING)
    }

    fn popping(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + POPPING)
    }

    fn taking(&self, line: usize) -> &AtomicU64 {
        self.0.block.word(line + TAKING)
    }

    unsafe fn write(&self, slot: usize, element: Element) {
        // SAFETY: the place is in the block and aligned to a word; that nobody else accesses it is the caller's contract.
        unsafe { self.place(slot).write(element) };
    }

    unsafe fn read(&self, slot: usize) -> Element {
        // SAFETY: as for `write`; that nobody writes is the caller's contract.
        unsafe { self.place(slot).read() }
    }

    fn hint_ahead(&self, _: u64) {}
}

impl Census for Handle {
    fn lives(&self, line: u32) -> bool {
        self.0.held[line as usize].fetch_or(false, Ordering::AcqRel)
    }
}

struct Sleepers<'a>(&'a Handle, Side);

impl Beds for Sleepers<'_> {
    fn lines(&self) -> u32 {
        self.0.0.lines
    }

    fn mask(&self) -> &AtomicU64 {
        self.0.0.block.word(if self.1 == Side::Producer { SPACE_MASK } else { DATA_MASK })
    }

    fn asleep(&self, line: u32) -> &AtomicU32 {
        self.0.0.block.flag(self.0.line(line) + ASLEEP)
    }
}

/// Makes sure that nothing is torn, and that this consumer has got each producer's elements in their order.
fn check(found: &[Element]) {
    for found in found {
        assert_eq!(*found, element(found[0], found[1]), "torn");
    }
    for who in 0..2 {
        let numbers = found.iter().filter(|found| found[0] == who).map(|found| found[1]);
        assert!(numbers.is_sorted(), "overtaken");
    }
}

/// Runs two producers and two consumers, each in a thread, until all elements are delivered, each exactly once.
fn two_and_two(
    ring: &Arc<Ring>,
    push: fn(&mut Producer<Handle>, who: u64, each: u64),
    pop: fn(&mut Consumer<Handle>, found: &mut Vec<Element>) -> u64,
) {
    let each = MESSAGES / 2;
    let popped = Arc::new(AtomicU64::new(0));
    let producers = [0, 1].map(|line| {
        let mut tx = ring.producer(line);
        thread::spawn(move || push(&mut tx, line.into(), each))
    });
    let consumers = [2, 3].map(|line| {
        let (mut rx, popped) = (ring.consumer(line), Arc::clone(&popped));
        thread::spawn(move || {
            let mut mine = Vec::new();
            while popped.load(Ordering::Relaxed) < 2 * each {
                let count = pop(&mut rx, &mut mine);
                popped.fetch_add(count, Ordering::Relaxed);
                if count == 0 {
                    wait_a_little();
                }
            }
            mine
        })
    });
    for producer in producers {
        producer.join().unwrap();
    }
    let mut all = Vec::new();
    for consumer in consumers {
        let mine = consumer.join().unwrap();
        check(&mine);
        all.extend(mine.iter().map(|found| (found[0], found[1])));
    }
    all.sort_unstable();
    let expected = (0..2).flat_map(|who| (0..each).map(move |number| (who, number)));
    assert!(all.into_iter().eq(expected), "lost or doubled");
}

#[test]
fn two_and_two_pass_on_everything_once() {
    two_and_two(
        &Ring::new(4, 4),
        |tx, who, each| {
            for number in 0..each {
                while !matches!(tx.try_push(element(who, number)).expect("sound words"), Pushed::At(..)) {
                    wait_a_little();
                }
            }
        },
        |rx, found| match rx.try_claim().expect("sound words") {
            Popped::At(p, element) => {
                rx.free(p);
                found.push(element);
                1
            }
            Popped::Empty | Popped::Pending => 0,
        },
    );
}

#[test]
fn batches_of_all_sizes() {
    two_and_two(
        &Ring::new(8, 4),
        |tx, who, each| {
            let mut random = fastrand::Rng::with_seed(who);
            let mut pushed = 0;
            while pushed < each {
                let most = random.u64(1..=9).min(each - pushed);
                let batch: Vec<Element> = (pushed..pushed + most).map(|number| element(who, number)).collect();
                match tx.try_push_slice(&batch).expect("sound words") {
                    Pushed::At(_, count) => pushed += count,
                    Pushed::Full | Pushed::Pending => wait_a_little(),
                }
            }
        },
        |rx, found| {
            let mut batch = [[0; 3]; 9];
            let most = found.len() % 9 + 1;
            match rx.try_pop_slice(&mut batch[..most]).expect("sound words") {
                Popped::At(_, popped) => {
                    found.extend(&batch[..popped.elements]);
                    popped.elements as u64
                }
                Popped::Empty | Popped::Pending => 0,
            }
        },
    );
}

/// The next element: of a dead consumer, if there is none else.
fn pop_or_recover(rx: &mut Consumer<Handle>, attachment: u16) -> Option<Element> {
    if let Popped::At(p, element) = rx.try_claim().expect("sound words") {
        rx.free(p);
        return Some(element);
    }
    let (mut orphan, mut recovered) = (None, Recovered::default());
    let (memory, geometry) = (rx.memory().clone(), rx.geometry());
    let _ = recovery(&memory, geometry, &memory, Policy::Redeliver).run(0, &mut recovered, |seen| {
        orphan = Some(seen);
        ControlFlow::Break(())
    });
    let orphan = orphan?;
    let element = rx.take(orphan, attachment)?;
    rx.free_taken(orphan.position);
    Some(element)
}

/// A consumer dies with a message, and another delivers it.
#[test]
fn what_the_dead_have_left_is_delivered_by_others() {
    let ring = Ring::new(4, 4);
    for turn in 0..MESSAGES / 50 {
        let numbers = [2 * turn, 2 * turn + 1];
        let mut tx = ring.producer(0);
        for number in numbers {
            assert!(matches!(tx.try_push(element(0, number)), Ok(Pushed::At(..))));
        }
        let victim = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut victim = ring.consumer(2);
                // Whatever it has got, it holds for ever.
                victim.try_claim().expect("sound words");
                ring.dies(2);
            })
        };
        let survivor = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut survivor = ring.consumer(3);
                let mut found = Vec::new();
                while found.len() < numbers.len() {
                    match pop_or_recover(&mut survivor, turn as u16 + 2) {
                        Some(element) => found.push(element),
                        None => wait_a_little(),
                    }
                }
                ring.dies(3);
                found
            })
        };
        victim.join().unwrap();
        let mut found = survivor.join().unwrap();
        found.sort_unstable();
        assert_eq!(found, numbers.map(|number| element(0, number)));
        ring.dies(0);
    }
}

struct Until<'a, F> {
    beds: Sleepers<'a>,
    line: u32,
    reached: F,
}

impl<F: FnMut() -> bool> Sleeper<Futex> for Until<'_, F> {
    type Outcome = ();

    fn word(&self) -> &AtomicU32 {
        self.beds.asleep(self.line)
    }

    fn announce(&self) {
        sleepers::announce(&self.beds, self.line);
    }

    fn retract(&self) {
        let _ = sleepers::retract(&self.beds, self.line);
    }

    fn poll(&mut self) -> Option<()> {
        (self.reached)().then_some(())
    }

    fn look(&mut self) -> ControlFlow<()> {
        if (self.reached)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// One on each side, so that nobody has to pass a choice on.
#[test]
fn sleepers_are_woken() {
    let ring = Ring::new(1, 2);
    let (mut tx, mut rx) = (ring.producer(0), ring.consumer(1));
    let messages = MESSAGES / 10;
    let producer = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || {
            for number in 0..messages {
                let p = loop {
                    match tx.try_push(element(0, number)).expect("sound words") {
                        Pushed::At(p, _) => break p,
                        Pushed::Full | Pushed::Pending => {
                            let beds = Sleepers(tx.memory(), Side::Producer);
                            event::park(&mut Until { beds, line: 0, reached: || !tx.is_blocked() }, &ring.futex);
                        }
                    }
                };
                let beds = Sleepers(tx.memory(), Side::Consumer);
                if sleepers::someone_sleeps(beds.mask(), &ring.futex) {
                    sleepers::wake_for_each(&beds, &ring.futex, p, 1, |p| tx.is_published(p));
                }
            }
        })
    };
    for number in 0..messages {
        let p = loop {
            match rx.try_claim().expect("sound words") {
                Popped::At(p, found) => {
                    assert_eq!(found, element(0, number));
                    break p;
                }
                Popped::Empty | Popped::Pending => {
                    let beds = Sleepers(rx.memory(), Side::Consumer);
                    event::park(&mut Until { beds, line: 1, reached: || !rx.is_blocked() }, &ring.futex);
                }
            }
        };
        rx.free(p);
        let beds = Sleepers(rx.memory(), Side::Producer);
        if sleepers::someone_sleeps(beds.mask(), &ring.futex) {
            sleepers::wake_for_each(&beds, &ring.futex, p + ring.geometry.slots(), 1, |p| rx.is_free(p));
        }
    }
    producer.join().unwrap();
}
