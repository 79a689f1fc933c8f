//! A message, borrowed where it lies in the ring.

use core::ops::Deref;
use core::{fmt, slice};

use bytemuck::{AnyBitPattern, PodCastError};

use super::consumer::{Consumer, Front};
use super::error::PodError;

/// The ring's first message, where it lies. It is consumed when this is dropped.
///
/// Made by [`Consumer::pop`] and its siblings. If the process is killed meanwhile, the message is still the first for a succeeding
/// consumer: it is delivered at least once. [`keep`](Self::keep) leaves it in the ring, and so does `std::mem::forget`.
///
/// It is its bytes: `&*message` is a `&[u8]`, and `message.len()`, `message.to_vec()` and all else that a slice has is at hand.
///
/// The bytes begin at a multiple of 8 and are not copied. A producer that runs this crate does not touch them before they are
/// given back. Against one that does not keep to that, copy first and check the copy: see [`Consumer::pop_into`]. A message that lives across
/// a fork is the parent's: in the child it must not be read, for the parent may have given it back, and dropping it consumes nothing.
#[must_use = "the message is consumed when this is dropped"]
pub struct Message<'a> {
    consumer: &'a mut Consumer,
    front: Front,
}

impl<'a> Message<'a> {
    /// `front` is the first message of the consumer's ring.
    #[inline(always)]
    pub(super) fn new(consumer: &'a mut Consumer, front: Front) -> Self {
        Message { consumer, front }
    }

    /// The message as a value of plain data, where it lies: what [`push_pod`](super::Producer::push_pod) pushed.
    ///
    /// Types that are aligned to more than 8 bytes do not compile:
    ///
    /// ```compile_fail,E0080
    /// # #[derive(Clone, Copy)] #[repr(C, align(64))] struct Wide([u8; 64]);
    /// # unsafe impl bytemuck::Zeroable for Wide {}
    /// # unsafe impl bytemuck::Pod for Wide {}
    /// let (_tx, mut rx) = rondel::bytes::pair(4096).unwrap();
    /// let message = rx.try_pop().unwrap();
    /// let _ = message.as_pod::<Wide>();
    /// ```
    ///
    /// # Errors
    ///
    /// [`PodError::Length`] if the message has another length than the type. [`PodError::Alignment`] if its first bytes were
    /// read as a stream.
    #[inline(always)]
    pub fn as_pod<T: AnyBitPattern>(&self) -> Result<&T, PodError> {
        const { assert!(align_of::<T>() <= 8, "a message is aligned to 8 bytes: use `read_pod`") };
        bytemuck::try_from_bytes(self).map_err(|error| match error {
            PodCastError::TargetAlignmentGreaterAndInputNotAligned => {
                PodError::Alignment { expected: align_of::<T>(), read: self.front.read }
            }
            _ => PodError::Length { expected: size_of::<T>(), found: self.len() },
        })
    }

    /// A copy of the message as a value of plain data of any alignment.
    ///
    /// # Errors
    ///
    /// [`PodError::Length`] if the message has another length than the type.
    #[inline(always)]
    pub fn read_pod<T: AnyBitPattern>(&self) -> Result<T, PodError> {
        bytemuck::try_pod_read_unaligned(self)
            .map_err(|_| PodError::Length { expected: size_of::<T>(), found: self.len() })
    }

    /// Leaves the message in the ring, as the first.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        let bytes = self.consumer.bytes(self.front);
        // SAFETY: the front's bytes are in the ring, mapped as long as the consumer that `self` borrows. They are published and not
        // given back before `self` is dropped, so no producer that keeps to the protocol writes them.
        unsafe { slice::from_raw_parts(bytes.as_ptr(), self.front.len()) }
    }
}

impl AsRef<[u8]> for Message<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Message<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.consumer.give_back(self.front);
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.len()).finish_non_exhaustive()
    }
}
