//! A many-to-many ring's words as loom sees them, and a kernel that knows who lives.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize};

use crate::futex::Futex;
use crate::protocol::Corruption;
use crate::protocol::mpmc::membership::Roll;
use crate::protocol::mpmc::sleepers::Beds;
use crate::protocol::mpmc::{Census, Consumer, Geometry, Memory, Policy, Popped, Side};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// One ring, with its table.
#[derive(Debug)]
pub(crate) struct Shared {
    slots: Vec<Slot>,
    tail: AtomicU64,
    head: AtomicU64,
    lines: Vec<Line>,
    /// Who sleeps: consumers, and producers.
    data: AtomicU64,
    space: AtomicU64,
    changes: AtomicU64,
    pub(crate) futex: Futex,
    pub(crate) geometry: Geometry,
    pub(crate) policy: Policy,
    interlude: Interlude,
}

/// What others do while a producer stands between its claim and its write.
#[derive(Default)]
struct Interlude(std::sync::Mutex<Option<Box<dyn FnOnce()>>>);

impl std::fmt::Debug for Interlude {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interlude")
    }
}

#[derive(Debug)]
struct Slot {
    stamp: AtomicU64,
    cell: UnsafeCell<u64>,
}

#[derive(Debug)]
struct Line {
    pushing: AtomicU64,
    popping: AtomicU64,
    taking: AtomicU64,
    asleep: AtomicU32,
    state: AtomicU64,
    side: AtomicU64,
    /// The kernel's lock.
    held: AtomicBool,
}

impl Shared {
    pub(crate) fn new(capacity: u64, lines: u32, policy: Policy) -> Arc<Self> {
        let geometry = Geometry::new(capacity).expect("a capacity");
        let slot = |_| Slot { stamp: AtomicU64::watched(0), cell: UnsafeCell::new(0) };
        let line = |_| Line {
            pushing: AtomicU64::new(0),
            popping: AtomicU64::new(0),
            taking: AtomicU64::new(0),
            asleep: AtomicU32::new(0),
            state: AtomicU64::watched(0),
            side: AtomicU64::new(0),
            held: AtomicBool::new(false),
        };
        Arc::new(Shared {
            slots: (0..geometry.slots()).map(slot).collect(),
            tail: AtomicU64::watched(0),
            head: AtomicU64::watched(0),
            lines: (0..lines).map(line).collect(),
            data: AtomicU64::watched(0),
            space: AtomicU64::watched(0),
            changes: AtomicU64::watched(0),
            futex: Futex::new(&Arc::new(AtomicUsize::new(0))),
            geometry,
            policy,
            interlude: Interlude::default(),
        })
    }

    /// Takes the line's lock, if nobody has it.
    pub(crate) fn lock(&self, line: u32) -> bool {
        // Read-modify-writes, here and below: the kernel never answers with what was.
        !self.lines[line as usize].held.swap(true, Ordering::AcqRel)
    }

    /// The lock falls: its holder is dead, or has given it back.
    pub(crate) fn unlock(&self, line: u32) {
        assert!(self.lines[line as usize].held.swap(false, Ordering::AcqRel), "unlocked what was not locked");
    }

    /// The lock falls, if its holder had got as far as to take it.
    pub(crate) fn unlock_if_locked(&self, line: u32) {
        self.lines[line as usize].held.swap(false, Ordering::AcqRel);
    }

    /// Has the next producer that has claimed a position stand still until `interlude` has run: an order of events that loom need not
    /// search for, with one thread less.
    pub(crate) fn between_claim_and_write(&self, interlude: impl FnOnce() + 'static) {
        *self.interlude.0.lock().unwrap() = Some(Box::new(interlude));
    }

    /// Where the head is.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }
}

/// A participant's access to the ring.
#[derive(Clone, Debug)]
pub(crate) struct Handle(pub(crate) Arc<Shared>);

impl Handle {
    fn line_of(&self, line: u32) -> &Line {
        &self.0.lines[line as usize]
    }
}

// SAFETY: every slot has a word and a cell of its own, which live as long as the handle. Loom checks each access to a
// cell against all others, so that a slot that is not the caller's is an error of the model and not of the memory.
unsafe impl Memory for Handle {
    type Element = u64;
    type Slot = usize;
    type Line = u32;

    fn slot(&self, p: u64) -> usize {
        (p % self.0.geometry.slots()) as usize
    }

    fn stamp(&self, slot: usize) -> &AtomicU64 {
        &self.0.slots[slot].stamp
    }

    fn tail(&self) -> &AtomicU64 {
        &self.0.tail
    }

    fn head(&self) -> &AtomicU64 {
        &self.0.head
    }

    fn lines(&self) -> u32 {
        self.0.lines.len() as u32
    }

    fn line(&self, number: u32) -> u32 {
        number
    }

    fn pushing(&self, line: u32) -> &AtomicU64 {
        &self.line_of(line).pushing
    }

    fn popping(&self, line: u32) -> &AtomicU64 {
        &self.line_of(line).popping
    }

    fn taking(&self, line: u32) -> &AtomicU64 {
        &self.line_of(line).taking
    }

    unsafe fn write(&self, slot: usize, element: u64) {
        let interlude = self.0.interlude.0.lock().unwrap().take();
        if let Some(interlude) = interlude {
            interlude();
        }
        crate::crash::step();
        self.0.slots[slot].cell.with_mut(|cell| {
            // SAFETY: loom has made sure that nobody else accesses the cell now.
            unsafe { *cell = element };
        });
    }

    unsafe fn read(&self, slot: usize) -> u64 {
        crate::crash::step();
        self.0.slots[slot].cell.with(|cell| {
            // SAFETY: loom has made sure that nobody writes the cell now.
            unsafe { *cell }
        })
    }

    fn hint_ahead(&self, _: u64) {}
}

impl Census for Handle {
    fn lives(&self, line: u32) -> bool {
        self.line_of(line).held.fetch_or(false, Ordering::AcqRel)
    }
}

impl Roll for Handle {
    fn lines(&self) -> u32 {
        self.0.lines.len() as u32
    }

    fn changes(&self) -> &AtomicU64 {
        &self.0.changes
    }

    fn state(&self, line: u32) -> &AtomicU64 {
        &self.line_of(line).state
    }

    fn side(&self, line: u32) -> &AtomicU64 {
        &self.line_of(line).side
    }
}

/// The sleepers of one side.
#[derive(Clone, Debug)]
pub(crate) struct Sleepers(pub(crate) Handle, pub(crate) Side);

impl Beds for Sleepers {
    fn lines(&self) -> u32 {
        self.0.0.lines.len() as u32
    }

    fn mask(&self) -> &AtomicU64 {
        match self.1 {
            Side::Producer => &self.0.0.space,
            Side::Consumer => &self.0.0.data,
        }
    }

    fn asleep(&self, line: u32) -> &AtomicU32 {
        &self.0.line_of(line).asleep
    }
}

impl Consumer<Handle> {
    /// Claims the next element, copies it out and frees its slot, or says why not: what the library does off its fast path, without a guard.
    pub(crate) fn try_pop(&mut self) -> Result<Popped<u64>, Corruption> {
        let popped = self.try_claim()?;
        if let Popped::At(p, _) = popped {
            self.free(p);
        }
        Ok(popped)
    }
}
