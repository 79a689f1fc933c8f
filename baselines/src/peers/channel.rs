//! The bounded channel of `crossbeam-channel`: between threads, and both ends can block.

use super::ends::channel_ends;
use crate::error::check_wait;
use crate::{Carries, Crowd, Kind, Result, Scope, Seats, Shape, Transport, Wait, ring_capacity};

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

channel_ends!(Channel: Sender, Receiver of crossbeam_channel);
