//! What producers and consumers of a measurement do, the same for every transport.

use super::board::Board;
use super::tally::{Tally, number};
use crate::{Error, Message, Receiver, Result, Sender};

/// Messages that a producer sends between two looks at the sign to stop.
const PRODUCED_BLOCK: u64 = 256;

/// Messages after which a consumer makes its count known.
pub(super) const CONSUMED_BLOCK: u64 = 64;

/// Sends a producer's messages, one at a time and as fast as the transport takes them, until told to stop.
#[inline]
pub(super) fn produce(to: &mut impl Sender<1>, producer: usize, board: &Board) -> Result<()> {
    let mut sequence = 0;
    while !board.stop().requested() {
        for _ in 0..PRODUCED_BLOCK {
            to.send(&Message::numbered(number(producer, sequence)))?;
            sequence += 1;
        }
    }
    board.has_sent(producer, sequence);
    Ok(())
}

/// The same in batches of `size` messages.
#[inline]
pub(super) fn produce_batches(to: &mut impl Sender<1>, producer: usize, size: usize, board: &Board) -> Result<()> {
    let mut messages = vec![Message::default(); size.max(1)];
    let mut sequence = 0;
    while !board.stop().requested() {
        for message in &mut messages {
            *message = Message::numbered(number(producer, sequence));
            sequence += 1;
        }
        to.send_batch(&messages)?;
    }
    board.has_sent(producer, sequence);
    Ok(())
}

/// Receives messages one at a time until there can be no more.
#[inline]
pub(super) fn consume(
    transport: &'static str,
    from: &mut impl Receiver<1>,
    consumer: usize,
    board: &Board,
) -> Result<()> {
    let mut tally = Tally::new(transport, board.shape().producers);
    let mut message = Message::default();
    until_the_end(&mut tally, consumer, board, |tally| {
        for _ in 0..CONSUMED_BLOCK {
            from.receive(&mut message)?;
            tally.note(&message)?;
        }
        Ok(())
    })
}

/// The same, up to `size` messages a step.
#[inline]
pub(super) fn consume_batches(
    transport: &'static str,
    from: &mut impl Receiver<1>,
    consumer: usize,
    size: usize,
    board: &Board,
) -> Result<()> {
    let mut tally = Tally::new(transport, board.shape().producers);
    let mut messages = vec![Message::default(); size.max(1)];
    until_the_end(&mut tally, consumer, board, |tally| {
        let received = from.receive_batch(&mut messages)?;
        messages.iter().take(received).try_for_each(|message| tally.note(message))
    })
}

/// Repeats a step, and makes known after each what has been received, until all producers are gone. That they go only when
/// they have been told to stop is what makes it an end; before that it is a failure.
#[inline(always)]
fn until_the_end(
    tally: &mut Tally,
    consumer: usize,
    board: &Board,
    mut step: impl FnMut(&mut Tally) -> Result<()>,
) -> Result<()> {
    loop {
        let stepped = step(tally);
        board.has_received(consumer, tally.sums());
        match stepped {
            Ok(()) => {}
            Err(error) if matches!(*error, Error::PeerGone { .. }) && board.stop().requested() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
