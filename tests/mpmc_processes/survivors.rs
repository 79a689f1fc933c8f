//! Two that live on, blocked by one that is killed: how long until they go on, and what they find.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rondel::mpmc::{Consumer, PopTimeoutError, Producer};

use crate::place::{NEVER, by, said};
use crate::scratch::Message;

/// What each delivery was, and whether it was marked as one more of something that was delivered before.
pub(crate) type Deliveries = Vec<(Message, bool)>;

/// How a survivor consumes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Pop,
    Slice,
    Guard,
}

impl Manner {
    pub(crate) fn number(number: u64) -> Self {
        [Manner::Pop, Manner::Slice, Manner::Guard][number as usize % 3]
    }
}

/// Pops in this manner, waiting.
pub(crate) fn pop_for(
    rx: &mut Consumer<Message>,
    manner: Manner,
    limit: Duration,
) -> Result<Deliveries, PopTimeoutError> {
    match manner {
        Manner::Pop => {
            let found = rx.pop_timeout(limit)?;
            Ok(vec![(found, rx.redelivered())])
        }
        Manner::Slice => {
            let mut batch = [[0; 2]; 3];
            let count = rx.pop_slice_timeout(&mut batch, limit)?;
            let redelivered = rx.redelivered();
            assert!(count > 0 && !(redelivered && count > 1), "what is redelivered comes alone");
            Ok(batch[..count].iter().map(|found| (*found, redelivered)).collect())
        }
        Manner::Guard => {
            let guard = rx.pop_guard_timeout(limit)?;
            Ok(vec![(*guard, guard.is_redelivered())])
        }
    }
}

/// The moment of a kill, and of the first step that each survivor makes after it.
struct Clock {
    base: Instant,
    killed: AtomicU64,
    first: [AtomicU64; 2],
}

impl Clock {
    fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64 + 1
    }

    fn step(&self, who: usize) {
        if self.killed.load(SeqCst) != 0 {
            let _ = self.first[who].compare_exchange(0, self.now(), SeqCst, SeqCst);
        }
    }

    /// The longer of both delays; of one that had nothing left to do when the kill came there is none.
    fn delay(&self) -> Duration {
        let killed = self.killed.load(SeqCst);
        let delays = self.first.iter().map(|first| first.load(SeqCst).saturating_sub(killed));
        Duration::from_nanos(delays.max().unwrap_or(0))
    }
}

/// `tx` pushes author 0's messages of these numbers, and `rx` pops until it has the last of them, while after a moment `kill` is
/// called. Says what was popped, and the longest that a survivor stood still after the kill.
#[track_caller]
pub(crate) fn live_through(
    tx: &mut Producer<Message>,
    rx: &mut Consumer<Message>,
    numbers: std::ops::Range<u64>,
    manner: Manner,
    moment: Duration,
    kill: impl FnOnce(),
) -> (Deliveries, Duration) {
    let clock = Clock { base: Instant::now(), killed: AtomicU64::new(0), first: Default::default() };
    let last = numbers.end - 1;
    let deliveries = thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let mut deliveries = Deliveries::new();
            while deliveries.last().is_none_or(|(found, _)| by(*found) != (0, last)) {
                deliveries.extend(pop_for(rx, manner, NEVER).expect("the consumer goes on"));
                clock.step(0);
            }
            deliveries
        });
        scope.spawn(|| {
            for number in numbers {
                tx.push_timeout(said(0, number), NEVER).expect("the producer goes on");
                clock.step(1);
            }
        });
        thread::sleep(moment);
        clock.killed.store(clock.now(), SeqCst);
        // In this thread, for it alone may trace the child.
        kill();
        consumer.join().expect("the consumer's checks")
    });
    (deliveries, clock.delay())
}
