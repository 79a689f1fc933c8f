//! One run of one job between many: producers, consumers, and one here that looks at the clock and at their counts.

use super::clock::Clock;
use super::job::Job;
use super::measure::{Body, Sample, Slice, Spent, Stream};
use rondel_baselines::{Crowd, CrowdVisitor, Error, Meeting, Result, Shape, Wait, gather, visit_crowd};
use std::time::{Duration, Instant};

/// Runs a job once.
pub(super) fn measure(
    job: &Job,
    shape: Shape,
    batch: Option<usize>,
    cores: &[usize],
    slice: Slice,
    clock: Clock,
) -> Result<Sample> {
    let run = Run { wait: job.wait, shape, batch, cores, slice, clock };
    // The plan has its names from the same list.
    visit_crowd(job.transport, run).unwrap_or_else(|unknown| unreachable!("{unknown}"))
}

/// A job as a visitor to its transport.
struct Run<'a> {
    wait: Wait,
    shape: Shape,
    batch: Option<usize>,
    cores: &'a [usize],
    slice: Slice,
    clock: Clock,
}

impl CrowdVisitor for Run<'_> {
    type Output = Result<Sample>;

    fn visit<T: Crowd>(self) -> Result<Sample> {
        let Run { wait, shape, batch, cores, slice, clock } = self;
        let gathered = gather::<T, Stream>(wait, shape, batch, cores, |meeting| {
            meeting.pause(slice.warm_up)?;
            let begin = Look::at(meeting, clock);
            meeting.pause(slice.measured)?;
            let end = first_after(&begin, T::NAME, || Look::at(meeting, clock), || meeting.pause(STEP))?;
            Ok(end.since(&begin, clock))
        })?;
        let spent = Spent { used: gathered.used, messages: gathered.received };
        Ok(Sample { body: Body::Stream(gathered.led), spent })
    }
}

/// What the end of the measured time is put off by, and how long, where nothing has come in all of it.
const STEP: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// The first look that finds a message more than an earlier one. On a busy machine a short time may pass without any, and
/// a figure wants some.
fn first_after(
    earlier: &Look,
    transport: &'static str,
    mut look: impl FnMut() -> Look,
    mut pause: impl FnMut() -> Result<()>,
) -> Result<Look> {
    let begin = Instant::now();
    loop {
        let later = look();
        if later.messages > earlier.messages {
            return Ok(later);
        }
        if begin.elapsed() >= PATIENCE {
            return Err(Box::new(Error::Stalled { transport, after: PATIENCE }));
        }
        pause()?;
    }
}

/// How many messages had come, and when that was.
struct Look {
    messages: u64,
    ticks: u64,
}

impl Look {
    /// How often a look is taken again that took too long, and what is too long, in nanoseconds. The counts of 64 consumers
    /// are fetched from other cores in a few microseconds; what takes longer is that somebody else was given the core
    /// between the counts and the clock.
    const TRIES: u32 = 20;
    const TOO_LONG: f64 = 20_000.0;

    /// Looks, in the midst of the stream.
    fn at(meeting: &Meeting<'_>, clock: Clock) -> Self {
        Self::with(|| clock.now(), || meeting.received(), clock)
    }

    fn with(now: impl Fn() -> u64, received: impl Fn() -> u64, clock: Clock) -> Self {
        let mut before = now();
        let mut messages = received();
        let mut after = now();
        for _ in 1..Self::TRIES {
            if clock.nanoseconds(after.saturating_sub(before)) < Self::TOO_LONG {
                break;
            }
            before = now();
            messages = received();
            after = now();
        }
        Look { messages, ticks: before.midpoint(after) }
    }

    fn since(&self, earlier: &Look, clock: Clock) -> Stream {
        Stream {
            messages: self.messages.saturating_sub(earlier.messages),
            nanoseconds: clock.nanoseconds(self.ticks.saturating_sub(earlier.ticks)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that goes on by so much with each reading, given in turn and then by a microsecond.
    fn look(steps: &[u64]) -> (Look, u64) {
        let (time, turn) = (Cell::new(0), Cell::new(0));
        let now = || {
            time.set(time.get() + steps.get(turn.replace(turn.get() + 1)).copied().unwrap_or(1000));
            time.get()
        };
        let looks = Cell::new(0);
        let received = || {
            looks.set(looks.get() + 1);
            looks.get() * 10
        };
        (Look::with(now, received, Clock::monotonic()), looks.get())
    }

    #[test]
    fn a_look_that_was_interrupted_is_taken_again() {
        let (undisturbed, looks) = look(&[500, 200]);
        assert_eq!((undisturbed.ticks, undisturbed.messages, looks), (600, 10, 1));
        // The second reading of the first look comes three milliseconds late.
        let (again, looks) = look(&[500, 3_000_000, 100, 400]);
        assert_eq!((again.ticks, again.messages, looks), (3_000_800, 20, 2));
        // On a machine that never lets us finish, the last is as good as any.
        let (_, looks) = look(&[1_000_000; 1000]);
        assert_eq!(looks, u64::from(Look::TRIES));
    }

    #[test]
    fn where_nothing_has_come_the_end_is_put_off() {
        let at = |messages| Look { messages, ticks: 0 };
        let counts = [7, 7, 8, 9];
        let mut next = counts.into_iter();
        let mut pauses = 0;
        let look = || at(next.next().expect("no more looks than needed"));
        let pause = || {
            pauses += 1;
            Ok(())
        };
        assert_eq!(first_after(&at(7), "test", look, pause).unwrap().messages, 8);
        assert_eq!(pauses, 2);
    }

    #[test]
    fn what_counts_is_the_time_between_two_looks() {
        let at = |messages, ticks| Look { messages, ticks };
        let stream = at(1500, 4000).since(&at(500, 1000), Clock::monotonic());
        assert_eq!((stream.messages, stream.nanoseconds), (1000, 3000.0));
    }
}
