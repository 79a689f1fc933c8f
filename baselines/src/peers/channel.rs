//! The bounded channel of `crossbeam-channel`: between threads, and both ends can block.

use crate::error::check_wait;
use crate::{
    Crowd, Error, Kind, Message, Receiver, Result, Scope, Seat, Seats, Sender, Shape, Transport, Wait, ring_capacity,
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

impl Crowd for Channel {
    type Sending = Sending;
    type Receiving = Receiving;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Sending, Receiving>> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = crossbeam_channel::bounded(ring_capacity::<1>());
        // The two that these are cloned from go at the end of this function, so an end is gone with the last of its seats.
        let sending = (0..shape.producers).map(|_| Sending { sender: sender.clone() }).collect();
        let receiving = (0..shape.consumers).map(|_| Receiving { receiver: receiver.clone() }).collect();
        Ok((sending, receiving))
    }
}

/// One that sends.
pub struct Sending {
    sender: crossbeam_channel::Sender<Message<1>>,
}

/// One that receives.
pub struct Receiving {
    receiver: crossbeam_channel::Receiver<Message<1>>,
}

impl Seat for Sending {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl Seat for Receiving {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl Sender<1> for Sending {
    #[inline(always)]
    fn send(&mut self, message: &Message<1>) -> Result<()> {
        self.sender.send(*message).map_err(|_| peer_gone())
    }
}

impl Receiver<1> for Receiving {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
        *message = self.receiver.recv().map_err(|_| peer_gone())?;
        Ok(())
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Channel::NAME })
}
