//! rondel's own ring of messages of any length, in an anonymous segment, in the two ways in which it is used.
//!
//! `bytes` copies, as a pipe does: a message that was made elsewhere is pushed, and popped into a buffer. `bytes-in-place` makes a message
//! in the room that the ring lends, and checks it where it lies; nothing is copied. In batches, as many as there is room for are
//! published by one store, and as many as are ready given back by one.

use super::spsc::strategy;
use crate::error::check_wait;
use crate::{Arrival, Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use rondel::bytes::{Consumer, PopError, PopIntoError, Producer, PushError, Ring, TryPushError};

/// rondel's ring of messages between two processes, copied in and out.
#[derive(Clone, Copy, Debug)]
pub struct Bytes;

/// The same, messages written and read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct BytesInPlace;

impl Transport for Bytes {
    const NAME: &'static str = "bytes";
    const NOTE: &'static str =
        "rondel's ring of messages in a sealed memfd, 256 KiB of them; copied in by push, copied out by pop_into";
    const KIND: Kind = Kind::Rondel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Default, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl Transport for BytesInPlace {
    const NAME: &'static str = "bytes-in-place";
    const NOTE: &'static str = "the same ring; made in what reserve lends, checked in what pop lends, never copied";
    const KIND: Kind = Kind::Rondel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = Bytes::WAITS;
    const QUEUES: bool = true;
    const BATCHES: bool = true;
    const IN_PLACE: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Bytes {
    type Sending = Sending<false>;
    type Receiving = Receiving<false>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (ring, again) = create(Self::NAME, wait)?;
        Ok((Sending { ring, wait }, Receiving { ring: again, wait }))
    }
}

impl<const WORDS: usize> Carries<WORDS> for BytesInPlace {
    type Sending = Sending<true>;
    type Receiving = Receiving<true>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (ring, again) = create(Self::NAME, wait)?;
        Ok((Sending { ring, wait }, Receiving { ring: again, wait }))
    }
}

/// Room for three of the largest messages, and still within a core's own cache. The same ring for messages of all sizes, as
/// it is the same pipe.
const CAPACITY: usize = 256 << 10;

/// The largest message.
const LARGEST: usize = 64 << 10;

/// Creates a ring, and attaches to it a second time: each seat maps the segment for itself, as a process does that was
/// handed the descriptor.
fn create(transport: &'static str, wait: Wait) -> Result<(Ring, Ring)> {
    check_wait(transport, wait, Bytes::WAITS)?;
    let ring = Ring::builder()
        .capacity(CAPACITY)
        .largest(LARGEST)
        .anonymous()
        .map_err(|error| Error::unavailable(transport, "creating the ring", error))?;
    let descriptor =
        ring.try_clone_fd().map_err(|error| Error::unavailable(transport, "cloning the descriptor", error))?;
    let again =
        Ring::from_fd(descriptor).map_err(|error| Error::unavailable(transport, "attaching to the ring", error))?;
    Ok((ring, again))
}

/// The name of the one or the other.
const fn name(in_place: bool) -> &'static str {
    if in_place { BytesInPlace::NAME } else { Bytes::NAME }
}

/// The ring, before the producer's role is taken: a role belongs to the process that takes it.
pub struct Sending<const IN_PLACE: bool> {
    ring: Ring,
    wait: Wait,
}

/// The ring, before the consumer's role is taken.
pub struct Receiving<const IN_PLACE: bool> {
    ring: Ring,
    wait: Wait,
}

impl<const IN_PLACE: bool> Seat for Sending<IN_PLACE> {
    type Taken = BytesSender<IN_PLACE>;

    fn take(self) -> Result<Self::Taken> {
        let taken = self.ring.producer();
        let mut producer = taken.map_err(|error| Error::system(name(IN_PLACE), "taking the producer's role", error))?;
        if let Some(strategy) = strategy(self.wait) {
            producer.set_wait(strategy);
        }
        Ok(BytesSender { producer })
    }
}

impl<const IN_PLACE: bool> Seat for Receiving<IN_PLACE> {
    type Taken = BytesReceiver<IN_PLACE>;

    fn take(self) -> Result<Self::Taken> {
        let taken = self.ring.consumer();
        let mut consumer = taken.map_err(|error| Error::system(name(IN_PLACE), "taking the consumer's role", error))?;
        if let Some(strategy) = strategy(self.wait) {
            consumer.set_wait(strategy);
        }
        Ok(BytesReceiver { consumer })
    }
}

/// The producer.
pub struct BytesSender<const IN_PLACE: bool> {
    producer: Producer,
}

/// The consumer.
pub struct BytesReceiver<const IN_PLACE: bool> {
    consumer: Consumer,
}

impl<const IN_PLACE: bool> BytesSender<IN_PLACE> {
    /// Publishes so many messages of one length, each filled where it lies, in as few steps as there is room for: what does not fit
    /// beside what is unread waits for room, and the rest makes another batch.
    #[inline(always)]
    fn publish(
        &mut self,
        count: usize,
        len: usize,
        mut fill: impl FnMut(usize, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let failed = |error| Error::system(name(IN_PLACE), "PushBatch", error);
        let mut next = 0;
        while next < count {
            let mut batch = self.producer.batch().map_err(failed)?;
            while next < count {
                match batch.try_reserve(len) {
                    Ok(mut room) => {
                        fill(next, &mut room)?;
                        room.commit().map_err(failed)?;
                        next += 1;
                    }
                    Err(TryPushError::Full) => break,
                    Err(TryPushError::Closed) => return Err(peer_gone(IN_PLACE)),
                    Err(error) => return Err(Error::system(name(IN_PLACE), "PushBatch", error)),
                }
            }
            batch.publish().map_err(failed)?;
            if next < count {
                let mut room = self.producer.reserve(len).map_err(|error| push_failure(IN_PLACE, error))?;
                fill(next, &mut room)?;
                room.commit().map_err(failed)?;
                next += 1;
            }
        }
        Ok(())
    }
}

impl<const IN_PLACE: bool, const WORDS: usize> Sender<WORDS> for BytesSender<IN_PLACE> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.producer.push(bytemuck::bytes_of(message)).map_err(|error| push_failure(IN_PLACE, error))
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        self.publish(messages.len(), Message::<WORDS>::BYTES, |place, room| {
            if let Some(message) = messages.get(place) {
                room.copy_from_slice(bytemuck::bytes_of(message));
            }
            Ok(())
        })
    }

    #[inline(always)]
    fn make(&mut self, number: u64, desk: &mut Message<WORDS>) -> Result<()> {
        if !IN_PLACE {
            desk.renumber(number);
            return self.send(desk);
        }
        let reserved = self.producer.reserve(Message::<WORDS>::BYTES);
        let mut room = reserved.map_err(|error| push_failure(IN_PLACE, error))?;
        as_message_mut::<WORDS>(&mut room)?.renumber(number);
        room.commit().map_err(|error| Error::system(name(IN_PLACE), "commit", error))
    }

    #[inline(always)]
    fn make_batch(&mut self, first: u64, desk: &mut [Message<WORDS>]) -> Result<()> {
        if !IN_PLACE {
            for (message, number) in desk.iter_mut().zip(first..) {
                message.renumber(number);
            }
            return self.send_batch(desk);
        }
        self.publish(desk.len(), Message::<WORDS>::BYTES, |place, room| {
            as_message_mut::<WORDS>(room)?.renumber(first.wrapping_add(place as u64));
            Ok(())
        })
    }
}

impl<const IN_PLACE: bool, const WORDS: usize> Receiver<WORDS> for BytesReceiver<IN_PLACE> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        match self.consumer.pop_into(bytemuck::bytes_of_mut(message)) {
            Ok(length) if length == Message::<WORDS>::BYTES => Ok(()),
            Ok(length) => Err(wrong_length(IN_PLACE, length, Message::<WORDS>::BYTES)),
            Err(PopIntoError::Pop(error)) => Err(pop_failure(IN_PLACE, error)),
            Err(PopIntoError::TooShort { message, buffer }) => Err(wrong_length(IN_PLACE, message, buffer)),
        }
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        let mut batch = self.consumer.pop_batch().map_err(|error| pop_failure(IN_PLACE, error))?;
        // The places first: what has no place is left in the ring.
        for (place, bytes) in messages.iter_mut().zip(&mut batch) {
            if bytes.len() != Message::<WORDS>::BYTES {
                return Err(wrong_length(IN_PLACE, bytes.len(), Message::<WORDS>::BYTES));
            }
            bytemuck::bytes_of_mut(place).copy_from_slice(bytes);
        }
        Ok(batch.given())
    }

    #[inline(always)]
    fn check(&mut self, transport: &'static str, number: u64, desk: &mut Message<WORDS>) -> Result<Arrival> {
        if !IN_PLACE {
            self.receive(desk)?;
            return desk.arrived(transport, number);
        }
        let message = self.consumer.pop().map_err(|error| pop_failure(IN_PLACE, error))?;
        as_message::<WORDS>(&message)?.arrived(transport, number)
    }

    #[inline(always)]
    fn check_batch(
        &mut self,
        transport: &'static str,
        first: u64,
        desk: &mut [Message<WORDS>],
    ) -> Result<(usize, Arrival)> {
        if !IN_PLACE {
            let received = self.receive_batch(desk)?;
            return Message::arrived_batch(transport, first, desk.get(..received).unwrap_or_default());
        }
        if desk.is_empty() {
            return Ok((0, Arrival::Due));
        }
        let mut batch = self.consumer.pop_batch().map_err(|error| pop_failure(IN_PLACE, error))?;
        let mut due = 0;
        for bytes in (&mut batch).into_iter().take(desk.len()) {
            let number = first.wrapping_add(due as u64);
            if as_message::<WORDS>(bytes)?.arrived(transport, number)? == Arrival::Stop {
                return Ok((due, Arrival::Stop));
            }
            due += 1;
        }
        Ok((due, Arrival::Due))
    }
}

/// A message where it lies. Only one of another length is none, for all begin at a multiple of 8.
#[inline(always)]
fn as_message<const WORDS: usize>(bytes: &[u8]) -> Result<&Message<WORDS>> {
    bytemuck::try_from_bytes(bytes).map_err(|_| wrong_length(true, bytes.len(), Message::<WORDS>::BYTES))
}

/// The room for a message, to be written.
#[inline(always)]
fn as_message_mut<const WORDS: usize>(room: &mut [u8]) -> Result<&mut Message<WORDS>> {
    let length = room.len();
    bytemuck::try_from_bytes_mut(room).map_err(|_| wrong_length(true, length, Message::<WORDS>::BYTES))
}

/// A blocking call of the ring ends without success when the peer has closed its end or died, and else when the segment
/// holds what cannot be.
#[cold]
fn push_failure(in_place: bool, error: PushError) -> Box<Error> {
    match error {
        PushError::Closed | PushError::Dead => peer_gone(in_place),
        PushError::TooLong(_) | PushError::Failed(_) => Error::system(name(in_place), "push", error),
    }
}

#[cold]
fn pop_failure(in_place: bool, error: PopError) -> Box<Error> {
    match error {
        PopError::Closed | PopError::Dead => peer_gone(in_place),
        PopError::Failed(fault) => Error::system(name(in_place), "pop", fault),
    }
}

#[cold]
fn wrong_length(in_place: bool, found: usize, expected: usize) -> Box<Error> {
    Error::system(name(in_place), "pop", format!("a message of {found} bytes arrived, and not of {expected}"))
}

#[cold]
fn peer_gone(in_place: bool) -> Box<Error> {
    Box::new(Error::PeerGone { transport: name(in_place) })
}
