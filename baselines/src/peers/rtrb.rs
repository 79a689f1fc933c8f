//! rtrb: a single-producer ring between two threads, the fastest of the well-known ones.
//!
//! It has no way of waiting, so both ends poll; a batch is `push_partial_slice` and `pop_partial_slice`, which its
//! documentation recommends for many elements at a time.

use crate::error::check_wait;
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Carries, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, ring_capacity};
use std::hint::spin_loop;

/// rtrb between two threads.
#[derive(Clone, Copy, Debug)]
pub struct Rtrb;

impl Transport for Rtrb {
    const NAME: &'static str = "rtrb";
    const NOTE: &'static str = "the crate rtrb between two threads of one process, both polling";
    const KIND: Kind = Kind::Peer;
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

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

/// Pauses between two polls that found nothing. None at all, or one, takes the line from the other end so often that fewer
/// messages get through; many more make the round trip longer.
const PAUSES: u32 = 4;

#[inline(always)]
pub(super) fn pause<R>() -> Option<R> {
    for _ in 0..PAUSES {
        spin_loop();
    }
    None
}

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        poll_until(
            Rtrb::NAME,
            &mut self.producer,
            |producer| producer.push(*message).ok().or_else(pause),
            |producer| producer.is_abandoned(),
        )
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            rest = poll_until(
                Rtrb::NAME,
                &mut self.producer,
                |producer| {
                    let (pushed, left) = producer.push_partial_slice(rest);
                    if pushed.is_empty() { pause() } else { Some(left) }
                },
                |producer| producer.is_abandoned(),
            )?;
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = poll_until(
            Rtrb::NAME,
            &mut self.consumer,
            |consumer| consumer.pop().ok().or_else(pause),
            |consumer| consumer.is_abandoned(),
        )?;
        Ok(())
    }

    #[inline(always)]
    fn receive_batch(&mut self, messages: &mut [Message<WORDS>]) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        poll_until(
            Rtrb::NAME,
            &mut self.consumer,
            |consumer| {
                let popped = consumer.pop_partial_slice(messages).0.len();
                if popped == 0 { pause() } else { Some(popped) }
            },
            |consumer| consumer.is_abandoned(),
        )
    }
}
