//! The dead with whom a model begins: each has stopped at some step, and the kernel has dropped its lock, before anybody else moves. What
//! others see of one that dies meanwhile is the question of `death`.

use loom::sync::Arc;

use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::Shared;
use crate::protocol::mpmc::{Policy, Popped};

/// A push or a pop that dies after so many accesses has stored its intent, and claimed nothing.
pub(super) const WITH_AN_INTENT: u32 = 3;

/// After so many, it has claimed the position, and neither written nor read the slot.
pub(super) const WITH_A_CLAIM: u32 = WITH_AN_INTENT + 1;

/// A producer, on a fresh line, that dies in a push.
pub(super) fn producer(shared: &Arc<Shared>, line: u32, steps: u32) {
    let mut dead = Tx::new(shared, line);
    assert!(crash::mortal(steps, || assert!(!dead.try_push(9))));
    shared.unlock(line);
}

/// A consumer, on a fresh line, that dies in a pop. There is something to pop.
pub(super) fn consumer(shared: &Arc<Shared>, line: u32, steps: u32) {
    let mut dead = Rx::new(shared, line);
    assert!(crash::mortal(steps, || assert_eq!(dead.try_pop(), None)));
    shared.unlock(line);
}

/// A ring of so many slots and lines, and a producer on line 0 that has pushed 1: the consumer on line 1 has died with it.
pub(super) fn consumer_with_a_message(capacity: u64, lines: u32) -> (Arc<Shared>, Tx) {
    let shared = Shared::new(capacity, lines, Policy::Redeliver);
    let mut tx = Tx::new(&shared, 0);
    assert!(tx.try_push(1));
    assert_eq!(Rx::new(&shared, 1).half.try_claim(), Ok(Popped::At(0, 1)));
    shared.unlock(1);
    (shared, tx)
}
