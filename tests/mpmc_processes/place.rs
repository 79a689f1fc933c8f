//! Where the rings of these tests are made and found; who says what in them.

use std::path::Path;

use rondel::mpmc::{OnConsumerDeath, Ring, TryPopError};

use crate::scratch::{Directory, Message, message, ring_path, within};

/// What a watchdog takes for never: many times what is promised, on a machine under any load.
pub(crate) const NEVER: std::time::Duration = std::time::Duration::from_secs(10);

/// What a ring is to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) capacity: usize,
    pub(crate) places: u32,
    pub(crate) policy: OnConsumerDeath,
    /// Whether a side is told when the other has gone.
    pub(crate) ends: bool,
}

impl Shape {
    pub(crate) fn new(capacity: usize, places: u32) -> Self {
        Self { capacity, places, policy: OnConsumerDeath::Redeliver, ends: true }
    }

    pub(crate) fn discarding(self) -> Self {
        Self { policy: OnConsumerDeath::Discard, ..self }
    }

    pub(crate) fn unending(self) -> Self {
        Self { ends: false, ..self }
    }
}

impl Directory {
    pub(crate) fn create(&self, shape: Shape) -> Ring<Message> {
        Ring::builder()
            .capacity(shape.capacity)
            .participants(shape.places)
            .on_consumer_death(shape.policy)
            .ends_with_producers(shape.ends)
            .ends_with_consumers(shape.ends)
            .create(ring_path(self.path()))
            .expect("a new ring")
    }
}

/// In a child: the ring that the test has made.
pub(crate) fn attach(directory: &Path) -> Ring<Message> {
    Ring::attach(ring_path(directory)).expect("the ring")
}

const SEQUENCE_BITS: u32 = 32;

/// The `sequence`-th message of `author`.
pub(crate) fn said(author: u64, sequence: u64) -> Message {
    message(author << SEQUENCE_BITS | sequence)
}

/// Who has said it, and as the how manyth thing. It has to be whole.
#[track_caller]
pub(crate) fn by(found: Message) -> (u64, u64) {
    assert_eq!(found, message(found[0]), "torn");
    (found[0] >> SEQUENCE_BITS, found[0] & ((1 << SEQUENCE_BITS) - 1))
}

/// Control words, by number: the claims, the consumers that sleep, and what stands behind them all.
pub(crate) const TAIL: usize = 0;
pub(crate) const HEAD: usize = 1;
pub(crate) const DATA: usize = 2;
pub(crate) const FIRST_STAMP: usize = 5;

/// The index of a control word among all words of a segment.
pub(crate) fn control_word(ring: &Ring<Message>, number: usize) -> usize {
    (4096 + 128 * (ring.places() + number)) / 8
}

/// All that is in the ring, the orphans included, and whether it had been delivered before. Nobody else is at work.
#[track_caller]
pub(crate) fn drain(rx: &mut rondel::mpmc::Consumer<Message>) -> Vec<(Message, bool)> {
    within(NEVER, "draining", || {
        let mut drained = Vec::new();
        loop {
            match rx.try_pop() {
                Ok(found) => drained.push((found, rx.redelivered())),
                Err(TryPopError::Failed(fault)) => panic!("{fault}"),
                Err(answer) => {
                    let recovered = rx.recover().expect("intact");
                    if recovered == Default::default() && answer != TryPopError::Pending {
                        return drained;
                    }
                }
            }
        }
    })
}

/// Nothing has got lost: the ring takes as many messages as it has slots, lap after lap, and each free place has a taker.
/// Nobody is attached, and the ring is empty.
#[track_caller]
pub(crate) fn is_whole(ring: &Ring<Message>) {
    let mut handles = (Vec::new(), Vec::new());
    let full = loop {
        let refused = if (handles.0.len() + handles.1.len()) % 2 == 0 {
            ring.producer().map(|tx| handles.0.push(tx))
        } else {
            ring.consumer().map(|rx| handles.1.push(rx))
        };
        if let Err(refused) = refused {
            break refused;
        }
    };
    assert!(matches!(full, rondel::SegmentError::TableFull { .. }), "{full}");
    assert_eq!(handles.0.len() + handles.1.len(), ring.places(), "a place has leaked");
    let (Some(tx), Some(rx)) = (handles.0.first_mut(), handles.1.first_mut()) else { panic!("two places at least") };
    let slots = ring.capacity().next_power_of_two() as u64;
    for lap in 0..3 {
        for number in 0..slots {
            assert_eq!(tx.try_push(said(99, lap * slots + number)), Ok(()), "a slot has leaked");
        }
        let next = said(99, 0);
        assert_eq!(tx.try_push(next), Err(rondel::mpmc::TryPushError::Full(next)));
        for number in 0..slots {
            assert_eq!(rx.try_pop(), Ok(said(99, lap * slots + number)));
            assert!(!rx.redelivered());
        }
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    }
}
