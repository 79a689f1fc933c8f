//! Where the rings of these tests are made and found, and what they are like.

use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rondel::bytes::{Consumer, Producer, Ring, TryPopError, TryPushError};

use crate::bytes::Bytes;
use crate::letters::Letters;
use crate::scratch::{Directory, Random, ring_path};

/// What a watchdog takes for never: many times what is promised, on a machine under any load.
pub(crate) const NEVER: Duration = Duration::from_secs(20);

/// Indices of the control words among all words of a segment: docs/layout.md.
pub(crate) const PRODUCER_STATE: usize = 4096 / 8;
pub(crate) const CONSUMER_STATE: usize = (4096 + 128) / 8;
pub(crate) const SPACE_EVENT: usize = (4096 + 256) / 8;
pub(crate) const DATA_EVENT: usize = (4096 + 384) / 8;
pub(crate) const CONSUMED: usize = (4096 + 512) / 8;
pub(crate) const RELEASED: usize = (4096 + 640) / 8;
/// Where the ring proper begins.
pub(crate) const RING: usize = (4096 + 1024) / 8;

/// The event on which a side sleeps.
pub(crate) fn event(bytes: &Bytes, index: usize) -> &AtomicU32 {
    let word = bytes.word(index).as_ptr().cast::<u32>();
    // SAFETY: the word is mapped as long as `bytes`, aligned, and half of it is only ever used as an atomic of 32 bits.
    unsafe { AtomicU32::from_ptr(word) }
}

/// What a ring is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) capacity: usize,
    pub(crate) largest: usize,
}

impl Shape {
    pub(crate) const fn new(capacity: usize, largest: usize) -> Self {
        Self { capacity, largest }
    }

    /// A ring of a few messages, half of the time with messages as large as it allows.
    pub(crate) fn small(random: &mut Random) -> Self {
        let capacity = 16 + random.below(600) as usize;
        let most = capacity / 8 * 8 - 8;
        Self { capacity, largest: if random.below(2) == 0 { most } else { 1 + random.below(most as u64) as usize } }
    }

    /// Bytes of the ring proper, as docs/layout.md has it; not taken from the library, so that every position is checked.
    pub(crate) fn data(self) -> u64 {
        let lag = (self.capacity / 8).clamp(64, 16384);
        (self.capacity + lag + 8).next_multiple_of(64) as u64
    }

    /// The longest message that a write to the stream makes.
    pub(crate) fn write_len(self) -> usize {
        (self.capacity / 4).clamp(1, self.largest)
    }

    pub(crate) fn anonymous(self) -> Ring {
        Ring::builder().capacity(self.capacity).largest(self.largest).anonymous().expect("a memfd")
    }
}

impl Directory {
    pub(crate) fn create(&self, shape: Shape) -> Ring {
        let ring = Ring::builder().capacity(shape.capacity).largest(shape.largest);
        ring.create(ring_path(self.path())).expect("a new ring")
    }
}

/// In a child: the ring that the test has made.
pub(crate) fn attach(directory: &Path) -> Ring {
    Ring::attach(ring_path(directory)).expect("the ring")
}

/// The shape of a ring that somebody else has made.
pub(crate) fn shape_of(ring: &Ring) -> Shape {
    Shape::new(ring.capacity(), ring.largest())
}

/// Nothing has got lost: an empty ring takes the capacity that is promised, and gives it back whole, lap after lap. The messages are those from
/// `number` on; says which is the next one.
#[track_caller]
pub(crate) fn is_whole(tx: &mut Producer, rx: &mut Consumer, letters: &Letters, number: u64) -> u64 {
    let mut next = number;
    for _ in 0..4 {
        let first = next;
        let mut unread = 0;
        loop {
            match tx.try_push(letters.bytes(next)) {
                Ok(()) => unread += letters.record(next),
                Err(refused) => {
                    assert_eq!(refused, TryPushError::Full);
                    break;
                }
            }
            next += 1;
        }
        let capacity = letters.shape().capacity as u64;
        assert!(unread + letters.record(next) > capacity, "refused with {unread} bytes of {capacity} in the ring");
        for number in first..next {
            letters.check(number, &rx.try_pop().expect("it was pushed"));
        }
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
    }
    next
}
