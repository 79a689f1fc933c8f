//! Every way of handing messages from one process to another that rondel is compared with, behind one trait.
//!
//! A [`Transport`] is a mechanism (a pipe, a socket, a ring …). It says what it is called, who may stand at its ends
//! and how it waits. For each size of message that it can carry it implements [`Carries`], whose one function opens a
//! connection *in one direction* and returns its two [seats](Seat). Seats are opened in one process, carried to where
//! they belong by a fork or to a thread, and taken there: a seat that is taken becomes a [`Sender`] or a [`Receiver`].
//! A conversation in both directions is two connections, unless the transport has something better ([`Carries::converse`]).
//!
//! Some mechanisms also work between many senders and many receivers. Those implement [`Crowd`], which opens a connection
//! with as many seats as are wanted, and [`gather`] sets all of them to work.
//!
//! ```
//! use rondel_baselines::{Carries, Cores, Message, Receiver, Seat, Sender, Transport, Wait, duet, transports::Pipe};
//!
//! let (sending, receiving) = <Pipe as Carries<1>>::open(Wait::Park)?;
//! let heard = duet(
//!     Pipe::SCOPE,
//!     Cores::Anywhere,
//!     // Runs in a forked child: messages number 0 to 9.
//!     move || {
//!         let mut sender = sending.take()?;
//!         (0..10).try_for_each(|number| sender.send(&Message::<1>::numbered(number)))
//!     },
//!     // Runs here.
//!     move || {
//!         let mut receiver = receiving.take()?;
//!         let mut message = Message::<1>::default();
//!         for number in 0..10 {
//!             receiver.receive(&mut message)?;
//!             message.verify(Pipe::NAME, number)?;
//!         }
//!         Ok(10)
//!     },
//! )?;
//! assert_eq!(heard, 10);
//! # Ok::<(), Box<rondel_baselines::Error>>(())
//! ```
//!
//! # Why the trait looks as it does
//!
//! The fastest of the transports moves a message in two or three nanoseconds, which is less than a call through a
//! vtable and a length check would cost. So the size of a message is a const parameter, the loops that measure are
//! generic over the transport, and whoever picks a transport by name at run time does so once a run, outside the
//! loop, through [`visit`]. What makes a system call for each message is [`Erased`] there, so that it need not be compiled so often.
//!
//! # Adding a transport
//!
//! Write a file in the folder of its [`Kind`], implement [`Transport`] and [`Carries`] for every number of words, and add the type to
//! the list in `registry.rs`: among those of one size, whose messages are as long as their elements, or among those that carry
//! messages of any length. The same for [`Crowd`], which has a list of its own. The tests in `tests/` then cover it
//! as soon as they are told its name.

mod child;
mod crowd;
mod duet;
mod ensemble;
mod erased;
mod error;
mod floors;
mod guarded;
mod keeper;
mod kernel;
mod lifeline;
mod message;
mod patience;
mod peers;
mod pin;
mod progress;
mod registry;
mod rings;
mod roles;
mod seat;
mod shared;
mod slots;
mod usage;

pub use crowd::{Crowd, Gathered, Meeting, Seats, Shape, gather};
pub use duet::duet;
pub use erased::{Erased, ErasedSeat};
pub use error::{Error, Result};
pub use floors::Buffer;
pub use message::{Arrival, Message, STOP};
pub use pin::{Cores, allowed_cores};
pub use registry::{
    CrowdVisitor, EverySize, FewSizes, Payload, UnknownTransport, Visitor, crowd_names, names, visit, visit_crowd,
};
pub use roles::{Appointment, Stop, echo, pump, pump_batches, pump_prepared};
pub use usage::{Account, Usage};

/// The transports themselves, one type each; the types hold nothing and serve as names.
pub mod transports {
    pub use crate::floors::{Floor, FloorOneLine, Futex, Memcpy};
    pub use crate::guarded::*;
    pub use crate::kernel::*;
    pub use crate::peers::*;
    pub use crate::rings::*;
}

/// How an end waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Poll without ever giving up the core. What goes through the kernel polls by calls that do not block.
    Spin,
    /// Poll, and between two polls let others have the core that want it.
    Yield,
    /// What the transport does unless told otherwise: poll for a while, and then give up the core and be woken.
    Default,
    /// Give up the core at once and be woken, as in a system call that blocks.
    Park,
}

impl Wait {
    /// The name used in reports: `spin`, `yield`, `park` or `default`.
    pub const fn name(self) -> &'static str {
        match self {
            Wait::Spin => "spin",
            Wait::Yield => "yield",
            Wait::Park => "park",
            Wait::Default => "default",
        }
    }
}

/// Who may stand at the ends of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Processes.
    Processes,
    /// Threads of one process only.
    Threads,
    /// One thread, which stands at both: nothing is handed over to anybody.
    OneThread,
}

impl Scope {
    /// The name used in reports: `processes`, `threads` or `one thread`.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Processes => "processes",
            Scope::Threads => "threads",
            Scope::OneThread => "one thread",
        }
    }
}

/// Whose a transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What the machine itself takes, without a queue or without a second core: a bound, and no means of communication.
    Floor,
    /// A ring of rondel's.
    Rondel,
    /// A crate that somebody may use in rondel's place.
    Peer,
    /// Shared memory and a lock or a semaphore of the system's.
    Guarded,
    /// What the kernel carries from one to the other.
    Kernel,
}

impl Kind {
    /// The name used in reports: `floor`, `rondel`, `peer`, `guarded` or `kernel`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Floor => "floor",
            Kind::Rondel => "rondel",
            Kind::Peer => "peer",
            Kind::Guarded => "guarded",
            Kind::Kernel => "kernel",
        }
    }
}

/// A mechanism by which messages can be handed over.
pub trait Transport {
    /// What it is called on the command line and in reports.
    const NAME: &'static str;
    /// One line on what is set up, for a reader who wants to judge whether the comparison is fair.
    const NOTE: &'static str;
    /// Whose it is.
    const KIND: Kind;
    /// Who may stand at its ends.
    const SCOPE: Scope;
    /// The ways of waiting that it knows.
    const WAITS: &'static [Wait];
    /// Whether a sender may send again before the receiver has taken the last message.
    ///
    /// Where this is false, a message that is sent too early overwrites its predecessor: the transport is good for
    /// round trips, in which the answer says that the question was read, and for nothing else.
    const QUEUES: bool;
    /// Whether [`Sender::send_batch`] and [`Receiver::receive_batch`] do better than one message after another.
    const BATCHES: bool;
    /// Whether a message is made where it is carried ([`Sender::make`]) and checked where it lies ([`Receiver::check`]),
    /// so that none is ever copied.
    const IN_PLACE: bool = false;

    /// What this machine grants of what was asked for, where the system has a say in it: sizes of buffers, lengths of queues and
    /// the limits on them. A phrase for the end of [`NOTE`](Transport::NOTE), for example `1 MiB (fs.pipe-max-size)`.
    fn granted() -> Option<String> {
        None
    }
}

/// A transport that can carry messages of `WORDS` 64-bit words.
pub trait Carries<const WORDS: usize>: Transport {
    /// The end that sends, before it is taken.
    type Sending: Seat<Taken: Sender<WORDS>>;
    /// The end that receives, before it is taken.
    type Receiving: Seat<Taken: Receiver<WORDS>>;

    /// Opens a connection in one direction.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when this machine does not have the mechanism, or does not let this process use it;
    /// [`Error::WaitUnknown`] when `wait` is not one of [`Transport::WAITS`].
    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)>;

    /// Opens a connection in either direction: the one that questions take, and the one that answers take.
    ///
    /// # Errors
    ///
    /// As [`open`](Carries::open).
    fn converse(wait: Wait) -> Result<Conversation<Self::Sending, Self::Receiving>> {
        Ok((Self::open(wait)?, Self::open(wait)?))
    }
}

/// The seats of a connection in either direction.
pub type Conversation<S, R> = ((S, R), (S, R));

/// One end of a connection on its way to the process or thread that will use it.
///
/// After a fork both processes hold both seats. Each takes its own and drops the other's, so that a reader of a pipe
/// sees the end of the file when the writer has gone.
pub trait Seat: Send {
    /// What the end is once it is in use.
    type Taken;

    /// Takes the seat: called once, by the process and thread that will use the end.
    ///
    /// # Errors
    ///
    /// Whatever keeps this process from using the end.
    fn take(self) -> Result<Self::Taken>;
}

/// The end that messages go into.
pub trait Sender<const WORDS: usize> {
    /// Sends one message, and waits for room as long as it takes.
    ///
    /// # Errors
    ///
    /// [`Error::PeerGone`] when nobody can receive the message any more, [`Error::Stalled`] when there has been no
    /// room for many seconds, [`Error::System`] when a system call fails.
    fn send(&mut self, message: &Message<WORDS>) -> Result<()>;

    /// Sends all messages of a slice in order, in as few steps as the transport can.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send); how many messages went out before an error is not told.
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        messages.iter().try_for_each(|message| self.send(message))
    }

    /// Makes the message with the given number and sends it: what is measured.
    ///
    /// It is made in `desk`, private memory of the caller's, by whoever must then copy it; a transport that lends the place in
    /// which a message is carried has it made there, and leaves `desk` alone.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send).
    #[inline(always)]
    fn make(&mut self, number: u64, desk: &mut Message<WORDS>) -> Result<()> {
        desk.renumber(number);
        self.send(desk)
    }

    /// Makes as many messages as `desk` holds, the first with the given number, and sends them as
    /// [`send_batch`](Sender::send_batch) does.
    ///
    /// # Errors
    ///
    /// As [`send_batch`](Sender::send_batch).
    #[inline(always)]
    fn make_batch(&mut self, first: u64, desk: &mut [Message<WORDS>]) -> Result<()> {
        for (message, number) in desk.iter_mut().zip(first..) {
            message.renumber(number);
        }
        self.send_batch(desk)
    }
}

/// The end that messages come out of.
pub trait Receiver<const WORDS: usize> {
    /// Receives one message into `message`, and waits for it as long as it takes.
    ///
    /// # Errors
    ///
    /// [`Error::PeerGone`] when no message can come any more, [`Error::Stalled`] when none has come for many
    /// seconds, [`Error::System`] when a system call fails.
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()>;

    /// Receives what is there, at least one message and at most as many as the slice holds; says how many. An empty
    /// slice receives nothing.
    ///
    /// # Errors
    ///
    /// As [`receive`](Receiver::receive).
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        match messages.first_mut() {
            Some(first) => self.receive(first).map(|()| 1),
            None => Ok(0),
        }
    }

    /// Receives one message and checks every word of it: the other half of [`Sender::make`]. Whoever must copy a message out
    /// copies it into `desk`; what lies in place is checked there.
    ///
    /// # Errors
    ///
    /// As [`receive`](Receiver::receive), and [`Error::Corrupt`], which names `transport`, when it is neither the message with
    /// the given number nor the last of its stream.
    #[inline(always)]
    fn check(&mut self, transport: &'static str, number: u64, desk: &mut Message<WORDS>) -> Result<Arrival> {
        self.receive(desk)?;
        desk.arrived(transport, number)
    }

    /// Receives what is there, as [`receive_batch`](Receiver::receive_batch) into `desk` does, and checks every word of it. Says
    /// how many arrived that were due, from the given number on, and whether the stream has ended behind them.
    ///
    /// # Errors
    ///
    /// As [`check`](Receiver::check).
    #[inline(always)]
    fn check_batch(
        &mut self,
        transport: &'static str,
        first: u64,
        desk: &mut [Message<WORDS>],
    ) -> Result<(usize, Arrival)> {
        let received = self.receive_batch(desk)?;
        Message::arrived_batch(transport, first, desk.get(..received).unwrap_or_default())
    }
}

/// How many messages of `WORDS` words a ring holds when its size is ours to choose: 64 KiB of them, which stays
/// within a core's own cache, but never fewer than 256. All rings get the same.
pub const fn ring_capacity<const WORDS: usize>() -> usize {
    let fit = 65_536 / (8 * WORDS);
    if fit < 256 { 256 } else { fit }
}

/// A number of bytes, in the largest unit of which it is a whole number.
pub fn display_bytes(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_largest_unit_that_divides_them() {
        assert_eq!(
            Payload::ALL.map(|p| display_bytes(p.bytes())),
            ["8 B", "64 B", "256 B", "1 KiB", "4 KiB", "64 KiB"]
        );
        assert_eq!([1 << 20, 425_984, 1500, 0].map(display_bytes), ["1 MiB", "416 KiB", "1500 B", "0 B"]);
    }
}
