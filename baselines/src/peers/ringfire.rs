//! ringfire: a ring in shared memory with one producer, made for many consumers that each see everything.
//!
//! Unless told otherwise its producer overwrites what a slow consumer has not read. Here it is told to wait for the slowest consumer that is
//! registered (`LosslessBackpressure`), and the one consumer there is registers itself. The ring lies in a memfd, which it is shown under the
//! name that the system gives each open descriptor, so that there is no name that could be left behind.
//!
//! Both ends poll. A consumer may also sleep, but `recv_blocking` cannot be left when the producer has gone, and a producer that waits
//! for room polls in any case.

use super::rtrb::pause;
use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait, ring_capacity};
use ringfire::{CleanupMode, FlowControl, RingConsumer, RingProducer, RingProducerBuilder};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// ringfire's ring with one producer, between two processes.
#[derive(Clone, Copy, Debug)]
pub struct Ringfire;

impl Transport for Ringfire {
    const NAME: &'static str = "ringfire";
    const NOTE: &'static str = "the ring with one producer of the crate ringfire in a memfd, between processes, both polling; the same room as rtrb; lossless, which it is not unless told to be, with one registered reader; it does not notice the end of a peer, a pipe beside it does";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Ringfire {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let memory = memfd_create("ringfire", MemfdFlags::CLOEXEC)
            .map_err(|error| Error::unavailable(Self::NAME, "memfd_create", error))?;
        let producer = RingProducerBuilder::new(ring_capacity::<WORDS>() as u64)
            .flow_control(FlowControl::LosslessBackpressure)
            .max_readers(1)
            .cleanup_mode(CleanupMode::Persistent)
            .build(path(&memory))
            .map_err(|error| Error::unavailable(Self::NAME, "creating the ring", error.to_string()))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes for the lifelines", error))?;
        Ok((Sending { producer, lifeline: here, met: false, unlooked: 0 }, Receiving { memory, lifeline: there }))
    }
}

/// The name by which this process can open the memory once more.
fn path(memory: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()))
}

/// The producer.
pub struct Sending<const WORDS: usize> {
    producer: RingProducer<Message<WORDS>>,
    lifeline: Lifeline,
    /// Whether the consumer has been seen in the register. A producer that knows of none waits for nobody, and overwrites.
    met: bool,
    /// How many messages may be sent before the next look at the register.
    unlooked: usize,
}

/// The memory, before the consumer has registered: the register names its process, and it leaves the register when it is dropped,
/// which it must not be in the process that does not use it.
pub struct Receiving<const WORDS: usize> {
    memory: OwnedFd,
    lifeline: Lifeline,
}

/// The consumer.
pub struct RingfireReceiver<const WORDS: usize> {
    consumer: RingConsumer<Message<WORDS>>,
    lifeline: Lifeline,
}

its_own_seat!(Sending<WORDS>);

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = RingfireReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let attached = RingConsumer::attach(path(&self.memory));
        let consumer =
            attached.map_err(|error| Error::system(Ringfire::NAME, "attaching to the ring", error.to_string()))?;
        Ok(RingfireReceiver { consumer, lifeline: self.lifeline })
    }
}

impl<const WORDS: usize> Sending<WORDS> {
    /// Looks at the register before so many messages are sent: waits until the consumer has come, and notices that it has left. That
    /// nobody is left would never be seen in a push, which then always succeeds.
    #[inline(always)]
    fn look(&mut self, messages: usize) -> Result<()> {
        match self.unlooked.checked_sub(messages) {
            Some(left) => self.unlooked = left,
            None => self.look_now()?,
        }
        Ok(())
    }

    #[cold]
    fn look_now(&mut self) -> Result<()> {
        let registered = |end: &mut Self| end.producer.registry().and_then(|register| register.min_cursor());
        if !self.met {
            poll_until(Ringfire::NAME, self, |end| registered(end).or_else(pause), |end| end.lifeline.other_is_gone())?;
            self.met = true;
        } else if registered(self).is_none() {
            return Err(Box::new(Error::PeerGone { transport: Ringfire::NAME }));
        }
        self.unlooked = ring_capacity::<WORDS>();
        Ok(())
    }

    /// Pushes, once there is room.
    #[inline(always)]
    fn push(&mut self, message: &Message<WORDS>) -> Result<()> {
        poll_until(
            Ringfire::NAME,
            self,
            |end| end.producer.try_push(message).ok().or_else(pause),
            |end| end.lifeline.other_is_gone(),
        )
    }
}

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.look(1)?;
        self.push(message)
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.look(messages.len())?;
        let mut rest = messages;
        while let [first, others @ ..] = rest {
            // `push_batch` would wait for room without an end, so it is given what there is room for. The first is pushed by itself
            // when there is none, for that is what asks whether the consumer still lives.
            let room = usize::try_from(self.producer.headroom()).unwrap_or(usize::MAX);
            let (fitting, left) = rest.split_at(room.min(rest.len()));
            if fitting.is_empty() {
                self.push(first)?;
                rest = others;
            } else {
                self.producer.push_batch(fitting);
                rest = left;
            }
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for RingfireReceiver<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = poll_until(
            Ringfire::NAME,
            self,
            |end| end.consumer.try_recv().or_else(pause),
            |end| end.lifeline.other_is_gone(),
        )?;
        Ok(())
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        poll_until(
            Ringfire::NAME,
            self,
            |end| match end.consumer.recv_batch(messages) {
                0 => pause(),
                received => Some(received),
            },
            |end| end.lifeline.other_is_gone(),
        )
    }
}
