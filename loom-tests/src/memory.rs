//! A ring's words as loom sees them.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;

use crate::futex::Futex;
use crate::protocol::role;
use crate::protocol::spsc::{Consumer, Geometry, Memory, Producer, Push};
use crate::sync::{AtomicU32, AtomicU64};

/// One ring, with the words around it. `K` slots to a line.
#[derive(Debug)]
pub(crate) struct Shared<const K: usize> {
    lines: Vec<Line<K>>,
    consumed: AtomicU64,
    released: AtomicU64,
    /// The event on which the producer sleeps, and the one for the consumer.
    pub(crate) space: AtomicU32,
    pub(crate) data: AtomicU32,
    pub(crate) space_futex: Futex,
    pub(crate) data_futex: Futex,
    pub(crate) producer_role: AtomicU64,
    pub(crate) consumer_role: AtomicU64,
    pub(crate) geometry: Geometry,
}

#[derive(Debug)]
struct Line<const K: usize> {
    stamp: AtomicU64,
    slots: [UnsafeCell<u64>; K],
}

impl<const K: usize> Shared<K> {
    /// A ring of `lines` lines, smaller than any that a capacity could ask for, so that a few pushes wrap it.
    pub(crate) fn new(lines: u64, lag: u64) -> Arc<Self> {
        let line = |_| Line { stamp: AtomicU64::new(0), slots: [(); K].map(|()| UnsafeCell::new(0)) };
        let fences = Arc::new(AtomicUsize::new(0));
        Arc::new(Shared {
            lines: (0..lines).map(line).collect(),
            consumed: AtomicU64::new(0),
            released: AtomicU64::new(0),
            space: AtomicU32::new(0),
            data: AtomicU32::new(0),
            space_futex: Futex::new(&fences),
            data_futex: Futex::new(&fences),
            producer_role: AtomicU64::new(0),
            consumer_role: AtomicU64::new(0),
            geometry: Geometry { lines, slots: K as u64, lag },
        })
    }
}

/// Attaches a producer; with the count of attachments.
pub(crate) fn producer<const K: usize>(shared: &Arc<Shared<K>>) -> (Producer<Handle<K>>, u64) {
    let producer = Producer::attach(Handle(Arc::clone(shared)), shared.geometry).expect("sound words");
    (producer, role::attach(&shared.producer_role))
}

/// Attaches a consumer; with the count of attachments.
pub(crate) fn consumer<const K: usize>(shared: &Arc<Shared<K>>) -> (Consumer<Handle<K>>, u64) {
    let consumer = Consumer::attach(Handle(Arc::clone(shared)), shared.geometry).expect("sound words");
    (consumer, role::attach(&shared.consumer_role))
}

/// A participant's access to the ring.
#[derive(Clone, Debug)]
pub(crate) struct Handle<const K: usize>(Arc<Shared<K>>);

// SAFETY: every line has words and cells of its own, which live as long as the handle. Loom checks each access to a
// cell against all others, so that a slot that is not the caller's is an error of the model and not of the memory.
unsafe impl<const K: usize> Memory for Handle<K> {
    type Element = u64;
    type Line = usize;
    const SLOTS: u64 = K as u64;
    const AHEAD: u64 = 1;

    fn line(&self, index: u64) -> usize {
        index as usize
    }

    fn stamp(&self, line: usize) -> &AtomicU64 {
        &self.0.lines[line].stamp
    }

    fn consumed(&self) -> &AtomicU64 {
        &self.0.consumed
    }

    fn released(&self) -> &AtomicU64 {
        &self.0.released
    }

    unsafe fn write(&self, line: usize, slot: u64, element: u64) {
        crate::crash::step();
        self.0.lines[line].slots[slot as usize].with_mut(|cell| {
            // SAFETY: loom has made sure that nobody else accesses the cell now.
            unsafe { *cell = element };
        });
    }

    unsafe fn write_slice(&self, line: usize, slot: u64, elements: &[u64]) {
        for (slot, &element) in (slot..).zip(elements) {
            // SAFETY: the caller's contract, slot by slot.
            unsafe { self.write(line, slot, element) };
        }
    }

    unsafe fn read(&self, line: usize, slot: u64) -> u64 {
        crate::crash::step();
        self.0.lines[line].slots[slot as usize].with(|cell| {
            // SAFETY: loom has made sure that nobody writes the cell now.
            unsafe { *cell }
        })
    }

    unsafe fn read_slice(&self, line: usize, slot: u64, elements: &mut [u64]) {
        for (slot, element) in (slot..).zip(elements) {
            // SAFETY: the caller's contract, slot by slot.
            *element = unsafe { self.read(line, slot) };
        }
    }

    fn hint_complete(&self, _: usize) {}

    fn hint_write(&self, _: usize, _: Push) {}

    fn hint_read(&self, _: usize, _: u64) {}
}
