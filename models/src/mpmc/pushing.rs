//! Pushing, and what has to be answered.

use std::time::Instant;

use rondel::mpmc::{PushSliceError, PushTimeoutError, TryPushError};

use super::{Model, NOW, Room, pick};
use crate::element::Element;
use crate::mpmc::operation::How;

/// What a push is answered that is not made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refusal {
    Full,
    Pending,
    Closed,
    Dead,
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
            PushTimeoutError::Dead(_) => Refusal::Dead,
            PushTimeoutError::Failed(_, fault) => panic!("{fault}"),
        }
    }
}

impl<T: Element> Model<T> {
    /// What the next push is to be answered; `None` if it is to succeed.
    fn refusal(&self, how: How) -> Option<Refusal> {
        match (self.room(), how) {
            (Room::Free | Room::Left(_), _) => None,
            (Room::Full, _) if self.consumers_have_closed() => Some(Refusal::Closed),
            (Room::Full, How::Try) => Some(Refusal::Full),
            (Room::Held(..), How::Try) => Some(Refusal::Pending),
            (Room::Full | Room::Held(..), How::Timeout | How::Deadline) => Some(Refusal::Timeout),
        }
    }

    /// Whether this may be the answer to one who has not pushed.
    #[track_caller]
    fn may_find_no_room(&self, refusal: Refusal, how: How) {
        let nobody = self.shape.ends_with_consumers && self.had_consumers && self.consumers.is_empty();
        match (self.room(), how) {
            (Room::Free, _) => panic!("{refusal:?}, where there is room"),
            (Room::Full | Room::Left(_), _) if nobody && self.dead_consumers > 0 => match how {
                How::Try => assert!(!matches!(refusal, Refusal::Dead | Refusal::Timeout), "{refusal:?}"),
                How::Timeout | How::Deadline => {
                    assert!(!matches!(refusal, Refusal::Full | Refusal::Pending), "{refusal:?}");
                }
            },
            (Room::Left(_), How::Try) if nobody => assert!(matches!(refusal, Refusal::Pending | Refusal::Closed)),
            (Room::Left(_), How::Try) => assert_eq!(refusal, Refusal::Pending),
            (Room::Left(_), How::Timeout | How::Deadline) => assert_eq!(refusal, Refusal::Timeout),
            _ => assert_eq!(Some(refusal), self.refusal(how)),
        }
    }

    fn was_pushed(&mut self, count: usize) {
        for _ in 0..count {
            match self.room() {
                // Somebody has looked for the dead.
                Room::Left(before) if self.discards() => drop(self.left.remove(&before)),
                room => assert_eq!(room, Room::Free, "pushed where there was no room"),
            }
            self.unread.push_back(self.pushed);
            self.pushed += 1;
        }
    }

    pub(super) fn push(&mut self, who: usize, how: How) {
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
            Ok(()) => self.was_pushed(1),
            Err((refusal, element)) => {
                element.assert_numbered(self.pushed);
                self.may_find_no_room(refusal, how);
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
        assert!(pushed >= fits, "as many as there is room for");
        self.was_pushed(pushed);
        if matches!(self.room(), Room::Full | Room::Left(_)) && self.dead_consumers > 0 {
            // A poll that finds no room says so by a number.
            if let Some(refusal) = refusal.filter(|_| pushed < len) {
                self.may_find_no_room(refusal, how);
            }
            return;
        }
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
