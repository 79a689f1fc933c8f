//! How a blocked handle waits: the strategies, and the loop that carries them out.
//!
//! That no wake-up is lost is proved where the flag lives, in `protocol::event`; which fence is paid by whom, in
//! `wait::membarrier`. Here is what follows from both: a handle that waits first spins (as long as its [`Wait`]
//! says), then sleeps in slices of at most [`SLICE`]. At the end of each slice it looks for itself and asks the kernel
//! whether its peer is alive, so that neither a waker killed on the way to its wake-up nor a dead peer can make it
//! sleep for ever.

mod futex;
mod membarrier;

use core::hint::spin_loop;
use core::ops::ControlFlow;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::time::Instant;

pub(crate) use futex::{Registered, Unregistered, nap};
pub(crate) use membarrier::register;

use crate::protocol::event::{self, Sleeper};
use crate::wait::futex::Moment;

/// The longest sleep, and how often the kernel is asked whether the peer lives. A killed peer is to be noticed within
/// 100 ms: half of that leaves room for a busy machine.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// The longest sleep where the system refuses the heavy fence, so that a wake-up may be missed.
const SLICE_WITHOUT_FENCE: Duration = Duration::from_millis(1);

/// Polls between two looks at the clock and at the words that polling leaves alone.
const POLLS_A_LOOK: u32 = 64;

/// How a handle waits when the ring has nothing for it.
///
/// Each handle chooses for itself; the peer need not know. Publishing costs the same whatever the other side chose:
/// no fence, no system call, unless somebody sleeps.
///
/// ```
/// use std::time::Duration;
/// use rondel::{Wait, spsc};
///
/// let (mut tx, mut rx) = spsc::pair::<u64>(64)?;
/// rx.set_wait(Wait::BusySpin); // a core of its own, lowest latency
/// tx.set_wait(Wait::SpinThenPark { spin: Duration::from_micros(5) });
/// # tx.push(1)?; assert_eq!(rx.pop()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Polls until the end. The shortest latency, for handles that have a core to themselves; every 50 ms it asks the
    /// kernel whether the peer lives, and otherwise makes no system call.
    BusySpin,
    /// Polls for about `spin`, then sleeps in the kernel. The default, with [`Wait::DEFAULT_SPIN`].
    SpinThenPark {
        /// How long to poll before sleeping.
        spin: Duration,
    },
    /// Looks once and sleeps. Spares the processor; each message costs the waker a system call.
    Park,
}

impl Wait {
    /// How long the default strategy polls before it sleeps. A sleep and its wake-up cost some 7 µs on bare metal, several times
    /// that in a virtual machine. Polling for as long as they cost at most doubles the price of a wait that turns out to be long,
    /// and spares the sleep in those that turn out to be short; 20 µs lies between the two machines.
    pub const DEFAULT_SPIN: Duration = Duration::from_micros(20);

    fn budget(self) -> Duration {
        match self {
            Wait::BusySpin => Duration::MAX,
            Wait::SpinThenPark { spin } => spin,
            Wait::Park => Duration::ZERO,
        }
    }
}

impl Default for Wait {
    fn default() -> Wait {
        Wait::SpinThenPark { spin: Wait::DEFAULT_SPIN }
    }
}

/// What a handle waits for. `None` means: not yet.
pub(crate) trait Condition {
    /// How the wait ends.
    type Outcome;
    /// The event to sleep on.
    fn word(&self) -> &AtomicU32;
    /// Says that it is about to sleep, where more than the word says so.
    fn announce(&self) {
        event::announce(self.word());
    }
    /// Says that it no longer sleeps.
    fn retract(&self) {
        event::retract(self.word());
    }
    /// A cheap look, made over and over.
    fn poll(&mut self) -> Option<Self::Outcome>;
    /// An exact look, at everything that the peer may have written; made now and then, and always before a sleep.
    fn look(&mut self) -> Option<Self::Outcome>;
    /// Asks the kernel whether the peer lives.
    fn check_peer(&mut self) -> Option<Self::Outcome>;
}

/// Waits for `condition`. `None` once `deadline` has passed; even then it has looked once, and asked
/// after the peer.
#[cold]
pub(crate) fn wait<C: Condition>(condition: &mut C, strategy: Wait, deadline: Option<Instant>) -> Option<C::Outcome> {
    let budget = strategy.budget();
    let mut next_check = None;
    if !budget.is_zero() {
        match spin(condition, budget, deadline, &mut next_check) {
            Spun::Done(outcome) => return Some(outcome),
            // Whoever never waits for as long as a slice learns of a death here.
            Spun::DeadlinePassed => return condition.check_peer(),
            Spun::BudgetSpent => {}
        }
    }
    park(condition, deadline, next_check)
}

enum Spun<O> {
    Done(O),
    DeadlinePassed,
    BudgetSpent,
}

fn spin<C: Condition>(
    condition: &mut C,
    budget: Duration,
    deadline: Option<Instant>,
    next_check: &mut Option<Instant>,
) -> Spun<C::Outcome> {
    let mut start = None;
    loop {
        for _ in 0..POLLS_A_LOOK {
            if let Some(outcome) = condition.poll() {
                return Spun::Done(outcome);
            }
            spin_loop();
        }
        if let Some(outcome) = condition.look() {
            return Spun::Done(outcome);
        }
        let now = Instant::now();
        // The clock is not asked before the first round is over: most waits end in it.
        let start = *start.get_or_insert(now);
        let check = *next_check.get_or_insert(now + SLICE);
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Spun::DeadlinePassed;
        }
        if now.duration_since(start) >= budget {
            return Spun::BudgetSpent;
        }
        if check <= now {
            *next_check = Some(now + SLICE);
            if let Some(outcome) = condition.check_peer() {
                return Spun::Done(outcome);
            }
        }
    }
}

fn park<C: Condition>(condition: &mut C, deadline: Option<Instant>, next_check: Option<Instant>) -> Option<C::Outcome> {
    let next_check = next_check.unwrap_or_else(|| Instant::now() + SLICE);
    event::park(&mut Parked { condition, deadline, next_check }, &Registered)
}

/// A condition that is slept for, a slice at a time.
struct Parked<'a, C> {
    condition: &'a mut C,
    deadline: Option<Instant>,
    /// When to ask after the peer again.
    next_check: Instant,
}

impl<C: Condition> Sleeper<Registered> for Parked<'_, C> {
    /// `None`: the deadline has passed.
    type Outcome = Option<C::Outcome>;

    fn word(&self) -> &AtomicU32 {
        self.condition.word()
    }

    fn announce(&self) {
        self.condition.announce();
    }

    fn retract(&self) {
        self.condition.retract();
    }

    fn poll(&mut self) -> Option<Self::Outcome> {
        self.condition.poll().map(Some)
    }

    fn look(&mut self) -> ControlFlow<Self::Outcome, Moment> {
        if let Some(outcome) = self.condition.look() {
            return ControlFlow::Break(Some(outcome));
        }
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            // Whoever never waits for as long as a slice learns of a death here.
            return ControlFlow::Break(self.condition.check_peer());
        }
        if self.next_check <= now {
            self.next_check = now + SLICE;
            if let Some(outcome) = self.condition.check_peer() {
                return ControlFlow::Break(Some(outcome));
            }
        }
        let end = self.deadline.map_or(self.next_check, |deadline| deadline.min(self.next_check));
        let mut slice = end.saturating_duration_since(now);
        if !membarrier::heavy_works() {
            slice = slice.min(SLICE_WITHOUT_FENCE);
        }
        ControlFlow::Continue(Moment::after(slice))
    }
}
