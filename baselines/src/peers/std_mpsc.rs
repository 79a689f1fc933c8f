//! The bounded channel of the standard library: between threads, many senders to one receiver, and both ends can block.

use crate::error::check_wait;
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, ring_capacity};
use std::sync::mpsc;

/// The bounded channel of `std::sync::mpsc` between threads.
#[derive(Clone, Copy, Debug)]
pub struct StdMpsc;

impl Transport for StdMpsc {
    const NAME: &'static str = "std-mpsc";
    const NOTE: &'static str = "sync_channel of std::sync::mpsc between threads of one process; the same room as rtrb; blocking send and recv, which poll for a while and then park; it has no batches";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Threads;
    const WAITS: &'static [Wait] = &[Wait::Default];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for StdMpsc {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = mpsc::sync_channel(ring_capacity::<WORDS>());
        Ok((Sending { sender }, Receiving { receiver }))
    }
}

/// The end that sends.
pub struct Sending<const WORDS: usize> {
    sender: mpsc::SyncSender<Message<WORDS>>,
}

/// The end that receives.
pub struct Receiving<const WORDS: usize> {
    receiver: mpsc::Receiver<Message<WORDS>>,
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
    Box::new(Error::PeerGone { transport: StdMpsc::NAME })
}
