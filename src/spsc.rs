//! A ring between one producer and one consumer, for elements of one fixed size.
//!
//! # From the convenient to the bare
//!
//! [`pair`] gives two handles at once, for two threads. For two processes there is [`Ring`]: a mapped segment in which
//! neither role is taken. One process creates it, the other attaches to it, and each takes its role:
//!
//! ```
//! use rondel::spsc;
//!
//! # let name = format!("doc-spsc-{}", std::process::id());
//! # let name = name.as_str();
//! // In one process …
//! let ring = spsc::Ring::<u64>::builder().capacity(1024).create_or_attach(name)?;
//! let mut tx = ring.producer()?;
//! tx.push(42)?;
//!
//! // … and in the other, in any order.
//! let ring = spsc::Ring::<u64>::builder().capacity(1024).create_or_attach(name)?;
//! let mut rx = ring.consumer()?;
//! assert_eq!(rx.pop()?, 42);
//!
//! ring.unlink()?; // the name goes; the ring lives on while it is mapped
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to push | to pop | waits | gives up |
//! |---|---|---|---|
//! | [`try_push`](Producer::try_push) | [`try_pop`](Consumer::try_pop) | never | at once |
//! | [`push`](Producer::push) | [`pop`](Consumer::pop) | for room, for an element | when the peer is gone |
//! | [`push_timeout`](Producer::push_timeout) | [`pop_timeout`](Consumer::pop_timeout) | as long as you say | then too |
//! | [`push_deadline`](Producer::push_deadline) | [`pop_deadline`](Consumer::pop_deadline) | until then | then too |
//!
//! The same four exist for slices ([`push_slice`](Producer::push_slice), [`pop_slice`](Consumer::pop_slice)), which
//! publish once per line, and for guards ([`pop_guard`](Consumer::pop_guard)), which consume when dropped.
//!
//! # After a fork
//!
//! A `Ring` may be carried across a fork, a handle may not: attach in the child. A handle that is used in a forked child
//! all the same answers [`Fault::Forked`](crate::Fault::Forked) and changes nothing, and one that is dropped there does
//! not close the parent's. A program that becomes a daemon attaches after its forks. Another program that is executed in the
//! process's place has none of its roles.
//!
//! ```
//! use rondel::spsc;
//!
//! let ring = spsc::Ring::<u64>::builder().capacity(64).anonymous()?;
//! // SAFETY: the child calls only what is safe after a fork of a process with other threads: no allocation is
//! // contended here, and it leaves by `_exit`.
//! match unsafe { libc::fork() } {
//!     0 => {
//!         let sent = ring.producer().is_ok_and(|mut tx| tx.push(42).is_ok());
//!         // SAFETY: `_exit` ends the process without running anything of the parent's.
//!         unsafe { libc::_exit(if sent { 0 } else { 1 }) }
//!     }
//!     child => {
//!         assert_eq!(ring.consumer()?.pop()?, 42);
//! #       let mut status = 0;
//! #       // SAFETY: `status` is a place for the result.
//! #       assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
//! #       assert_eq!(status, 0);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Consumers that cannot write
//!
//! Whoever has mapped a segment can write all of it, by a stray pointer or on purpose. An anonymous ring that was created with
//! [`read_only_consumers`](Builder::<Ring<u8>>::read_only_consumers) has its elements and its stamps in memory that only the process that created
//! it can write, and those forked from it: the kernel refuses all others, whatever they try (`F_SEAL_FUTURE_WRITE`). What consumers have to
//! write, their positions above all, lies in a second, small piece of memory.
//!
//! ```
//! use rondel::{SegmentError, handoff, spsc};
//!
//! let ring = spsc::Ring::<u64>::builder().capacity(64).read_only_consumers().anonymous()?;
//! # let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
//! // To any process: both descriptors in one message. Across exec: `handoff::inherit_segment`.
//! handoff::send_segment(&ours, ring.segment())?;
//! // In that process:
//! let attached = spsc::Ring::<u64>::from_fds(handoff::receive_segment(&theirs)?)?;
//! assert!(matches!(attached.producer(), Err(SegmentError::ReadOnly)));
//! # drop(attached);
//!
//! // To a forked child, which has inherited the creator's mapping and gives it up.
//! // SAFETY: the child calls only what is safe after a fork of a process with other threads: no allocation is
//! // contended here, and it leaves by `_exit`.
//! match unsafe { libc::fork() } {
//!     0 => {
//!         let received = ring.into_read_only().and_then(|ring| ring.consumer()).is_ok_and(|mut rx| rx.pop() == Ok(42));
//!         // SAFETY: `_exit` ends the process without running anything of the parent's.
//!         unsafe { libc::_exit(if received { 0 } else { 1 }) }
//!     }
//!     child => {
//!         ring.producer()?.push(42)?;
//! #       let mut status = 0;
//! #       // SAFETY: `status` is a place for the result.
//! #       assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
//! #       assert_eq!(status, 0);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - The producer is the process that created the ring, or one that was forked from it; [`producer`](Ring::producer) anywhere else is
//!   [`SegmentError::ReadOnly`]. When it has died, consumers get what is left, then [`Dead`](PopError::Dead); a successor can only
//!   come out of that family.
//! - What a consumer is told is what a producer has published, whole and in its place, or else an error, whatever earlier consumers
//!   have written anywhere. A consumer that lies about what it has consumed can skip elements, have them delivered again, or stop the ring: `SECURITY.md` draws the
//!   line.
//! - Each pop is checked for that, and so is a call and a load longer than one from another ring. Pushing takes no longer.
//!
//! # When a peer goes
//!
//! What a *consumer* sees of its producer; for a producer read "full" for "drained" and "room" for "elements".
//!
//! ```text
//!                     ┌────────────────────────── attaches ──────────────────────────┐
//!                     ▼                                                              │
//!   no producer   attached ──── drops its handle ───▶ closed ── pop: what is left, then Closed
//!   yet: pop ───▶ (stopped by a signal                                               │
//!   waits         counts as alive) ── is killed ────▶ dead ──── pop: what is left, then Dead
//! ```
//!
//! Nothing that was published is lost, whoever is killed and whenever: publishing is one store. A succeeding producer
//! goes on behind the last published element, a succeeding consumer at the first that was not consumed. Neither
//! `Closed` nor `Dead` is final: when a successor has attached, the same handle works on. A push into a ring
//! with room succeeds whatever the consumer is, for a successor may come.
//!
//! A consumer that is killed between consuming an element and acting on it takes that element with it. If that must not
//! be, use [`pop_guard`](Consumer::pop_guard): the element is then delivered again to the successor.

mod builder;
mod consumer;
mod error;
mod guard;
mod iter;
mod memory;
mod producer;

use core::fmt;
use core::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytemuck::Pod;

pub use consumer::Consumer;
pub use error::TryPushError;
pub use guard::PopGuard;
pub use iter::{Iter, TryIter};
pub use producer::Producer;

use crate::SegmentError;
use crate::handoff::Descriptors;
pub use crate::outcome::{PopError, PopTimeoutError, PushError, PushSliceError, PushTimeoutError};
pub use crate::pair::{Peer, TryPopError, WaitError};
use crate::protocol::spsc::Geometry;
use crate::segment::{
    Builder, Dimensions, ElementLayout, Elements, OptionBit, Place, RingKind, RingType, Roles, Segment, sealed,
};

/// A single-producer/single-consumer ring, mapped, without a role.
///
/// Cheap to clone, `Send` and `Sync`, and may be carried across a fork. The segment stays mapped as long as a `Ring` or
/// a handle made from it lives.
///
/// Elements are any [`bytemuck::Pod`] type: plain data of which every bit pattern is a value. Zero-sized types and
/// alignments over 64 bytes do not compile:
///
/// ```compile_fail,E0080
/// let ring = rondel::spsc::Ring::<()>::builder().capacity(8).anonymous();
/// ```
pub struct Ring<T> {
    segment: Arc<Segment>,
    geometry: Geometry,
    _elements: PhantomData<fn(T) -> T>,
}

impl<T: Pod> Ring<T> {
    /// How to create a ring or attach to one: capacity, permissions, schema tag, memory.
    ///
    /// ```
    /// # let name = format!("doc-builder-{}", std::process::id());
    /// let ring = rondel::spsc::Ring::<[f32; 4]>::builder()
    ///     .capacity(4096)     // elements
    ///     .mode(0o660)        // the group may attach too, with the same mode and this .owner(uid)
    ///     .schema(0x51ab_0001) // checked at attach
    ///     .prefault(true)     // no page fault later
    ///     .unlink_on_drop(true)
    ///     .create(name.as_str())?;
    /// assert_eq!(ring.capacity(), 4096);
    /// # Ok::<(), rondel::SegmentError>(())
    /// ```
    pub fn builder() -> Builder<Ring<T>> {
        Builder::new()
    }

    /// Attaches to the ring at `place` (a `&str` is a name in `/dev/shm`, a `Path` a path), whatever its capacity, if it has
    /// no schema tag.
    ///
    /// # Errors
    ///
    /// As [`Builder::attach`].
    pub fn attach(place: impl Into<Place>) -> Result<Ring<T>, SegmentError> {
        Self::builder().attach(place)
    }

    /// Takes the ring behind an inherited or received descriptor of a sealed memfd.
    ///
    /// # Errors
    ///
    /// As [`Builder::from_fd`].
    pub fn from_fd(fd: OwnedFd) -> Result<Ring<T>, SegmentError> {
        Self::builder().from_fd(fd)
    }

    /// Takes the ring behind the descriptors that [`handoff`](crate::handoff) has brought from another process: one, or two.
    ///
    /// # Errors
    ///
    /// As [`Builder::from_fds`].
    pub fn from_fds(descriptors: impl Into<Descriptors>) -> Result<Ring<T>, SegmentError> {
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
    pub fn into_read_only(self) -> Result<Ring<T>, SegmentError> {
        let segment = Arc::into_inner(self.segment).ok_or(SegmentError::StillWritable)?;
        Ok(Self::of(Arc::new(segment.into_read_only()?), self.geometry))
    }

    /// Takes the producer's role. After a predecessor it goes on right behind the last published element.
    ///
    /// # Errors
    ///
    /// [`SegmentError::RoleTaken`] with the holder's pid while another lives; [`SegmentError::ReadOnly`] where only the process that created the ring,
    /// and those forked from it, can push; [`SegmentError::DescriptorLimit`] if the
    /// process has no descriptor left for the lock; [`SegmentError::AddressSpace`]; [`SegmentError::NotInitialised`] if the
    /// segment has been wiped since it was opened; [`SegmentError::Corrupted`]; [`SegmentError::Io`] where the file may not be opened
    /// for writing again (another user's, or no `/proc`), or a sandbox refuses the lock.
    pub fn producer(&self) -> Result<Producer<T>, SegmentError> {
        Producer::attach(self)
    }

    /// Takes the consumer's role. After a predecessor it goes on at the first element that was not consumed.
    ///
    /// # Errors
    ///
    /// As [`producer`](Self::producer).
    pub fn consumer(&self) -> Result<Consumer<T>, SegmentError> {
        Consumer::attach(self)
    }

    /// The number of unread elements that always fit.
    pub fn capacity(&self) -> usize {
        self.segment.capacity() as usize
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

    fn geometry(capacity: u64) -> Option<Geometry> {
        Geometry::new(capacity, memory::Shape::<T>::SLOTS as u64)
    }

    /// The ring of a segment that has passed [`RingType::from_segment`] before.
    fn of(segment: Arc<Segment>, geometry: Geometry) -> Ring<T> {
        Ring { segment, geometry, _elements: PhantomData }
    }

    fn too_large(requested: u64) -> SegmentError {
        SegmentError::CapacityTooLarge { requested, element_bytes: size_of::<T>() as u64 }
    }

    fn too_short(&self) -> SegmentError {
        Self::too_large(self.segment.capacity())
    }
}

impl<T: Pod> sealed::Sealed for Ring<T> {}

impl<T: Pod> RingType for Ring<T> {
    const KIND: RingKind = RingKind::Spsc;
    const ROLES: Roles = Self::KIND.roles();
    const OPTIONS: &'static [OptionBit] = &[];

    fn elements() -> Elements {
        Elements::Fixed(ElementLayout { size: size_of::<T>() as u64, align: align_of::<T>() as u64 })
    }

    fn body_len(Dimensions { capacity, .. }: Dimensions) -> Result<u64, SegmentError> {
        Self::geometry(capacity).and_then(memory::body_len::<T>).ok_or_else(|| Self::too_large(capacity))
    }

    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        let capacity = segment.capacity();
        let geometry = Self::geometry(capacity).ok_or_else(|| Self::too_large(capacity))?;
        Ok(Self::of(Arc::new(segment), geometry))
    }
}

impl<T> Clone for Ring<T> {
    fn clone(&self) -> Ring<T> {
        Ring { segment: Arc::clone(&self.segment), geometry: self.geometry, _elements: PhantomData }
    }
}

impl<T> AsFd for Ring<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.as_fd()
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("place", self.segment.place())
            .field("capacity", &self.segment.capacity())
            .finish_non_exhaustive()
    }
}

/// Two handles of a new anonymous ring in which `capacity` unread elements always fit: for two threads.
///
/// To pass one to another process, keep the [`Ring`] instead and attach there.
///
/// # Errors
///
/// [`SegmentError::ZeroCapacity`], [`SegmentError::CapacityTooLarge`], [`SegmentError::NoSpace`], and what the system
/// says when it refuses memory or descriptors.
///
/// ```
/// let (mut tx, mut rx) = rondel::spsc::pair::<u64>(1024)?;
/// let sum = std::thread::spawn(move || rx.iter().sum::<u64>());
/// for i in 0..1000 {
///     tx.push(i)?;
/// }
/// drop(tx);
/// assert_eq!(sum.join().unwrap(), 499_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pair<T: Pod>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    let ring = Ring::builder().capacity(capacity).anonymous()?;
    Ok((ring.producer()?, ring.consumer()?))
}
