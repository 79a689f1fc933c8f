//! A ring between one producer and one consumer, for messages of any length, written and read where they lie.
//!
//! # From the convenient to the bare
//!
//! [`pair`] gives two handles at once, for two threads. For two processes there is [`Ring`]: a mapped segment in which
//! neither role is taken. One process creates it, the other attaches to it, and each takes its role:
//!
//! ```
//! use rondel::bytes;
//!
//! # let name = format!("doc-bytes-{}", std::process::id());
//! # let name = name.as_str();
//! // In one process …
//! let ring = bytes::Ring::builder().capacity(1 << 20).largest(64 << 10).create_or_attach(name)?;
//! let mut tx = ring.producer()?;
//! tx.push(b"copied into the ring")?;
//! let mut reservation = tx.reserve(19)?; // or written in place
//! reservation.copy_from_slice(b"written in the ring");
//! reservation.commit()?;
//!
//! // … and in the other, in any order.
//! let ring = bytes::Ring::builder().capacity(1 << 20).largest(64 << 10).create_or_attach(name)?;
//! let mut rx = ring.consumer()?;
//! let message = rx.pop()?; // borrowed in the ring; consumed when dropped
//! assert_eq!(&*message, b"copied into the ring");
//! drop(message);
//! assert_eq!(&*rx.pop()?, b"written in the ring");
//!
//! ring.unlink()?; // the name goes; the ring lives on while it is mapped
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to push a copy | to write in place | to read in place | to pop a copy | waits, if there is or was a peer |
//! |---|---|---|---|---|
//! | [`try_push`](Producer::try_push) | [`try_reserve`](Producer::try_reserve) | [`try_pop`](Consumer::try_pop) | [`try_pop_into`](Consumer::try_pop_into) | never |
//! | [`push`](Producer::push) | [`reserve`](Producer::reserve) | [`pop`](Consumer::pop) | [`pop_into`](Consumer::pop_into) | until it is gone |
//! | [`push_timeout`](Producer::push_timeout) | [`reserve_timeout`](Producer::reserve_timeout) | [`pop_timeout`](Consumer::pop_timeout) | [`pop_into_timeout`](Consumer::pop_into_timeout) | as long as you say |
//! | [`push_deadline`](Producer::push_deadline) | [`reserve_deadline`](Producer::reserve_deadline) | [`pop_deadline`](Consumer::pop_deadline) | [`pop_into_deadline`](Consumer::pop_into_deadline) | until then |
//!
//! Beside these: messages put together of slices ([`push_vectored`](Producer::push_vectored)), values of plain data
//! ([`push_pod`](Producer::push_pod), [`Message::as_pod`]), several messages published by one store ([`batch`](Producer::batch)), all that
//! is ready at once ([`pop_batch`](Consumer::pop_batch)).
//!
//! # Lengths
//!
//! A message has 0 bytes to [`largest`](crate::Builder::largest); a longer one is a typed error with both figures. It takes a *record* of
//! 8 bytes and its own, rounded up to 8. [`capacity`](crate::Builder::capacity) counts bytes of records: unread records of as many
//! always fit. The segment has `capacity + largest` bytes and a few KiB.
//!
//! # As a stream
//!
//! A [`Producer`] is a [`Write`](std::io::Write), a [`Consumer`] a [`Read`](std::io::Read) and a [`BufRead`](std::io::BufRead), so that code
//! that was written against a pipe works unchanged. The bytes come out in the order in which they went in, and the boundaries of messages do not
//! count: a write is one message, or a part of what was to be written, as is usual with `Write`; a read gives
//! what is ready, of several messages, or of a part of one. End of file is the producer's closing; a producer whose process was killed is an
//! error.
//!
//! ```
//! use std::io::{BufRead, Write};
//!
//! let (tx, rx) = rondel::bytes::pair(64 << 10)?;
//! let writer = std::thread::spawn(move || {
//!     let mut tx = std::io::BufWriter::new(tx);
//!     for number in 0..1000 {
//!         writeln!(tx, "line {number}")?;
//!     }
//!     tx.flush() // then closes
//! });
//! let mut count = 0;
//! for line in rx.lines() {
//!     assert_eq!(line?, format!("line {count}"));
//!     count += 1;
//! }
//! assert_eq!(count, 1000);
//! writer.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What differs from a pipe:
//!
//! - A write succeeds as long as there is room, whether anybody reads or not: a successor may.
//! - Every write is a message, so wrap what writes in small pieces, as `writeln!` does, in a [`BufWriter`](std::io::BufWriter).
//! - The ring outlives its handles. A reader that comes before the writer's second run finds the end that the first one has left: read again after it, or
//!   unlink the name when a stream is through.
//! - A successor of a writer that was killed goes on behind its last write, which may have ended in the midst of a line. Where a boundary must be
//!   found again, use messages.
//! - No call is ever `Interrupted`.
//!
//! As with a pipe, an end does not say that all is well: a writer that leaves by `?` or a panic drops its handle, and so closes, and a `BufWriter` that is dropped
//! tells nobody that its last write failed. A reader that must tell a whole stream from a half needs an end that is part of the
//! data, as `rondel send` sends one (`docs/pipelines.md`).
//!
//! Both can be mixed with messages: a pop after a read of a part of a message gives the rest of it.
//!
//! # When a peer goes
//!
//! As with [`spsc`](crate::spsc#when-a-peer-goes): a closed peer and a dead one are told apart, a stopped one is alive, nothing
//! that was published is lost, and a successor goes on where its predecessor stopped: a producer behind the last published message, a
//! consumer at the first that was not consumed. A [`Message`] is consumed when it is dropped, so one that was being
//! read at the moment of a kill is delivered again; a [`Reservation`] that was being written is not delivered at all.
//!
//! After a fork, too, it is as [there](crate::spsc#after-a-fork): carry the [`Ring`] across, and attach in the child. A reservation, a message or a batch
//! that was alive at the fork stays the parent's; the child must not touch its bytes.
//!
//! # Trust
//!
//! A length that cannot be is [`Fault::Corrupted`](crate::Fault::Corrupted), never an access outside the segment, whatever the segment holds and however it
//! changes meanwhile. The *bytes* of a message in place are another matter: `&[u8]` promises that they do not change, and the producer's process has the
//! memory mapped for writing. One that runs this crate does not touch them. If you do not trust it to, use
//! [`pop_into`](Consumer::pop_into), which copies them out before anything looks at them.
//!
//! Consumers can be kept from writing the messages at all, as with [`spsc`](crate::spsc#consumers-that-cannot-write), by
//! [`read_only_consumers`](crate::Builder::<Ring>::read_only_consumers). Then a copied message is one that the producer has published, whatever former
//! consumers write; one that is read in place may be written over if the producer was lied to, and the handle fails when it is given back.

mod builder;
mod consumer;
mod error;
mod memory;
mod message;
mod pop_batch;
mod producer;
mod push_batch;
mod reservation;
mod stream;

use core::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

pub use consumer::Consumer;
pub use error::{CommitError, PodError, PopIntoError, PushError, PushTimeoutError, TooLong, TryPushError};
pub use message::Message;
pub use pop_batch::{PopBatch, PopBatchIter};
pub use producer::Producer;
pub use push_batch::PushBatch;
pub use reservation::Reservation;

use crate::SegmentError;
use crate::handoff::Descriptors;
pub use crate::outcome::{PopError, PopTimeoutError};
pub use crate::pair::{Peer, TryPopError, WaitError};
use crate::protocol::bytes::Geometry;
use crate::segment::{Builder, Dimensions, Elements, OptionBit, Place, RingKind, RingType, Roles, Segment, sealed};

/// A ring of messages, mapped, without a role.
///
/// Cheap to clone, `Send` and `Sync`, and may be carried across a fork. The segment stays mapped as long as a `Ring` or
/// a handle made from it lives.
pub struct Ring {
    segment: Arc<Segment>,
    geometry: Geometry,
}

impl Ring {
    /// How to create a ring or attach to one: capacity, largest message, permissions, schema tag, memory.
    ///
    /// ```
    /// # let name = format!("doc-bytes-builder-{}", std::process::id());
    /// let ring = rondel::bytes::Ring::builder()
    ///     .capacity(1 << 20) // bytes of records
    ///     .largest(9000)     // bytes of a message
    ///     .schema(0x51ab_0001) // checked at attach
    ///     .prefault(true)    // no page fault later
    ///     .unlink_on_drop(true)
    ///     .create(name.as_str())?;
    /// assert_eq!((ring.capacity(), ring.largest()), (1 << 20, 9000));
    /// # Ok::<(), rondel::SegmentError>(())
    /// ```
    pub fn builder() -> Builder<Ring> {
        Builder::new()
    }

    /// Attaches to the ring at `place` (a `&str` is a name in `/dev/shm`, a `Path` a path), whatever its capacity and its largest message, if it has
    /// no schema tag.
    ///
    /// # Errors
    ///
    /// As [`Builder::attach`].
    pub fn attach(place: impl Into<Place>) -> Result<Ring, SegmentError> {
        Self::builder().attach(place)
    }

    /// Takes the ring behind an inherited or received descriptor of a sealed memfd.
    ///
    /// # Errors
    ///
    /// As [`Builder::from_fd`].
    pub fn from_fd(fd: OwnedFd) -> Result<Ring, SegmentError> {
        Self::builder().from_fd(fd)
    }

    /// Takes the ring behind the descriptors that [`handoff`](crate::handoff) has brought from another process: one, or two.
    ///
    /// # Errors
    ///
    /// As [`Builder::from_fds`].
    pub fn from_fds(descriptors: impl Into<Descriptors>) -> Result<Ring, SegmentError> {
        Self::builder().from_fds(descriptors)
    }

    /// Gives up, for this process and for good, the right to write a ring with
    /// [`read_only_consumers`](Builder::<crate::spsc::Ring<u8>>::read_only_consumers): what the creator's forked child does that is to consume,
    /// for it has inherited the creator's mapping. Whatever code runs in the process from now on, it cannot alter what the producer
    /// publishes. In a process that has attached to the ring it changes nothing.
    ///
    /// # Errors
    ///
    /// [`SegmentError::StillWritable`] if this process holds the ring elsewhere: a clone, or a handle. Those count, too, that a forked child has
    /// a copy of and that its parent holds; so fork before there are any. [`SegmentError::SealsMissing`] if the ring was created
    /// without `read_only_consumers`.
    pub fn into_read_only(self) -> Result<Ring, SegmentError> {
        let segment = Arc::into_inner(self.segment).ok_or(SegmentError::StillWritable)?;
        Ok(Self::of(Arc::new(segment.into_read_only()?), self.geometry))
    }

    /// Takes the producer's role. After a predecessor it goes on right behind the last published message.
    ///
    /// # Errors
    ///
    /// [`SegmentError::RoleTaken`] with the holder's pid while another lives; [`SegmentError::ReadOnly`] where only the process that created the ring,
    /// and those forked from it, can push; [`SegmentError::DescriptorLimit`] if the
    /// process has no descriptor left for the lock; [`SegmentError::AddressSpace`]; [`SegmentError::NotInitialised`] if the
    /// segment has been wiped since it was opened; [`SegmentError::Corrupted`]; [`SegmentError::Io`] where the file may not be opened
    /// for writing again (another user's, or no `/proc`), or a sandbox refuses the lock or the question who holds it.
    pub fn producer(&self) -> Result<Producer, SegmentError> {
        Producer::attach(self)
    }

    /// Takes the consumer's role. After a predecessor it goes on at the first message that was not consumed.
    ///
    /// # Errors
    ///
    /// As [`producer`](Self::producer).
    pub fn consumer(&self) -> Result<Consumer, SegmentError> {
        Consumer::attach(self)
    }

    /// The bytes of unread records that always fit.
    pub fn capacity(&self) -> usize {
        self.segment.capacity() as usize
    }

    /// The largest message that the ring takes, in bytes.
    pub fn largest(&self) -> usize {
        self.geometry.largest as usize
    }

    /// The segment: its place, sizes, tag, and the descriptor to hand on.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The descriptor of the segment's file, to hand it on: see [`handoff`](crate::handoff). A ring with read-only consumers has two, which
    /// [`Segment::try_clone_fds`] gives.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }

    /// A descriptor of the segment's file that is the caller's own.
    ///
    /// # Errors
    ///
    /// As [`Segment::try_clone_fd`].
    pub fn try_clone_fd(&self) -> Result<OwnedFd, SegmentError> {
        self.segment.try_clone_fd()
    }

    /// Removes the name, if it still is this segment's. The ring itself lives as long as it is mapped somewhere.
    ///
    /// # Errors
    ///
    /// As [`Segment::unlink`].
    pub fn unlink(&self) -> Result<(), SegmentError> {
        self.segment.unlink()
    }

    /// The ring of a segment that has passed [`RingType::from_segment`] before.
    fn of(segment: Arc<Segment>, geometry: Geometry) -> Ring {
        Ring { segment, geometry }
    }

    fn too_large(requested: u64) -> SegmentError {
        SegmentError::CapacityTooLarge { requested, element_bytes: 1 }
    }

    fn too_short(&self) -> SegmentError {
        Self::too_large(self.segment.capacity())
    }
}

impl sealed::Sealed for Ring {}

impl RingType for Ring {
    const KIND: RingKind = RingKind::Bytes;
    const ROLES: Roles = Self::KIND.roles();
    const OPTIONS: &'static [OptionBit] = &[];

    fn elements() -> Elements {
        Elements::Messages { most: Geometry::largest_for }
    }

    fn body_len(Dimensions { capacity, element_size, .. }: Dimensions) -> Result<u64, SegmentError> {
        Geometry::new(capacity, element_size).and_then(memory::body_len).ok_or_else(|| Self::too_large(capacity))
    }

    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        let capacity = segment.capacity();
        let geometry = Geometry::new(capacity, segment.element_size()).ok_or_else(|| Self::too_large(capacity))?;
        Ok(Self::of(Arc::new(segment), geometry))
    }
}

impl Clone for Ring {
    fn clone(&self) -> Ring {
        Ring { segment: Arc::clone(&self.segment), geometry: self.geometry }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("place", self.segment.place())
            .field("capacity", &self.segment.capacity())
            .field("largest", &self.geometry.largest)
            .finish_non_exhaustive()
    }
}

/// Two handles of a new anonymous ring in which unread records of `capacity` bytes always fit, with messages as large as they can
/// be then: for two threads.
///
/// To pass one to another process, or to choose the largest message, make a [`Ring`] instead and attach there.
///
/// # Errors
///
/// [`SegmentError::ZeroCapacity`], [`SegmentError::LargestMessage`] for a capacity of less than 16, [`SegmentError::CapacityTooLarge`],
/// [`SegmentError::NoSpace`], and what the system says when it refuses memory or descriptors.
///
/// ```
/// let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
/// let total = std::thread::spawn(move || {
///     let mut total = 0;
///     while let Ok(message) = rx.pop() {
///         total += message.len();
///     }
///     total
/// });
/// for len in 0..100 {
///     tx.push(&vec![0; len])?;
/// }
/// drop(tx);
/// assert_eq!(total.join().unwrap(), 4950);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pair(capacity: usize) -> Result<(Producer, Consumer), SegmentError> {
    let ring = Ring::builder().capacity(capacity).anonymous()?;
    Ok((ring.producer()?, ring.consumer()?))
}
