//! Popping, and what has to be answered.

use std::time::Instant;

use rondel::mpmc::{PopError, PopTimeoutError, TryPopError};

use super::{Model, NOW};
use crate::element::Element;
use crate::mpmc::operation::{Fate, How};
use crate::mpmc::seat::Seat;

/// What a pop is answered that finds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refusal {
    Empty,
    Closed,
    Dead,
    Timeout,
}

#[track_caller]
fn of_try(error: TryPopError) -> Refusal {
    match error {
        TryPopError::Empty => Refusal::Empty,
        TryPopError::Closed => Refusal::Closed,
        TryPopError::Pending => panic!("nobody is in the middle of a push"),
        TryPopError::Failed(fault) => panic!("{fault}"),
    }
}

#[track_caller]
fn of(error: PopTimeoutError) -> Refusal {
    match error {
        PopTimeoutError::Timeout => Refusal::Timeout,
        PopTimeoutError::Closed => Refusal::Closed,
        PopTimeoutError::Dead => Refusal::Dead,
        PopTimeoutError::Failed(fault) => panic!("{fault}"),
    }
}

impl<T: Element> Model<T> {
    /// What a pop is to be answered that finds nothing.
    fn nothing(&self, how: How) -> Refusal {
        match how {
            _ if self.producers_have_closed() => Refusal::Closed,
            How::Try => Refusal::Empty,
            How::Timeout | How::Deadline => Refusal::Timeout,
        }
    }

    /// One of the consumers that have no guard.
    fn free_seat(&mut self, who: usize) -> Option<&mut Seat<T>> {
        let mut free: Vec<_> = self.consumers.iter_mut().filter(|seat| !seat.has_guard()).collect();
        let count = free.len();
        Some(free.swap_remove(who.checked_rem(count)?))
    }

    /// Takes `count` off the queue and returns the first of their numbers.
    fn was_popped(&mut self, count: usize) -> u64 {
        let first = self.popped;
        for _ in 0..count {
            let number = self.unread.pop_front().expect("nothing comes from nowhere");
            assert_eq!(number, self.popped);
            self.popped += 1;
        }
        first
    }

    fn were_popped(&mut self, elements: &[T]) {
        let first = self.was_popped(elements.len());
        for (number, element) in (first..).zip(elements) {
            element.assert_numbered(number);
        }
    }

    /// The position of an element that a dead consumer had, and that has been delivered again.
    #[track_caller]
    fn was_left(&mut self, element: &T) -> u64 {
        assert!(!self.discards(), "delivered again, and was to be discarded");
        let is_it = |&&position: &&u64| bytemuck::bytes_of(element) == bytemuck::bytes_of(&T::numbered(position));
        let position = *self.left.keys().find(is_it).expect("no dead consumer had this one");
        self.left.remove(&position);
        position
    }

    /// Whether this may be the answer to one who has found nothing.
    fn may_find_nothing(&self, refusal: Refusal, how: How) {
        let nobody = self.shape.ends_with_producers && self.had_producers && self.producers.is_empty();
        if self.dead_producers == 0 || !nobody {
            return assert_eq!(refusal, self.nothing(how));
        }
        // They are gone, some in good order and some not; whose places have been taken since are forgotten.
        match how {
            How::Try => assert!(matches!(refusal, Refusal::Empty | Refusal::Closed), "{refusal:?}"),
            How::Timeout | How::Deadline => assert_ne!(refusal, Refusal::Empty),
        }
    }

    pub(super) fn pop(&mut self, who: usize, how: How) {
        let Some(seat) = self.free_seat(who) else { return };
        // What was held under a forgotten guard is let go of first.
        seat.forgotten = None;
        let rx = seat.consumer().expect("no guard");
        let result = match how {
            How::Try => rx.try_pop().map_err(of_try),
            How::Timeout => rx.pop_timeout(NOW).map_err(of),
            How::Deadline => rx.pop_deadline(Instant::now()).map_err(of),
        };
        let redelivered = rx.redelivered();
        match result {
            Ok(element) if redelivered => drop(self.was_left(&element)),
            Ok(element) => self.were_popped(&[element]),
            Err(refusal) => {
                assert_eq!(self.unread.len(), 0, "not empty");
                self.may_find_nothing(refusal, how);
            }
        }
    }

    pub(super) fn pop_slice(&mut self, who: usize, how: How, len: usize) {
        let mut elements = vec![T::zeroed(); len];
        let Some(seat) = self.free_seat(who) else { return };
        if len > 0 {
            seat.forgotten = None;
        }
        let rx = seat.consumer().expect("no guard");
        let result = match how {
            How::Try => rx.try_pop_slice(&mut elements).map_err(of_try),
            How::Timeout => rx.pop_slice_timeout(&mut elements, NOW).map_err(of),
            How::Deadline => rx.pop_slice_deadline(&mut elements, Instant::now()).map_err(of),
        };
        let redelivered = len > 0 && rx.redelivered();
        let count = match result {
            Ok(1) if redelivered => 1,
            Ok(count) if count > 0 || len == 0 => {
                assert_eq!((count, redelivered), (self.unread.len().min(len), false), "what comes again comes alone");
                count
            }
            result => {
                assert_eq!(self.unread.len(), 0, "not empty");
                // A poll that finds nothing says so by a number.
                self.may_find_nothing(result.err().unwrap_or(Refusal::Empty), how);
                0
            }
        };
        // Not one element behind those is touched.
        let (filled, rest) = elements.split_at(count);
        assert!(rest.iter().all(|element| bytemuck::bytes_of(element).iter().all(|&byte| byte == 0)));
        match filled {
            [element] if redelivered => drop(self.was_left(element)),
            filled => self.were_popped(filled),
        }
    }

    pub(super) fn guard(&mut self, who: usize, how: How, fate: Fate) {
        let next = self.popped;
        let left: Vec<u64> = self.left.keys().copied().collect();
        let mut number = next;
        let mut redelivered = false;
        let Some(seat) = self.free_seat(who) else { return };
        seat.forgotten = None;
        let take = |rx: &'static mut rondel::mpmc::Consumer<T>| match how {
            How::Try => rx.try_pop_guard().map_err(of_try),
            How::Timeout => rx.pop_guard_timeout(NOW).map_err(of),
            How::Deadline => rx.pop_guard_deadline(Instant::now()).map_err(of),
        };
        let result = seat.take(take, |guard| {
            redelivered = guard.is_redelivered();
            if redelivered {
                let is_it = |&position: &u64| bytemuck::bytes_of(&*guard) == bytemuck::bytes_of(&T::numbered(position));
                number = left.into_iter().find(is_it).expect("no dead consumer had this one");
            }
            guard.assert_numbered(number);
            match fate {
                Fate::Dropped => drop(guard),
                Fate::Consumed => guard.consume().assert_numbered(number),
                Fate::Held => return Some((guard, number)),
                Fate::Forgotten => std::mem::forget(guard),
            }
            None
        });
        if result.is_ok() && matches!(fate, Fate::Forgotten) {
            seat.forgotten = Some(number);
        }
        match result {
            Ok(()) if redelivered => drop(self.was_left(&T::numbered(number))),
            Ok(()) => drop(self.was_popped(1)),
            Err(refusal) => {
                assert_eq!(self.unread.len(), 0, "not empty");
                self.may_find_nothing(refusal, how);
            }
        }
    }

    pub(super) fn drop_guard(&mut self, who: usize) {
        let mut guards: Vec<_> = self.consumers.iter_mut().filter(|seat| seat.has_guard()).collect();
        let Some(who) = who.checked_rem(guards.len()) else { return };
        guards[who].drop_guard();
    }

    pub(super) fn try_iter(&mut self, who: usize, len: usize) {
        let Some(seat) = self.free_seat(who) else { return };
        if len > 0 {
            seat.forgotten = None;
        }
        let mut iter = seat.consumer().expect("no guard").try_iter();
        let elements: Vec<T> = iter.by_ref().take(len).collect();
        let ended_by = iter.ended_by();
        for element in &elements {
            let next = self.unread.front().map(|&number| T::numbered(number));
            let is_next = next.is_some_and(|next| bytemuck::bytes_of(&next) == bytemuck::bytes_of(element));
            if is_next || self.left.is_empty() {
                self.were_popped(&[*element]);
            } else {
                self.was_left(element);
            }
        }
        assert_eq!(ended_by.is_some(), elements.len() < len);
        if let Some(error) = ended_by {
            assert_eq!(self.unread.len(), 0, "not empty");
            self.may_find_nothing(of_try(error), How::Try);
        }
    }

    pub(super) fn drain(&mut self, who: usize) {
        // Where somebody died, it is not said for sure that there is an end.
        if !self.producers_have_closed() || self.dead_producers > 0 || !self.left.is_empty() {
            return;
        }
        let Some(seat) = self.free_seat(who) else { return };
        seat.forgotten = None;
        let mut iter = seat.consumer().expect("no guard").iter();
        let elements: Vec<T> = iter.by_ref().collect();
        assert_eq!(iter.ended_by(), Some(PopError::Closed));
        assert!(iter.next().is_none());
        assert_eq!(elements.len(), self.unread.len(), "drained before closed");
        self.were_popped(&elements);
    }
}
