//! The builder: what a caller may ask of a segment, and the ways to come by one.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use super::demand::{Demand, MemoryDemand};
use super::handoff::Descriptors;
use super::huge::HugePages;
use super::options::Choices;
use super::place::Place;
use super::{RingType, Segment, attach, create};
use crate::error::SegmentError;

/// How often `create_or_attach` tries both before it gives up. Each further round means that
/// somebody has created *and* unlinked the segment between two of our system calls.
const CREATE_OR_ATTACH_ROUNDS: u32 = 64;

/// Creates a ring in a new segment, or attaches to one that is there.
///
/// One builder can be used more than once. What is asked of it holds both ways:
/// [`create`](Self::create) makes the segment so, [`attach`](Self::attach) accepts no other.
///
/// # Examples
/// Two processes that run the same line get the same ring, whoever comes first:
/// ```
/// # use rondel::spsc;
/// # fn main() -> Result<(), rondel::SegmentError> {
/// # let name = format!("doc-builder-{}", std::process::id());
/// # let name = name.as_str();
/// let ring = spsc::Ring::<u64>::builder().capacity(1024).unlink_on_drop(true).create_or_attach(name)?;
/// # Ok(())
/// # }
/// ```
pub struct Builder<R> {
    capacity: Option<u64>,
    largest: Option<u64>,
    role_count: Option<u32>,
    options: Choices,
    schema: u64,
    mode: u32,
    owner: Option<u32>,
    unlink_on_drop: bool,
    read_only_consumers: bool,
    memory: MemoryDemand,
    ring: PhantomData<fn() -> R>,
}

impl<R: RingType> Builder<R> {
    /// Nothing is asked for.
    pub(crate) fn new() -> Self {
        Self {
            capacity: None,
            largest: None,
            role_count: None,
            options: Choices::default(),
            schema: 0,
            mode: 0o600,
            owner: None,
            unlink_on_drop: false,
            read_only_consumers: false,
            memory: MemoryDemand::default(),
            ring: PhantomData,
        }
    }

    /// The capacity, in elements; in bytes for a ring of messages. Needed to create. At attach it is a requirement if it is given
    /// ([`SegmentError::Capacity`] otherwise), and any capacity will do if it is not.
    #[must_use]
    pub fn capacity(mut self, elements: usize) -> Self {
        self.capacity = Some(u64::try_from(elements).unwrap_or(u64::MAX));
        self
    }

    /// The longest message, in bytes; the ring's default at creation, and any at attach, if not called.
    /// Has no effect on a ring of elements of one type.
    #[must_use]
    pub(crate) fn with_largest(mut self, bytes: usize) -> Self {
        self.largest = Some(u64::try_from(bytes).unwrap_or(u64::MAX));
        self
    }

    /// The length of the table of participants; the ring's default at creation, and any at attach,
    /// if not called. Has no effect on a ring of fixed roles.
    #[must_use]
    pub(crate) fn with_role_count(mut self, roles: u32) -> Self {
        self.role_count = Some(roles);
        self
    }

    /// One of the ring's options, by its index in [`RingType::OPTIONS`]; clear at creation, and
    /// either at attach, if not called. Has no effect for an index that the ring has no option at.
    #[must_use]
    pub(crate) fn with_option(mut self, bit: u32, set: bool) -> Self {
        self.options = self.options.with(bit, set);
        self
    }

    /// A segment in two parts, of which consumers can write only the smaller one. For rings of fixed roles: another ignores it.
    #[must_use]
    pub(crate) fn with_read_only_consumers(mut self) -> Self {
        self.read_only_consumers = true;
        self
    }

    /// The permission bits of the file; 0600 if not called. Set exactly, whatever the umask. The
    /// owner's two bits are needed, and none outside 0666 is possible
    /// ([`SegmentError::InvalidMode`]).
    ///
    /// At attach, a file that grants group or others more than this is refused
    /// ([`SegmentError::Mode`]). For an anonymous segment the bits say which other users may attach
    /// with a descriptor that they were given.
    ///
    /// Whoever may write a segment can make its ring useless, and can truncate the file of a named
    /// one.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Whose segment is accepted at attach, by user id; the effective user of the process if not
    /// called ([`SegmentError::Owner`] otherwise). Has no effect on creating.
    #[must_use]
    pub fn owner(mut self, uid: u32) -> Self {
        self.owner = Some(uid);
        self
    }

    /// A number that says what the elements mean, for example a hash or a version of their
    /// definition; 0 (for none) if not called. Size and alignment of the elements are checked in
    /// any case; this tells two types apart that have the same. Another tag is refused at attach
    /// ([`SegmentError::SchemaTag`]).
    #[must_use]
    pub fn schema(mut self, tag: u64) -> Self {
        self.schema = tag;
        self
    }

    /// Maps every page at once, so that the first lap of the ring takes no page faults. The memory
    /// is allocated at creation in any case.
    #[must_use]
    pub fn prefault(mut self, prefault: bool) -> Self {
        self.memory.prefault = prefault;
        self
    }

    /// Locks the segment into memory (`mlock`), so that it is never swapped out;
    /// [`SegmentError::MemoryLock`] where the limit does not allow it. Holds for this process; a
    /// forked child does not inherit it.
    #[must_use]
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.memory.lock = lock;
        self
    }

    /// The pages to make the segment of; [`SegmentError::HugePagesUnavailable`] where the machine
    /// has none.
    #[must_use]
    pub fn huge_pages(mut self, huge: HugePages) -> Self {
        self.memory.huge = huge;
        self
    }

    /// Deletes the name of a segment that this process creates, when the ring and all its handles
    /// in this process are dropped. Has no effect on a segment that it attaches to, nor in a forked
    /// child. A process that is killed deletes nothing.
    #[must_use]
    pub fn unlink_on_drop(mut self, unlink: bool) -> Self {
        self.unlink_on_drop = unlink;
        self
    }

    /// Creates a named segment. What is there is not touched: a name in use is an error.
    ///
    /// All memory is allocated now ([`SegmentError::NoSpace`] if there is not enough), so that
    /// using the ring cannot run out of it.
    ///
    /// # Errors
    /// - what was asked for cannot be: [`InvalidName`](SegmentError::InvalidName),
    ///   [`InvalidMode`](SegmentError::InvalidMode),
    ///   [`CapacityMissing`](SegmentError::CapacityMissing),
    ///   [`ZeroCapacity`](SegmentError::ZeroCapacity),
    ///   [`LargestMessage`](SegmentError::LargestMessage),
    ///   [`ParticipantCount`](SegmentError::ParticipantCount),
    ///   [`CapacityTooLarge`](SegmentError::CapacityTooLarge);
    /// - the name is in use: [`AlreadyExists`](SegmentError::AlreadyExists);
    /// - the machine has not got it: [`NoSpace`](SegmentError::NoSpace),
    ///   [`AddressSpace`](SegmentError::AddressSpace),
    ///   [`FileSizeLimit`](SegmentError::FileSizeLimit),
    ///   [`HugePagesUnavailable`](SegmentError::HugePagesUnavailable),
    ///   [`MemoryLock`](SegmentError::MemoryLock),
    ///   [`DescriptorLimit`](SegmentError::DescriptorLimit), [`Io`](SegmentError::Io).
    pub fn create(&self, place: impl Into<Place>) -> Result<R, SegmentError> {
        R::from_segment(create::named(&self.demand(), place.into())?)
    }

    /// Attaches to a named segment. Does not wait for one to be created.
    ///
    /// # Errors
    /// - [`NotFound`](SegmentError::NotFound), [`NotRegularFile`](SegmentError::NotRegularFile),
    ///   [`InvalidName`](SegmentError::InvalidName);
    /// - what is there is not what is asked for, in the order of the checks:
    ///   [`Owner`](SegmentError::Owner), [`Mode`](SegmentError::Mode),
    ///   [`NotInitialised`](SegmentError::NotInitialised), [`NotRondel`](SegmentError::NotRondel),
    ///   [`LayoutVersion`](SegmentError::LayoutVersion), [`RingKind`](SegmentError::RingKind),
    ///   [`ElementSize`](SegmentError::ElementSize) or [`Largest`](SegmentError::Largest),
    ///   [`ElementAlign`](SegmentError::ElementAlign),
    ///   [`SchemaTag`](SegmentError::SchemaTag), [`Capacity`](SegmentError::Capacity),
    ///   [`Participants`](SegmentError::Participants), [`RingOption`](SegmentError::RingOption),
    ///   [`Geometry`](SegmentError::Geometry), [`TooShort`](SegmentError::TooShort),
    ///   [`HugePagesUnavailable`](SegmentError::HugePagesUnavailable);
    /// - [`AddressSpace`](SegmentError::AddressSpace), [`MemoryLock`](SegmentError::MemoryLock),
    ///   [`DescriptorLimit`](SegmentError::DescriptorLimit), [`Io`](SegmentError::Io).
    pub fn attach(&self, place: impl Into<Place>) -> Result<R, SegmentError> {
        R::from_segment(attach::named(&self.demand(), place.into())?)
    }

    /// Attaches to a named segment, or creates it if there is none. Of any number of processes that
    /// do so at once, one creates it, and all get the same ring.
    ///
    /// # Errors
    /// Those of [`attach`](Self::attach) but `NotFound`, and those of [`create`](Self::create) but
    /// `AlreadyExists`; either of these two only where others keep creating and unlinking the name
    /// without a pause.
    pub fn create_or_attach(&self, place: impl Into<Place>) -> Result<R, SegmentError> {
        R::from_segment(create_or_attach(&self.demand(), place.into())?)
    }

    /// Creates an anonymous segment, sealed so that its size never changes. It lives for as long as
    /// anybody has it.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) but `InvalidName` and `AlreadyExists`.
    pub fn anonymous(&self) -> Result<R, SegmentError> {
        R::from_segment(create::anonymous(&self.demand())?)
    }

    /// Attaches to an anonymous segment whose descriptor was handed on. Takes the descriptor, also
    /// on failure.
    ///
    /// The seals are demanded before anything else: whoever sent the descriptor cannot make the
    /// segment smaller. The descriptor of a named segment is therefore refused; attach to that by
    /// its name.
    ///
    /// # Errors
    /// [`SealsMissing`](SegmentError::SealsMissing), [`ControlMissing`](SegmentError::ControlMissing),
    /// [`NotRegularFile`](SegmentError::NotRegularFile), and those of [`attach`](Self::attach) from
    /// `Owner` on.
    pub fn from_fd(&self, fd: OwnedFd) -> Result<R, SegmentError> {
        self.from_fds(fd)
    }

    /// Attaches to an anonymous segment by all its descriptors: two, where it was created with
    /// [`read_only_consumers`](Builder::<crate::spsc::Ring<u8>>::read_only_consumers), and otherwise one. Takes the descriptors, also
    /// on failure.
    ///
    /// Of two, the first is mapped for reading only. That the second belongs to it is decided by what the first one says, which
    /// nobody but the producer can write.
    ///
    /// # Errors
    /// Those of [`from_fd`](Self::from_fd), on either descriptor; [`ControlMissing`](SegmentError::ControlMissing) if there should
    /// be a second one; [`ControlMismatch`](SegmentError::ControlMismatch) if it is not the one that belongs to the first.
    pub fn from_fds(&self, descriptors: impl Into<Descriptors>) -> Result<R, SegmentError> {
        R::from_segment(attach::from_fds(&self.demand(), descriptors.into())?)
    }

    pub(super) fn demand(&self) -> Demand {
        Demand {
            kind: R::KIND,
            elements: R::elements(),
            roles: R::ROLES,
            known_options: R::OPTIONS,
            body_len: R::body_len,
            capacity: self.capacity,
            largest: self.largest,
            role_count: self.role_count,
            options: self.options,
            schema: self.schema,
            mode: self.mode,
            owner: self.owner,
            unlink_on_drop: self.unlink_on_drop,
            read_only_consumers: self.read_only_consumers,
            memory: self.memory,
        }
    }
}

fn create_or_attach(demand: &Demand, place: Place) -> Result<Segment, SegmentError> {
    let mut rounds = 0;
    loop {
        match attach::named(demand, place.clone()) {
            Err(SegmentError::NotFound { .. }) => {}
            result => return result,
        }
        rounds += 1;
        match create::named(demand, place.clone()) {
            Err(SegmentError::AlreadyExists { .. }) if rounds < CREATE_OR_ATTACH_ROUNDS => {}
            result => return result,
        }
    }
}

impl<R> Clone for Builder<R> {
    fn clone(&self) -> Self {
        Self {
            capacity: self.capacity,
            largest: self.largest,
            role_count: self.role_count,
            options: self.options,
            schema: self.schema,
            mode: self.mode,
            owner: self.owner,
            unlink_on_drop: self.unlink_on_drop,
            read_only_consumers: self.read_only_consumers,
            memory: self.memory,
            ring: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("largest", &self.largest)
            .field("role_count", &self.role_count)
            .field("options", &self.options)
            .field("schema", &self.schema)
            .field("mode", &format_args!("{:#o}", self.mode))
            .field("owner", &self.owner)
            .field("unlink_on_drop", &self.unlink_on_drop)
            .field("read_only_consumers", &self.read_only_consumers)
            .field("memory", &self.memory)
            .finish()
    }
}
