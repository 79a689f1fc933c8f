//! What an episode is like: all of its choices, drawn from its seed.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use rondel::Wait;
use serde::{Deserialize, Serialize};

/// Sizes of elements, in bytes: what shares a line with others, what has one to itself, what takes several.
pub(super) const ELEMENTS: [usize; 5] = [8, 16, 56, 200, 1024];

/// A kind of ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Spsc,
    Mpmc,
    Bytes,
}

impl Kind {
    pub(super) const ALL: [Kind; 3] = [Kind::Spsc, Kind::Mpmc, Kind::Bytes];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Spsc => "spsc",
            Kind::Mpmc => "mpmc",
            Kind::Bytes => "bytes",
        }
    }
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victims {
    All,
    /// With only producers dying, there is no consumer whose death could explain that a message is missing.
    Producers,
    Consumers,
}

/// How a participant waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    BusySpin,
    SpinThenPark,
    Park,
}

impl Strategy {
    pub(super) fn drawn(random: &mut Rng) -> Strategy {
        [Strategy::BusySpin, Strategy::SpinThenPark, Strategy::Park][random.usize(..3)]
    }

    pub(super) fn wait(self) -> Wait {
        match self {
            Strategy::BusySpin => Wait::BusySpin,
            Strategy::SpinThenPark => Wait::default(),
            Strategy::Park => Wait::Park,
        }
    }
}

/// All that a seed decides before the first process is there.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) seed: u64,
    pub(super) kind: Kind,
    /// Elements, or bytes of records.
    pub(super) capacity: usize,
    /// Bytes of an element, or of the largest message.
    pub(super) size: usize,
    pub(super) producers: usize,
    pub(super) consumers: usize,
    /// Places of the table, of an mpmc ring.
    pub(super) places: usize,
    /// Whether messages of dead consumers are discarded, of an mpmc ring.
    pub(super) discard: bool,
    /// Whether a side is told when the other has gone; rings of two always do.
    pub(super) ends: bool,
    /// In /dev/shm, or a memfd.
    pub(super) named: bool,
    pub(super) victims: Victims,
    /// Consumers take messages under guards (in batches, where there are some) and in no other way: nothing may go with a dead one then.
    pub(super) guards_only: bool,
    /// The longest pause between two kills.
    pub(super) pause: Duration,
    /// Polls of nothing between two operations.
    pub(super) pace: u32,
    pub(super) length: Duration,
}

impl Setup {
    pub(super) fn drawn(seed: u64) -> Setup {
        let mut random = Rng::with_seed(seed);
        // First of all, so that the tool can look for seeds of the rings that were asked for.
        let kind = Kind::ALL[random.usize(..3)];
        let (producers, consumers) = match kind {
            Kind::Spsc | Kind::Bytes => (1, 1),
            Kind::Mpmc => (random.usize(1..=4), random.usize(1..=4)),
        };
        let (capacity, size) = match kind {
            Kind::Spsc | Kind::Mpmc => {
                let capacity = match random.u32(..4) {
                    0 => random.usize(1..=8),
                    1 => random.usize(9..=64),
                    2 => random.usize(65..=1024),
                    _ => 1 << random.usize(..=13),
                };
                (capacity, ELEMENTS[random.usize(..ELEMENTS.len())])
            }
            Kind::Bytes => {
                let capacity = match random.u32(..4) {
                    0 => random.usize(64..=512),
                    1 => random.usize(513..=8192),
                    _ => 1 << random.usize(13..=18),
                };
                let most = capacity / 8 * 8 - 8;
                // A third with messages as large as the ring allows, which pass one by one.
                let largest = if random.u32(..3) == 0 { most } else { random.usize(16..=most.min(4096)) };
                (capacity, largest)
            }
        };
        Setup {
            seed,
            kind,
            capacity,
            size,
            producers,
            consumers,
            places: producers + consumers + [0, 1, 3][random.usize(..3)],
            discard: random.u32(..3) == 0,
            ends: kind != Kind::Mpmc || random.bool(),
            named: random.bool(),
            victims: [Victims::All, Victims::All, Victims::All, Victims::Producers, Victims::Consumers]
                [random.usize(..5)],
            guards_only: random.u32(..4) == 0,
            pause: Duration::from_micros([200, 2_000, 2_000, 20_000][random.usize(..4)]),
            pace: [0, 20, 200, 1000][random.usize(..4)],
            length: Duration::from_millis(random.u64(600..=2_500)),
        }
    }

    /// What the victims, the storm and the messages draw from, each a stream of its own.
    pub(super) fn random(&self, stream: u64) -> Rng {
        Rng::with_seed(Rng::with_seed(self.seed ^ stream.rotate_left(32)).u64(..))
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { seed, kind, capacity, size, producers, consumers, places, .. } = self;
        write!(f, "seed {seed}: {}, ", kind.name())?;
        match kind {
            Kind::Bytes => write!(f, "{capacity} bytes, messages of up to {size}")?,
            _ => write!(f, "{capacity} elements of {size} bytes")?,
        }
        if *kind == Kind::Mpmc {
            write!(f, ", {producers} producers and {consumers} consumers on {places} places, ")?;
            f.write_str(if self.discard {
                "messages of the dead discarded"
            } else {
                "messages of the dead redelivered"
            })?;
            f.write_str(if self.ends { "" } else { ", sides outlive each other" })?;
        }
        f.write_str(if self.named { ", named" } else { ", memfd" })?;
        if self.guards_only {
            f.write_str(", guards only")?;
        }
        match self.victims {
            Victims::All => {}
            Victims::Producers => f.write_str(", only producers are killed")?,
            Victims::Consumers => f.write_str(", only consumers are killed")?,
        }
        write!(f, ", up to {:?} between kills, for {:?}", self.pause, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_all_rings_come_up() {
        let drawn: Vec<String> = (0..200).map(|seed| Setup::drawn(seed).to_string()).collect();
        assert_eq!(drawn, (0..200).map(|seed| Setup::drawn(seed).to_string()).collect::<Vec<_>>());
        for kind in Kind::ALL {
            assert!((0..20).any(|seed| Setup::drawn(seed).kind == kind), "{kind:?}");
        }
    }

    #[test]
    fn every_setup_is_one_that_a_ring_can_have() {
        for setup in (0..2000).map(Setup::drawn) {
            assert!(setup.capacity >= 1 && setup.producers >= 1 && setup.consumers >= 1, "{setup}");
            assert!(setup.places >= setup.producers + setup.consumers, "{setup}");
            if setup.kind == Kind::Bytes {
                assert!(setup.size >= 8 && setup.size <= setup.capacity / 8 * 8 - 8, "{setup}");
            }
        }
    }
}
