//! Latency under load: messages that are sent when their time has come, whatever became of the ones before.
//!
//! Message n is due at a moment that both sides know: so many nanoseconds a message after a common start, which the receiver names when a
//! first message has shown that both sides are up. The sender waits for that moment, and sends; if it comes late, because the transport has kept it, it sends at once, and goes on so until it has caught up. The
//! receiver takes as the delay of a message what has passed *since it was due*, and not since it was sent. So a transport that
//! stops for a millisecond is charged with that millisecond for every message that was due in it, and not for one alone: nothing is
//! left out because the sender was held up (G. Tene's "coordinated omission").

use super::clock::Clock;
use super::measure::{Body, Link, Sample, Spent, Stream, Timer};
use super::near::{due, empty_histogram};
use hdrhistogram::Histogram;
use rondel_baselines::{
    Appointment, Arrival, Cores, Message, Receiver, Result, STOP, Seat, Sender, Stop, Usage, Wait, duet,
};
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// From when the receiver names the start to the start.
const LEAD: Duration = Duration::from_micros(100);

/// When each message is due, in ticks of a clock that both sides read alike.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    clock: Clock,
    begin: u64,
    ticks_per_message: f64,
}

impl Schedule {
    fn new(clock: Clock, begin: u64, rate: u64) -> Self {
        let second = clock.ticks(Duration::from_secs(1)) as f64;
        Schedule { clock, begin, ticks_per_message: second / rate.max(1) as f64 }
    }

    /// When the message with the given number is due.
    #[inline(always)]
    fn due(&self, number: u64) -> u64 {
        // Each from the beginning, so that no error adds up; a double holds the ticks of a month exactly.
        self.begin + (number as f64 * self.ticks_per_message) as u64
    }
}

/// Runs one slice of so many messages a second.
pub(super) fn measure<S, R, const WORDS: usize>(
    link: Link<S, R>,
    wait: Wait,
    cores: Cores,
    timer: Timer,
    rate: u64,
) -> Result<Sample>
where
    S: Seat<Taken: Sender<WORDS>>,
    R: Seat<Taken: Receiver<WORDS>>,
{
    let (name, (sending, receiving)) = (link.name, (link.open)(wait)?);
    let (start, stop) = (Appointment::new()?, Stop::new()?);
    let (far_start, far_stop) = (start.clone(), stop.clone());
    let clock = timer.clock;
    let far = move || {
        let mut to = sending.take()?;
        // Unpaced: what both sides take to come up, and some to meet, is no delay of a message.
        to.make(0, &mut Message::default())?;
        match await_start(&far_start, &far_stop, PATIENCE) {
            Some(begin) => pace(&mut to, Schedule::new(clock, begin, rate), &far_stop),
            None => Ok(()),
        }
    };
    let near = move || {
        let stop = StopAtLast(&stop);
        let mut from = receiving.take()?;
        due(from.check(name, 0, &mut Message::default())?)?;
        let begin = clock.now() + clock.ticks(LEAD);
        start.make(begin);
        observe(name, &mut from, Schedule::new(clock, begin, rate), timer, stop.0)
    };
    let Observed { delays, stream, spent } = duet(link.scope, cores, far, near)?;
    Ok(Sample { body: Body::Delays(delays, clock, stream), spent })
}

/// Gives the sign when it is dropped, so that a receiver that fails before the start leaves no sender waiting for it.
struct StopAtLast<'a>(&'a Stop);

impl Drop for StopAtLast<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// How long the sender waits for the receiver to name the start: longer than any wait of the receiver's own.
const PATIENCE: Duration = Duration::from_secs(8);

/// When the first message is due; none if there is not going to be one. A receiver that was never called, because its thread cannot be
/// pinned, gives no sign either.
fn await_start(start: &Appointment, stop: &Stop, patience: Duration) -> Option<u64> {
    let begin = Instant::now();
    loop {
        match start.made() {
            None if stop.requested() || begin.elapsed() >= patience => return None,
            None => spin_loop(),
            made => return made,
        }
    }
}

/// Sends each message from the second on when it is due or as soon after as it can, until told to stop. It looks at the clock without a pause: to sleep
/// until a message is due would make it late by what a sleeper takes to wake, which is more than most transports take.
fn pace<const WORDS: usize>(to: &mut impl Sender<WORDS>, schedule: Schedule, stop: &Stop) -> Result<()> {
    let mut desk = Message::default();
    for number in 1.. {
        let due = schedule.due(number);
        while schedule.clock.now() < due && !stop.requested() {
            spin_loop();
        }
        if stop.requested() {
            break;
        }
        to.make(number, &mut desk)?;
    }
    to.make(STOP, &mut desk)
}

/// What the receiver has seen.
struct Observed {
    delays: Histogram<u64>,
    stream: Stream,
    /// What the receiver used, and for how many messages.
    spent: Spent,
}

/// Receives all but the first message until the time is up. It begins with the first that arrives after the warm-up.
///
/// Charged is what is due from the end of the warm-up on and before the time is up, whenever it arrives: not what arrives in that time, or a
/// standstill at its end would be charged to the one message that ends it, and to none of the others that were due in it. What has not
/// arrived when the time is up is charged with what has passed by then.
fn observe<const WORDS: usize>(
    transport: &'static str,
    from: &mut impl Receiver<WORDS>,
    schedule: Schedule,
    timer: Timer,
    stop: &Stop,
) -> Result<Observed> {
    let clock = schedule.clock;
    let measured_from = schedule.begin + timer.warm_up;
    let mut delays = empty_histogram();
    let mut desk = Message::default();
    let mut number = 1;
    // When the measured time began, and what had been used by then; and how many have arrived since.
    let mut begin: Option<(u64, Usage)> = None;
    let mut messages = 0;
    let (since, end, last, used) = loop {
        due(from.check(transport, number, &mut desk)?)?;
        let arrived = clock.now();
        let was_due = schedule.due(number);
        number += 1;
        if was_due >= measured_from && begin.is_none_or(|(since, _)| was_due.saturating_sub(since) < timer.measured) {
            delays.saturating_record(arrived.saturating_sub(was_due));
        }
        match begin {
            None if arrived >= measured_from => begin = Some((clock.now(), Usage::of_this_thread())),
            None => {}
            Some((since, before)) => {
                messages += 1;
                if arrived.saturating_sub(since) >= timer.measured {
                    break (since, since + timer.measured, arrived, Usage::of_this_thread() - before);
                }
            }
        }
    };
    stop.request();
    for was_due in (number..).map(|number| schedule.due(number)).take_while(|was_due| *was_due < end) {
        if was_due >= measured_from {
            delays.saturating_record(last.saturating_sub(was_due));
        }
    }
    if delays.is_empty() {
        // On a busy machine, or at a low rate, all of the time may pass without a message that was due in it. Then the last one counts.
        delays.saturating_record(last.saturating_sub(schedule.due(number - 1)));
    }
    while from.check(transport, number, &mut desk)? == Arrival::Due {
        number += 1;
    }
    let stream = Stream { messages, nanoseconds: clock.nanoseconds(last.saturating_sub(since)) };
    Ok(Observed { delays, stream, spent: Spent { used, messages } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::VecDeque;

    #[test]
    fn messages_are_due_at_equal_distances_without_a_drift() {
        let schedule = Schedule::new(Clock::monotonic(), 1_000, 3);
        assert_eq!([0, 1, 2, 3].map(|n| schedule.due(n)), [1_000, 333_334_333, 666_667_666, 1_000_001_000]);
        assert_eq!(schedule.due(3 * 86_400), 1_000 + 86_400 * 1_000_000_000);
    }

    /// A transport in which each message is on its way for a while that its number decides, and whose clock is the kernel's.
    struct Belated<F> {
        number: u64,
        schedule: Schedule,
        delay: F,
    }

    impl<F: Fn(u64) -> u64> Receiver<1> for Belated<F> {
        fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
            let arrives = self.schedule.due(self.number) + (self.delay)(self.number);
            while self.schedule.clock.now() < arrives {}
            *message = Message::numbered(self.number);
            self.number += 1;
            Ok(())
        }

        fn check(&mut self, transport: &'static str, number: u64, desk: &mut Message<1>) -> Result<Arrival> {
            self.receive(desk)?;
            desk.arrived(transport, number)
        }
    }

    /// One that ends when it is told to.
    struct Ending<'a, R>(R, &'a Stop);

    impl<R: Receiver<1>> Receiver<1> for Ending<'_, R> {
        fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
            if self.1.requested() {
                *message = Message::numbered(STOP);
                return Ok(());
            }
            self.0.receive(message)
        }
    }

    fn observed(rate: u64, timer: Timer, delay: impl Fn(u64) -> u64) -> Observed {
        let stop = Stop::new().unwrap();
        let schedule = Schedule::new(timer.clock, timer.clock.now(), rate);
        let mut from = Ending(Belated { number: 1, schedule, delay }, &stop);
        observe("test", &mut from, schedule, timer, &stop).unwrap()
    }

    #[test]
    fn a_delay_is_counted_from_when_a_message_was_due() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 2_000_000, measured: 20_000_000 };
        // A message a millisecond, and each takes 300 µs: a busy machine can only make it more.
        let seen = observed(1000, timer, |_| 300_000);
        assert!(seen.delays.min() >= 299_000, "{}", seen.delays.min());
        assert!(seen.delays.len() >= 10, "{}", seen.delays.len());
    }

    /// It stands still for 50 ms once, with a message due every 100 µs: 500 messages were due, and each is charged with what was left.
    #[test]
    fn whoever_was_due_while_nothing_moved_is_charged_with_it() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 1_000_000, measured: 120_000_000 };
        let standstill = 300u64;
        let seen = observed(10_000, timer, |number| {
            // Until message 800 is due none arrives of those that were due from message 300 on.
            if (standstill..800).contains(&number) { (800 - number) * 100_000 } else { 0 }
        });
        let at_least = |length: u64| seen.delays.count_between(length, u64::MAX >> 24);
        assert!(at_least(1_000_000) >= 480, "{}", at_least(1_000_000));
        assert!(at_least(25_000_000) >= 240, "{}", at_least(25_000_000));
        assert!(seen.delays.max() >= 49_000_000, "{}", seen.delays.max());
    }

    /// It stands still from before the time is up until after: 100 messages were due in what is left of the time, and one ends it.
    #[test]
    fn whoever_was_due_before_the_end_is_charged_though_it_arrives_after_or_never() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 1_000_000, measured: 59_000_000 };
        let seen = observed(10_000, timer, |number| {
            // Until message 800 is due none arrives of those that were due from message 500 on.
            if (500..800).contains(&number) { (800 - number) * 100_000 } else { 0 }
        });
        // The last of them is due at the end, after 60 ms or a little more, and the standstill is over after 80.
        let charged = seen.delays.count_between(15_000_000, u64::MAX >> 24);
        assert!(charged >= 95, "{charged}");
        let arrived = seen.stream.messages;
        assert!(seen.delays.len() >= arrived + 90, "{arrived} have arrived, {} were due", seen.delays.len());
    }

    /// It brings one in ten, so that none of what was due in the time arrives before it is up; and nobody waits until it has.
    #[test]
    fn whoever_cannot_keep_up_takes_no_longer() {
        let timer = Timer { clock: Clock::monotonic(), warm_up: 20_000_000, measured: 20_000_000 };
        let latest = Cell::new(0);
        let seen = observed(10_000, timer, |number| {
            latest.set(number);
            number * 900_000
        });
        assert!(latest.get() < 200, "{} was due after the warm-up", latest.get());
        assert!(seen.stream.messages > 0 && seen.delays.len() >= 190, "{:?}", seen.stream);
    }

    #[test]
    fn nobody_waits_for_a_start_that_does_not_come() {
        let (start, stop) = (Appointment::new().unwrap(), Stop::new().unwrap());
        assert_eq!(await_start(&start, &stop, Duration::from_millis(1)), None);
        start.make(7);
        assert_eq!(await_start(&start, &stop, Duration::ZERO), Some(7));
    }

    /// The sender's half: nothing goes before its time, and what is late goes at once.
    #[test]
    fn the_sender_keeps_to_the_schedule_and_catches_up() {
        struct Held<'a> {
            stop: &'a Stop,
            schedule: Schedule,
            sent: Cell<u64>,
            early: Cell<u64>,
            at: VecDeque<u64>,
        }
        impl Sender<1> for Held<'_> {
            fn send(&mut self, message: &Message<1>) -> Result<()> {
                if message.is(STOP) {
                    return Ok(());
                }
                let now = self.schedule.clock.now();
                let early = now < self.schedule.due(self.sent.get());
                self.early.set(self.early.get() + u64::from(early));
                self.at.push_back(now);
                if self.sent.get() == 20 {
                    // The transport keeps it for 10 ms, in which 100 more become due.
                    std::thread::sleep(Duration::from_millis(10));
                }
                self.sent.set(self.sent.get() + 1);
                if self.sent.get() == 300 {
                    self.stop.request();
                }
                Ok(())
            }
        }
        let stop = Stop::new().unwrap();
        let clock = Clock::monotonic();
        let schedule = Schedule::new(clock, clock.now(), 10_000);
        let mut to = Held { stop: &stop, schedule, sent: Cell::new(1), early: Cell::new(0), at: VecDeque::new() };
        let begin = Instant::now();
        pace(&mut to, schedule, &stop).unwrap();
        assert_eq!((to.sent.get(), to.early.get()), (300, 0));
        // 300 messages at 10,000 a second: the 10 ms are made up for, not added.
        assert!(begin.elapsed() >= Duration::from_millis(29));
        let held = to.at[20] - schedule.due(21);
        assert!(held >= 9_000_000, "message 21 was due while the sender was held up: {held}");
    }
}
