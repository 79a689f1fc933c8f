//! The consumer's operations.

use std::sync::atomic::Ordering::Relaxed;

use super::{Conduct, Game};
use crate::hostile::touch;
use crate::protocol::bytes::{Memory, Place, Record};

impl Game {
    /// Looks at the record at `place`, which is the `nth` that is unread, and reads it. `None` if there is none, or the consumer has failed.
    fn look(&mut self, place: Place, nth: usize) -> Option<Record> {
        let rx = self.rx.as_mut()?;
        let found = match rx.look(place) {
            Ok(found) => found,
            Err(corruption) => {
                self.consumer_failed(corruption);
                return None;
            }
        };
        if let Some(how) = self.meanwhile.take() {
            // The producer may be led to write over what is about to be read.
            self.push(how);
        }
        let expected = match self.conduct {
            Conduct::Honest => {
                let expected = self.published.get(self.consumed + nth);
                assert_eq!(found.is_some(), expected.is_some(), "a message is there, or not");
                expected
            }
            Conduct::Lies => {
                let nth = self.published.binary_search_by_key(&place.position(), |message| message.position);
                nth.ok().map(|nth| &self.published[nth])
            }
            Conduct::Hostile => None,
        };
        let record = found?;
        let bytes = self.handle.0.place(record.payload, record.len);
        // SAFETY: the bytes lie in the block, or `place` has panicked; nobody else runs meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, record.len as usize) };
        touch(bytes);
        let right = self.astray
            || expected.is_some_and(|expected| {
                (record.len, record.next.position()) == (expected.len, expected.next) && expected.is(bytes)
            });
        if let Err(corruption) = self.rx.as_ref()?.vouch() {
            self.consumer_failed(corruption);
            return None;
        }
        assert!(right || self.conduct == Conduct::Hostile, "not what was published: {record:?}, {expected:?}");
        Some(record)
    }

    /// Notes that the first `count` messages have been consumed, and whether room was given back.
    fn gave_back(&mut self, count: usize, released: bool) {
        self.read = 0;
        if self.honest() {
            self.consumed += count;
            assert!(!released || self.handle.released().load(Relaxed) == self.head());
        }
    }

    /// Looks at some, and consumes some of those.
    pub(super) fn take(&mut self, how: u8) {
        let (most, keep) = (usize::from(how % 8) + 1, usize::from(how / 8 % 4));
        let Some(mut place) = self.rx.as_ref().map(|rx| rx.head()) else { return };
        let mut places = vec![place];
        while places.len() <= most {
            let Some(record) = self.look(place, places.len() - 1) else { break };
            place = record.next;
            places.push(place);
        }
        let count = (places.len() - 1).saturating_sub(keep);
        if let (1.., Some(rx)) = (count, &mut self.rx) {
            let released = rx.consume(places[count]);
            self.gave_back(count, released);
        }
    }

    pub(super) fn take_all(&mut self) {
        while self.consumed < self.published.len() {
            self.take(7);
        }
        self.take(0);
    }

    /// Reads on in the first message, as a stream does, and consumes it when its last byte is read.
    pub(super) fn read_on(&mut self, bytes: u8) {
        let Some(head) = self.rx.as_ref().map(|rx| rx.head()) else { return };
        let Some(record) = self.look(head, 0) else { return };
        let Some(rx) = &mut self.rx else { return };
        self.read = (self.read + u64::from(bytes)).min(record.len);
        if self.read == record.len {
            let behind = rx.behind_head(record.len);
            assert_eq!(behind, record.next);
            let released = rx.consume(behind);
            self.gave_back(1, released);
        }
    }
}
