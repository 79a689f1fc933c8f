//! A ring between any number of producers and any number of consumers, for elements of one fixed size: one global order, and no
//! participant whose death stops the others.
//!
//! # From the convenient to the bare
//!
//! [`pair`] gives two handles at once, for threads; both can be cloned. For processes there is [`Ring`]: a mapped segment in which
//! nobody takes part yet. One process creates it, the others attach, and each takes as many handles as it wants:
//!
//! ```
//! use rondel::mpmc;
//!
//! # let name = format!("doc-mpmc-{}", std::process::id());
//! # let name = name.as_str();
//! // In every process that produces …
//! let ring = mpmc::Ring::<u64>::builder().capacity(1024).create_or_attach(name)?;
//! let mut tx = ring.producer()?;
//! tx.push(42)?;
//!
//! // … and in every one that consumes, in any order.
//! let ring = mpmc::Ring::<u64>::builder().capacity(1024).create_or_attach(name)?;
//! let mut rx = ring.consumer()?;
//! assert_eq!(rx.pop()?, 42);
//!
//! ring.unlink()?; // the name goes; the ring lives on while it is mapped
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The operations are those of [`spsc`](crate::spsc): `try_push`, `push`, `push_timeout`, `push_deadline`, the same for slices, the same four for
//! pops, for slices and for guards, and iterators. Two answers are new. [`TryPopError::Pending`] is not *empty*: somebody has begun to push
//! the element that comes next, and has not finished. [`TryPushError::Pending`] is not *full*: somebody has begun to empty the slot that
//! comes next, and has not finished.
//!
//! After a fork it is as with [`spsc`](crate::spsc#after-a-fork): a `Ring` may be carried across, a handle may not.
//!
//! # What is guaranteed
//!
//! 1. **One order.** Elements are popped in the order in which their pushes claimed their places, whoever pushes and pops. If one push has returned before
//!    another begins, its element comes first. Each answer is true of some moment between call and return (the ring is linearizable);
//!    `Pending` is the answer where neither an element nor `Empty` would be.
//! 2. **Nothing published is lost, nothing is delivered twice, nothing is torn** while nobody dies.
//! 3. **A dead producer** leaves what it had published. What it had claimed and not published is skipped: the push that was under way
//!    when it died happened, or did not.
//! 4. **A dead consumer's message**, claimed and not let go of, is delivered again to another consumer ([`Consumer::redelivered`] says so), out of
//!    order, and at least once in all; or, if the ring was made [so](Builder::on_consumer_death), is discarded. A plain pop lets go when it
//!    returns; a [guard](Consumer::pop_guard) when it is dropped. What a consumer has let go of goes with it.
//! 5. **Any of them may be killed at any instruction**, recovering included. The others go on at most 100 ms later, with no help from
//!    outside: whoever is blocked looks for the dead every 50 ms, and so does, now and then, whoever polls in vain; they settle what the dead
//!    held. Nothing is declared dead but by the kernel. (One question to the kernel for each place whose holder may have left something: with
//!    thousands of places that takes its time.)
//! 6. **Bad bytes** in the segment are a [`Fault`](crate::Fault), never undefined behaviour, a panic or a hang.
//!
//! # What is not
//!
//! - It is not wait-free. A single operation may lose the race for a position any number of times, each time to one that succeeds.
//! - **A stopped participant is waited for.** One that is stopped by a signal or in a debugger, in the few instructions between its claim
//!   and its publication, holds its position: what is pushed behind that place cannot be popped before (`Pending`, or waiting), and once
//!   the ring has gone round, nothing can be pushed. The same goes for a consumer that is stopped, or busy under a guard: everything goes on
//!   until the ring has come round to the slot that it holds. [`Producer::stuck`] and [`Consumer::stuck`] name who it is.
//! - Handles that share a process share its death: they all die at once, and nobody of that process is left to be told.
//! - A process that closes descriptors that are not its own (`close_range` to be tidy) is taken for dead while it lives: the kernel's locks
//!   fall with the descriptors. Then nothing of the above holds for what it does afterwards.
//! - A consumer that attaches where a dead one had been holds that one's messages from then on. It should pop.
//! - There is no `peek`: what one consumer has looked at another may take.
//! - Consumers cannot be kept from writing the memory, as [`spsc`](crate::spsc#consumers-that-cannot-write)'s can: here they write the slots'
//!   stamps, beside the elements.
//!
//! # When the others go
//!
//! What a *consumer* sees of the producers; for a producer read "full" for "drained" and "room" for "elements".
//!
//! | the producers | [`Consumer::pop`] |
//! |---|---|
//! | there was none yet | waits |
//! | one at least lives, be it stopped by a signal | waits |
//! | all have dropped their handles | what is left, then [`Closed`](PopError::Closed) |
//! | none lives, and one at least was killed | what is left, then [`Dead`](PopError::Dead) |
//!
//! As far as the places still tell: a killed one whose place somebody else has taken since is forgotten.
//!
//! Neither is final: when another one attaches, the same handle works on. For a ring whose participants come and go,
//! [`Builder::ends_with_producers`] and [`Builder::ends_with_consumers`] say that they are to be waited for instead. A push into a ring with room
//! succeeds whoever the consumers are, for others may come.
//!
//! # Places
//!
//! Each handle takes one of the ring's places for participants, 64 unless the creator [asks](Builder::participants) for another number, and a
//! descriptor. A place is free again as soon as its process is gone, by whatever end. When all are taken, attaching is an error that lists who
//! holds them ([`SegmentError::TableFull`]); a clone that finds none is a handle that says so at each operation
//! ([`Fault::NotAttached`](crate::Fault::NotAttached)).

mod builder;
mod consumer;
mod error;
mod guard;
mod iter;
mod memory;
mod participant;
mod producer;
mod waiting;

use core::fmt;
use core::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytemuck::Pod;

pub use builder::OnConsumerDeath;
pub use consumer::Consumer;
pub use error::{TryPopError, TryPushError};
pub use guard::PopGuard;
pub use iter::{Iter, TryIter};
pub use producer::Producer;

use crate::SegmentError;
pub use crate::outcome::{PopError, PopTimeoutError, PushError, PushSliceError, PushTimeoutError};
use crate::protocol::mpmc::{Geometry, Policy, Side};
use crate::segment::{
    Builder, Dimensions, ElementLayout, Elements, OptionBit, Place, RingKind, RingType, RoleInfo, Roles, Segment,
    sealed,
};

/// A many-to-many ring, mapped, without a place in it.
///
/// Cheap to clone, `Send` and `Sync`, and may be carried across a fork. The segment stays mapped as long as a `Ring` or
/// a handle made from it lives.
///
/// Elements are any [`bytemuck::Pod`] type: plain data of which every bit pattern is a value. Zero-sized types and
/// alignments over 64 bytes do not compile:
///
/// ```compile_fail,E0080
/// let ring = rondel::mpmc::Ring::<()>::builder().capacity(8).anonymous();
/// ```
pub struct Ring<T> {
    segment: Arc<Segment>,
    geometry: Geometry,
    _elements: PhantomData<fn(T) -> T>,
}

/// What a look for the dead has settled: see [`Ring::recover`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Positions that dead producers had claimed and not published; consumers will skip them.
    pub skipped: u64,
    /// Slots that dead consumers had claimed, and that are free again, with nothing in them that is to be delivered.
    pub freed: u64,
    /// Messages among these that were discarded.
    pub discarded: u64,
    /// Messages of dead consumers that wait for a consumer to take them over.
    pub to_redeliver: u64,
}

/// A living participant that an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// Its number in the ring's table.
    pub participant: u32,
    /// Its process, as it named itself (in its own pid namespace).
    pub pid: u32,
    /// The position that it holds, counted from the ring's beginning.
    pub position: u64,
}

impl<T: Pod> Ring<T> {
    /// How to create a ring or attach to one: capacity, places, policies, permissions, schema tag, memory.
    ///
    /// ```
    /// use rondel::mpmc::{OnConsumerDeath, Ring};
    ///
    /// let ring = Ring::<[f32; 4]>::builder()
    ///     .capacity(4096) // elements, rounded up to a power of two
    ///     .participants(16)
    ///     .on_consumer_death(OnConsumerDeath::Discard)
    ///     .ends_with_producers(false) // consumers wait for others
    ///     .anonymous()?;
    /// assert_eq!((ring.capacity(), ring.places()), (4096, 16));
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

    /// Takes a place as a producer.
    ///
    /// # Errors
    ///
    /// [`SegmentError::TableFull`] with everybody who holds a place, if none is free; [`SegmentError::DescriptorLimit`] if the process has no
    /// descriptor left for the lock; [`SegmentError::AddressSpace`]; [`SegmentError::NotInitialised`] if the
    /// segment has been wiped since it was opened; [`SegmentError::Io`] where the file may not be opened
    /// for writing again (another user's, or no `/proc`), or a sandbox refuses the lock or the question who holds it.
    ///
    /// A place whose holder died with a message that is to be delivered again is not free for a producer, but for a consumer.
    pub fn producer(&self) -> Result<Producer<T>, SegmentError> {
        Producer::attach(self)
    }

    /// Takes a place as a consumer. If it was a dead consumer's, what that one had not let go of comes first, as redelivered.
    ///
    /// # Errors
    ///
    /// As [`producer`](Self::producer).
    pub fn consumer(&self) -> Result<Consumer<T>, SegmentError> {
        Consumer::attach(self)
    }

    /// Settles what dead participants have left: skips what dead producers had claimed and not published, frees what dead consumers had
    /// claimed, and counts the messages that wait to be delivered again. One system call for each participant that may have left something.
    ///
    /// Nobody needs to call this: whoever is blocked does it. It is for programs that only poll.
    ///
    /// # Errors
    ///
    /// [`SegmentError::CapacityTooLarge`] if the segment is too short for its capacity, which attaching has ruled out.
    pub fn recover(&self) -> Result<Recovery, SegmentError> {
        // SAFETY: `self` holds the segment for longer than the memory lives.
        let memory = unsafe { memory::Mapped::<T>::new(&self.segment, self.geometry) };
        let memory = memory.ok_or_else(|| self.too_short())?;
        let (recovered, _) = participant::audit(&memory, self, 0);
        participant::wake_everybody(&memory);
        Ok(recovered.into())
    }

    /// Who holds which place: one entry a place, in order.
    pub fn participants(&self) -> Vec<RoleInfo> {
        self.segment.role_infos()
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.segment.role_count()
    }

    /// The number of unread elements that always fit. Up to the next power of two fit in fact.
    pub fn capacity(&self) -> usize {
        self.segment.capacity() as usize
    }

    /// The segment: its place, sizes, tag, and the descriptor to hand on.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The descriptor of the segment's file, to hand it on: see [`handoff`](crate::handoff).
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

    fn policy(&self) -> Policy {
        if self.has_option(builder::DISCARDS) { Policy::Discard } else { Policy::Redeliver }
    }

    /// Whether the others are told when this side has gone.
    fn ends_with(&self, side: Side) -> bool {
        !self.has_option(match side {
            Side::Producer => builder::OUTLIVES_PRODUCERS,
            Side::Consumer => builder::OUTLIVES_CONSUMERS,
        })
    }

    fn has_option(&self, bit: u32) -> bool {
        self.segment.options() >> bit & 1 == 1
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
    const KIND: RingKind = RingKind::Mpmc;
    const ROLES: Roles = Self::KIND.roles();
    const OPTIONS: &'static [OptionBit] = &builder::OPTIONS;

    fn elements() -> Elements {
        Elements::Fixed(ElementLayout { size: size_of::<T>() as u64, align: align_of::<T>() as u64 })
    }

    fn body_len(Dimensions { capacity, roles, .. }: Dimensions) -> Result<u64, SegmentError> {
        let geometry = Geometry::new(capacity);
        geometry.and_then(|geometry| memory::body_len::<T>(geometry, roles)).ok_or_else(|| Self::too_large(capacity))
    }

    fn from_segment(segment: Segment) -> Result<Self, SegmentError> {
        let geometry = Geometry::new(segment.capacity()).ok_or_else(|| Self::too_large(segment.capacity()))?;
        Ok(Ring { segment: Arc::new(segment), geometry, _elements: PhantomData })
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
            .field("places", &self.segment.role_count())
            .finish_non_exhaustive()
    }
}

/// A producer and a consumer of a new anonymous ring in which `capacity` unread elements always fit: for threads. Clone them for more.
///
/// # Errors
///
/// [`SegmentError::ZeroCapacity`], [`SegmentError::CapacityTooLarge`], [`SegmentError::NoSpace`], and what the system
/// says when it refuses memory or descriptors.
///
/// ```
/// let (mut tx, rx) = rondel::mpmc::pair::<u64>(1024)?;
/// let workers: Vec<_> = (0..3)
///     .map(|_| {
///         let mut rx = rx.clone();
///         std::thread::spawn(move || rx.iter().sum::<u64>())
///     })
///     .collect();
/// drop(rx);
/// for i in 0..1000 {
///     tx.push(i)?;
/// }
/// drop(tx); // ends the iterators
/// assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>(), 499_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pair<T: Pod>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    let ring = Ring::builder().capacity(capacity).anonymous()?;
    Ok((ring.producer()?, ring.consumer()?))
}
