//! Elements that tell themselves apart in every byte.

use bytemuck::{Pod, Zeroable};

/// What travels through the ring.
pub trait Element: Pod {
    /// The element with this number. Every byte depends on the number, so that neither a torn element nor one of another
    /// place passes; one-byte elements repeat after 256, which is why no ring of the tests has a period of 256.
    fn numbered(number: u64) -> Self {
        let mut element = Self::zeroed();
        for (index, byte) in bytemuck::bytes_of_mut(&mut element).iter_mut().enumerate() {
            *byte = number.wrapping_mul(31 + index as u64).wrapping_add(index as u64) as u8;
            *byte ^= (number >> 8) as u8;
        }
        element
    }

    /// Fails unless this is the element with this number.
    #[track_caller]
    fn assert_numbered(&self, number: u64) {
        let expected = Self::numbered(number);
        assert_eq!(bytemuck::bytes_of(self), bytemuck::bytes_of(&expected), "the element with number {number}");
    }
}

impl<T: Pod> Element for T {}

/// A line of its own, aligned as strictly as the ring allows.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Aligned([u64; 8]);
