//! What one thread takes to copy messages into a buffer and out again: the part of a transport's work that is not handing over.

use super::job::Test;
use super::measure::{Body, Run, Sample, Spent, Stream, Timer};
use super::near::{due, timed};
use rondel_baselines::transports::Memcpy;
use rondel_baselines::{Account, Buffer, Message, Payload, Receiver, Result, Scope, Sender, Transport, duet};
use std::hint::black_box;

/// Runs one slice.
pub(super) fn measure(run: &Run) -> Result<Sample> {
    match run.payload {
        Payload::B8 => copied::<1>(run),
        Payload::B64 => copied::<8>(run),
        Payload::B256 => copied::<32>(run),
        Payload::B1024 => copied::<128>(run),
        Payload::B4096 => copied::<512>(run),
        Payload::B65536 => copied::<8192>(run),
    }
}

fn copied<const WORDS: usize>(run: &Run) -> Result<Sample> {
    let account = Account::new()?;
    let timer = run.timer;
    let copy = if run.test == Test::Handover { prepared::<WORDS> } else { made::<WORDS> };
    // Here, on the near side's core. The other side has nothing to do.
    let near = || account.charge(|| copy(timer));
    let (stream, messages) = duet(Scope::Threads, run.cores, || Ok(()), near)?;
    Ok(Sample { body: Body::Stream(stream), spent: Spent { used: account.total(), messages } })
}

/// Every word made and checked.
fn made<const WORDS: usize>(timer: Timer) -> Result<(Stream, u64)> {
    let (mut maker, mut checker) = (Message::<WORDS>::default(), Message::<WORDS>::default());
    in_and_out::<WORDS>(
        timer,
        |buffer, number| buffer.make(number, &mut maker),
        |buffer, number| buffer.check(Memcpy::NAME, number, &mut checker).and_then(due),
    )
}

/// What lies ready, and is not read.
fn prepared<const WORDS: usize>(timer: Timer) -> Result<(Stream, u64)> {
    let (mut ready, mut received) = (Message::<WORDS>::numbered(0), Message::<WORDS>::default());
    in_and_out::<WORDS>(
        timer,
        |buffer, number| {
            ready.stamp(number);
            buffer.send(&ready)
        },
        |buffer, number| {
            buffer.receive(&mut received)?;
            // As where it is handed over: for all that the compiler knows, all of it is read.
            black_box(&mut received).stamped(Memcpy::NAME, number).and_then(due)
        },
    )
}

/// Half of what the buffer holds goes in, and then out again: so a message lies in it for as long as in a ring that is half full.
fn in_and_out<const WORDS: usize>(
    timer: Timer,
    mut put: impl FnMut(&mut Buffer<WORDS>, u64) -> Result<()>,
    mut take: impl FnMut(&mut Buffer<WORDS>, u64) -> Result<()>,
) -> Result<(Stream, u64)> {
    let mut buffer = Buffer::<WORDS>::new();
    let half = (buffer.depth() as u64 / 2).max(1);
    let mut number = 0;
    let stream = timed(timer, || {
        (number..number + half).try_for_each(|number| put(&mut buffer, number))?;
        (number..number + half).try_for_each(|number| take(&mut buffer, number))?;
        number += half;
        Ok(half)
    })?;
    Ok((stream, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versus::clock::Clock;

    #[test]
    fn every_message_goes_in_and_out() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 100_000, measured: 1_000_000 };
        for (stream, messages) in [made::<1>(timer), prepared::<1>(timer), made::<8192>(timer), prepared::<8192>(timer)]
            .map(|copied| copied.unwrap())
        {
            assert!(stream.messages > 0 && stream.nanoseconds >= 1e6, "{stream:?}");
            assert!(messages > stream.messages, "those of the warm-up are counted: {messages}");
        }
    }
}
