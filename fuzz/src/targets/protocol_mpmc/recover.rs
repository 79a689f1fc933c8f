//! What the dead have left.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

use super::model::State;
use super::{Game, LINES, Seat, Taker};
use crate::heap::mpmc::element;
use crate::protocol::mpmc::{Consumer, Leased, Policy, Producer, Recovered, Side, recovery};

/// What a look at a position of the dead finds.
#[derive(PartialEq)]
enum Verdict {
    Nothing,
    Skipped,
    FreedVoid,
    Orphan,
    /// Somebody who lives has it, or may have it.
    Held,
}

impl Game {
    /// What is to be said of a position, from the lines that `count` as dead.
    fn verdict(&self, p: u64, dead: impl Fn(u32) -> bool) -> Verdict {
        let noted = (0..LINES).any(|line| dead(line) && (self.pops(line, p) || self.takes(line, p)));
        let claimed_too = (0..LINES).any(|line| self.lives(line) && self.pops(line, p));
        match self.model.state(p) {
            State::Unpublished if (0..LINES).any(|line| dead(line) && self.pushes(line, p)) => Verdict::Skipped,
            _ if !noted || p >= self.model.head => Verdict::Nothing,
            State::Left { taken: false } | State::VoidLeft if claimed_too => Verdict::Held,
            State::Left { .. } => Verdict::Orphan,
            State::VoidLeft => Verdict::FreedVoid,
            State::Claimed { taken: false, .. } => Verdict::Held,
            _ => Verdict::Nothing,
        }
    }

    /// What a look from these lines has to report. The model is told what it settles; orphans stay what they are.
    fn settle(&mut self, dead: impl Fn(u32) -> bool) -> (Recovered, Vec<u64>, bool) {
        let (mut expected, mut orphans, mut held) = (Recovered::default(), Vec::new(), false);
        for p in self.model.recent() {
            match self.verdict(p, &dead) {
                Verdict::Nothing => {}
                Verdict::Held => held = true,
                Verdict::Skipped => {
                    expected.skipped += 1;
                    self.model.set(p, State::Void);
                }
                Verdict::FreedVoid => {
                    expected.freed += 1;
                    self.model.set(p, State::Free);
                }
                Verdict::Orphan if self.policy == Policy::Discard => {
                    expected.freed += 1;
                    expected.discarded += 1;
                    self.model.set(p, State::Free);
                }
                Verdict::Orphan => {
                    expected.orphans += 1;
                    orphans.push(p);
                }
            }
        }
        (expected, orphans, held)
    }

    /// Somebody looks for what the dead have left, and keeps in mind one of the orphans.
    pub(super) fn recover(&mut self, begin: u32, which: usize) {
        let (mut found, mut seen) = (Recovered::default(), Vec::new());
        let look = recovery(&self.handle, self.ring.geometry, &self.handle, self.policy);
        let _ = look.run(begin, &mut found, |orphan| {
            seen.push(orphan);
            ControlFlow::Continue(())
        });
        let blockers = [look.blocker(Side::Producer), look.blocker(Side::Consumer)];
        if let Some(orphan) = seen.get(which % seen.len().max(1)) {
            self.orphan = Some((*orphan, self.stamp(orphan.position).load(Relaxed)));
        }
        if !self.honest() {
            return;
        }
        let dead: Vec<bool> = (0..LINES).map(|line| !self.lives(line)).collect();
        let (expected, orphans, held) = self.settle(|line| dead[line as usize]);
        assert_eq!(Recovered { held: None, ..found }, expected);
        assert_eq!(found.held.is_some(), held, "{found:?}");
        let mut seen: Vec<u64> = seen.iter().map(|orphan| orphan.position).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, orphans);
        let before = self.model.tail().checked_sub(self.ring.geometry.slots());
        let holder = before.map(|p| self.model.state(p)).and_then(|state| match state {
            State::Claimed { line, .. } => Some(line),
            _ => None,
        });
        if let Some(line) = holder {
            assert!(blockers[0].is_some_and(|held| self.lives(held.line)), "line {line} is waited for");
        }
        assert_eq!(blockers[1], None, "nobody who lives is in the middle of a push");
    }

    /// A consumer takes over the orphan that was seen last, if that is still one.
    pub(super) fn take(&mut self, line: u32) {
        let Some((orphan, stamp)) = self.orphan else { return };
        let p = orphan.position;
        let is_as_seen = self.stamp(p).load(Relaxed) == stamp;
        let (honest, state) = (self.honest(), self.model.recent().contains(&p).then(|| self.model.state(p)));
        let Seat::Consumer(taker) = &mut self.seats[line as usize] else { return };
        if taker.hand.is_some() || taker.heritage.is_some() {
            return;
        }
        let found = taker.rx.take(orphan, taker.attachment);
        assert!(!honest || found.is_some() == is_as_seen);
        let Some(found) = found else { return };
        taker.hand = Some((p, true));
        if honest {
            assert!(matches!(state, Some(State::Left { .. })), "taken from one who lives: {state:?}");
            assert_eq!(found, element(0, p));
            self.model.set(p, State::Claimed { line, taken: true });
        }
    }

    /// The next of the heritage.
    pub(super) fn inherit(&mut self, line: u32) {
        let honest = self.honest();
        let Seat::Consumer(taker) = &mut self.seats[line as usize] else { return };
        let (None, Some(heritage)) = (taker.hand, &mut taker.heritage) else { return };
        match taker.rx.inherit(heritage, taker.attachment) {
            Some((p, found)) => {
                taker.hand = Some((p, false));
                if honest {
                    assert_eq!(self.model.state(p), State::Claimed { line, taken: true });
                    assert_eq!(found, element(0, p));
                }
            }
            None => {
                taker.heritage = None;
                let forgotten = |p| matches!(self.model.state(p), State::Claimed { line: by, .. } if by == line);
                assert!(!honest || !self.model.recent().any(forgotten), "not all was inherited");
            }
        }
    }

    /// All of it.
    pub(super) fn deliver(&mut self, line: u32) {
        for _ in 0..=self.ring.geometry.slots() {
            self.inherit(line);
            self.free(line);
        }
    }

    /// Somebody takes a line that nobody holds.
    pub(super) fn attach(&mut self, line: u32, side: Side) {
        if !matches!(self.seats[line as usize], Seat::Vacant) {
            return;
        }
        self.attachments = self.attachments.wrapping_add(1);
        // As it was before: the words say what the former holder had.
        let expected = self.honest().then(|| self.settle(|dead| dead == line));
        let leased = self.ring.lease(line, side, self.attachments);
        if let Some((_, orphans, held)) = expected {
            match &leased {
                Leased::Ambiguous => assert!(held),
                Leased::HasOrphans => assert!(!held && side == Side::Producer && !orphans.is_empty()),
                Leased::Yes(heritage) => {
                    assert!(!held && heritage.is_some() != orphans.is_empty());
                    assert!(side == Side::Consumer || orphans.is_empty());
                }
            }
            if side == Side::Consumer {
                for p in orphans {
                    self.model.set(p, State::Claimed { line, taken: true });
                }
            }
        }
        match leased {
            Leased::Yes(heritage) if side == Side::Consumer => {
                let rx = Consumer::new(self.ring.handle(), self.ring.geometry, line);
                let attachment = self.attachments;
                self.seats[line as usize] = Seat::Consumer(Taker { rx, attachment, heritage, hand: None });
            }
            Leased::Yes(_) => {
                let tx = Producer::new(self.ring.handle(), self.ring.geometry, line);
                self.seats[line as usize] = Seat::Producer(tx);
            }
            Leased::Ambiguous | Leased::HasOrphans => {
                self.ring.dies(line);
                self.model.dies(line);
            }
        }
    }
}
