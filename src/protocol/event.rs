//! The flag by which a sleeper is noticed, and the proof that no wake-up is lost.
//!
//! One 32-bit word for each side that may sleep, which is also the futex. It is [`AWAKE`] or not; whoever
//! sleeps sets it, whoever wakes clears it.
//!
//! ```text
//!   sleeper                               waker
//!   S1  flag := ASLEEP                    W1  publish (a stamp, a position, a role's phase)
//!   S2  heavy fence                       W2  light fence
//!   S3  look again: published? → done     W3  flag ≠ AWAKE? → W4
//!   S4  futex_wait(flag == ASLEEP)        W4  flag := AWAKE (swap), futex_wake
//! ```
//!
//! **No wake-up is lost.** The heavy fence is `membarrier(GLOBAL_EXPEDITED)`: between its call and its return
//! every running thread of every registered process passes through a full barrier, and a thread that is not
//! running passed through one when it was switched out. Take the barrier that the waker's thread passes. It
//! stands, in the waker's program order, either before W3 or after it.
//! *Before W3*: S1 precedes the barrier, so W3 sees `ASLEEP`, and the waker goes on to W4.
//! *After W3*: then it stands after W1 too, since the light fence keeps W1 before W3 in the instruction stream;
//! the barrier makes W1 visible before S2 returns, so S3 sees the publication and the sleeper does not sleep.
//! A waker whose process could not register uses a full fence as its light fence, and the heavy fence contains a
//! full fence of the sleeper's own; two full fences are the store-buffering pattern, which forbids that both S3
//! and W3 read the old value.
//!
//! **Between S3 and S4** a waker may run W4: it clears the flag first, and the kernel compares the flag before it
//! lets the sleeper sleep, under the lock that `futex_wake` takes. So either the wait returns at once, or the wake
//! finds the sleeper queued.
//!
//! **A waker that is killed** between W1 and W4, or between the swap and the system call inside W4, wakes nobody.
//! That is why every sleep is sliced (see `wait`): after at most one slice the sleeper looks again.
//!
//! **A sleeper that is killed** leaves `ASLEEP` behind. The next publication clears it at the cost of one futile
//! system call. A count of sleepers in its place would stay wrong for ever.

use core::ops::ControlFlow;

use crate::sync::{AtomicU32, Ordering};

/// Nobody sleeps on this event; all-zero memory says so.
pub(crate) const AWAKE: u32 = 0;
/// Somebody sleeps, or is about to.
pub(crate) const ASLEEP: u32 = 1;

/// What an event needs of the system: two fences and a futex. Loom's models bring their own.
pub(crate) trait Kernel {
    /// How long a sleep may last.
    type Until: Copy;
    /// S2: orders S1 before S3, and pairs with every waker's [`light_fence`](Kernel::light_fence).
    fn heavy_fence(&self);
    /// W2: keeps W1 before W3, given that sleepers use [`heavy_fence`](Kernel::heavy_fence).
    fn light_fence(&self);
    /// S4: sleeps while `word` holds `expected`, at most until `until`. May return for no reason.
    fn futex_wait(&self, word: &AtomicU32, expected: u32, until: Self::Until);
    /// W4: wakes who sleeps on `word`. True if somebody did.
    fn futex_wake(&self, word: &AtomicU32) -> bool;
}

/// Who may sleep on an event, and why it would stop.
pub(crate) trait Sleeper<K: Kernel> {
    /// How the wait ends.
    type Outcome;
    /// The event.
    fn word(&self) -> &AtomicU32;
    /// S1: says that it is about to sleep.
    fn announce(&self) {
        announce(self.word());
    }
    /// Says that it no longer sleeps.
    fn retract(&self) {
        retract(self.word());
    }
    /// A cheap look, after each sleep.
    fn poll(&mut self) -> Option<Self::Outcome>;
    /// S3, the last look before a sleep, at everything that may have been published; or else how long to sleep.
    fn look(&mut self) -> ControlFlow<Self::Outcome, K::Until>;
}

/// S1, where the word is all there is.
pub(crate) fn announce(word: &AtomicU32) {
    // ORDER [asleep]: Relaxed; the heavy fence that follows is what orders it before the last look (S3). All writes to
    // the flag are swaps: a store would do, but loom does not put the stores of different threads into one order,
    // which the proof takes for granted.
    word.swap(ASLEEP, Ordering::Relaxed);
}

/// The end of a sleep, where the word is all there is.
pub(crate) fn retract(word: &AtomicU32) {
    // ORDER [retract]: Relaxed; a waker that still reads ASLEEP makes one futile system call, nothing worse.
    word.swap(AWAKE, Ordering::Relaxed);
}

/// Sleeps until there is an outcome.
pub(crate) fn park<K: Kernel, S: Sleeper<K>>(sleeper: &mut S, kernel: &K) -> S::Outcome {
    let outcome = loop {
        sleeper.announce();
        kernel.heavy_fence();
        match sleeper.look() {
            ControlFlow::Break(outcome) => break outcome,
            ControlFlow::Continue(until) => kernel.futex_wait(sleeper.word(), ASLEEP, until),
        }
        if let Some(outcome) = sleeper.poll() {
            break outcome;
        }
    };
    sleeper.retract();
    outcome
}

/// W2 and W3: what follows every publication. True if somebody sleeps: then [`wake`].
#[inline(always)]
pub(crate) fn someone_sleeps(word: &AtomicU32, kernel: &impl Kernel) -> bool {
    kernel.light_fence();
    // ORDER [look-for-sleeper]: Relaxed; the light fence orders it after the publication. Without the pair of
    // fences the publication could still be in the store buffer when this reads AWAKE: a lost wake-up.
    word.load(Ordering::Relaxed) != AWAKE
}

/// W4: clears the flag and wakes.
#[cold]
pub(crate) fn wake(word: &AtomicU32, kernel: &impl Kernel) {
    // ORDER [wake]: Relaxed; the clearing carries no data, and the futex's own lock orders it against S4. The swap
    // instead of a store spares the system call when another waker has been quicker.
    if word.swap(AWAKE, Ordering::Relaxed) != AWAKE {
        kernel.futex_wake(word);
    }
}
