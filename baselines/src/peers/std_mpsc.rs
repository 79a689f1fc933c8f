//! The bounded channel of the standard library: between threads, many senders to one receiver, and both ends can block.

use super::ends::channel_ends;
use crate::error::check_wait;
use crate::{Carries, Kind, Result, Scope, Transport, Wait, ring_capacity};
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

channel_ends!(StdMpsc: SyncSender, Receiver of mpsc);
