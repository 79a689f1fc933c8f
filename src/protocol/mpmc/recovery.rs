//! What a dead participant had claimed is settled by whoever comes.
//!
//! The steps, for a position `p` in an intent of a line whose participant is dead:
//!
//! 1. **Claimed?** `p` is claimed: `tail > p` (or `head > p`). If not, the dead one had lost the race for it, or had not run it yet.
//! 2. **Unsettled?** The slot's stamp is still that of a claim under way.
//! 3. **Whose?** No line that has `p` in the same intent belongs to a living participant. One that does may be the holder, or merely
//!    have lost the race and not yet taken its intent back. Nobody can tell from outside, so its next step is waited for.
//! 4. **Settle**: one compare-and-swap of the stamp, from what step 2 saw.
//!
//! Why step 4 cannot hit a living holder: the holder stored its intent before its claim ([push-claim], [pop-claim] are Release), step
//! 1 saw a claim at `p` or behind it (Acquire, and read-modify-writes continue the release sequence), so step 3 sees that
//! intent or a later one of the same line. If it sees it, the holder is dead, or step 4 is not reached. If it sees a later one, then
//! the stamp had moved on before (the later intent is a Release store, read with Acquire), and the compare-and-swap fails. A position has
//! one holder in its life, with one exception, the taker of a message; and each change of taker changes the stamp.
//!
//! A recoverer may be killed before or after any of these steps: before step 4 nothing has changed, after it everything has.

use core::cell::Cell;
use core::ops::ControlFlow;

use super::stamp::{Geometry, MOST_LINES, Taker};
use super::{Census, Consumer, Intent, Memory};
use crate::sync::{AtomicU64, Ordering};

/// What becomes of a message whose consumer died before it had freed the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Another consumer gets it.
    Redeliver,
    /// Nobody does.
    Discard,
}

/// Which end of the ring a claim is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Producer,
    Consumer,
}

/// A position that a living participant holds, or may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) line: u32,
    pub(crate) side: Side,
    pub(crate) position: u64,
}

/// A message whose consumer is dead, as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) position: u64,
    stamp: u64,
}

/// What a recovery has done, and what it could not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Positions of dead producers, which will be skipped.
    pub(crate) skipped: u64,
    /// Slots of dead consumers that held nothing, or nothing that is to be delivered again, and are free.
    pub(crate) freed: u64,
    /// Messages among them.
    pub(crate) discarded: u64,
    /// Messages that wait for a consumer to deliver them again.
    pub(crate) orphans: u64,
    /// A position that cannot be settled yet, for a living participant may hold it.
    pub(crate) held: Option<Held>,
    /// There was more to look at than one look may take.
    pub(crate) unfinished: bool,
}

/// What there is to say of one position.
enum Finding {
    /// Not claimed, or settled.
    Settled,
    /// Was settled now.
    Done,
    /// Somebody who lives has it in an intent.
    Held(Held),
    /// Somebody who lives has taken it over.
    Taken(Held),
    Orphan(Orphan),
}

/// How much one look may take: a unit for a position, and as many as there are lines for one that is unsettled. The largest batch that one
/// dead participant can have left takes a quarter of this in a table of 64 lines; what is too much for one look is for the next. Without a
/// limit a hostile table could keep a look busy for hours.
const BUDGET: u64 = 1 << 24;

/// What the kernel has answered during one look: a bit for each line.
struct Answers {
    asked: [Cell<u64>; WORDS],
    alive: [Cell<u64>; WORDS],
}

const WORDS: usize = MOST_LINES as usize / 64;

impl Answers {
    fn new() -> Answers {
        Answers { asked: [const { Cell::new(0) }; WORDS], alive: [const { Cell::new(0) }; WORDS] }
    }

    /// The answer for a line, which is asked for once.
    fn get(&self, line: u32, ask: impl FnOnce() -> bool) -> bool {
        let (word, bit) = ((line / 64) as usize, 1 << (line % 64));
        let (Some(asked), Some(alive)) = (self.asked.get(word), self.alive.get(word)) else { return ask() };
        if asked.get() & bit == 0 {
            asked.set(asked.get() | bit);
            if ask() {
                alive.set(alive.get() | bit);
            }
        }
        alive.get() & bit != 0
    }
}

/// One look through the table of participants.
pub(crate) struct Recovery<'a, M, C> {
    pub(super) memory: &'a M,
    pub(super) geometry: Geometry,
    pub(super) census: &'a C,
    pub(super) policy: Policy,
    /// A line whose former participant is known to be dead, because the caller holds its lock; and not the caller's own by now.
    pub(super) dead: Option<u32>,
    /// Where tail and head were before the kernel was asked anything.
    tail: u64,
    head: u64,
    answers: Answers,
    spent: Cell<u64>,
}

/// A look through the table, for anybody.
pub(crate) fn recovery<'a, M: Memory, C: Census>(
    memory: &'a M,
    geometry: Geometry,
    census: &'a C,
    policy: Policy,
) -> Recovery<'a, M, C> {
    Recovery::new(memory, geometry, census, policy, None)
}

impl<'a, M: Memory, C: Census> Recovery<'a, M, C> {
    pub(super) fn new(memory: &'a M, geometry: Geometry, census: &'a C, policy: Policy, dead: Option<u32>) -> Self {
        let (tail, head) = (see_claimed(memory.tail()), see_claimed(memory.head()));
        let (answers, spent) = (Answers::new(), Cell::new(0));
        Recovery { memory, geometry, census, policy, dead, tail, head, answers, spent }
    }

    /// Settles what the dead have claimed, from line `begin` on, and round. `orphan` is shown each message that waits to be delivered
    /// again, until it breaks off.
    pub(crate) fn run(
        &self,
        begin: u32,
        recovered: &mut Recovered,
        mut orphan: impl FnMut(Orphan) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let lines = self.memory.lines();
        let begin = begin % lines.max(1);
        let all = || (begin..lines).chain(0..begin);
        for (passed, number) in all().enumerate() {
            let line = self.memory.line(number);
            let claims = [self.memory.pushing(line), self.memory.popping(line), self.memory.taking(line)];
            if claims.iter().any(|word| !Intent::see(word).is_none()) && !self.lives(number) {
                let counted = |p| {
                    self.spent.set(self.spent.get() + passed as u64);
                    all().take(passed).any(|before| self.is_left_at(before, p))
                };
                self.settle(number, recovered, counted, &mut orphan)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The same for one line, whose participant is dead. A message that was `counted` at another line is not counted at this one.
    pub(super) fn settle(
        &self,
        line: u32,
        recovered: &mut Recovered,
        counted: impl Fn(u64) -> bool,
        orphan: &mut impl FnMut(Orphan) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (line, slots) = (self.memory.line(line), self.geometry.slots());
        for p in Intent::see(self.memory.pushing(line)).positions(self.tail, slots) {
            if !self.may_look() {
                recovered.unfinished = true;
                return ControlFlow::Continue(());
            }
            match self.producers_claim(p) {
                Finding::Done => recovered.skipped += 1,
                Finding::Held(held) => recovered.held = Some(held),
                Finding::Settled | Finding::Taken(_) | Finding::Orphan(_) => {}
            }
        }
        let popping = Intent::see(self.memory.popping(line)).positions(self.head, slots);
        for p in popping.chain(Intent::see(self.memory.taking(line)).positions(self.head, slots)) {
            if !self.may_look() {
                recovered.unfinished = true;
                return ControlFlow::Continue(());
            }
            match self.consumers_claim(p) {
                Finding::Done => recovered.freed += 1,
                Finding::Held(held) => recovered.held = Some(held),
                Finding::Settled | Finding::Taken(_) => {}
                Finding::Orphan(found) if self.policy == Policy::Discard => {
                    if self.replace(p, found.stamp, self.geometry.free_again(p)) {
                        recovered.freed += 1;
                        recovered.discarded += 1;
                    }
                }
                Finding::Orphan(found) => {
                    // It is one message, in however many lines of the dead it stands.
                    recovered.orphans += u64::from(!counted(p));
                    orphan(found)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a line that this look has passed stands for this message too: a dead one that had it, or was about to take it over.
    fn is_left_at(&self, number: u32, p: u64) -> bool {
        let line = self.memory.line(number);
        let claims = [self.memory.popping(line), self.memory.taking(line)];
        claims.iter().any(|word| Intent::see(word).covers(p)) && !self.lives(number)
    }

    fn may_look(&self) -> bool {
        self.spent.set(self.spent.get() + 1);
        self.spent.get() <= BUDGET
    }

    /// Who keeps the next push, or the next pop, from going on, if it is somebody who lives.
    pub(crate) fn blocker(&self, side: Side) -> Option<Held> {
        // A pending pop waits for a producer's claim at the head, a pending push for a consumer's a lap before the tail.
        let finding = match side {
            Side::Consumer => self.suspect(self.head, Side::Producer),
            Side::Producer => self.suspect(self.tail.checked_sub(self.geometry.slots())?, Side::Consumer),
        };
        match finding {
            Finding::Held(held) | Finding::Taken(held) => Some(held),
            _ => None,
        }
    }

    /// Steps 1 to 4 for a producer's claim.
    fn producers_claim(&self, p: u64) -> Finding {
        match self.suspect(p, Side::Producer) {
            Finding::Orphan(Orphan { stamp, .. }) => self.settled(self.replace(p, stamp, self.geometry.void(p))),
            finding => finding,
        }
    }

    /// Steps 1 to 3 for a consumer's claim, and step 4 where there is no message in it.
    fn consumers_claim(&self, p: u64) -> Finding {
        match self.suspect(p, Side::Consumer) {
            Finding::Orphan(Orphan { stamp, .. }) if stamp == self.geometry.void(p) => {
                self.settled(self.replace(p, stamp, self.geometry.free_again(p)))
            }
            finding => finding,
        }
    }

    /// Steps 1 to 3. An orphan is what a dead participant holds, whatever it is.
    fn suspect(&self, p: u64, side: Side) -> Finding {
        let end = if side == Side::Producer { self.tail } else { self.head };
        if p >= end {
            return Finding::Settled;
        }
        let slot = self.memory.slot(p);
        // ORDER [see-unsettled]: Acquire, partner [publish]: a taker reads the element. A stamp that is out of date makes step 4 fail.
        let stamp = self.memory.stamp(slot).load(Ordering::Acquire);
        let geometry = self.geometry;
        let unsettled = match side {
            Side::Producer => stamp == geometry.free(p),
            Side::Consumer => stamp == geometry.full(p) || stamp == geometry.void(p),
        };
        let held = |line| Held { line, side, position: p };
        let orphan = Finding::Orphan(Orphan { position: p, stamp });
        match geometry.taker(p, stamp) {
            // Asked afresh: the taker may have come after an earlier answer.
            Some(taker) if side == Side::Consumer && self.lives_now(taker.line) => Finding::Taken(held(taker.line)),
            Some(_) if side == Side::Consumer => orphan,
            _ if unsettled => self.holder(p, side).map_or(orphan, |line| Finding::Held(held(line))),
            _ => Finding::Settled,
        }
    }

    /// Step 3: a line of a living participant that has `p` in its intent.
    fn holder(&self, p: u64, side: Side) -> Option<u32> {
        let covers = |line: &u32| {
            let word = match side {
                Side::Producer => self.memory.pushing(self.memory.line(*line)),
                Side::Consumer => self.memory.popping(self.memory.line(*line)),
            };
            Intent::see(word).covers(p)
        };
        self.spent.set(self.spent.get() + u64::from(self.memory.lines()));
        (0..self.memory.lines()).filter(covers).find(|&line| self.lives(line))
    }

    /// Whether the participant lived when it was first asked for in this look. That is good enough of a claim: all that were seen were
    /// made before.
    fn lives(&self, line: u32) -> bool {
        self.answers.get(line, || self.lives_now(line))
    }

    fn lives_now(&self, line: u32) -> bool {
        self.dead != Some(line) && self.census.lives(line)
    }

    /// Step 4.
    fn replace(&self, p: u64, seen: u64, by: u64) -> bool {
        let slot = self.memory.slot(p);
        // ORDER [settle]: Release, partners [see-free] and [see-full]: what the dead one did to the slot, which the kernel
        // ordered before the news of its death, comes before what others do. Relaxed on failure: somebody else has settled it.
        self.memory.stamp(slot).compare_exchange(seen, by, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn settled(&self, by_us: bool) -> Finding {
        if by_us { Finding::Done } else { Finding::Settled }
    }
}

impl<M: Memory> Consumer<M> {
    /// Takes over a dead consumer's message and copies it out, if nobody was quicker. It is held until
    /// [`free_taken`](Self::free_taken).
    pub(crate) fn take(&mut self, orphan: Orphan, attachment: u16) -> Option<M::Element> {
        let p = orphan.position;
        // ORDER [taking]: Release, partner [see-intent]; before [take], so that whoever finds the message taken by one who is dead
        // finds its position here.
        self.memory().taking(self.line()).store(Intent::one(p).word(), Ordering::Release);
        if !change_taker(self.memory(), self.geometry(), orphan, Taker { line: self.number(), attachment }) {
            self.clear_taking();
            return None;
        }
        let slot = self.memory().slot(p);
        // SAFETY: the position is ours by the compare-and-swap on the stamp: its former holder is dead, and whoever else takes over a
        // dead consumer's message has lost against us. It was published.
        Some(unsafe { self.memory().read(slot) })
    }

    /// Gives the slot of a message that was taken over back to the producers.
    pub(crate) fn free_taken(&mut self, p: u64) {
        self.free(p);
        self.clear_taking();
    }

    fn clear_taking(&mut self) {
        Intent::clear(self.memory().taking(self.line()));
    }
}

/// Makes `taker` the holder of a message whose holder is dead. False if somebody was quicker.
pub(super) fn change_taker<M: Memory>(memory: &M, geometry: Geometry, orphan: Orphan, taker: Taker) -> bool {
    let slot = memory.slot(orphan.position);
    let by = geometry.reclaim(orphan.position, taker);
    // ORDER [take]: AcqRel. Acquire, partner [publish]: the element is read next. Release: whoever takes it over from us in turn
    // sees what we saw. Relaxed on failure: another was quicker, and nothing is read.
    memory.stamp(slot).compare_exchange(orphan.stamp, by, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

fn see_claimed(word: &AtomicU64) -> u64 {
    // ORDER [see-claimed]: Acquire, partners [push-claim] and [pop-claim]: the intents of all whose claims are seen here
    // are seen too. Without it the living holder of a position could be overlooked.
    word.load(Ordering::Acquire)
}
