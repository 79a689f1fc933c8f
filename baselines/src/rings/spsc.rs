//! rondel's own single-producer ring, in an anonymous segment.
//!
//! Both ends wait as they are told: polling, parked at once, or as the ring does by default, which is to poll for a while
//! and then park. A batch is `push_slice` and `pop_slice`.

use crate::error::check_wait;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait, ring_capacity};
use rondel::spsc::{Consumer, PopError, Producer, PushError, PushTimeoutError, Ring};

/// rondel's single-producer ring between two processes.
#[derive(Clone, Copy, Debug)]
pub struct Spsc;

impl Transport for Spsc {
    const NAME: &'static str = "spsc";
    const NOTE: &'static str = "rondel's single-producer ring in a sealed memfd; the same room as rtrb";
    const KIND: Kind = Kind::Rondel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Default, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Spsc {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let ring = Ring::builder()
            .capacity(ring_capacity::<WORDS>())
            .anonymous()
            .map_err(|error| Error::unavailable(Self::NAME, "creating the ring", error))?;
        // Each seat maps the segment for itself, as a process does that was handed the descriptor.
        let descriptor =
            ring.try_clone_fd().map_err(|error| Error::unavailable(Self::NAME, "cloning the descriptor", error))?;
        let again = Ring::from_fd(descriptor)
            .map_err(|error| Error::unavailable(Self::NAME, "attaching to the ring", error))?;
        Ok((Sending { ring, wait }, Receiving { ring: again, wait }))
    }
}

/// The ring, before the producer's role is taken: a role belongs to the process that takes it.
pub struct Sending<const WORDS: usize> {
    ring: Ring<Message<WORDS>>,
    wait: Wait,
}

/// The ring, before the consumer's role is taken.
pub struct Receiving<const WORDS: usize> {
    ring: Ring<Message<WORDS>>,
    wait: Wait,
}

/// The strategy in rondel's words; none for the default, which is left as it comes. (No ring of rondel's yields.)
pub(crate) fn strategy(wait: Wait) -> Option<rondel::Wait> {
    match wait {
        Wait::Spin => Some(rondel::Wait::BusySpin),
        Wait::Park => Some(rondel::Wait::Park),
        Wait::Default | Wait::Yield => None,
    }
}

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = SpscSender<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let mut producer =
            self.ring.producer().map_err(|error| Error::system(Spsc::NAME, "taking the producer's role", error))?;
        if let Some(strategy) = strategy(self.wait) {
            producer.set_wait(strategy);
        }
        Ok(SpscSender { producer })
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = SpscReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let mut consumer =
            self.ring.consumer().map_err(|error| Error::system(Spsc::NAME, "taking the consumer's role", error))?;
        if let Some(strategy) = strategy(self.wait) {
            consumer.set_wait(strategy);
        }
        Ok(SpscReceiver { consumer })
    }
}

/// The producer.
pub struct SpscSender<const WORDS: usize> {
    producer: Producer<Message<WORDS>>,
}

/// The consumer.
pub struct SpscReceiver<const WORDS: usize> {
    consumer: Consumer<Message<WORDS>>,
}

impl<const WORDS: usize> Sender<WORDS> for SpscSender<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.producer.push(*message).map_err(|error| match error {
            PushError::Closed(_) | PushError::Dead(_) => peer_gone(),
            PushError::Failed(_, fault) => Error::system(Spsc::NAME, "push", fault),
        })
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.producer.push_slice(messages).map_err(|error| match error.cause {
            PushTimeoutError::Closed(()) | PushTimeoutError::Dead(()) => peer_gone(),
            cause => Error::system(Spsc::NAME, "push_slice", cause),
        })
    }
}

impl<const WORDS: usize> Receiver<WORDS> for SpscReceiver<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = self.consumer.pop().map_err(|error| failure("pop", error))?;
        Ok(())
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        self.consumer.pop_slice(messages).map_err(|error| failure("pop_slice", error))
    }
}

/// A blocking call of the ring ends without success when the peer has closed its end or died, and else when the segment
/// holds what cannot be.
#[cold]
fn failure(what: &'static str, error: PopError) -> Box<Error> {
    match error {
        PopError::Closed | PopError::Dead => peer_gone(),
        PopError::Failed(fault) => Error::system(Spsc::NAME, what, fault),
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Spsc::NAME })
}
