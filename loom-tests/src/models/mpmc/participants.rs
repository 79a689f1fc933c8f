//! Participants of a many-to-many ring, as thin as they can be around the protocol.

use std::ops::ControlFlow;

use loom::sync::Arc;

use crate::crowd::{Handle, Shared, Sleepers};
use crate::protocol::event::{self, Sleeper};
use crate::protocol::mpmc::sleepers::{self, Leaving};
use crate::protocol::mpmc::{
    Consumer, Inheritance, Leased, Orphan, Popped, Producer, Pushed, Recovered, Side, Taker, lease, recovery,
};
use crate::sync::AtomicU32;

pub(super) struct Tx {
    pub(super) half: Producer<Handle>,
    line: u32,
    shared: Arc<Shared>,
}

pub(super) struct Rx {
    pub(super) half: Consumer<Handle>,
    shared: Arc<Shared>,
    attachment: u16,
    heritage: Option<Inheritance>,
}

/// Leases `line` for an attachment of that number, if it can be had.
fn take_line(shared: &Arc<Shared>, line: u32, side: Side, attachment: u16) -> Option<Option<Inheritance>> {
    if !shared.lock(line) {
        return None;
    }
    let handle = Handle(Arc::clone(shared));
    match lease(&handle, shared.geometry, &handle, shared.policy, side, Taker { line, attachment }) {
        Leased::Yes(heritage) => Some(heritage),
        Leased::Ambiguous | Leased::HasOrphans => {
            shared.unlock(line);
            None
        }
    }
}

impl Tx {
    /// A producer on a line that nobody had before.
    pub(super) fn new(shared: &Arc<Shared>, line: u32) -> Tx {
        Tx::lease(shared, line, 1).expect("a fresh line")
    }

    pub(super) fn lease(shared: &Arc<Shared>, line: u32, attachment: u16) -> Option<Tx> {
        take_line(shared, line, Side::Producer, attachment)?;
        let half = Producer::new(Handle(Arc::clone(shared)), shared.geometry, line);
        Some(Tx { half, line, shared: Arc::clone(shared) })
    }

    /// True if pushed. Wakes who sleeps.
    pub(super) fn try_push(&mut self, element: u64) -> bool {
        let pushed = self.half.try_push(element).expect("sound words");
        self.notify(pushed);
        matches!(pushed, Pushed::At(..))
    }

    /// How many were pushed.
    pub(super) fn try_push_slice(&mut self, elements: &[u64]) -> usize {
        let pushed = self.half.try_push_slice(elements).expect("sound words");
        self.notify(pushed);
        if let Pushed::At(_, count) = pushed { count as usize } else { 0 }
    }

    fn notify(&self, pushed: Pushed) {
        let Pushed::At(p, count) = pushed else { return };
        let shared = &self.shared;
        let beds = Sleepers(self.half.memory().clone(), Side::Consumer);
        if sleepers::someone_sleeps(sleepers::Beds::mask(&beds), &shared.futex) {
            let ready = |p| self.half.is_published(p);
            sleepers::wake_for_each(&beds, &shared.futex, p, count, ready);
        }
    }

    /// Pushes, sleeping while it cannot.
    pub(super) fn push(&mut self, element: u64) {
        while !self.try_push(element) {
            let leaving = std::cell::Cell::new(Leaving::Unnoticed);
            let beds = Sleepers(self.half.memory().clone(), Side::Producer);
            let (half, line) = (&self.half, self.line);
            let mut sleeper = Until { beds: &beds, line, leaving: &leaving, reached: || !half.is_blocked() };
            event::park(&mut sleeper, &self.shared.futex);
            if self.try_push(element) {
                pass_on(&beds, &self.shared, leaving.get(), !self.half.is_blocked());
                return;
            }
            // As in the library: the room that there was may be another's by now.
            pass_on(&beds, &self.shared, leaving.get(), !self.half.is_blocked());
        }
    }

    pub(super) fn recover(&self) -> Recovered {
        let mut recovered = Recovered::default();
        let _ = recovery(self.half.memory(), self.shared.geometry, self.half.memory(), self.shared.policy)
            .run(&mut recovered, |_| ControlFlow::Continue(()));
        recovered
    }
}

impl Rx {
    /// A consumer on a line that nobody had before.
    pub(super) fn new(shared: &Arc<Shared>, line: u32) -> Rx {
        Rx::lease(shared, line, 1).expect("a fresh line")
    }

    pub(super) fn lease(shared: &Arc<Shared>, line: u32, attachment: u16) -> Option<Rx> {
        let heritage = take_line(shared, line, Side::Consumer, attachment)?;
        let half = Consumer::new(Handle(Arc::clone(shared)), shared.geometry, line);
        Some(Rx { half, shared: Arc::clone(shared), attachment, heritage })
    }

    /// The next element, if there is one: first those of the line's former holder.
    pub(super) fn try_pop(&mut self) -> Option<u64> {
        if let Some(heritage) = &mut self.heritage {
            if let Some((p, element)) = self.half.inherit(heritage, self.attachment) {
                self.half.free(p);
                self.notify(p, 1);
                return Some(element);
            }
            self.heritage = None;
        }
        match self.half.try_pop().expect("sound words") {
            Popped::At(p, element) => {
                self.notify(p, 1);
                Some(element)
            }
            Popped::Empty | Popped::Pending => None,
        }
    }

    pub(super) fn try_pop_slice(&mut self, elements: &mut [u64]) -> usize {
        match self.half.try_pop_slice(elements).expect("sound words") {
            Popped::At(p, batch) => {
                self.notify(p, batch.positions);
                batch.elements
            }
            Popped::Empty | Popped::Pending => 0,
        }
    }

    fn notify(&self, p: u64, count: u64) {
        let shared = &self.shared;
        let beds = Sleepers(self.half.memory().clone(), Side::Producer);
        if sleepers::someone_sleeps(sleepers::Beds::mask(&beds), &shared.futex) {
            let ready = |p| self.half.is_free(p);
            sleepers::wake_for_each(&beds, &shared.futex, p + shared.geometry.slots(), count, ready);
        }
    }

    /// Pops, sleeping while it cannot.
    pub(super) fn pop(&mut self) -> u64 {
        loop {
            if let Some(element) = self.try_pop() {
                return element;
            }
            let leaving = std::cell::Cell::new(Leaving::Unnoticed);
            let beds = Sleepers(self.half.memory().clone(), Side::Consumer);
            let (half, line) = (&self.half, self.half.number());
            let mut sleeper = Until { beds: &beds, line, leaving: &leaving, reached: || !half.is_blocked() };
            event::park(&mut sleeper, &self.shared.futex);
            let element = self.try_pop();
            pass_on(&beds, &self.shared, leaving.get(), !self.half.is_blocked());
            if let Some(element) = element {
                return element;
            }
        }
    }

    /// Settles what the dead have left; delivers a message of theirs, if there is one.
    pub(super) fn recover(&mut self) -> Option<u64> {
        let (orphan, _) = self.look_for_orphan();
        let orphan = orphan?;
        let element = self.half.take(orphan, self.attachment)?;
        self.half.free_taken(orphan.position);
        self.notify(orphan.position, 1);
        Some(element)
    }

    pub(super) fn look_for_orphan(&self) -> (Option<Orphan>, Recovered) {
        let (mut orphan, mut recovered) = (None, Recovered::default());
        let _ = recovery(self.half.memory(), self.shared.geometry, self.half.memory(), self.shared.policy).run(
            &mut recovered,
            |found| {
                orphan = Some(found);
                ControlFlow::Break(())
            },
        );
        (orphan, recovered)
    }
}

fn pass_on(beds: &Sleepers, shared: &Shared, leaving: Leaving, more: bool) {
    if leaving == Leaving::Chosen && more {
        sleepers::wake_for_each(beds, &shared.futex, 0, 1, |_| false);
    }
}

struct Until<'a, F> {
    beds: &'a Sleepers,
    line: u32,
    leaving: &'a std::cell::Cell<Leaving>,
    reached: F,
}

impl<F: FnMut() -> bool> Sleeper<crate::futex::Futex> for Until<'_, F> {
    type Outcome = ();

    fn word(&self) -> &AtomicU32 {
        sleepers::Beds::asleep(self.beds, self.line)
    }

    fn announce(&self) {
        sleepers::announce(self.beds, self.line);
    }

    fn retract(&self) {
        self.leaving.set(sleepers::retract(self.beds, self.line));
    }

    fn poll(&mut self) -> Option<()> {
        (self.reached)().then_some(())
    }

    fn look(&mut self) -> ControlFlow<()> {
        if (self.reached)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
