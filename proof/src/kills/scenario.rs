//! What is repeated with a kill at every instruction.

use std::time::Duration;

use super::walk::Walk;

/// An operation, and all that precedes it: the ring, its state, and who else is there. Everything in it is the same each time.
pub(crate) trait Scenario {
    /// `ring/operation/state/company`: by this one asks for it.
    fn name(&self) -> &str;

    /// Whether somebody is asleep in it, so that a case takes time, but hardly the processor's.
    fn sleeps(&self) -> bool {
        false
    }

    /// Whether the operation takes place as a whole, or not at all.
    fn is_whole(&self) -> bool {
        true
    }

    /// How many walk: the last is killed. What becomes of one before it, whether it is frozen where its walk ends, or killed there, is the
    /// scenario's affair.
    fn walkers(&self) -> usize {
        1
    }

    /// Of two walkers: whether the first is left only where others can see a difference. For one that is dead before the second begins
    /// that is all there is: what stood in its registers is gone with it.
    fn first_is_dead(&self) -> bool {
        false
    }

    /// Of two walkers: only every so-manieth instruction of each, for operations so long that all pairs are too many.
    fn stride(&self) -> u64 {
        1
    }

    /// Makes everything, lets the walkers walk, kills, and judges what the survivors find. Panics if that is not as promised.
    fn play(&self, walks: &mut [Walk<'_>]) -> Played;
}

/// What came of a kill that was survived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Played {
    /// How much of the operation has taken place. A later kill finds no less.
    pub(crate) progress: u64,
    /// How long a survivor stood still after the kill at the longest.
    pub(crate) stall: Duration,
    /// How many processes were killed.
    pub(crate) kills: u64,
}
