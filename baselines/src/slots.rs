//! The places of a ring of messages in shared memory, for transports whose order is kept by something else: a lock, a signal.

use crate::{Error, Message, Result};
use bytemuck::Zeroable;
use std::cell::UnsafeCell;

/// Bytes of messages, for messages of all lengths: as much as rondel's own ring of messages has, so that both stay within the same cache.
pub(crate) const ROOM: usize = 256 << 10;

/// Memory for messages.
///
/// The alignment is two lines, because some processors fetch lines in pairs, and what lies before must not share one with it.
#[repr(C, align(128))]
pub(crate) struct Slots {
    words: UnsafeCell<[u64; ROOM / 8]>,
}

// SAFETY: the struct is an array of integers, and every pattern of bits is a value of an integer.
unsafe impl Zeroable for Slots {}

// SAFETY: the words are touched by `put` and `get` only, whose callers promise that nobody else touches the same slot meanwhile.
unsafe impl Sync for Slots {}

impl Slots {
    /// How many messages fit: a power of two, so that positions may wrap. None, where a message is longer than the memory.
    pub(crate) const fn depth<const WORDS: usize>() -> usize {
        match (ROOM / 8).checked_div(WORDS) {
            None => 1,
            Some(0) => 0,
            Some(fit) => 1 << fit.ilog2(),
        }
    }

    /// Refuses messages of which fewer than two fit.
    pub(crate) fn admit<const WORDS: usize>(transport: &'static str) -> Result<()> {
        if Self::depth::<WORDS>() >= 2 {
            return Ok(());
        }
        let why = format!("two messages of {} bytes do not fit into {ROOM} bytes of shared memory", 8 * WORDS);
        Err(Error::unavailable(transport, "making a ring", why))
    }

    /// Where the message with the given position lies.
    #[inline(always)]
    fn place<const WORDS: usize>(&self, position: usize) -> *mut Message<WORDS> {
        // Masked, so that whatever a peer may have written where a position should be, the place lies inside. (Where no message fits
        // there is no mask; `put` and `get` must not be called then.)
        let slot = position & Self::depth::<WORDS>().wrapping_sub(1);
        self.words.get().cast::<Message<WORDS>>().wrapping_add(slot)
    }

    /// Writes a message.
    ///
    /// # Safety
    ///
    /// `WORDS` has been [admitted](Slots::admit), and nobody else reads or writes the message at this position until this returns.
    #[inline(always)]
    pub(crate) unsafe fn put<const WORDS: usize>(&self, position: usize, message: &Message<WORDS>) {
        let place = self.place::<WORDS>(position);
        // SAFETY: `place` is one of `depth` places of a message, which all fit into the words, is aligned as words are, and is not that of
        // the caller's private message; nobody else uses it, as the caller promises.
        unsafe { place.copy_from_nonoverlapping(message, 1) };
    }

    /// Reads a message.
    ///
    /// # Safety
    ///
    /// As for [`put`](Slots::put).
    #[inline(always)]
    pub(crate) unsafe fn get<const WORDS: usize>(&self, position: usize, message: &mut Message<WORDS>) {
        let place = self.place::<WORDS>(position);
        // SAFETY: as in `put`; whatever bits lie there are a message.
        unsafe { place.copy_to_nonoverlapping(message, 1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Shared;

    #[test]
    fn depths_are_powers_of_two_that_fit() {
        assert_eq!(Slots::depth::<1>(), 32_768);
        assert_eq!(Slots::depth::<3>(), 8192);
        assert_eq!(Slots::depth::<8192>(), 4);
        assert_eq!(Slots::depth::<{ ROOM / 8 }>(), 1);
        assert_eq!(Slots::depth::<{ ROOM / 8 + 1 }>(), 0);
        Slots::admit::<{ ROOM / 16 }>("test").unwrap();
        let refused = Slots::admit::<{ ROOM / 16 + 1 }>("test").unwrap_err().to_string();
        assert!(refused.contains("131080 bytes do not fit into 262144"), "{refused}");
    }

    #[test]
    fn each_position_has_a_place_of_its_own_until_they_wrap() {
        let slots: Shared<Slots> = Shared::new().unwrap();
        let depth = Slots::depth::<5>();
        for position in 0..depth {
            // SAFETY: five words fit, and nobody else has these slots.
            unsafe { slots.put(position, &Message::<5>::numbered(position as u64)) };
        }
        // SAFETY: as above.
        unsafe { slots.put(depth, &Message::<5>::numbered(77)) };
        let mut message = Message::<5>::default();
        for position in 0..depth {
            // SAFETY: as above.
            unsafe { slots.get(position, &mut message) };
            assert!(message.is(if position == 0 { 77 } else { position as u64 }), "{position}");
        }
    }
}
