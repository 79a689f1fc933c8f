//! Pushing, and what may be answered.

use rondel::spsc::{Producer, PushSliceError, PushTimeoutError, TryPushError, WaitError};
use std::time::Instant;

use super::{Model, NOW, Role};
use crate::element::Element;

/// What a refusal to push must be. How much a ring takes beyond its capacity is its own affair.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refusal {
    Full,
    Closed,
    Timeout,
    Dead,
}

impl<T: Element> Model<T> {
    #[track_caller]
    fn may_refuse(&self, refusal: Refusal, patient: bool) {
        let unread = self.unread.len();
        assert!(unread >= self.capacity, "refused with {unread} unread of {}", self.capacity);
        let expected = match (self.consumer, patient) {
            (Role::Closed, _) => Refusal::Closed,
            (Role::Dead, true) => Refusal::Dead,
            (_, true) => Refusal::Timeout,
            (_, false) => Refusal::Full,
        };
        assert_eq!(refusal, expected);
    }

    pub(super) fn try_push(&mut self) {
        let number = self.next_number();
        let Some(tx) = &mut self.tx else { return };
        let was_full = tx.is_full().expect("intact");
        let answer = tx.try_push(T::numbered(number));
        assert_eq!(answer.is_err(), was_full, "`is_full` foretells `try_push`");
        match answer {
            Ok(()) => self.was_pushed(1),
            Err(refused) => {
                let refusal = match refused {
                    TryPushError::Full(_) => Refusal::Full,
                    TryPushError::Closed(_) => Refusal::Closed,
                    TryPushError::Failed(_, fault) => panic!("{fault}"),
                };
                refused.into_inner().assert_numbered(number);
                self.may_refuse(refusal, false);
            }
        }
    }

    pub(super) fn push(&mut self, push: impl FnOnce(&mut Producer<T>, T) -> Result<(), PushTimeoutError<T>>) {
        let number = self.next_number();
        let Some(tx) = &mut self.tx else { return };
        match push(tx, T::numbered(number)) {
            Ok(()) => self.was_pushed(1),
            Err(refused) => {
                let refusal = match refused {
                    PushTimeoutError::Timeout(_) => Refusal::Timeout,
                    PushTimeoutError::Closed(_) => Refusal::Closed,
                    PushTimeoutError::Dead(_) => Refusal::Dead,
                    PushTimeoutError::Failed(_, fault) => panic!("{fault}"),
                };
                refused.into_inner().assert_numbered(number);
                self.may_refuse(refusal, true);
            }
        }
    }

    fn elements(&self, len: usize) -> Vec<T> {
        (self.pushed..).take(len).map(T::numbered).collect()
    }

    pub(super) fn try_push_slice(&mut self, len: usize) {
        let elements = self.elements(len);
        let Some(tx) = &mut self.tx else { return };
        match tx.try_push_slice(&elements) {
            Ok(pushed) => {
                assert!(pushed <= len);
                self.was_pushed(pushed);
                if pushed == 0 && len > 0 {
                    self.may_refuse(Refusal::Full, false);
                } else if pushed < len {
                    assert!(self.unread.len() >= self.capacity, "stopped too soon");
                }
            }
            Err(TryPushError::Closed(())) => {
                assert_ne!(len, 0);
                self.may_refuse(Refusal::Closed, false);
            }
            Err(TryPushError::Full(())) => panic!("documented never to be answered"),
            Err(TryPushError::Failed((), fault)) => panic!("{fault}"),
        }
    }

    pub(super) fn push_slice_timeout(&mut self, len: usize) {
        let elements = self.elements(len);
        let Some(tx) = &mut self.tx else { return };
        match tx.push_slice_timeout(&elements, NOW) {
            Ok(()) => self.was_pushed(len),
            Err(PushSliceError { pushed, cause }) => {
                assert!(pushed < len);
                self.was_pushed(pushed);
                match cause {
                    PushTimeoutError::Timeout(()) => self.may_refuse(Refusal::Timeout, true),
                    PushTimeoutError::Closed(()) => self.may_refuse(Refusal::Closed, true),
                    PushTimeoutError::Dead(()) => self.may_refuse(Refusal::Dead, true),
                    PushTimeoutError::Failed((), fault) => panic!("{fault}"),
                }
            }
        }
    }

    pub(super) fn fill(&mut self) {
        // The most that a ring takes beyond its capacity is a few lines and an eighth; twice and a thousand is no
        // end at all.
        let bound = 2 * self.capacity + 1000;
        while self.tx.as_mut().is_some_and(|tx| tx.is_full() == Ok(false)) {
            self.try_push();
            assert!(self.unread.len() < bound, "it never gets full");
        }
        self.try_push();
    }

    pub(super) fn wait_until_empty(&mut self) {
        let Some(tx) = &mut self.tx else { return };
        let expected = match (self.unread.is_empty(), self.consumer) {
            (true, _) => Ok(()),
            (false, Role::Closed) => Err(WaitError::Closed),
            (false, Role::Dead) => Err(WaitError::Dead),
            (false, Role::Never | Role::Attached) => Err(WaitError::Timeout),
        };
        assert_eq!(tx.wait_until_empty_timeout(NOW), expected);
        assert_eq!(tx.wait_until_empty_deadline(Instant::now()), expected);
    }
}
