//! One run of one job: two sides, a warm-up, a slice of time.
//!
//! The near side, in this process, has the clock. In a round trip it asks and the far side answers; in a stream it receives
//! and the far side pumps. When its time is up it says so, and the conversation is brought to an orderly end, in
//! which what is still under way is checked too. Each side puts what it uses on one account, from when it has taken its seat.

use super::clock::Clock;
use super::cores::Chosen;
use super::job::{Job, Test};
use super::near::{ask, receive_batches, receive_stream};
use super::{crowd, paced, solo};
use hdrhistogram::Histogram;
use rondel_baselines::{
    Account, Carries, Conversation, Cores, EverySize, FewSizes, Message, Payload, Receiver, Result, Scope, Seat,
    Sender, Stop, Usage, Visitor, Wait, duet, echo, pump, pump_batches, pump_prepared, visit,
};
use std::hint::black_box;
use std::time::Duration;

/// What one run found.
pub(crate) struct Sample {
    pub(crate) body: Body,
    pub(crate) spent: Spent,
}

pub(crate) enum Body {
    /// The length of each round trip, in ticks of the clock.
    RoundTrips(Histogram<u64>, Clock),
    Stream(Stream),
    /// How long each message of a stream was under way, in ticks of the clock.
    Delays(Histogram<u64>, Clock, Stream),
}

/// The stream of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stream {
    /// Messages received within the time.
    pub(crate) messages: u64,
    /// The time, in nanoseconds.
    pub(crate) nanoseconds: f64,
}

impl Stream {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 * 1e9 / self.nanoseconds
    }
}

/// What was used, and for how many messages or round trips: also for those that are not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) used: Usage,
    pub(crate) messages: u64,
}

/// How long a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Not measured: the first touch of every page, and processors that raise their clocks.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Slice {
    /// What a fork, the ends, and what is still under way at the end of a run take, on average, for each that takes part.
    const AROUND: Duration = Duration::from_millis(6);
    /// Less would measure nothing but the warm-up.
    const LEAST: Duration = Duration::from_millis(6);

    /// Equal shares of what the jobs, so many of which take place one after another, leave of the whole time.
    pub(crate) fn of(whole: Duration, jobs: &[Job], repetitions: u32) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let around = Self::AROUND.saturating_mul(jobs.iter().map(|job| count(job.parts())).sum());
        let round = (whole / repetitions.max(1)).saturating_sub(around);
        let share = (round / count(jobs.len()).max(1)).max(Self::LEAST);
        Slice { warm_up: share / 6, measured: share - share / 6 }
    }
}

/// The clocks of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// Of which both readings of a difference are taken on one core.
    pub(crate) near: Clock,
    /// Of which the one is taken on one core and the other on another.
    pub(crate) common: Clock,
}

/// Runs a job once.
pub(crate) fn measure(job: &Job, cores: &Chosen, slice: Slice, clocks: Clocks) -> Result<Sample> {
    if let Test::Crowd(shape, batch) = job.test {
        return crowd::measure(job, shape, batch, &cores.all, slice, clocks.near);
    }
    let clock = if matches!(job.test, Test::Paced(_)) { clocks.common } else { clocks.near };
    let run = Run {
        test: job.test,
        wait: job.wait,
        payload: job.payload,
        cores: Cores::Pinned { near: cores.pair.near, far: cores.pair.far },
        timer: Timer { clock, warm_up: clock.ticks(slice.warm_up), measured: clock.ticks(slice.measured) },
    };
    if job.is_solo() {
        return solo::measure(&run);
    }
    // The plan has its names from the same list.
    visit(job.transport, run).unwrap_or_else(|unknown| unreachable!("{unknown}"))
}

/// A job as a visitor to its transport.
pub(super) struct Run {
    pub(super) test: Test,
    wait: Wait,
    pub(super) payload: Payload,
    pub(super) cores: Cores,
    pub(super) timer: Timer,
}

/// The clock, and how many of its ticks a run takes.
#[derive(Clone, Copy)]
pub(super) struct Timer {
    pub(super) clock: Clock,
    pub(super) warm_up: u64,
    pub(super) measured: u64,
}

impl Visitor for Run {
    type Output = Result<Sample>;

    fn visit<T: FewSizes>(self) -> Result<Sample> {
        match self.payload {
            Payload::B8 => self.with::<T, 1>(),
            Payload::B64 => self.with::<T, 8>(),
            Payload::B1024 => self.with::<T, 128>(),
            other => unreachable!("{other:?} is planned for transports of any length only"),
        }
    }

    fn visit_any_length<T: EverySize>(self) -> Result<Sample> {
        match self.payload {
            Payload::B8 => self.with::<T, 1>(),
            Payload::B64 => self.with::<T, 8>(),
            Payload::B256 => self.with::<T, 32>(),
            Payload::B1024 => self.with::<T, 128>(),
            Payload::B4096 => self.with::<T, 512>(),
            Payload::B65536 => self.with::<T, 8192>(),
        }
    }
}

/// A transport as what is measured needs to know it: where two have ends of the same types, the loops are compiled once for both.
#[derive(Clone, Copy)]
pub(super) struct Link<S, R> {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) open: fn(Wait) -> Result<(S, R)>,
    converse: fn(Wait) -> Result<Conversation<S, R>>,
}

impl<S, R> Link<S, R> {
    fn of<T: Carries<WORDS, Sending = S, Receiving = R>, const WORDS: usize>() -> Self {
        Link { name: T::NAME, scope: T::SCOPE, open: T::open, converse: T::converse }
    }
}

impl Run {
    fn with<T: Carries<WORDS>, const WORDS: usize>(self) -> Result<Sample> {
        self.over(Link::of::<T, WORDS>())
    }

    fn over<S, R, const WORDS: usize>(self, link: Link<S, R>) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        match self.test {
            Test::RoundTrip => self.round_trips(link),
            Test::Throughput => self.stream(link),
            Test::Handover => self.handover(link),
            Test::Batches(size) => self.batches(link, size),
            Test::Paced(rate) => paced::measure(link, self.wait, self.cores, self.timer, rate),
            Test::Crowd(..) => unreachable!("many are measured by `crowd::measure`"),
        }
    }

    fn round_trips<S, R, const WORDS: usize>(self, link: Link<S, R>) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        let Link { name, scope, converse, .. } = link;
        let ((asking, asked), (answering, answered)) = converse(self.wait)?;
        let account = Account::new()?;
        let far_account = account.clone();
        let far = move || {
            let (mut from, mut to) = (asked.take()?, answering.take()?);
            far_account.charge(|| echo(name, &mut from, &mut to))
        };
        let (timer, near_account) = (self.timer, account.clone());
        let near = move || {
            let (mut to, mut from) = (asking.take()?, answered.take()?);
            near_account.charge(|| ask(name, &mut to, &mut from, timer))
        };
        let (histogram, messages) = duet(scope, self.cores, far, near)?;
        let spent = Spent { used: account.total(), messages };
        Ok(Sample { body: Body::RoundTrips(histogram, timer.clock), spent })
    }

    fn stream<S, R, const WORDS: usize>(self, link: Link<S, R>) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        let (name, timer) = (link.name, self.timer);
        self.one_way(link, pump, move |from, stop| {
            let mut desk = Message::<WORDS>::default();
            receive_stream::<WORDS>(stop, timer, |number| from.check(name, number, &mut desk))
        })
    }

    fn handover<S, R, const WORDS: usize>(self, link: Link<S, R>) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        let (name, timer) = (link.name, self.timer);
        self.one_way(link, pump_prepared, move |from, stop| {
            let mut message = Message::<WORDS>::default();
            receive_stream::<WORDS>(stop, timer, |number| {
                from.receive(&mut message)?;
                // For all that the compiler knows, all of it is read: what nobody reads need not be copied.
                black_box(&mut message).stamped(name, number)
            })
        })
    }

    fn batches<S, R, const WORDS: usize>(self, link: Link<S, R>, size: usize) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        let (name, timer) = (link.name, self.timer);
        let pump = move |to: &mut _, stop: &Stop| pump_batches(to, size, stop);
        self.one_way(link, pump, move |from, stop| receive_batches(name, from, size, stop, timer))
    }

    /// The far side sends as `pump` does until it is told to stop, and the near side receives as `receive` does, which says how many
    /// messages there were in all.
    fn one_way<S, R, const WORDS: usize>(
        self,
        link: Link<S, R>,
        pump: impl FnOnce(&mut S::Taken, &Stop) -> Result<()> + Send,
        receive: impl FnOnce(&mut R::Taken, &Stop) -> Result<(Stream, u64)>,
    ) -> Result<Sample>
    where
        S: Seat<Taken: Sender<WORDS>>,
        R: Seat<Taken: Receiver<WORDS>>,
    {
        let (sending, receiving) = (link.open)(self.wait)?;
        let (stop, account) = (Stop::new()?, Account::new()?);
        let (far_stop, far_account) = (stop.clone(), account.clone());
        let far = move || {
            let mut to = sending.take()?;
            far_account.charge(|| pump(&mut to, &far_stop))
        };
        let near_account = account.clone();
        let near = move || {
            let mut from = receiving.take()?;
            near_account.charge(|| receive(&mut from, &stop))
        };
        let (stream, messages) = duet(link.scope, self.cores, far, near)?;
        Ok(Sample { body: Body::Stream(stream), spent: Spent { used: account.total(), messages } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rondel_baselines::Shape;

    #[test]
    fn the_time_is_shared_equally() {
        let job = |test| Job {
            transport: "x",
            scope: rondel_baselines::Scope::Processes,
            test,
            wait: Wait::Spin,
            payload: Payload::B8,
        };
        let two = vec![job(Test::Throughput); 50];
        let slice = Slice::of(Duration::from_secs(25), &two, 5);
        assert_eq!(slice.warm_up + slice.measured, Duration::from_millis(88));
        assert_eq!(slice.warm_up, Duration::from_millis(88) / 6);
        // Even with no time at all something is measured.
        let least = Slice::of(Duration::from_secs(1), &two, 1000);
        assert_eq!(least.warm_up + least.measured, Slice::LEAST);
        assert!(!Slice::of(Duration::ZERO, &[], 0).measured.is_zero());
        // Eight take longer to set up and to come to an end, and what they take is taken from all.
        let shape = Shape { producers: 4, consumers: 4 };
        let many = [two, vec![job(Test::Crowd(shape, None)); 50]].concat();
        let slice = Slice::of(Duration::from_secs(25), &many, 5);
        assert_eq!(slice.warm_up + slice.measured, Duration::from_millis(20));
    }
}
