//! What the side with the clock does: it asks, or it receives.

use super::measure::{Stream, Timer};
use hdrhistogram::Histogram;
use rondel_baselines::{Arrival, Error, Message, Receiver, Result, STOP, Sender, Stop};

/// Asks one question after another and takes the time of each until its answer is there. Says how many there were in all, too.
pub(super) fn ask<const WORDS: usize>(
    transport: &'static str,
    to: &mut impl Sender<WORDS>,
    from: &mut impl Receiver<WORDS>,
    timer: Timer,
) -> Result<(Histogram<u64>, u64)> {
    let clock = timer.clock;
    // From one tick up to a minute and beyond, to three digits.
    let mut histogram = empty_histogram();
    let mut desk = Message::default();
    let mut number = 0;
    // The other side needs a moment to come up; the time begins with its first answer.
    let mut begin = None;
    loop {
        let sent = clock.now();
        to.make(number, &mut desk)?;
        let arrival = from.check(transport, number, &mut desk)?;
        let answered = clock.now();
        due(arrival)?;
        number += 1;
        let elapsed = sent.saturating_sub(*begin.get_or_insert(answered));
        // On a busy machine all of the time may pass within one round trip. Then the next one counts.
        if elapsed >= timer.warm_up.saturating_add(timer.measured) && !histogram.is_empty() {
            break;
        }
        if elapsed >= timer.warm_up {
            histogram.saturating_record(answered.saturating_sub(sent));
        }
    }
    to.make(STOP, &mut desk)?;
    Ok((histogram, number))
}

/// Refuses the end of a stream before anybody has asked for it.
#[inline(always)]
pub(super) fn due(arrival: Arrival) -> Result<()> {
    match arrival {
        Arrival::Due => Ok(()),
        Arrival::Stop => Err(Box::new(Error::Early { part: "the far side".to_owned() })),
    }
}

pub(super) fn empty_histogram() -> Histogram<u64> {
    // The arguments are constants that are in range, see the test.
    Histogram::new_with_bounds(1, 1 << 40, 3).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Messages that are received, one at a time, between two looks at the clock: a look takes as long as several of the
/// fastest, and the slowest so far come a microsecond apart. Of large ones fewer, but a MiB at the least: so many take as long.
const fn block<const WORDS: usize>() -> u64 {
    let fit = (1 << 20) / Message::<WORDS>::BYTES as u64;
    if fit > 1024 {
        1024
    } else if fit < 16 {
        16
    } else {
        fit
    }
}

/// The same in batches: how many steps.
const BATCH_BLOCK: u32 = 16;

/// Receives one message after another by `receive`, which is told the number that is due.
#[inline(always)]
pub(super) fn receive_stream<const WORDS: usize>(
    stop: &Stop,
    timer: Timer,
    mut receive: impl FnMut(u64) -> Result<Arrival>,
) -> Result<(Stream, u64)> {
    let mut number = 0;
    let stream = timed(timer, || {
        let until = number + block::<WORDS>();
        while number < until {
            due(receive(number)?)?;
            number += 1;
        }
        Ok(block::<WORDS>())
    })?;
    stop.request();
    while receive(number)? == Arrival::Due {
        number += 1;
    }
    Ok((stream, number))
}

pub(super) fn receive_batches<const WORDS: usize>(
    transport: &'static str,
    from: &mut impl Receiver<WORDS>,
    size: usize,
    stop: &Stop,
    timer: Timer,
) -> Result<(Stream, u64)> {
    let mut desk = vec![Message::default(); size.max(1)];
    let mut number = 0;
    let mut step = |number: &mut u64| -> Result<(u64, Arrival)> {
        let (received, arrival) = from.check_batch(transport, *number, &mut desk)?;
        *number += received as u64;
        Ok((received as u64, arrival))
    };
    let stream = timed(timer, || {
        let mut received = 0;
        for _ in 0..BATCH_BLOCK {
            let (some, arrival) = step(&mut number)?;
            due(arrival)?;
            received += some;
        }
        Ok(received)
    })?;
    stop.request();
    while step(&mut number)?.1 == Arrival::Due {}
    Ok((stream, number))
}

/// Receives block after block, first for the warm-up and then for the time that counts. The time runs from the arrival
/// of the last message of the warm-up to the arrival of the last that counts, and both moments lie in the midst of the
/// stream: neither the filling of an empty transport nor the emptying of a full one is part of it.
pub(super) fn timed(timer: Timer, mut block: impl FnMut() -> Result<u64>) -> Result<Stream> {
    let clock = timer.clock;
    block()?;
    let up = clock.now();
    let mut begin = up;
    while begin.saturating_sub(up) < timer.warm_up {
        block()?;
        begin = clock.now();
    }
    let mut messages = 0;
    let mut end = begin;
    while end.saturating_sub(begin) < timer.measured {
        messages += block()?;
        end = clock.now();
    }
    Ok(Stream { messages, nanoseconds: clock.nanoseconds(end.saturating_sub(begin)) })
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clock;
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;

    #[test]
    fn the_histogram_holds_what_can_occur() {
        let mut histogram = empty_histogram();
        histogram.record(1).unwrap();
        histogram.record(60_000_000_000 * 5).unwrap();
    }

    /// Either end of a transport that takes its time.
    struct Slow<'a>(&'a Cell<Message<1>>);

    impl Sender<1> for Slow<'_> {
        fn send(&mut self, message: &Message<1>) -> Result<()> {
            self.0.set(*message);
            Ok(())
        }
    }

    impl Receiver<1> for Slow<'_> {
        fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
            std::thread::sleep(Duration::from_millis(5));
            *message = self.0.get();
            Ok(())
        }
    }

    #[test]
    fn however_long_a_round_trip_takes_one_is_measured() {
        let message = Cell::new(Message::default());
        let timer = Timer { clock: Clock::monotonic(), warm_up: 1_000_000, measured: 1_000_000 };
        let (histogram, asked) = ask("test", &mut Slow(&message), &mut Slow(&message), timer).unwrap();
        assert_eq!(histogram.len(), 1);
        assert!(asked >= 2, "{asked}: those of the warm-up are counted");
        assert!(histogram.min() >= 4_990_000, "{}", histogram.min());
        assert!(message.get().is(STOP), "the other side is told to stop");
    }

    #[test]
    fn a_stream_that_ends_by_itself_is_an_error() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 0, measured: 1_000_000_000 };
        let stop = Stop::new().unwrap();
        let ends_at_5000 = |number| Ok(if number < 5000 { Arrival::Due } else { Arrival::Stop });
        let error = receive_stream::<1>(&stop, timer, ends_at_5000).expect_err("it ended too early");
        assert!(matches!(*error, Error::Early { .. }), "{error}");
        let question = Cell::new(Message::<1>::default());
        let error = ask("test", &mut Slow(&question), &mut Ended, timer).unwrap_err();
        assert!(matches!(*error, Error::Early { .. }), "{error}");
        let error = receive_batches::<1>("test", &mut Ended, 8, &stop, timer).expect_err("it ended at once");
        assert!(matches!(*error, Error::Early { .. }), "{error}");
    }

    /// Gives the last message of a stream, again and again.
    struct Ended;

    impl Receiver<1> for Ended {
        fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
            *message = Message::numbered(STOP);
            Ok(())
        }
    }

    #[test]
    fn the_clock_is_looked_at_after_a_mebibyte_or_1024_messages() {
        assert_eq!([block::<1>(), block::<128>(), block::<512>(), block::<8192>()], [1024, 1024, 256, 16]);
    }

    #[test]
    fn warm_up_does_not_count() {
        // A clock in nanoseconds, blocks of 10 messages that take one millisecond at the least.
        let clock = Clock::monotonic();
        let timer = Timer { clock, warm_up: 5_000_000, measured: 20_000_000 };
        let mut blocks = 0;
        let stream = timed(timer, || {
            blocks += 1;
            std::thread::sleep(Duration::from_millis(1));
            Ok(10)
        })
        .unwrap();
        assert!(stream.nanoseconds >= 20e6);
        // No more than one block a millisecond, and never those of the warm-up, of which there are two at the least.
        assert!(stream.messages as f64 <= 10.0 * stream.nanoseconds / 1e6);
        assert!(stream.messages <= 10 * (blocks - 2), "{} of {blocks}", stream.messages);
    }
}
