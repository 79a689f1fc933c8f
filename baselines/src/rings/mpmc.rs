//! rondel's own many-to-many ring, in an anonymous segment: between two as any other transport, and between many.
//!
//! All ends wait as they are told: polling, parked at once, or as the ring does by default, which is to poll for a while and
//! then park. A batch is `push_slice` and `pop_slice`, each of which claims its whole range in one step.

use super::spsc::strategy;
use crate::error::check_wait;
use crate::{
    Carries, Crowd, Error, Kind, Message, Receiver, Result, Scope, Seat, Seats, Sender, Shape, Transport, Wait,
    ring_capacity,
};
use rondel::mpmc::{Consumer, PopError, Producer, PushError, PushTimeoutError, Ring};
use std::sync::Arc;

/// rondel's many-to-many ring between processes.
#[derive(Clone, Copy, Debug)]
pub struct Mpmc;

impl Transport for Mpmc {
    const NAME: &'static str = "mpmc";
    const NOTE: &'static str = "rondel's many-to-many ring in a sealed memfd; the same room as rtrb";
    const KIND: Kind = Kind::Rondel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Default, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Mpmc {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let ring = create(wait, Shape { producers: 1, consumers: 1 })?;
        Ok((Sending { ring: Arc::clone(&ring), wait }, Receiving { ring, wait }))
    }
}

impl Crowd for Mpmc {
    type Sending = Sending<1>;
    type Receiving = Receiving<1>;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Sending<1>, Receiving<1>>> {
        let ring = create(wait, shape)?;
        let sending = (0..shape.producers).map(|_| Sending { ring: Arc::clone(&ring), wait }).collect();
        let receiving = (0..shape.consumers).map(|_| Receiving { ring: Arc::clone(&ring), wait }).collect();
        Ok((sending, receiving))
    }
}

/// Creates a ring with as many participants' lines as there will be participants.
fn create<const WORDS: usize>(wait: Wait, shape: Shape) -> Result<Arc<Ring<Message<WORDS>>>> {
    check_wait(Mpmc::NAME, wait, Mpmc::WAITS)?;
    let ring = Ring::builder()
        .capacity(ring_capacity::<WORDS>())
        .participants(u32::try_from(shape.parts()).unwrap_or(u32::MAX))
        .anonymous()
        .map_err(|error| Error::unavailable(Mpmc::NAME, "creating the ring", error))?;
    Ok(Arc::new(ring))
}

/// The ring, before a producer has attached: that is done by the process that will push.
pub struct Sending<const WORDS: usize> {
    ring: Arc<Ring<Message<WORDS>>>,
    wait: Wait,
}

/// The ring, before a consumer has attached.
pub struct Receiving<const WORDS: usize> {
    ring: Arc<Ring<Message<WORDS>>>,
    wait: Wait,
}

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = MpmcSender<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let mut producer =
            self.ring.producer().map_err(|error| Error::system(Mpmc::NAME, "attaching a producer", error))?;
        if let Some(strategy) = strategy(self.wait) {
            producer.set_wait(strategy);
        }
        Ok(MpmcSender { producer })
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = MpmcReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let mut consumer =
            self.ring.consumer().map_err(|error| Error::system(Mpmc::NAME, "attaching a consumer", error))?;
        if let Some(strategy) = strategy(self.wait) {
            consumer.set_wait(strategy);
        }
        Ok(MpmcReceiver { consumer })
    }
}

/// A producer.
pub struct MpmcSender<const WORDS: usize> {
    producer: Producer<Message<WORDS>>,
}

/// A consumer.
pub struct MpmcReceiver<const WORDS: usize> {
    consumer: Consumer<Message<WORDS>>,
}

impl<const WORDS: usize> Sender<WORDS> for MpmcSender<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.producer.push(*message).map_err(|error| match error {
            PushError::Closed(_) | PushError::Dead(_) => peer_gone(),
            PushError::Failed(_, fault) => Error::system(Mpmc::NAME, "push", fault),
        })
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.producer.push_slice(messages).map_err(|error| match error.cause {
            PushTimeoutError::Closed(()) | PushTimeoutError::Dead(()) => peer_gone(),
            cause => Error::system(Mpmc::NAME, "push_slice", cause),
        })
    }
}

impl<const WORDS: usize> Receiver<WORDS> for MpmcReceiver<WORDS> {
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

/// A blocking call of the ring ends without success when nobody is left on the other side, and else when the segment holds
/// what cannot be.
#[cold]
fn failure(what: &'static str, error: PopError) -> Box<Error> {
    match error {
        PopError::Closed | PopError::Dead => peer_gone(),
        PopError::Failed(fault) => Error::system(Mpmc::NAME, what, fault),
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Mpmc::NAME })
}
