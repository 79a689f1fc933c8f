//! The floor: what the machine itself takes to move a message from one core to another.
//!
//! One cache line a direction, a plain store into it at one end, a loop of plain loads at the other, and nothing else:
//! no ring, no position, no room to be looked after. A ring that respects the order of its messages cannot be faster
//! at a round trip, so every ring's round trip is reported as a multiple of this one.

use crate::error::check_wait;
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::shared::Shared;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use bytemuck::Zeroable;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two cores, one line of memory a direction. For round trips only.
#[derive(Clone, Copy, Debug)]
pub struct Floor;

impl Transport for Floor {
    const NAME: &'static str = "floor";
    const NOTE: &'static str = "one cache line a direction, a plain store and a loop of loads; no queue";
    const KIND: Kind = Kind::Floor;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = false;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for Floor {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let line: Shared<Line<WORDS>> =
            Shared::new().map_err(|error| Error::unavailable(Self::NAME, "mapping shared memory", error))?;
        Ok((Sending { line: line.clone() }, Receiving { line, last: 0 }))
    }
}

/// The message itself, as long as it is, on lines of its own. Its first word doubles as the mark that it has come:
/// it differs from the message before it, since its value follows from the message's number.
///
/// The alignment is two lines, because some processors fetch lines in pairs.
#[repr(C, align(128))]
struct Line<const WORDS: usize> {
    words: [AtomicU64; WORDS],
}

// SAFETY: the struct is an array of atomics and padding behind it; zero is a value of every atomic integer.
unsafe impl<const WORDS: usize> Zeroable for Line<WORDS> {}

/// Writes the line.
pub struct Sending<const WORDS: usize> {
    line: Shared<Line<WORDS>>,
}

/// Polls the line.
pub struct Receiving<const WORDS: usize> {
    line: Shared<Line<WORDS>>,
    last: u64,
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        let mut words = self.line.words.iter().zip(message.words());
        let first = words.next();
        for (shared, word) in words {
            shared.store(*word, Ordering::Relaxed);
        }
        if let Some((shared, word)) = first {
            // Release: pairs with the Acquire of the load in `receive`, so that whoever sees the first word sees the
            // others too.
            shared.store(*word, Ordering::Release);
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let mut words = self.line.words.iter().zip(message.words_mut());
        let Some((mark, first)) = words.next() else {
            return Ok(());
        };
        // No pause between the polls: it would add its own length to the round trip.
        *first = poll_until(
            Floor::NAME,
            &mut self.last,
            |last| {
                // Acquire: pairs with the Release of the store in `send`.
                let seen = mark.load(Ordering::Acquire);
                (seen != *last).then_some(seen)
            },
            |_| false,
        )?;
        self.last = *first;
        // The sender does not write again before it has been answered, so these are the words of one message.
        for (shared, word) in words {
            *word = shared.load(Ordering::Relaxed);
        }
        Ok(())
    }
}
