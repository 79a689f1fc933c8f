//! Popping, and what may be answered.

use rondel::spsc::{Consumer, PopError, PopGuard, PopTimeoutError, TryPopError};

use super::{Model, NOW, Role};
use crate::element::Element;
use crate::spsc::operation::Fate;

impl<T: Element> Model<T> {
    /// What a consumer that finds nothing must be told.
    /// A death is noticed by those who wait, be it for no time at all.
    fn nothing(&self, patient: bool) -> PopTimeoutError {
        assert!(self.unread.is_empty(), "{} are unread", self.unread.len());
        match self.producer {
            Role::Closed => PopTimeoutError::Closed,
            Role::Dead if patient => PopTimeoutError::Dead,
            Role::Never | Role::Attached | Role::Dead => PopTimeoutError::Timeout,
        }
    }

    pub(super) fn try_pop(&mut self) {
        let Some(rx) = &mut self.rx else { return };
        match rx.try_pop() {
            Ok(element) => element.assert_numbered(self.was_popped(1)),
            Err(TryPopError::Empty) => assert_eq!(self.nothing(false), PopTimeoutError::Timeout),
            Err(TryPopError::Closed) => assert_eq!(self.nothing(false), PopTimeoutError::Closed),
            Err(TryPopError::Failed(fault)) => panic!("{fault}"),
        }
    }

    pub(super) fn pop(&mut self, pop: impl FnOnce(&mut Consumer<T>) -> Result<T, PopTimeoutError>) {
        let Some(rx) = &mut self.rx else { return };
        match pop(rx) {
            Ok(element) => element.assert_numbered(self.was_popped(1)),
            Err(error) => assert_eq!(error, self.nothing(true)),
        }
    }

    /// All that is there and fits, and not one element behind it is touched.
    fn popped_slice(&mut self, elements: &[T], count: usize) {
        assert_eq!(count, self.unread.len().min(elements.len()));
        let first = self.was_popped(count);
        let (filled, rest) = elements.split_at(count);
        for (number, element) in (first..).zip(filled) {
            element.assert_numbered(number);
        }
        for element in rest {
            assert!(bytemuck::bytes_of(element).iter().all(|&byte| byte == 0));
        }
    }

    pub(super) fn try_pop_slice(&mut self, len: usize) {
        let Some(rx) = &mut self.rx else { return };
        let mut elements = vec![T::zeroed(); len];
        match rx.try_pop_slice(&mut elements) {
            Ok(0) if len > 0 => assert_eq!(self.nothing(false), PopTimeoutError::Timeout),
            Ok(count) => self.popped_slice(&elements, count),
            Err(TryPopError::Closed) => assert_eq!(self.nothing(false), PopTimeoutError::Closed),
            Err(TryPopError::Empty) => panic!("documented never to be answered"),
            Err(TryPopError::Failed(fault)) => panic!("{fault}"),
        }
    }

    pub(super) fn pop_slice_timeout(&mut self, len: usize) {
        let Some(rx) = &mut self.rx else { return };
        let mut elements = vec![T::zeroed(); len];
        match rx.pop_slice_timeout(&mut elements, NOW) {
            Ok(count) => {
                assert!(count > 0 || len == 0);
                self.popped_slice(&elements, count);
            }
            Err(error) => assert_eq!(error, self.nothing(true)),
        }
    }

    pub(super) fn peek(&mut self) {
        let Some(rx) = &mut self.rx else { return };
        match rx.peek() {
            Ok(element) => element.assert_numbered(*self.unread.front().expect("something")),
            Err(TryPopError::Empty) => assert_eq!(self.nothing(false), PopTimeoutError::Timeout),
            Err(TryPopError::Closed) => assert_eq!(self.nothing(false), PopTimeoutError::Closed),
            Err(TryPopError::Failed(fault)) => panic!("{fault}"),
        }
    }

    pub(super) fn guard(
        &mut self,
        fate: Fate,
        patient: bool,
        take: impl FnOnce(&mut Consumer<T>) -> Result<PopGuard<'_, T>, PopTimeoutError>,
    ) {
        let Some(rx) = &mut self.rx else { return };
        let first = self.unread.front().copied();
        let mut refused = None;
        let consumed = match take(rx) {
            Ok(guard) => {
                guard.assert_numbered(first.expect("something"));
                match fate {
                    Fate::Dropped => drop(guard),
                    Fate::Consumed => guard.consume().assert_numbered(first.expect("something")),
                    Fate::Kept => guard.keep(),
                    Fate::Forgotten => std::mem::forget(guard),
                }
                matches!(fate, Fate::Dropped | Fate::Consumed)
            }
            Err(error) => {
                refused = Some(error);
                false
            }
        };
        if let Some(error) = refused {
            assert_eq!(error, self.nothing(patient));
        }
        self.was_popped(usize::from(consumed));
    }

    pub(super) fn try_iter(&mut self, len: usize) {
        let Some(rx) = &mut self.rx else { return };
        let mut iter = rx.try_iter();
        let elements: Vec<T> = iter.by_ref().take(len).collect();
        let ended_by = iter.ended_by();
        let first = self.was_popped(elements.len());
        for (number, element) in (first..).zip(&elements) {
            element.assert_numbered(number);
        }
        if elements.len() < len {
            let error = match self.nothing(false) {
                PopTimeoutError::Closed => TryPopError::Closed,
                _ => TryPopError::Empty,
            };
            assert_eq!(ended_by, Some(error));
        } else {
            assert_eq!(ended_by, None);
        }
    }

    pub(super) fn drain(&mut self) {
        let end = match self.producer {
            Role::Closed => PopError::Closed,
            Role::Dead => PopError::Dead,
            Role::Never | Role::Attached => return,
        };
        let Some(rx) = &mut self.rx else { return };
        let mut iter = rx.iter();
        let elements: Vec<T> = iter.by_ref().collect();
        assert_eq!(iter.ended_by(), Some(end));
        assert!(iter.next().is_none());
        assert_eq!(elements.len(), self.unread.len(), "drained before closed");
        let first = self.was_popped(elements.len());
        for (number, element) in (first..).zip(&elements) {
            element.assert_numbered(number);
        }
    }
}
