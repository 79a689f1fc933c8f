//! A transport whose ends are called through a table.
//!
//! Loops that are generic over the ends are compiled anew for each transport, which a ring that moves a message in two nanoseconds
//! needs. What makes a system call for each, at one end at the least, takes a hundred times as long; there the step through the table does not
//! show, and one copy of the loops for all of them is a third of the time that it takes to build this program.

use crate::{Arrival, Carries, Conversation, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use std::marker::PhantomData;

/// The transport `T`, with ends of one type whatever `T` is.
#[derive(Clone, Copy, Debug)]
pub struct Erased<T>(PhantomData<T>);

impl<T: Transport> Transport for Erased<T> {
    const NAME: &'static str = T::NAME;
    const NOTE: &'static str = T::NOTE;
    const KIND: Kind = T::KIND;
    const SCOPE: Scope = T::SCOPE;
    const WAITS: &'static [Wait] = T::WAITS;
    const QUEUES: bool = T::QUEUES;
    const BATCHES: bool = T::BATCHES;
    const IN_PLACE: bool = T::IN_PLACE;

    fn granted() -> Option<String> {
        T::granted()
    }
}

/// An end before it is taken, of which is known only what it will be then.
pub struct ErasedSeat<E: ?Sized>(Box<dyn FnOnce() -> Result<Box<E>> + Send>);

impl<E: ?Sized> Seat for ErasedSeat<E> {
    type Taken = Box<E>;

    fn take(self) -> Result<Box<E>> {
        (self.0)()
    }
}

fn sending<const WORDS: usize>(
    seat: impl Seat<Taken: Sender<WORDS> + 'static> + 'static,
) -> ErasedSeat<dyn Sender<WORDS>> {
    ErasedSeat(Box::new(move || Ok(Box::new(seat.take()?))))
}

fn receiving<const WORDS: usize>(
    seat: impl Seat<Taken: Receiver<WORDS> + 'static> + 'static,
) -> ErasedSeat<dyn Receiver<WORDS>> {
    ErasedSeat(Box::new(move || Ok(Box::new(seat.take()?))))
}

impl<T, const WORDS: usize> Carries<WORDS> for Erased<T>
where
    T: Carries<WORDS, Sending: Seat<Taken: 'static> + 'static, Receiving: Seat<Taken: 'static> + 'static>,
{
    type Sending = ErasedSeat<dyn Sender<WORDS>>;
    type Receiving = ErasedSeat<dyn Receiver<WORDS>>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let (from, to) = T::open(wait)?;
        Ok((sending(from), receiving(to)))
    }

    fn converse(wait: Wait) -> Result<Conversation<Self::Sending, Self::Receiving>> {
        let ((asking, asked), (answering, answered)) = T::converse(wait)?;
        Ok(((sending(asking), receiving(asked)), (sending(answering), receiving(answered))))
    }
}

// Every method, those with a body of their own in the trait too: the end behind the table may have a better one.

impl<const WORDS: usize> Sender<WORDS> for Box<dyn Sender<WORDS>> {
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        (**self).send(message)
    }

    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        (**self).send_batch(messages)
    }

    fn make(&mut self, number: u64, desk: &mut Message<WORDS>) -> Result<()> {
        (**self).make(number, desk)
    }

    fn make_batch(&mut self, first: u64, desk: &mut [Message<WORDS>]) -> Result<()> {
        (**self).make_batch(first, desk)
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Box<dyn Receiver<WORDS>> {
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        (**self).receive(message)
    }

    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        (**self).receive_batch(messages)
    }

    fn check(&mut self, transport: &'static str, number: u64, desk: &mut Message<WORDS>) -> Result<Arrival> {
        (**self).check(transport, number, desk)
    }

    fn check_batch(
        &mut self,
        transport: &'static str,
        first: u64,
        desk: &mut [Message<WORDS>],
    ) -> Result<(usize, Arrival)> {
        (**self).check_batch(transport, first, desk)
    }
}
