//! A line of the table changes hands.
//!
//! For the holder of the line's lock, who has not announced itself yet: to everybody else the line's participant lives, and they
//! leave its claims alone.

use core::ops::ControlFlow;

use super::recovery::{Orphan, Recovery, change_taker};
use super::stamp::{Geometry, Taker};
use super::{Census, Consumer, Intent, Memory, Policy, Recovered, Side};
use crate::sync::Ordering;

/// Whether the line can be used.
#[derive(Debug)]
pub(crate) enum Leased {
    /// Everything that its former holder claimed is settled. The heritage, if there is one, is to be delivered first.
    Yes(Option<Inheritance>),
    /// A living participant may hold what the former holder may have held. Another line, or later again.
    Ambiguous,
    /// There are messages of the former holder to be delivered again, which a producer cannot do.
    HasOrphans,
}

/// The messages that a line's former holder had claimed and not freed. The line's intents cover them until all are
/// delivered.
#[derive(Debug)]
pub(crate) struct Inheritance {
    popping: Intent,
    taking: Intent,
    /// How many of the positions are done with.
    done: u64,
    head: u64,
}

/// Settles what the former holder of `taker.line` has claimed.
pub(crate) fn lease<M: Memory>(
    memory: &M,
    geometry: Geometry,
    census: &impl Census,
    policy: Policy,
    side: Side,
    taker: Taker,
) -> Leased {
    let line = taker.line;
    let recovery = Recovery::new(memory, geometry, census, policy, Some(line));
    let mut recovered = Recovered::default();
    let mut inherited = 0;
    let _ = recovery.settle(line, &mut recovered, |_| false, &mut |orphan: Orphan| {
        // Each gets a new stamp, also where it names this line already: a rival that has seen the former holder dead, and stands still
        // since, must not succeed.
        if side == Side::Consumer && change_taker(memory, geometry, orphan, taker) {
            inherited += 1;
        }
        ControlFlow::Continue(())
    });
    if recovered.held.is_some() || recovered.unfinished {
        return Leased::Ambiguous;
    }
    if side == Side::Producer && recovered.orphans > 0 {
        return Leased::HasOrphans;
    }
    let line = memory.line(line);
    Intent::clear(memory.pushing(line));
    if inherited == 0 {
        Intent::clear(memory.popping(line));
        Intent::clear(memory.taking(line));
        return Leased::Yes(None);
    }
    // ORDER [inherited-head]: Acquire, as [see-claimed].
    let head = memory.head().load(Ordering::Acquire);
    let (popping, taking) = (Intent::see(memory.popping(line)), Intent::see(memory.taking(line)));
    Leased::Yes(Some(Inheritance { popping, taking, done: 0, head }))
}

impl<M: Memory> Consumer<M> {
    /// The next message of the heritage, and its position. It is held until [`free`](Self::free). `None` when there are no more.
    pub(crate) fn inherit(&mut self, heritage: &mut Inheritance, attachment: u16) -> Option<(u64, M::Element)> {
        let taker = Taker { line: self.number(), attachment };
        let slots = self.geometry().slots();
        let positions =
            heritage.popping.positions(heritage.head, slots).chain(heritage.taking.positions(heritage.head, slots));
        for p in positions.skip(heritage.done as usize) {
            heritage.done += 1;
            let slot = self.memory().slot(p);
            // ORDER [see-inherited]: Acquire, partner [publish]: the element is read next.
            if self.memory().stamp(slot).load(Ordering::Acquire) == self.geometry().reclaim(p, taker) {
                // SAFETY: the stamp names this very attachment as the holder, and only `lease` writes it so, for a published message of a dead
                // consumer; nobody takes it from one who lives.
                return Some((p, unsafe { self.memory().read(slot) }));
            }
        }
        Intent::clear(self.memory().popping(self.line()));
        Intent::clear(self.memory().taking(self.line()));
        None
    }
}
