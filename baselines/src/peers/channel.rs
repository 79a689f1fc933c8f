//! The bounded channel of `crossbeam-channel`: between threads, and both ends can block.

use crate::error::check_wait;
use crate::seat::its_own_seat;
use crate::{
    Carries, Crowd, Error, Kind, Message, Receiver, Result, Scope, Seats, Sender, Shape, Transport, Wait, ring_capacity,
};

/// A bounded channel of `crossbeam-channel` between threads.
#[derive(Clone, Copy, Debug)]
pub struct Channel;

impl Transport for Channel {
    const NAME: &'static str = "crossbeam-channel";
    const NOTE: &'static str = "bounded channel of the crate crossbeam-channel between threads of one process; the same room as rtrb; blocking send and recv, which poll for a while and then park; it has no batches";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Threads;
    const WAITS: &'static [Wait] = &[Wait::Default];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for Channel {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = crossbeam_channel::bounded(ring_capacity::<WORDS>());
        Ok((Sending { sender }, Receiving { receiver }))
    }
}

impl Crowd for Channel {
    type Sending = Sending<1>;
    type Receiving = Receiving<1>;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Self::Sending, Self::Receiving>> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = crossbeam_channel::bounded(ring_capacity::<1>());
        // The two that these are cloned from go at the end of this function, so an end is gone with the last of its seats.
        let sending = (0..shape.producers).map(|_| Sending { sender: sender.clone() }).collect();
        let receiving = (0..shape.consumers).map(|_| Receiving { receiver: receiver.clone() }).collect();
        Ok((sending, receiving))
    }
}

/// One that sends.
pub struct Sending<const WORDS: usize> {
    sender: crossbeam_channel::Sender<Message<WORDS>>,
}

/// One that receives.
pub struct Receiving<const WORDS: usize> {
    receiver: crossbeam_channel::Receiver<Message<WORDS>>,
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.sender.send(*message).map_err(|_| peer_gone())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = self.receiver.recv().map_err(|_| peer_gone())?;
        Ok(())
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Channel::NAME })
}
