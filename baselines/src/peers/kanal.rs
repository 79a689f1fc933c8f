//! The bounded channel of the crate kanal: between threads, and both ends can block.

use super::ends::channel_ends;
use crate::error::check_wait;
use crate::{Carries, Crowd, Kind, Result, Scope, Seats, Shape, Transport, Wait, ring_capacity};

/// A bounded channel of kanal between threads.
#[derive(Clone, Copy, Debug)]
pub struct Kanal;

impl Transport for Kanal {
    const NAME: &'static str = "kanal";
    const NOTE: &'static str = "bounded channel of the crate kanal between threads of one process; the same room as rtrb; blocking send and recv, which poll for a while and then park; it has no batches of a fixed size";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Threads;
    const WAITS: &'static [Wait] = &[Wait::Default];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for Kanal {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = kanal::bounded(ring_capacity::<WORDS>());
        Ok((Sending { sender }, Receiving { receiver }))
    }
}

impl Crowd for Kanal {
    type Sending = Sending<1>;
    type Receiving = Receiving<1>;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Self::Sending, Self::Receiving>> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) = kanal::bounded(ring_capacity::<1>());
        // The two that these are cloned from go at the end of this function, so an end is gone with the last of its seats.
        let sending = (0..shape.producers).map(|_| Sending { sender: sender.clone() }).collect();
        let receiving = (0..shape.consumers).map(|_| Receiving { receiver: receiver.clone() }).collect();
        Ok((sending, receiving))
    }
}

channel_ends!(Kanal: Sender, Receiver of kanal);
