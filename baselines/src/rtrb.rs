//! rtrb: a single-producer ring between two threads, the fastest of the well-known ones.
//!
//! It has no way of waiting, so both ends poll; a batch is `push_partial_slice` and `pop_partial_slice`, which its
//! documentation recommends for many elements at a time.

use crate::error::check_wait;
use crate::patience::Patience;
use crate::{
    Carries, Error, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait, ring_capacity,
};
use std::hint::spin_loop;

/// rtrb between two threads.
#[derive(Clone, Copy, Debug)]
pub struct Rtrb;

impl Transport for Rtrb {
    const NAME: &'static str = "rtrb";
    const NOTE: &'static str = "the crate rtrb between two threads of one process, both polling";
    const SCOPE: Scope = Scope::Threads;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for Rtrb {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (producer, consumer) = rtrb::RingBuffer::new(ring_capacity::<WORDS>());
        Ok((Sending { producer }, Receiving { consumer }))
    }
}

/// The producer.
pub struct Sending<const WORDS: usize> {
    producer: rtrb::Producer<Message<WORDS>>,
}

/// The consumer.
pub struct Receiving<const WORDS: usize> {
    consumer: rtrb::Consumer<Message<WORDS>>,
}

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        let mut patience = Patience::new(Rtrb::NAME);
        while self.producer.push(*message).is_err() {
            patience.poll(|| self.producer.is_abandoned())?;
            spin_loop();
        }
        Ok(())
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let mut rest = messages;
        let mut patience = Patience::new(Rtrb::NAME);
        loop {
            let (_, left) = self.producer.push_partial_slice(rest);
            if left.is_empty() {
                return Ok(());
            }
            if left.len() == rest.len() {
                patience.poll(|| self.producer.is_abandoned())?;
                spin_loop();
            }
            rest = left;
        }
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let mut patience = Patience::new(Rtrb::NAME);
        loop {
            if let Ok(popped) = self.consumer.pop() {
                *message = popped;
                return Ok(());
            }
            if let Err(error) = patience.poll(|| self.consumer.is_abandoned()) {
                return last_look(&mut self.consumer, message, error);
            }
            spin_loop();
        }
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        let mut patience = Patience::new(Rtrb::NAME);
        loop {
            let popped = self.consumer.pop_partial_slice(messages).0.len();
            if popped > 0 {
                return Ok(popped);
            }
            if let Err(error) = patience.poll(|| self.consumer.is_abandoned()) {
                return match messages.first_mut() {
                    Some(first) => last_look(&mut self.consumer, first, error).map(|()| 1),
                    None => Ok(0),
                };
            }
            spin_loop();
        }
    }
}

/// The producer may have pushed once more between this end's last look and its own end.
#[cold]
fn last_look<const WORDS: usize>(
    consumer: &mut rtrb::Consumer<Message<WORDS>>,
    message: &mut Message<WORDS>,
    error: Box<Error>,
) -> Result<()> {
    *message = consumer.pop().map_err(|_| error)?;
    Ok(())
}
