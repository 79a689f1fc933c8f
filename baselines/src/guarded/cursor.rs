//! The two ends' places in a ring of which a semaphore looks after the order.

use crate::Message;
use crate::shared::Shared;
use crate::slots::Slots;

/// The most slots, however small: a System V semaphore counts to 32,767.
const MOST: usize = 1 << 14;

/// How many messages of `WORDS` words there is room for: all of the memory, unless they are very small.
pub(crate) const fn slots<const WORDS: usize>() -> usize {
    let fit = Slots::depth::<WORDS>();
    assert!(fit >= 2, "a ring has at least two slots");
    if fit < MOST { fit } else { MOST }
}

/// One end's place in the ring: the slot that is next.
pub(crate) struct Cursor<const WORDS: usize> {
    memory: Shared<Slots>,
    next: usize,
}

/// The two ends of a new ring, both at its first slot.
pub(crate) fn ring<const WORDS: usize>() -> std::io::Result<(Cursor<WORDS>, Cursor<WORDS>)> {
    // So few words that at least two messages fit, or `slots` does not compile: they are admitted.
    const { assert!(slots::<WORDS>() >= 2) };
    let memory: Shared<Slots> = Shared::new()?;
    Ok((Cursor { memory: memory.clone(), next: 0 }, Cursor { memory, next: 0 }))
}

impl<const WORDS: usize> Cursor<WORDS> {
    /// Writes the next slot.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes that slot meanwhile, and whoever does so before or after is ordered with this by some
    /// synchronization.
    #[inline]
    pub(crate) unsafe fn write(&mut self, message: &Message<WORDS>) {
        let slot = self.advance();
        // SAFETY: `ring` has seen to it that such messages fit, and the caller to it that nobody else is at this slot.
        unsafe { self.memory.put(slot, message) };
    }

    /// Reads the next slot.
    ///
    /// # Safety
    ///
    /// As [`write`](Cursor::write).
    #[inline]
    pub(crate) unsafe fn read(&mut self, message: &mut Message<WORDS>) {
        let slot = self.advance();
        // SAFETY: as in `write`.
        unsafe { self.memory.get(slot, message) };
    }

    /// The next slot, which from now on is the one after it.
    #[inline]
    fn advance(&mut self) -> usize {
        let slot = self.next;
        self.next = if slot + 1 == slots::<WORDS>() { 0 } else { slot + 1 };
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_lies_in_the_memory_and_no_two_in_one_place() {
        fn fits<const WORDS: usize>() {
            let (mut from, mut to) = ring::<WORDS>().unwrap();
            let mut message = Message::default();
            // All are full at once, and round again.
            for lap in 0..2 {
                let first = lap * slots::<WORDS>() as u64;
                let numbers = first..first + slots::<WORDS>() as u64;
                for number in numbers.clone() {
                    // SAFETY: this thread has both ends.
                    unsafe { from.write(&Message::numbered(number)) };
                }
                for number in numbers {
                    // SAFETY: as above.
                    unsafe { to.read(&mut message) };
                    assert!(message.is(number));
                }
            }
        }
        fits::<1>();
        fits::<8>();
        fits::<128>();
        fits::<8192>();
        assert_eq!([slots::<1>(), slots::<8>(), slots::<128>(), slots::<8192>()], [16_384, 4096, 256, 4]);
    }
}
