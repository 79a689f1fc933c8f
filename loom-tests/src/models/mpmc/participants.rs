//! Participants of a many-to-many ring, as thin as they can be around the protocol.
//!
//! `try_push`, `try_pop` and their kin wake nobody: in the library the waker's fence is the compiler's alone, and loom's full one in
//! its place would put in order what the protocol has to order by itself. Models of sleep use `post` and `fetch`.

use std::cell::Cell;
use std::ops::ControlFlow;

use loom::sync::Arc;

use crate::crowd::{Handle, Shared, Sleepers};
use crate::protocol::event::{self, Sleeper};
use crate::protocol::mpmc::sleepers::{self, Leaving};
use crate::protocol::mpmc::{
    Consumer, Inheritance, Intent, Leased, Memory, Orphan, Popped, Producer, Pushed, Recovered, Side, Taker, lease,
    recovery,
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
    /// The end of a push that was stopped (see [`crash::mortal`](crate::crash::mortal)) before a claim that somebody else wins.
    pub(super) fn lose(&mut self) {
        Intent::clear(self.half.memory().pushing(self.line));
    }

    /// A producer on a line that nobody had before, where there is nothing to settle.
    pub(super) fn new(shared: &Arc<Shared>, line: u32) -> Tx {
        assert!(shared.lock(line), "a fresh line");
        Tx { half: Producer::new(Handle(Arc::clone(shared)), shared.geometry, line), line, shared: Arc::clone(shared) }
    }

    pub(super) fn lease(shared: &Arc<Shared>, line: u32, attachment: u16) -> Option<Tx> {
        take_line(shared, line, Side::Producer, attachment)?;
        let half = Producer::new(Handle(Arc::clone(shared)), shared.geometry, line);
        Some(Tx { half, line, shared: Arc::clone(shared) })
    }

    /// True if pushed.
    pub(super) fn try_push(&mut self, element: u64) -> bool {
        matches!(self.half.try_push(element).expect("sound words"), Pushed::At(..))
    }

    /// How many were pushed.
    pub(super) fn try_push_slice(&mut self, elements: &[u64]) -> usize {
        let pushed = self.half.try_push_slice(elements).expect("sound words");
        if let Pushed::At(_, count) = pushed { count as usize } else { 0 }
    }

    /// Pushes, and wakes who sleeps. True if pushed.
    pub(super) fn post(&mut self, element: u64) -> bool {
        let pushed = self.half.try_push(element).expect("sound words");
        self.notify(pushed);
        matches!(pushed, Pushed::At(..))
    }

    /// The same of several: all of them.
    pub(super) fn post_slice(&mut self, elements: &[u64]) {
        let pushed = self.half.try_push_slice(elements).expect("sound words");
        assert_eq!(pushed, Pushed::At(0, elements.len() as u64), "the ring was empty");
        self.notify(pushed);
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

    /// Pushes, and sleeps before each try: a try before would only add to the interleavings.
    pub(super) fn push(&mut self, element: u64) {
        loop {
            let leaving = Cell::new(Leaving::Unnoticed);
            let beds = Sleepers(self.half.memory().clone(), Side::Producer);
            let (half, line) = (&self.half, self.line);
            let mut sleeper = Until { beds: &beds, line, leaving: &leaving, reached: || !half.is_blocked() };
            event::park(&mut sleeper, &self.shared.futex);
            let pushed = self.try_push(element);
            pass_on(&beds, &self.shared, leaving.get(), || !self.half.is_blocked());
            if pushed {
                return;
            }
        }
    }

    pub(super) fn recover(&self) -> Recovered {
        let mut recovered = Recovered::default();
        let _ = recovery(self.half.memory(), self.shared.geometry, self.half.memory(), self.shared.policy).run(
            0,
            &mut recovered,
            |_| ControlFlow::Continue(()),
        );
        recovered
    }
}

impl Rx {
    /// The end of a pop that was stopped (see [`crash::mortal`](crate::crash::mortal)) before a claim that somebody else wins.
    pub(super) fn lose(&mut self) {
        Intent::clear(self.half.memory().popping(self.half.number()));
    }

    /// A consumer on a line that nobody had before, where there is nothing to settle.
    pub(super) fn new(shared: &Arc<Shared>, line: u32) -> Rx {
        assert!(shared.lock(line), "a fresh line");
        let half = Consumer::new(Handle(Arc::clone(shared)), shared.geometry, line);
        Rx { half, shared: Arc::clone(shared), attachment: 1, heritage: None }
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
                return Some(element);
            }
            self.heritage = None;
        }
        match self.half.try_pop().expect("sound words") {
            Popped::At(_, element) => Some(element),
            Popped::Empty | Popped::Pending => None,
        }
    }

    /// What is there, `most` elements at most.
    pub(super) fn try_pop_slice(&mut self, most: usize) -> Vec<u64> {
        let mut elements = vec![0; most];
        match self.half.try_pop_slice(&mut elements).expect("sound words") {
            Popped::At(_, batch) => elements.truncate(batch.elements),
            Popped::Empty | Popped::Pending => elements.clear(),
        }
        elements
    }

    /// Pops, and wakes who sleeps.
    pub(super) fn fetch(&mut self) -> Option<u64> {
        let popped = self.half.try_pop().expect("sound words");
        let Popped::At(p, element) = popped else { return None };
        self.notify(p, 1);
        Some(element)
    }

    /// The same of several.
    pub(super) fn fetch_slice(&mut self, elements: &mut [u64]) {
        let popped = self.half.try_pop_slice(elements).expect("sound words");
        let Popped::At(p, batch) = popped else { panic!("nothing there") };
        self.notify(p, batch.positions);
    }

    fn notify(&self, p: u64, count: u64) {
        let shared = &self.shared;
        let beds = Sleepers(self.half.memory().clone(), Side::Producer);
        if sleepers::someone_sleeps(sleepers::Beds::mask(&beds), &shared.futex) {
            let ready = |p| self.half.is_free(p);
            sleepers::wake_for_each(&beds, &shared.futex, p + shared.geometry.slots(), count, ready);
        }
    }

    /// Frees what was claimed, and wakes who sleeps.
    pub(super) fn free_and_wake(&mut self, p: u64) {
        self.half.free(p);
        self.notify(p, 1);
    }

    /// Pops, and sleeps before each try.
    pub(super) fn pop(&mut self) -> u64 {
        loop {
            let leaving = Cell::new(Leaving::Unnoticed);
            let beds = Sleepers(self.half.memory().clone(), Side::Consumer);
            let (half, line) = (&self.half, self.half.number());
            let mut sleeper = Until { beds: &beds, line, leaving: &leaving, reached: || !half.is_blocked() };
            event::park(&mut sleeper, &self.shared.futex);
            let element = self.try_pop();
            pass_on(&beds, &self.shared, leaving.get(), || !self.half.is_blocked());
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
        Some(element)
    }

    pub(super) fn look_for_orphan(&self) -> (Option<Orphan>, Recovered) {
        let (mut orphan, mut recovered) = (None, Recovered::default());
        let _ = recovery(self.half.memory(), self.shared.geometry, self.half.memory(), self.shared.policy).run(
            0,
            &mut recovered,
            |found| {
                orphan = Some(found);
                ControlFlow::Break(())
            },
        );
        (orphan, recovered)
    }
}

/// A sleeper that was chosen, and leaves something for others, wakes one of them.
fn pass_on(beds: &Sleepers, shared: &Shared, leaving: Leaving, more: impl Fn() -> bool) {
    if leaving == Leaving::Chosen && more() {
        sleepers::wake_for_each(beds, &shared.futex, 0, 1, |_| false);
    }
}

struct Until<'a, F> {
    beds: &'a Sleepers,
    line: u32,
    leaving: &'a Cell<Leaving>,
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
