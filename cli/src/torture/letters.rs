//! What the messages say. Every byte of one follows from the episode's seed, from whose it is and the how manyth of its author, so that
//! a consumer that knows only the seed sees whether it is whole, and whose it is.

use fastrand::Rng;

use super::setup::{Kind, Setup};

/// So many authors there can be, and so many messages of each.
pub(super) const AUTHORS: u64 = 1 << AUTHOR_BITS;
pub(super) const NUMBERS: u64 = 1 << NUMBER_BITS;
const AUTHOR_BITS: u32 = 12;
const NUMBER_BITS: u32 = 28;
/// The bits of the first word that are left for a check of the others.
const CHECK_BITS: u32 = 64 - AUTHOR_BITS - NUMBER_BITS;

/// Bytes of the first word, which every message has.
pub(super) const SHORTEST: usize = 8;

/// A message: whose it is (the number of the producer's life), and the how manyth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    pub(super) author: u64,
    pub(super) number: u64,
}

/// The messages of an episode.
#[derive(Clone)]
pub(super) struct Letters {
    seed: u64,
    kind: Kind,
    size: usize,
}

impl Letters {
    pub(super) fn new(setup: &Setup) -> Letters {
        Letters { seed: setup.seed, kind: setup.kind, size: setup.size }
    }

    fn word(id: Id) -> u64 {
        id.author << NUMBER_BITS | id.number
    }

    /// What the bytes of a message are drawn from.
    fn noise(&self, id: Id) -> Rng {
        Rng::with_seed(self.seed.rotate_left(17) ^ Self::word(id).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Of elements always the same. Of messages many are short, one in sixteen is as long as can be.
    pub(super) fn len(&self, id: Id) -> usize {
        if self.kind != Kind::Bytes {
            return self.size;
        }
        let mut noise = self.noise(Id { number: id.number ^ (NUMBERS - 1), ..id });
        let len = match noise.u32(..16) {
            0..=9 => noise.usize(SHORTEST..=64),
            10..=13 => noise.usize(SHORTEST..=1024),
            14 => noise.usize(SHORTEST..=self.size),
            _ => self.size,
        };
        len.min(self.size)
    }

    /// Writes a message; `bytes` are as many as it has.
    pub(super) fn write(&self, id: Id, bytes: &mut [u8]) {
        let mut noise = self.noise(id);
        let first = Self::word(id) << CHECK_BITS | noise.u64(..1 << CHECK_BITS);
        let mut word = first;
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&word.to_ne_bytes()[..chunk.len()]);
            word = noise.u64(..);
        }
    }

    /// Whose it is, if it is one of this episode, has the length that it should have, and is whole to the last byte.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Id> {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let first = u64::from_ne_bytes(*first);
        let word = first >> CHECK_BITS;
        let id = Id { author: word >> NUMBER_BITS, number: word & (NUMBERS - 1) };
        let mut noise = self.noise(id);
        let checked = first & ((1 << CHECK_BITS) - 1) == noise.u64(..1 << CHECK_BITS) && bytes.len() == self.len(id);
        let mut whole = |chunk: &[u8]| *chunk == noise.u64(..).to_ne_bytes()[..chunk.len()];
        (checked && rest.chunks(8).all(&mut whole)).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setup of each kind of ring.
    fn letters() -> Vec<Letters> {
        let find =
            |kind| (0..).map(Setup::drawn).find(|setup| setup.kind == kind && setup.size >= 24).expect("endless");
        Kind::ALL.into_iter().map(|kind| Letters::new(&find(kind))).collect()
    }

    fn written(letters: &Letters, id: Id) -> Vec<u8> {
        let mut bytes = vec![0; letters.len(id)];
        letters.write(id, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        for letters in letters() {
            for author in [0, 1, 7, AUTHORS - 1] {
                for number in (0..200).chain([NUMBERS - 1]) {
                    let id = Id { author, number };
                    assert_eq!(letters.read(&written(&letters, id)), Some(id));
                }
            }
        }
    }

    #[test]
    fn any_byte_that_is_another_one_is_noticed() {
        for letters in letters() {
            let id = Id { author: 3, number: 5 };
            let bytes = written(&letters, id);
            for index in 0..bytes.len() {
                let mut torn = bytes.clone();
                torn[index] ^= 0x10;
                assert_eq!(letters.read(&torn), None, "byte {index}");
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_off_or_mixed_with_another_is_noticed() {
        for letters in letters() {
            let [one, other] = [5, 6].map(|number| written(&letters, Id { author: 3, number }));
            assert_eq!(letters.read(&one[..one.len() - 1]), None);
            assert_eq!(letters.read(&[]), None);
            let mut mixed = one.clone();
            let len = one.len().min(other.len());
            mixed[8..len].copy_from_slice(&other[8..len]);
            assert!(len == 8 || letters.read(&mixed).is_none());
        }
    }

    #[test]
    fn another_episode_has_other_messages() {
        for letters in letters() {
            let other = Letters { seed: letters.seed + 1, ..letters.clone() };
            assert_eq!(other.read(&written(&letters, Id { author: 0, number: 0 })), None);
        }
    }
}
