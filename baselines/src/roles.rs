//! What the far side of a measurement does, the same for every transport: it answers, or it pumps.
//!
//! Neither looks at a clock. The near side measures, and says when it has enough.

use crate::shared::Shared;
use crate::{Error, Message, Receiver, Result, STOP, Sender};
use bytemuck::Zeroable;
use std::sync::atomic::{AtomicU32, Ordering};

/// Sends every message back, checked, until the one with number [`STOP`] comes. Messages are numbered from 0.
///
/// # Errors
///
/// [`Error::Corrupt`] when a message is not the one that is due, and whatever the transport reports.
#[inline]
pub fn echo<const WORDS: usize>(
    transport: &'static str,
    from: &mut impl Receiver<WORDS>,
    to: &mut impl Sender<WORDS>,
) -> Result<()> {
    let mut message = Message::default();
    let mut number = 0;
    loop {
        from.receive(&mut message)?;
        if !message.is(number) {
            return if message.is(STOP) { Ok(()) } else { message.verify(transport, number) };
        }
        to.send(&message)?;
        number += 1;
    }
}

/// Messages that [`pump`] sends between two looks at the sign to stop.
const PUMP_BLOCK: u64 = 256;

/// Sends messages numbered from 0, one at a time and as fast as the transport takes them, until told to stop; then one
/// more with number [`STOP`].
///
/// # Errors
///
/// Whatever the transport reports.
#[inline]
pub fn pump<const WORDS: usize>(to: &mut impl Sender<WORDS>, stop: &Stop) -> Result<()> {
    let mut number = 0;
    while !stop.requested() {
        for _ in 0..PUMP_BLOCK {
            to.send(&Message::numbered(number))?;
            number += 1;
        }
    }
    to.send(&Message::numbered(STOP))
}

/// As [`pump`], in batches of `batch` messages. The one with number [`STOP`] goes alone, after the last batch.
///
/// # Errors
///
/// Whatever the transport reports.
#[inline]
pub fn pump_batches<const WORDS: usize>(to: &mut impl Sender<WORDS>, batch: usize, stop: &Stop) -> Result<()> {
    let mut messages = vec![Message::default(); batch.max(1)];
    let mut number = 0;
    while !stop.requested() {
        for message in &mut messages {
            *message = Message::numbered(number);
            number += 1;
        }
        to.send_batch(&messages)?;
    }
    to.send(&Message::numbered(STOP))
}

/// The sign by which the side that measures tells the side that pumps to stop. It lies in memory that a fork shares.
#[derive(Clone)]
pub struct Stop(Shared<Sign>);

/// On lines of its own: while it is not given, reading it costs the pump a hit in its own cache.
#[derive(Zeroable)]
#[repr(C, align(128))]
struct Sign(AtomicU32);

impl Stop {
    /// A sign that is not given yet.
    ///
    /// # Errors
    ///
    /// [`Error::System`] when memory cannot be mapped.
    pub fn new() -> Result<Self> {
        Shared::new().map(Stop).map_err(|error| Error::system("stop sign", "mapping shared memory", error))
    }

    /// Gives the sign.
    pub fn request(&self) {
        // Relaxed: nothing is handed over with it; the stream itself ends with its own last message.
        self.0.0.store(1, Ordering::Relaxed);
    }

    /// Whether the sign has been given.
    #[inline(always)]
    pub fn requested(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) != 0
    }
}
