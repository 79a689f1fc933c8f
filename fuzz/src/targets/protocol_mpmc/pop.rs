//! Consumers.

use std::sync::atomic::Ordering::Relaxed;

use super::model::State;
use super::{BATCH, Conduct, Game, Seat, Taker};
use crate::heap::mpmc::{Element, element};
use crate::protocol::mpmc::{Memory, Popped};

impl Game {
    /// The line's consumer, if it has its hands free, and no heritage to deliver first.
    fn free_hands(&mut self, line: u32) -> Option<&mut Taker> {
        match &mut self.seats[line as usize] {
            Seat::Consumer(taker) if taker.hand.is_none() && taker.heritage.is_none() => Some(taker),
            _ => None,
        }
    }

    #[track_caller]
    fn judge(conduct: Conduct, p: u64, found: Element) {
        assert!(conduct == Conduct::Hostile || found == element(0, p), "at {p}: {found:?}");
    }

    /// The voids at the head are freed on the way to it.
    fn skip_voids(&mut self, line: u32) {
        let mut voids = 0;
        while self.model.skip_void() {
            voids += 1;
        }
        if let Some(taker) = self.free_hands(line) {
            assert_eq!(taker.rx.take_voids(), voids, "who waits for those slots is told");
        }
    }

    /// What is answered where nothing is ready.
    fn nothing<E>(&self) -> Popped<E> {
        if self.model.head == self.model.tail() { Popped::Empty } else { Popped::Pending }
    }

    pub(super) fn claim(&mut self, line: u32) {
        let Some(taker) = self.free_hands(line) else { return };
        let answer = match taker.rx.try_claim() {
            Ok(answer) => answer,
            Err(corruption) => {
                assert!(!self.honest(), "{corruption}");
                return self.dies(line);
            }
        };
        if let Popped::At(p, _) = answer {
            taker.hand = Some((p, false));
        }
        if self.honest() {
            // With something in its hands it is asked for the voids when they are free again.
            let hand = self.seat_hand(line).take();
            self.skip_voids(line);
            *self.seat_hand(line) = hand;
            let head = self.model.head;
            match answer {
                Popped::At(p, found) => {
                    assert_eq!((p, self.model.ready(1)), (head, (1, 1)));
                    Self::judge(self.conduct, p, found);
                    self.model.set(p, State::Claimed { line, taken: false });
                    self.model.head += 1;
                }
                _ => assert_eq!((self.model.ready(1), answer), ((0, 0), self.nothing())),
            }
        }
    }

    fn seat_hand(&mut self, line: u32) -> &mut Option<(u64, bool)> {
        match &mut self.seats[line as usize] {
            Seat::Consumer(taker) => &mut taker.hand,
            _ => unreachable!("it is a consumer's"),
        }
    }

    /// Frees what the consumer holds.
    pub(super) fn free(&mut self, line: u32) {
        let Seat::Consumer(taker) = &mut self.seats[line as usize] else { return };
        let Some((p, taken)) = taker.hand.take() else { return };
        if taken {
            taker.rx.free_taken(p);
        } else {
            taker.rx.free(p);
        }
        self.model.set(p, State::Free);
        if self.honest() {
            assert!(self.is_free_again(line, p));
        }
    }

    fn is_free_again(&self, line: u32, p: u64) -> bool {
        match &self.seats[line as usize] {
            Seat::Consumer(taker) => taker.rx.is_free(p + self.ring.geometry.slots()),
            _ => false,
        }
    }

    /// Pops a slice, if the line's participant is a consumer with free hands. Where it began, and the states of the positions before.
    pub(super) fn pop_slice(&mut self, line: u32, len: usize) -> Option<(u64, Vec<State>)> {
        let taker = self.free_hands(line)?;
        let mut elements = [[0; 3]; BATCH];
        let answer = match taker.rx.try_pop_slice(&mut elements[..len]) {
            Ok(answer) => answer,
            Err(corruption) => {
                assert!(!self.honest(), "{corruption}");
                self.dies(line);
                return None;
            }
        };
        if let Popped::At(_, batch) = answer {
            assert!(batch.elements <= len && batch.elements as u64 <= batch.positions);
        }
        if !self.honest() {
            return None;
        }
        if self.model.ready(len as u64).1 == 0 {
            self.skip_voids(line);
        }
        let (count, full) = self.model.ready(len as u64);
        let head = self.model.head;
        let Popped::At(p, batch) = answer else {
            assert_eq!((full, answer), (0, self.nothing()));
            return None;
        };
        assert_eq!((p, batch.positions, batch.elements as u64), (head, count, full));
        let before: Vec<State> = (p..p + count).map(|p| self.model.state(p)).collect();
        let mut found = elements.iter();
        for (p, state) in (p..).zip(&before) {
            if *state == State::Published {
                Self::judge(self.conduct, p, *found.next().expect("as many as were popped"));
            }
            self.model.set(p, State::Free);
        }
        assert!(found.all(|rest| *rest == [0; 3]), "more than the answer says");
        self.model.head += count;
        Some((p, before))
    }

    /// A consumer dies behind the intent, behind the claim, or when it has freed some.
    pub(super) fn die_popping(&mut self, line: u32, len: u8, stage: u8) {
        if !matches!(self.seats[line as usize], Seat::Consumer(_)) {
            return;
        }
        let slots = self.ring.geometry.slots();
        let stamps: Vec<u64> = (0..slots).map(|p| self.stamp(p).load(Relaxed)).collect();
        if let Some((p, before)) = self.pop_slice(line, usize::from(len) % BATCH + 1) {
            let stage = usize::from(stage) % (before.len() + 2);
            for (p, state) in (p..).zip(&before).skip(stage.saturating_sub(1)) {
                self.stamp(p).store(stamps[(p % slots) as usize], Relaxed);
                let left = if *state == State::Void { State::VoidLeft } else { State::Left { taken: false } };
                self.model.set(p, if stage == 0 { *state } else { left });
            }
            if stage == 0 {
                self.handle.head().store(p, Relaxed);
                self.model.head = p;
            }
        }
        self.dies(line);
    }
}
