//! The ring of these scenarios: of one small shape, with messages that say whose they are.

use rondel::mpmc::{Consumer, OnConsumerDeath, Producer, Ring, TryPopError, TryPushError};
use rondel::{SegmentError, Wait};

use super::ledger::{Author, Delivery, Ledger};

/// Sixteen bytes.
pub(super) type Message = [u64; 2];

/// As many messages always fit, and no more: a power of two.
pub(super) const CAPACITY: u64 = 4;
/// How often the ring is filled and drained in the end.
const LAPS: u64 = 3;

/// A message's two words: the second follows from the first, so that a torn one shows.
pub(super) fn message(author: Author, number: u64) -> Message {
    let word = Delivery { author, number, redelivered: false }.word();
    [word, !word.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
}

/// What a consumer was given.
pub(super) fn delivery([word, check]: Message, redelivered: bool) -> Delivery {
    let found = Delivery { redelivered, ..Delivery::of(word) };
    assert_eq!([word, check], message(found.author, found.number), "torn");
    found
}

pub(super) fn create(places: u32, policy: OnConsumerDeath) -> Ring<Message> {
    let builder = Ring::builder().capacity(CAPACITY as usize).participants(places).on_consumer_death(policy);
    builder.anonymous().expect("a memfd")
}

pub(super) fn producer(ring: &Ring<Message>) -> Producer<Message> {
    let mut tx = ring.producer().expect("a place is free");
    tx.set_wait(Wait::Park);
    tx
}

pub(super) fn consumer(ring: &Ring<Message>) -> Consumer<Message> {
    let mut rx = ring.consumer().expect("a place is free");
    rx.set_wait(Wait::Park);
    rx
}

/// Takes everything, of the dead too, until the ring is empty. Nobody who lives holds anything: "pending" is no answer then.
pub(super) fn drain(rx: &mut Consumer<Message>, ledger: &mut Ledger) {
    loop {
        match rx.try_pop() {
            Ok(found) => ledger.deliver(delivery(found, rx.redelivered())),
            Err(TryPopError::Empty) => {
                let recovered = rx.recover().expect("intact");
                if recovered.to_redeliver == 0 {
                    return;
                }
            }
            Err(refused) => panic!("{refused:?}, though all that was claimed is settled"),
        }
    }
}

/// The ring takes as much as is promised and no more, gives it back in order, and does so for several laps.
pub(super) fn goes_round(tx: &mut Producer<Message>, rx: &mut Consumer<Message>) {
    for lap in 0..LAPS {
        for number in lap * CAPACITY..(lap + 1) * CAPACITY {
            assert_eq!(tx.try_push(message(Author::Lap, number)), Ok(()), "a capacity always fits");
        }
        let refused = tx.try_push(message(Author::Lap, 0));
        assert!(matches!(refused, Err(TryPushError::Full(_))), "full, and not {refused:?}");
        for number in lap * CAPACITY..(lap + 1) * CAPACITY {
            let found = rx.try_pop().map(|found| delivery(found, rx.redelivered()));
            assert_eq!(found, Ok(Delivery { author: Author::Lap, number, redelivered: false }));
        }
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
    }
}

/// No place is leaked, no lock held, nothing left behind in any place: all can be taken at once, by either side.
pub(super) fn all_places_are_free(ring: &Ring<Message>) {
    let free = ring.participants().iter().all(|place| !place.alive);
    assert!(free, "somebody is there still: {:?}", ring.participants());
    let mut all: Vec<Producer<Message>> = (0..ring.places() - 1).map(|_| producer(ring)).collect();
    let mut rx = consumer(ring);
    let refused = ring.producer().map(drop);
    assert!(matches!(refused, Err(SegmentError::TableFull { .. })), "there are no more places: {refused:?}");
    assert_eq!(rx.recover().expect("intact"), Default::default(), "all was settled");
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty), "all was delivered");
    let tx = all.last_mut().expect("more than one place");
    (0..CAPACITY).for_each(|number| assert_eq!(tx.try_push(message(Author::Lap, number)), Ok(())));
}
