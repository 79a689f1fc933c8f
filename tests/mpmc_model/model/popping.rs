//! Popping, and what has to be answered.

use std::time::Instant;

use rondel::mpmc::{PopError, PopTimeoutError, TryPopError};

use super::{Model, NOW};
use crate::element::Element;
use crate::operation::{Fate, How};
use crate::seat::Seat;

/// What a pop is answered that finds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refusal {
    Empty,
    Closed,
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
        PopTimeoutError::Dead => panic!("nobody died"),
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
        match result {
            Ok(element) => self.were_popped(&[element]),
            Err(refusal) => {
                assert_eq!(self.unread.len(), 0, "not empty");
                assert_eq!(refusal, self.nothing(how));
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
        let expected = match (self.unread.len().min(len), self.nothing(how)) {
            (0, refusal) if len > 0 && refusal != Refusal::Empty => Err(refusal),
            (count, _) => Ok(count),
        };
        assert_eq!(result, expected);
        // Not one element behind those is touched.
        let (filled, rest) = elements.split_at(expected.unwrap_or(0));
        assert!(rest.iter().all(|element| bytemuck::bytes_of(element).iter().all(|&byte| byte == 0)));
        self.were_popped(filled);
    }

    pub(super) fn guard(&mut self, who: usize, how: How, fate: Fate) {
        let number = self.popped;
        let Some(seat) = self.free_seat(who) else { return };
        seat.forgotten = None;
        let take = |rx: &'static mut rondel::mpmc::Consumer<T>| match how {
            How::Try => rx.try_pop_guard().map_err(of_try),
            How::Timeout => rx.pop_guard_timeout(NOW).map_err(of),
            How::Deadline => rx.pop_guard_deadline(Instant::now()).map_err(of),
        };
        let result = seat.take(take, |guard| {
            guard.assert_numbered(number);
            assert!(!guard.is_redelivered(), "nobody died");
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
            Ok(()) => drop(self.was_popped(1)),
            Err(refusal) => {
                assert_eq!(self.unread.len(), 0, "not empty");
                assert_eq!(refusal, self.nothing(how));
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
        let found = self.unread.len().min(len);
        assert_eq!(elements.len(), found);
        self.were_popped(&elements);
        assert_eq!(ended_by.map(of_try), (found < len).then(|| self.nothing(How::Try)));
    }

    pub(super) fn drain(&mut self, who: usize) {
        if !self.producers_have_closed() {
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
