//! Popping messages, and what may be answered.

use std::time::Instant;

use rondel::bytes::{Message, PodError, PopError, PopIntoError, PopTimeoutError, TryPopError};

use super::{Model, NOW, Role};
use crate::bytes::operation::{Buffer, End, How, Taking};

/// Whatever was called, as a call with a time limit would put it: "empty" is a time that is up.
fn of_try(error: TryPopError) -> PopTimeoutError {
    match error {
        TryPopError::Empty => PopTimeoutError::Timeout,
        TryPopError::Closed => PopTimeoutError::Closed,
        TryPopError::Failed(fault) => PopTimeoutError::Failed(fault),
    }
}

fn of_endless(error: PopError) -> PopTimeoutError {
    match error {
        PopError::Closed => PopTimeoutError::Closed,
        PopError::Dead => PopTimeoutError::Dead,
        PopError::Failed(fault) => PopTimeoutError::Failed(fault),
    }
}

impl Model {
    /// What there is to read of the first message, or what a consumer that finds nothing must be told; `None` if it must not ask,
    /// for it would wait.
    fn front(&self, how: How) -> Option<Result<&[u8], PopTimeoutError>> {
        match (self.unread.front(), self.producer) {
            (Some(front), _) => Some(Ok(&front.bytes[self.read..])),
            (None, Role::Closed) => Some(Err(PopTimeoutError::Closed)),
            // A death is noticed by those who wait, be it for no time at all.
            (None, Role::Dead) if how != How::Try => Some(Err(PopTimeoutError::Dead)),
            (None, Role::Dead) => Some(Err(PopTimeoutError::Timeout)),
            (None, Role::Never | Role::Attached) => (how != How::Endless).then_some(Err(PopTimeoutError::Timeout)),
        }
    }

    /// The same of all messages.
    fn ready(&self, how: How) -> Option<Result<Vec<&[u8]>, PopTimeoutError>> {
        let others = self.unread.iter().skip(1).map(|unread| &unread.bytes[..]);
        self.front(how).map(|front| Ok([front?].into_iter().chain(others).collect()))
    }

    /// What the consumer sees and what it should see are the same. It sees all of it, and consumes nothing.
    pub(super) fn nothing_else_is_published(&mut self) {
        let Some(mut rx) = self.rx.take() else { return };
        let found = rx.try_pop_batch().map_err(of_try).map(|mut batch| {
            let lens: Vec<usize> = (&mut batch).into_iter().map(<[u8]>::len).collect();
            std::mem::forget(batch);
            lens
        });
        let expected = self.ready(How::Try).expect("does not wait");
        assert_eq!(found, expected.map(|messages| messages.iter().map(|message| message.len()).collect()));
        self.rx = Some(rx);
    }

    pub(super) fn pop(&mut self, how: How, end: End) {
        let Some(mut rx) = self.rx.take() else { return };
        if let Some(expected) = self.front(how) {
            let answer = match how {
                How::Try => rx.try_pop().map_err(of_try),
                How::Timeout => rx.pop_timeout(NOW),
                How::Deadline => rx.pop_deadline(Instant::now()),
                How::Endless => rx.pop().map_err(of_endless),
            };
            assert_eq!(answer.as_deref().map_err(|&error| error), expected);
            let consumed = answer.is_ok() && end == End::Drop;
            match (answer, end) {
                (Ok(message), End::Drop) => drop(message),
                (Ok(message), End::Keep) => message.keep(),
                (Ok(message), End::Forget) => std::mem::forget(message),
                (Err(_), _) => {}
            }
            self.consumed(usize::from(consumed));
        }
        self.rx = Some(rx);
    }

    /// A buffer that is too short takes nothing, and behind the message not one byte is touched.
    pub(super) fn pop_into(&mut self, how: How, buffer: Buffer) {
        const UNTOUCHED: u8 = 0xa5;
        let Some(mut rx) = self.rx.take() else { return };
        let mut popped = false;
        if let Some(front) = self.front(how) {
            let message = front.unwrap_or_default().len();
            let len = match buffer {
                Buffer::Longer(more) => message + more,
                Buffer::Shorter(less) => message.saturating_sub(less),
            };
            let mut bytes = vec![UNTOUCHED; len];
            let answer = match how {
                How::Try => rx.try_pop_into(&mut bytes).map_err(|error| of_into(error, of_try)),
                How::Timeout => rx.pop_into_timeout(&mut bytes, NOW),
                How::Deadline => rx.pop_into_deadline(&mut bytes, Instant::now()),
                How::Endless => rx.pop_into(&mut bytes).map_err(|error| of_into(error, of_endless)),
            };
            let expected = match front {
                Ok(_) if len < message => Err(PopIntoError::TooShort { message, buffer: len }),
                Ok(_) => Ok(message),
                Err(error) => Err(PopIntoError::Pop(error)),
            };
            assert_eq!(answer, expected);
            popped = answer.is_ok();
            let (filled, rest) = bytes.split_at(answer.unwrap_or(0));
            assert!(!popped || Ok(filled) == front, "other bytes");
            assert!(rest.iter().all(|&byte| byte == UNTOUCHED), "bytes behind the message");
        }
        self.consumed(usize::from(popped));
        self.rx = Some(rx);
    }

    pub(super) fn peek(&mut self) {
        let Some(mut rx) = self.rx.take() else { return };
        assert_eq!(rx.peek().map_err(of_try), self.front(How::Try).expect("does not wait"));
        self.rx = Some(rx);
    }

    /// The first message as a value of eight bytes, where it lies and as a copy; it is not consumed.
    pub(super) fn pod(&mut self) {
        let Some(mut rx) = self.rx.take() else { return };
        if let (Ok(message), Some(Ok(front))) = (rx.try_pop(), self.front(How::Try)) {
            let value = front.try_into().map(u64::from_ne_bytes);
            let value = value.map_err(|_| PodError::Length { expected: 8, found: front.len() });
            assert_eq!(message.read_pod::<u64>(), value);
            let aligned = value.and_then(|value| match self.read % 8 {
                0 => Ok(value),
                _ => Err(PodError::Alignment { expected: 8, read: self.read }),
            });
            assert_eq!(message.as_pod::<u64>().copied(), aligned);
            assert_eq!(message.as_ptr() as usize % 8, self.read % 8, "messages are aligned");
            Message::keep(message);
        }
        self.rx = Some(rx);
    }

    /// What is given stays readable until the batch ends, also where the producer pushes meanwhile; what was given is consumed.
    pub(super) fn pop_batch(&mut self, Taking { how, first, push, more, end }: Taking) {
        let Some(mut rx) = self.rx.take() else { return };
        match self.ready(how).map(|ready| ready.map(|messages| messages.len())) {
            None => {}
            Some(Err(error)) => {
                let answer = match how {
                    How::Try => rx.try_pop_batch().map_err(of_try),
                    How::Timeout => rx.pop_batch_timeout(NOW),
                    How::Deadline => rx.pop_batch_deadline(Instant::now()),
                    How::Endless => rx.pop_batch().map_err(of_endless),
                };
                assert_eq!(answer.map(drop), Err(error));
            }
            Some(Ok(ready)) => {
                let mut batch = match how {
                    How::Try => rx.try_pop_batch().map_err(of_try),
                    How::Timeout => rx.pop_batch_timeout(NOW),
                    How::Deadline => rx.pop_batch_deadline(Instant::now()),
                    How::Endless => rx.pop_batch().map_err(of_endless),
                }
                .expect("something is there");
                let mut iter = (&mut batch).into_iter();
                let mut given: Vec<&[u8]> = iter.by_ref().take(first).collect();
                assert_eq!(given.len(), first.min(ready));
                if let Some(len) = push {
                    self.push(How::Try, len);
                }
                // An iterator that has ended has ended; one that has not meets what was pushed meanwhile.
                let left = if first > ready { 0 } else { self.unread.len() - first };
                given.extend(iter.take(more));
                assert_eq!(given.len(), first.min(ready) + left.min(more));
                let expected = self.ready(How::Try).expect("does not wait").expect("something is there");
                assert_eq!(given, expected[..given.len()]);
                let count = given.len();
                assert_eq!(batch.given(), count);
                if end == End::Drop {
                    drop(batch);
                    self.consumed(count);
                } else {
                    std::mem::forget(batch);
                }
            }
        }
        self.rx = Some(rx);
    }
}

fn of_into<E>(error: PopIntoError<E>, of: impl FnOnce(E) -> PopTimeoutError) -> PopIntoError<PopTimeoutError> {
    match error {
        PopIntoError::TooShort { message, buffer } => PopIntoError::TooShort { message, buffer },
        PopIntoError::Pop(error) => PopIntoError::Pop(of(error)),
    }
}
