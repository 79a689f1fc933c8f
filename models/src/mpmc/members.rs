//! Coming and going: attaching, cloning, dropping, and a table that may be full.

use std::collections::BTreeSet;

use rondel::mpmc::{Consumer, Producer, TryPopError, TryPushError};
use rondel::segment::{RoleInfo, RoleState};
use rondel::{Fault, NotAttached, SegmentError};

use super::{Model, pick};
use crate::death;
use crate::element::Element;
use crate::mpmc::seat::Seat;

/// The most of a side. A ring may have fewer places.
const MOST: usize = 4;

impl<T: Element> Model<T> {
    fn is_full(&self) -> bool {
        self.producers.len() + self.consumers.len() == self.shape.participants as usize
    }

    fn living(&self) -> BTreeSet<u32> {
        let numbers = self.producers.iter().map(Producer::participant);
        numbers.chain(self.consumers.iter().map(|seat| seat.number)).collect()
    }

    /// A place where a message is left is not for them.
    fn is_full_for_producers(&self) -> bool {
        let mut taken = self.living();
        taken.extend(self.left.values());
        !self.discards() && taken.len() == self.shape.participants as usize
    }

    #[track_caller]
    fn assert_table_full(&self, error: &SegmentError) {
        match error {
            SegmentError::TableFull { holders } => {
                assert!(self.is_full() || self.is_full_for_producers(), "there were places left");
                assert_eq!(holders.len(), self.shape.participants as usize);
                let known = |holder: &RoleInfo| holder.alive && holder.pid == Some(std::process::id());
                assert!(self.somebody_died() || holders.iter().all(known));
            }
            other => panic!("{other}"),
        }
    }

    fn not_attached(&self) -> Fault {
        Fault::NotAttached(NotAttached::TableFull { participants: self.shape.participants })
    }

    fn add_producer(&mut self, result: Result<Producer<T>, SegmentError>) {
        match result {
            Ok(tx) => {
                assert!(!self.is_full(), "there was no place left");
                self.had_producers = true;
                self.producers.push(tx);
            }
            Err(error) => self.assert_table_full(&error),
        }
    }

    fn add_consumer(&mut self, result: Result<Consumer<T>, SegmentError>) {
        match result {
            Ok(rx) => {
                assert!(!self.is_full(), "there was no place left");
                self.had_consumers = true;
                self.consumers.push(Seat::new(rx));
            }
            Err(error) => {
                assert!(self.is_full(), "there were places left");
                self.assert_table_full(&error);
            }
        }
    }

    pub(super) fn attach_producer(&mut self) {
        if self.producers.len() < MOST {
            let result = self.ring.producer();
            self.add_producer(result);
        }
    }

    pub(super) fn attach_consumer(&mut self) {
        if self.consumers.len() < MOST {
            let result = self.ring.consumer();
            self.add_consumer(result);
        }
    }

    pub(super) fn clone_producer(&mut self, who: usize) {
        let (full, fault) = (self.is_full(), self.not_attached());
        let Some(tx) = pick(&mut self.producers, who) else { return };
        if full {
            // A handle that says at each call that it is none; and nobody is harmed when it goes.
            let mut clone = tx.clone();
            assert_eq!(clone.try_push(T::zeroed()).map_err(fault_of_push), Err(Some(fault)));
            assert_eq!(clone.len(), Err(fault));
            let result = tx.try_clone();
            drop(clone);
            self.add_producer(result);
        } else if self.producers.len() < MOST {
            let wait = self.producers[who % self.producers.len()].wait_strategy();
            let clone = self.producers[who % self.producers.len()].try_clone();
            assert!(clone.as_ref().is_ok_and(|clone| clone.wait_strategy() == wait) || self.is_full_for_producers());
            self.add_producer(clone);
        }
    }

    pub(super) fn clone_consumer(&mut self, who: usize) {
        let (full, fault, few) = (self.is_full(), self.not_attached(), self.consumers.len() < MOST);
        let Some(seat) = pick(&mut self.consumers, who) else { return };
        let Some(rx) = seat.consumer() else { return };
        if full {
            let mut clone = rx.clone();
            assert_eq!(clone.try_pop().map(drop), Err(TryPopError::Failed(fault)));
            assert_eq!(clone.len(), Err(fault));
            let result = rx.try_clone();
            drop(clone);
            self.add_consumer(result);
        } else if few {
            let clone = rx.try_clone();
            assert_eq!(clone.as_ref().map(Consumer::wait_strategy).ok(), Some(rx.wait_strategy()));
            self.add_consumer(clone);
        }
    }

    pub(super) fn drop_producer(&mut self, who: usize) {
        if let Some(who) = who.checked_rem(self.producers.len()) {
            drop(self.producers.swap_remove(who));
        }
    }

    /// With what it holds.
    pub(super) fn drop_consumer(&mut self, who: usize) {
        if let Some(who) = who.checked_rem(self.consumers.len()) {
            drop(self.consumers.swap_remove(who));
        }
    }

    /// Elements of one byte cannot be told apart where they come again.
    fn may_die(&self) -> bool {
        size_of::<T>() > 1
    }

    pub(super) fn kill_producer(&mut self, who: usize) {
        let Some(who) = who.checked_rem(self.producers.len()).filter(|_| self.may_die()) else { return };
        let tx = self.producers.swap_remove(who);
        death::strike(self.ring.segment(), tx.participant().into());
        self.dead_producers += 1;
        self.corpses.0.push(tx);
    }

    /// With what it holds.
    pub(super) fn kill_consumer(&mut self, who: usize) {
        let Some(who) = who.checked_rem(self.consumers.len()).filter(|_| self.may_die()) else { return };
        let mut seat = self.consumers.swap_remove(who);
        death::strike(self.ring.segment(), seat.number.into());
        self.dead_consumers += 1;
        if let Some(position) = seat.die() {
            self.left.insert(position, seat.number);
        }
        self.corpses.1.push(seat);
    }

    /// The table names everybody who is there, at a place of their own, and nobody else.
    pub(super) fn participants(&mut self) {
        let distinct = self.living();
        assert_eq!(distinct.len(), self.producers.len() + self.consumers.len(), "a place of their own: {distinct:?}");
        let table = self.ring.participants();
        assert_eq!(table.len(), self.shape.participants as usize);
        for (number, info) in (0..).zip(&table) {
            assert_eq!(info.alive, distinct.contains(&number), "{info:?}");
            if self.somebody_died() {
                continue;
            }
            assert_eq!(info.state == RoleState::Attached, info.alive, "{info:?}");
            assert_eq!(info.pid, info.alive.then(std::process::id), "{info:?}");
        }
    }
}

fn fault_of_push<E>(error: TryPushError<E>) -> Option<Fault> {
    match error {
        TryPushError::Failed(_, fault) => Some(fault),
        _ => None,
    }
}
