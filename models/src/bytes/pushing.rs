//! Pushing messages, and what may be answered.

use std::io::IoSlice;
use std::time::Instant;

use rondel::bytes::{CommitError, TooLong, WaitError};

use super::{Model, NOW, Role, record};
use crate::bytes::operation::{Fate, How, Item, Length};
use crate::bytes::refusal::Refusal;

impl Model {
    /// What must be answered to a message of `len` bytes for `position`, behind messages of a batch of which the records have `staged`
    /// bytes.
    fn answer_at(&self, position: u64, staged: u64, len: usize, how: How) -> Result<(), Refusal> {
        if len > self.largest {
            return Err(Refusal::TooLong(TooLong { len, largest: self.largest }));
        }
        // Behind the record there has to be room for a word that says that nothing follows.
        if self.next(position, len) + 8 <= self.head + self.data {
            return Ok(());
        }
        let unread: u64 = self.unread.iter().map(|unread| record(unread.bytes.len())).sum();
        let records = unread + staged + record(len);
        assert!(records > self.capacity as u64, "no room for {records} bytes of records in {}", self.capacity);
        Err(match (self.consumer, how) {
            (Role::Closed, _) => Refusal::Closed,
            (Role::Dead, How::Timeout | How::Deadline | How::Endless) => Refusal::Dead,
            (_, How::Try) => Refusal::Full,
            (_, How::Timeout | How::Deadline | How::Endless) => Refusal::Timeout,
        })
    }

    /// What must be answered to a push now; `None` if it must not be made, for it would wait.
    pub(super) fn answer(&self, len: usize, how: How) -> Option<Result<(), Refusal>> {
        let answer = self.answer_at(self.tail, 0, len, how);
        (how != How::Endless || answer != Err(Refusal::Timeout)).then_some(answer)
    }

    /// Notes what was answered, which has to be what must be.
    fn was_answered(&mut self, bytes: Vec<u8>, answer: Result<(), Refusal>, expected: Result<(), Refusal>) {
        assert_eq!(answer, expected, "to a message of {} bytes", bytes.len());
        if answer.is_ok() {
            self.published(bytes);
        }
    }

    pub(super) fn push(&mut self, how: How, len: Length) {
        let len = len.of(self.largest);
        let bytes = self.bytes(len);
        let Some(expected) = self.answer(len, how) else { return };
        let Some(tx) = &mut self.tx else { return };
        let answer = match how {
            How::Try => tx.try_push(&bytes).map_err(Refusal::from),
            How::Timeout => tx.push_timeout(&bytes, NOW).map_err(Refusal::from),
            How::Deadline => tx.push_deadline(&bytes, Instant::now()).map_err(Refusal::from),
            How::Endless => tx.push(&bytes).map_err(Refusal::from),
        };
        self.was_answered(bytes, answer, expected);
    }

    pub(super) fn push_vectored(&mut self, how: How, lens: &[Length]) {
        let how = if how == How::Try { how } else { How::Endless };
        // Together they shall not be too long each time.
        let parts: Vec<usize> = lens.iter().map(|len| len.of(self.largest / lens.len())).collect();
        let bytes = self.bytes(parts.iter().sum());
        let Some(expected) = self.answer(bytes.len(), how) else { return };
        let Some(tx) = &mut self.tx else { return };
        let slices = slices(&bytes, &parts);
        let answer = match how {
            How::Try => tx.try_push_vectored(&slices).map_err(Refusal::from),
            _ => tx.push_vectored(&slices).map_err(Refusal::from),
        };
        self.was_answered(bytes, answer, expected);
    }

    pub(super) fn push_pod(&mut self, how: How) {
        let how = if how == How::Try { how } else { How::Endless };
        let bytes = self.bytes(8);
        let value = u64::from_ne_bytes(*bytes.first_chunk().expect("eight"));
        let Some(expected) = self.answer(8, how) else { return };
        let Some(tx) = &mut self.tx else { return };
        let answer = match how {
            How::Try => tx.try_push_pod(&value).map_err(Refusal::from),
            _ => tx.push_pod(&value).map_err(Refusal::from),
        };
        self.was_answered(bytes, answer, expected);
    }

    pub(super) fn reserve(&mut self, how: How, len: Length, fate: Fate) {
        let len = len.of(self.largest);
        let mut bytes = self.bytes(len);
        let Some(expected) = self.answer(len, how) else { return };
        let Some(tx) = &mut self.tx else { return };
        let answer = match how {
            How::Try => tx.try_reserve(len).map_err(Refusal::from),
            How::Timeout => tx.reserve_timeout(len, NOW).map_err(Refusal::from),
            How::Deadline => tx.reserve_deadline(len, Instant::now()).map_err(Refusal::from),
            How::Endless => tx.reserve(len).map_err(Refusal::from),
        };
        let mut reservation = match answer {
            Ok(reservation) => reservation,
            Err(refusal) => return assert_eq!(Err(refusal), expected, "to a reservation of {len} bytes"),
        };
        assert_eq!(expected, Ok(()), "to a reservation of {len} bytes");
        assert_eq!((reservation.len(), reservation.as_ptr() as usize % 8), (len, 0));
        // What is abandoned leaves its bytes behind, and nobody may take them for anything.
        reservation.copy_from_slice(&bytes);
        assert_eq!(*reservation, bytes);
        let commit = match fate {
            Fate::Commit => reservation.commit().map_err(CommitError::Failed),
            Fate::CommitLen(shorter) => {
                bytes.truncate(shorter.of(len));
                reservation.commit_len(shorter.of(len))
            }
            Fate::Drop => return drop(reservation),
        };
        if self.was_committed(commit, len, fate) {
            self.published(bytes);
        }
    }

    /// True if a reservation of `len` bytes has to have been committed.
    fn was_committed(&self, commit: Result<(), CommitError>, len: usize, fate: Fate) -> bool {
        let expected = match fate {
            Fate::CommitLen(shorter) if shorter.of(len) > len => {
                Err(CommitError::TooLong { len: shorter.of(len), reserved: len })
            }
            _ => Ok(()),
        };
        assert_eq!(commit, expected);
        expected.is_ok()
    }

    pub(super) fn batch(&mut self, items: &[Item], publish: bool) {
        // Both are taken out, so that the model can be asked meanwhile.
        let Some(mut tx) = self.tx.take() else { return };
        let mut batch = tx.batch().expect("intact");
        let mut staged: Vec<Vec<u8>> = Vec::new();
        let (mut position, mut records) = (self.tail, 0);
        for &item in items {
            let (len, parts) = match item {
                Item::Copy(len) | Item::Reserve(len, _) => (len.of(self.largest), None),
                Item::Vectored(one, other) => {
                    let parts = [one, other].map(|len| len.of(self.largest / 2));
                    (parts.iter().sum(), Some(parts))
                }
            };
            let mut bytes = self.bytes(len);
            let expected = self.answer_at(position, records, len, How::Try);
            let answer = match item {
                Item::Copy(_) => batch.try_push(&bytes).map_err(Refusal::from).map(|()| true),
                Item::Vectored(..) => {
                    let slices = slices(&bytes, &parts.expect("of this item"));
                    batch.try_push_vectored(&slices).map_err(Refusal::from).map(|()| true)
                }
                Item::Reserve(_, fate) => batch.try_reserve(len).map_err(Refusal::from).map(|mut reservation| {
                    reservation.copy_from_slice(&bytes);
                    let commit = match fate {
                        Fate::Commit => reservation.commit().map_err(CommitError::Failed),
                        Fate::CommitLen(shorter) => {
                            bytes.truncate(shorter.of(len));
                            reservation.commit_len(shorter.of(len))
                        }
                        Fate::Drop => {
                            drop(reservation);
                            return false;
                        }
                    };
                    self.was_committed(commit, len, fate)
                }),
            };
            assert_eq!(answer.map(drop), expected, "to a message of {len} bytes in a batch");
            if answer == Ok(true) {
                position = self.next(position, bytes.len());
                records += record(bytes.len());
                staged.push(bytes);
            }
            assert_eq!((batch.len(), batch.is_empty()), (staged.len(), staged.is_empty()));
        }
        self.nothing_else_is_published();
        if publish {
            batch.publish().expect("intact");
            for bytes in staged {
                self.published(bytes);
            }
            assert_eq!(self.tail, position);
        } else {
            drop(batch);
        }
        self.nothing_else_is_published();
        self.tx = Some(tx);
    }

    pub(super) fn fill(&mut self, len: Length) {
        let len = len.of(self.largest);
        if len > self.largest {
            return;
        }
        while self.tx.is_some() && self.answer(len, How::Try) == Some(Ok(())) {
            self.push(How::Try, Length::Bytes(len));
        }
        self.push(How::Try, Length::Bytes(len));
    }

    pub(super) fn is_full(&mut self, len: Length) {
        let len = len.of(self.largest);
        let expected = self.answer(len, How::Try).is_some_and(|answer| answer.is_err());
        let Some(tx) = &mut self.tx else { return };
        assert_eq!(tx.is_full(len), Ok(expected), "`is_full` foretells `try_reserve`");
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
        if expected != Err(WaitError::Timeout) {
            assert_eq!(tx.wait_until_empty(), expected);
        }
    }
}

/// `bytes`, cut into parts of these lengths.
pub(super) fn slices<'a>(mut bytes: &'a [u8], parts: &[usize]) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::new();
    for &part in parts {
        let (slice, rest) = bytes.split_at(part);
        slices.push(IoSlice::new(slice));
        bytes = rest;
    }
    slices
}
