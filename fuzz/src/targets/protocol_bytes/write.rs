//! The producer's operations.

use super::{Conduct, Game, Message};
use crate::protocol::Corruption;

impl Game {
    /// What the producer says of room for `len` bytes.
    pub(super) fn room(&mut self, len: u64, room: Result<bool, Corruption>) {
        self.reserved = None;
        match room {
            Ok(room) => assert!(!self.honest() || room || self.held_back || self.is_full_for(len)),
            Err(corruption) => self.producer_failed(corruption),
        }
    }

    /// Whether the message would be too much beside those that are unread.
    fn is_full_for(&self, len: u64) -> bool {
        let end = self.staged.last().map_or(self.tail(), |last| last.next);
        self.behind(end, len) - self.head() > self.capacity
    }

    pub(super) fn reserve(&mut self, len: u8) {
        let largest = self.handle.0.geometry.largest;
        self.reserve_bytes(u64::from(len) * if largest > 255 { 3 } else { 1 } % (largest + 1));
    }

    /// Makes room and writes the message into it.
    fn reserve_bytes(&mut self, len: u64) {
        self.reserved = None;
        let (honest, full) = (self.honest(), self.honest() && self.is_full_for(len));
        let Some(tx) = &mut self.tx else { return };
        let found = match tx.reserve(len) {
            Ok(None) => tx.see_consumed(len).and_then(|room| {
                // Where no consumer has died with room in its hands, the first refusal is one for a good reason, too.
                assert!(!honest || full || self.held_back, "refused with room");
                if room { tx.reserve(len) } else { Ok(None) }
            }),
            found => found,
        };
        let payload = match found {
            Ok(Some(payload)) => payload,
            Ok(None) => {
                assert!(!honest || full, "refused with room");
                return;
            }
            Err(corruption) => return self.producer_failed(corruption),
        };
        let position = self.staged.last().map_or(self.tail(), |last| last.next);
        if self.conduct != Conduct::Hostile {
            assert_eq!(payload, position % self.handle.0.geometry.data + 8);
        }
        self.made += 1;
        let message = Message { position, seed: self.made, len, next: 0 };
        let place = self.handle.0.place(payload, len);
        // SAFETY: the bytes are the producer's until it publishes; they lie in the block, or `place` has panicked, and nobody else
        // runs meanwhile.
        message.fill(unsafe { std::slice::from_raw_parts_mut(place, len as usize) });
        self.reserved = Some(message);
    }

    /// Completes the message, or all but some bytes of it.
    pub(super) fn stage(&mut self, less: u8) {
        let (Some(tx), Some(mut message)) = (&mut self.tx, self.reserved.take()) else { return };
        message.len -= if less % 2 == 0 { 0 } else { u64::from(less / 2).min(message.len) };
        tx.stage(message.len);
        if self.conduct != Conduct::Hostile {
            message.next = self.behind(message.position, message.len);
            self.staged.push(message);
        }
    }

    pub(super) fn publish(&mut self) {
        self.reserved = None;
        if let Some(tx) = &mut self.tx {
            tx.publish();
            self.published.append(&mut self.staged);
        }
    }

    pub(super) fn abandon(&mut self) {
        self.reserved = None;
        if let Some(tx) = &mut self.tx {
            tx.abandon();
            self.staged.clear();
        }
    }

    pub(super) fn push(&mut self, len: u8) {
        self.reserve(len);
        self.stage(0);
        self.publish();
    }

    /// True if there was room.
    pub(super) fn push_one(&mut self, len: u64) -> bool {
        self.reserve_bytes(len);
        let reserved = self.reserved.is_some();
        self.stage(0);
        self.publish();
        reserved
    }
}
