//! What the far side of a measurement does, the same for every transport: it answers, or it pumps.
//!
//! Neither looks at a clock. The near side measures, and says when it has enough.

use crate::shared::Shared;
use crate::{Arrival, Error, Message, Receiver, Result, STOP, Sender};
use bytemuck::Zeroable;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Answers every message with one of the same number, until the one with number [`STOP`] comes. Each is checked, and each
/// answer made, in every word. Messages are numbered from 0.
///
/// # Errors
///
/// [`Error::Corrupt`](crate::Error::Corrupt) when a message is not the one that is due, and whatever the transport reports.
#[inline]
pub fn echo<const WORDS: usize>(
    transport: &'static str,
    from: &mut impl Receiver<WORDS>,
    to: &mut impl Sender<WORDS>,
) -> Result<()> {
    let mut desk = Message::default();
    let mut number = 0;
    while from.check(transport, number, &mut desk)? == Arrival::Due {
        to.make(number, &mut desk)?;
        number += 1;
    }
    Ok(())
}

/// Messages that are sent between two looks at the sign to stop: 256, but no more than 256 KiB of them.
const fn pump_block<const WORDS: usize>() -> u64 {
    let fit = (1 << 18) / Message::<WORDS>::BYTES;
    if fit > 256 {
        256
    } else if fit > 0 {
        fit as u64
    } else {
        1
    }
}

/// Sends messages numbered from 0, one at a time and as fast as the transport takes them, until told to stop; then one
/// more with number [`STOP`]. Each is made in every word.
///
/// # Errors
///
/// Whatever the transport reports.
#[inline]
pub fn pump<const WORDS: usize>(to: &mut impl Sender<WORDS>, stop: &Stop) -> Result<()> {
    let mut desk = Message::default();
    let mut number = 0;
    while !stop.requested() {
        for _ in 0..pump_block::<WORDS>() {
            to.make(number, &mut desk)?;
            number += 1;
        }
    }
    to.make(STOP, &mut desk)
}

/// As [`pump`], but the messages lie ready: they are one and the same, of which only the first and the last word change.
/// What is left is to hand them over.
///
/// # Errors
///
/// Whatever the transport reports.
#[inline]
pub fn pump_prepared<const WORDS: usize>(to: &mut impl Sender<WORDS>, stop: &Stop) -> Result<()> {
    let mut prepared = Message::numbered(0);
    let mut number = 0;
    while !stop.requested() {
        for _ in 0..pump_block::<WORDS>() {
            prepared.stamp(number);
            to.send(&prepared)?;
            number += 1;
        }
    }
    prepared.stamp(STOP);
    to.send(&prepared)
}

/// As [`pump`], in batches of `batch` messages. The one with number [`STOP`] goes alone, after the last batch.
///
/// # Errors
///
/// Whatever the transport reports.
#[inline]
pub fn pump_batches<const WORDS: usize>(to: &mut impl Sender<WORDS>, batch: usize, stop: &Stop) -> Result<()> {
    let mut desk = vec![Message::default(); batch.max(1)];
    let mut number = 0;
    while !stop.requested() {
        to.make_batch(number, &mut desk)?;
        number += desk.len() as u64;
    }
    to.make(STOP, &mut Message::default())
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

/// A moment that one side names and the other waits for. It lies in memory that a fork shares.
#[derive(Clone)]
pub struct Appointment(Shared<Moment>);

/// On lines of its own, as the sign to stop.
#[derive(Zeroable)]
#[repr(C, align(128))]
struct Moment(AtomicU64);

impl Appointment {
    /// One that nobody has made yet.
    ///
    /// # Errors
    ///
    /// [`Error::System`] when memory cannot be mapped.
    pub fn new() -> Result<Self> {
        Shared::new().map(Appointment).map_err(|error| Error::system("appointment", "mapping shared memory", error))
    }

    /// Names the moment, in ticks of a clock that both sides read alike. Tick 0 is none.
    pub fn make(&self, moment: u64) {
        // Relaxed: the moment itself is all that is handed over.
        self.0.0.store(moment, Ordering::Relaxed);
    }

    /// The moment, if it has been named.
    pub fn made(&self) -> Option<u64> {
        Some(self.0.0.load(Ordering::Relaxed)).filter(|moment| *moment != 0)
    }
}
