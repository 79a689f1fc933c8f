//! Producers.

use std::sync::atomic::Ordering::Relaxed;

use super::model::State;
use super::{BATCH, Game, Seat};
use crate::heap::mpmc::{Element, element};
use crate::protocol::mpmc::{Memory, Pushed};

impl Game {
    /// Pushes one, or a slice, if the line's participant is a producer. Where they are, and how many.
    pub(super) fn push(&mut self, line: u32, slice: Option<usize>) -> Option<(u64, u64)> {
        let tail = self.handle.tail().load(Relaxed);
        let Seat::Producer(tx) = &mut self.seats[line as usize] else { return None };
        let wanted = slice.unwrap_or(1);
        let elements: [Element; BATCH] = std::array::from_fn(|i| element(0, tail.wrapping_add(i as u64)));
        let answer = match slice {
            Some(len) => tx.try_push_slice(&elements[..len]),
            None => tx.try_push(elements[0]),
        };
        let pushed = match answer {
            Ok(Pushed::At(p, count)) => {
                assert!((1..=wanted as u64).contains(&count), "{count} of {wanted}");
                Some((p, count))
            }
            Ok(Pushed::Full | Pushed::Pending) => None,
            Err(corruption) => {
                assert!(!self.honest(), "{corruption}");
                self.dies(line);
                return None;
            }
        };
        if self.honest() {
            let room = self.model.room(wanted as u64);
            assert_eq!(pushed, (room > 0).then_some((tail, room)));
            if room == 0 {
                let full = tail - self.model.head == self.ring.geometry.slots();
                assert_eq!(answer, Ok(if full { Pushed::Full } else { Pushed::Pending }));
            }
            (0..room).for_each(|_| self.model.pushed(State::Published));
        }
        pushed
    }

    /// A producer dies behind the intent, behind the claim, or when it has published some.
    pub(super) fn die_pushing(&mut self, line: u32, len: u8, stage: u8) {
        if !matches!(self.seats[line as usize], Seat::Producer(_)) {
            return;
        }
        let slots = self.ring.geometry.slots();
        let stamps: Vec<u64> = (0..slots).map(|p| self.stamp(p).load(Relaxed)).collect();
        let pushed = self.push(line, Some(usize::from(len) % BATCH + 1));
        if let Some((p, count)) = pushed {
            let stage = u64::from(stage) % (count + 2);
            let published = stage.saturating_sub(1);
            for p in (published..count).map(|i| p.wrapping_add(i)) {
                self.stamp(p).store(stamps[(p % slots) as usize], Relaxed);
                self.model.set(p, State::Unpublished);
            }
            if stage == 0 {
                self.handle.tail().store(p, Relaxed);
                self.model.unclaim(p);
            }
        }
        self.dies(line);
    }
}
