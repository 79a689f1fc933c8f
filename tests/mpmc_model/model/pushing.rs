//! Pushing, and what has to be answered.

use std::time::Instant;

use rondel::mpmc::{PushSliceError, PushTimeoutError, TryPushError};

use super::{Model, NOW, Room, pick};
use crate::element::Element;
use crate::operation::How;

/// What a push is answered that is not made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refusal {
    Full,
    Pending,
    Closed,
    Timeout,
}

impl Refusal {
    #[track_caller]
    fn of_try<E>(error: &TryPushError<E>) -> Refusal {
        match error {
            TryPushError::Full(_) => Refusal::Full,
            TryPushError::Pending(_) => Refusal::Pending,
            TryPushError::Closed(_) => Refusal::Closed,
            TryPushError::Failed(_, fault) => panic!("{fault}"),
        }
    }

    #[track_caller]
    fn of<E>(error: &PushTimeoutError<E>) -> Refusal {
        match error {
            PushTimeoutError::Timeout(_) => Refusal::Timeout,
            PushTimeoutError::Closed(_) => Refusal::Closed,
            PushTimeoutError::Dead(_) => panic!("nobody died"),
            PushTimeoutError::Failed(_, fault) => panic!("{fault}"),
        }
    }
}

impl<T: Element> Model<T> {
    /// What the next push is to be answered; `None` if it is to succeed.
    fn refusal(&self, how: How) -> Option<Refusal> {
        match (self.room(), how) {
            (Room::Free, _) => None,
            (Room::Full, _) if self.consumers_have_closed() => Some(Refusal::Closed),
            (Room::Full, How::Try) => Some(Refusal::Full),
            (Room::Held(..), How::Try) => Some(Refusal::Pending),
            (Room::Full | Room::Held(..), How::Timeout | How::Deadline) => Some(Refusal::Timeout),
        }
    }

    fn was_pushed(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.room(), Room::Free, "pushed where there was no room");
            self.unread.push_back(self.pushed);
            self.pushed += 1;
        }
    }

    pub(super) fn push(&mut self, who: usize, how: How) {
        let expected = self.refusal(how);
        let element = T::numbered(self.pushed);
        let Some(tx) = pick(&mut self.producers, who) else { return };
        let result = match how {
            How::Try => tx.try_push(element).map_err(|error| (Refusal::of_try(&error), error.into_inner())),
            How::Timeout => tx.push_timeout(element, NOW).map_err(|error| (Refusal::of(&error), error.into_inner())),
            How::Deadline => {
                tx.push_deadline(element, Instant::now()).map_err(|error| (Refusal::of(&error), error.into_inner()))
            }
        };
        match result {
            Ok(()) => {
                assert_eq!(expected, None, "pushed");
                self.was_pushed(1);
            }
            Err((refusal, element)) => {
                element.assert_numbered(self.pushed);
                assert_eq!(Some(refusal), expected);
            }
        }
    }

    pub(super) fn push_slice(&mut self, who: usize, how: How, len: usize) {
        let elements: Vec<T> = (self.pushed..).take(len).map(T::numbered).collect();
        let fits = (self.pushed..).take(len).take_while(|&position| self.room_at(position) == Room::Free).count();
        let Some(tx) = pick(&mut self.producers, who) else { return };
        let (pushed, refusal) = match how {
            How::Try => match tx.try_push_slice(&elements) {
                Ok(pushed) => (pushed, None),
                Err(error) => (0, Some(Refusal::of_try(&error))),
            },
            How::Timeout | How::Deadline => {
                let result = match how {
                    How::Timeout => tx.push_slice_timeout(&elements, NOW),
                    _ => tx.push_slice_deadline(&elements, Instant::now()),
                };
                match result {
                    Ok(()) => (len, None),
                    Err(PushSliceError { pushed, cause }) => (pushed, Some(Refusal::of(&cause))),
                }
            }
        };
        assert_eq!(pushed, fits, "as many as there is room for");
        self.was_pushed(pushed);
        let expected = match (self.refusal(how), how) {
            // There was an answer before that.
            _ if pushed == len => None,
            (_, How::Try) if pushed > 0 => None,
            // "None" is the answer.
            (Some(Refusal::Full | Refusal::Pending), _) => None,
            (refusal, _) => refusal,
        };
        assert_eq!(refusal, expected);
    }

    pub(super) fn fill(&mut self, who: usize) {
        while !self.producers.is_empty() && self.room() == Room::Free {
            self.push(who, How::Try);
        }
        self.push(who, How::Try);
    }
}
