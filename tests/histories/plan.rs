//! What a crowd is to do, drawn from a seed; and what each of its participants does, drawn from the same.

use std::hint::spin_loop;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::history::{Answer, Value};
use crate::record::{Log, Words};
use crate::subject::{Consumer, NotPopped, NotPushed, Producer};

/// The longest slice.
pub(crate) const SLICE: usize = 5;
/// One of so many calls follows a recovery that was asked for.
const RECOVERS_ONE_OF: u32 = 8;
/// How long a blocking call waits: long enough to fall asleep and be woken, short enough for many of them.
const LIMIT: Duration = Duration::from_micros(300);

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) capacity: usize,
    pub(crate) producers: u32,
    pub(crate) consumers: u32,
    /// Calls for each participant.
    pub(crate) calls: u32,
    /// How eagerly everybody goes ahead: one of so many calls follows a pause.
    pause_one_of: u32,
    /// How many are killed, and how many stopped for a while.
    pub(crate) kills: usize,
    pub(crate) stops: usize,
}

impl Plan {
    pub(crate) fn new(seed: u64, most_kills: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let crowd = rng.u32(3..=8);
        let producers = rng.u32(1..crowd);
        Self {
            seed,
            capacity: 1 << rng.u32(0..=3),
            producers,
            consumers: crowd - producers,
            calls: rng.u32(20..=200) / crowd + 1,
            pause_one_of: [1, 2, 5, 20][rng.usize(0..4)],
            kills: rng.usize(0..=most_kills),
            stops: rng.usize(0..=most_kills),
        }
    }

    /// Participants have numbers: producers, consumers, successors of the killed ones, and at last whoever drains.
    pub(crate) fn crowd(&self) -> u32 {
        self.producers + self.consumers
    }

    pub(crate) fn is_producer(&self, who: u32) -> bool {
        who < self.producers
    }

    fn rng(&self, who: u32) -> Rng {
        Rng::with_seed(self.seed ^ (u64::from(who) + 1).rotate_left(40))
    }
}

/// Lets all begin at once: most would be done before the last has been started.
pub(crate) struct Gate<'a> {
    arrived: &'a AtomicU64,
    open: &'a AtomicU64,
}

impl<'a> Gate<'a> {
    pub(crate) const WORDS: usize = 2;

    /// Closed, of words that are zero.
    pub(crate) fn new(words: &'a Words) -> Self {
        Self { arrived: words.word(0), open: words.word(1) }
    }

    pub(crate) fn pass(&self) {
        self.arrived.fetch_add(1, SeqCst);
        wait_until(|| self.open.load(SeqCst) != 0);
    }

    /// Opens it when so many have arrived.
    pub(crate) fn open_for(&self, count: u32) {
        wait_until(|| self.arrived.load(SeqCst) >= u64::from(count));
        self.open.store(1, SeqCst);
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// After an answer that somebody else can change: lets them. Not always, or else no two such answers would come in a row.
fn give_way(rng: &mut Rng, refused: bool) {
    if refused && rng.u32(0..4) != 0 {
        thread::yield_now();
    }
}

fn pause(plan: &Plan, rng: &mut Rng) {
    if rng.u32(0..plan.pause_one_of) != 0 {
        return;
    }
    match rng.u32(0..20) {
        0..=11 => (0..rng.u32(0..200)).for_each(|_| spin_loop()),
        12..=18 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(rng.u64(0..30))),
    }
}

/// Pushes values that nobody else pushes, and never the same again, though it was refused.
pub(crate) fn produce(plan: &Plan, who: u32, mut tx: impl Producer, log: &mut Log<'_>) {
    let mut rng = plan.rng(who);
    let mut next = (Value::from(who) + 1) << 32;
    let mut fresh = || {
        next += 1;
        next
    };
    for _ in 0..plan.calls {
        pause(plan, &mut rng);
        if rng.u32(0..RECOVERS_ONE_OF) == 0 {
            tx.recover();
        }
        let manner = rng.u32(0..10);
        let len = if matches!(manner, 6..=8) { rng.usize(1..=SLICE) } else { 1 };
        let values: Vec<Value> = (0..len).map(|_| fresh()).collect();
        let all_pushed = log.push(&values, || match manner {
            0..=5 => one(tx.try_push(values[0])),
            6..=8 => {
                let (pushed, why) = tx.try_push_slice(&values);
                (pushed, refused(why))
            }
            _ => one(tx.push_within(values[0], LIMIT)),
        });
        give_way(&mut rng, !all_pushed);
    }
}

fn one(result: Result<(), NotPushed>) -> (usize, Answer) {
    match result {
        Ok(()) => (1, Answer::Pushed),
        Err(why) => (0, refused(why)),
    }
}

fn refused(why: NotPushed) -> Answer {
    match why {
        NotPushed::Full => Answer::Full,
        NotPushed::Pending => Answer::Pending,
    }
}

fn nothing(why: NotPopped) -> Answer {
    match why {
        NotPopped::Empty => Answer::Empty,
        NotPopped::Pending => Answer::Pending,
    }
}

pub(crate) fn consume(plan: &Plan, who: u32, mut rx: impl Consumer, log: &mut Log<'_>) {
    let mut rng = plan.rng(who);
    for _ in 0..plan.calls {
        pause(plan, &mut rng);
        if rng.u32(0..RECOVERS_ONE_OF) == 0 {
            rx.recover();
        }
        let manner = rng.u32(0..10);
        let most = if matches!(manner, 5..=6) { rng.usize(1..=SLICE) } else { 1 };
        let any_popped = log.pop(most, |seen| {
            let mut hold = |delivery| {
                seen.note(delivery);
                // A kill leaves the most behind here, so where there are any, this is where to be.
                if plan.kills > 0 {
                    thread::sleep(Duration::from_micros(rng.u64(0..200)));
                } else {
                    pause(plan, &mut rng);
                }
            };
            match manner {
                0..=4 => rx.try_pop().map(|found| vec![found]),
                5..=6 => rx.try_pop_slice(most),
                7..=8 => rx.try_pop_held(&mut hold).map(|found| vec![found]),
                _ => rx.pop_within(LIMIT).map(|found| vec![found]),
            }
            .map_err(nothing)
        });
        give_way(&mut rng, !any_popped);
    }
}

/// How many messages at most are left for whoever drains, and a few answers "empty".
pub(crate) const DRAIN: usize = 64;

/// When everybody else has ended: pops what is left, to the "empty" that makes any loss a contradiction. False if that
/// never comes.
pub(crate) fn drain(mut rx: impl Consumer, log: &mut Log<'_>) -> bool {
    let mut empties = 0;
    // Twice: what is recovered after the first "empty" comes then.
    for _ in 0..DRAIN {
        rx.recover();
        let mut last = None;
        log.pop(1, |_| {
            let popped = rx.try_pop();
            last = popped.err();
            popped.map(|found| vec![found]).map_err(nothing)
        });
        empties += u32::from(last == Some(NotPopped::Empty));
        if empties == 2 {
            return true;
        }
        if last == Some(NotPopped::Pending) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    false
}
