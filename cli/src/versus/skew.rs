//! Whether the clocks of two cores agree: what one reads when a message is sent and the other when it arrives means nothing otherwise.

use super::clock::Clock;
use super::cores::PairOfCores;
use rondel_baselines::{
    Carries, Cores, Message, Receiver, Result, Seat, Sender, Transport, Wait, duet, transports::Floor,
};

/// Round trips in which the clocks are compared.
const ROUNDS: u64 = 20_000;

/// Between what bounds lies the difference of the far core's clock and the near one's, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Skew {
    least: f64,
    most: f64,
}

impl Skew {
    /// Compares the two cores' readings of a clock. The far side is asked for its reading: it reads after the question has been sent and
    /// before the answer arrives, so each round trip bounds the difference on either side, and the quickest ones bound it best.
    pub(crate) fn measure(clock: Clock, cores: PairOfCores) -> Result<Self> {
        if cores.near == cores.far {
            return Ok(Skew { least: 0.0, most: 0.0 });
        }
        let (asking, asked) = <Floor as Carries<1>>::open(Wait::Spin)?;
        let (answering, answered) = <Floor as Carries<1>>::open(Wait::Spin)?;
        let far = move || {
            let (mut from, mut to) = (asked.take()?, answering.take()?);
            (0..ROUNDS).try_for_each(|_| {
                from.receive(&mut Message::default())?;
                to.send(&Message::numbered(clock.now()))
            })
        };
        let near = move || {
            let (mut to, mut from) = (asking.take()?, answered.take()?);
            let mut skew = Skew { least: f64::NEG_INFINITY, most: f64::INFINITY };
            let mut reading = Message::<1>::default();
            for number in 0..ROUNDS {
                let before = clock.now();
                to.send(&Message::numbered(number))?;
                from.receive(&mut reading)?;
                let after = clock.now();
                skew.narrow(clock, before, reading.number(), after);
            }
            Ok(skew)
        };
        let cores = Cores::Pinned { near: cores.near, far: cores.far };
        duet(Floor::SCOPE, cores, far, near)
    }

    /// One round trip: the far side has read its clock between these two readings of the near side's.
    fn narrow(&mut self, clock: Clock, before: u64, far: u64, after: u64) {
        let difference = |near: u64| {
            let length = clock.nanoseconds(far.abs_diff(near));
            if far < near { -length } else { length }
        };
        self.least = self.least.max(difference(after));
        self.most = self.most.min(difference(before));
    }

    /// Whether no reading contradicts that the two clocks are one.
    pub(crate) fn is_none(&self) -> bool {
        self.least <= 0.0 && self.most >= 0.0
    }

    /// How far the readings of the two may lie apart, for all that is known.
    pub(crate) fn bound(&self) -> f64 {
        self.most.max(-self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(readings: &[[u64; 3]]) -> Skew {
        let mut skew = Skew { least: f64::NEG_INFINITY, most: f64::INFINITY };
        for [before, far, after] in readings {
            skew.narrow(Clock::monotonic(), *before, *far, *after);
        }
        skew
    }

    #[test]
    fn clocks_that_may_be_one() {
        let skew = narrowed(&[[1000, 1400, 1500], [2000, 2100, 2300], [9000, 9900, 9999]]);
        assert_eq!(skew, Skew { least: -99.0, most: 100.0 });
        assert!(skew.is_none());
        assert_eq!(skew.bound(), 100.0);
    }

    #[test]
    fn clocks_that_cannot_be_one() {
        // The far clock is 1000 ahead, and then 1000 behind.
        let ahead = narrowed(&[[1000, 2100, 1200], [5000, 6100, 5300]]);
        assert_eq!((ahead, ahead.is_none(), ahead.bound()), (Skew { least: 900.0, most: 1100.0 }, false, 1100.0));
        let behind = narrowed(&[[2000, 1100, 2200]]);
        assert_eq!((behind, behind.is_none(), behind.bound()), (Skew { least: -1100.0, most: -900.0 }, false, 1100.0));
    }

    /// The kernel's clock is one for all cores.
    #[test]
    fn the_kernels_clock_agrees_with_itself() {
        let cores = rondel_baselines::allowed_cores().expect("cores");
        let &[near, far, ..] = cores.as_slice() else {
            return;
        };
        let skew = Skew::measure(Clock::monotonic(), PairOfCores { near, far }).expect("a measurement");
        assert!(skew.is_none() && skew.bound().is_finite(), "{skew:?}");
    }
}
