//! A participant that stops dead before any of its shared accesses, while others go on; then recovery, which may die too.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::Shared;
use crate::models::{Explore, for_every_death};
use crate::protocol::mpmc::{Policy, Popped, Pushed};

/// Everything that is in the ring, with what the dead had left.
fn drain(rx: &mut Rx) -> Vec<u64> {
    let mut popped = Vec::new();
    loop {
        let element = rx.try_pop().or_else(|| rx.recover()).or_else(|| rx.try_pop());
        match element {
            Some(element) => popped.push(element),
            None => return popped,
        }
    }
}

/// Nothing is held, the ring is empty, and goes round.
fn goes_round(tx: &mut Tx, rx: &mut Rx) {
    assert_eq!(rx.half.try_pop(), Ok(Popped::Empty));
    for element in 100..100 + 2 * rx.half.geometry().slots() {
        assert!(matches!(tx.half.try_push(element), Ok(Pushed::At(..))), "a slot is lost");
        assert_eq!(rx.try_pop(), Some(element));
    }
}

fn producer_dies(capacity: u64, elements: &'static [u64], batch: bool) {
    for_every_death(Explore::Preemptions(2), move |steps| {
        let shared = Shared::new(capacity, 3, Policy::Redeliver);
        let pushed = Arc::new(AtomicU64::new(0));
        let victim = {
            let (shared, pushed) = (Arc::clone(&shared), Arc::clone(&pushed));
            thread::spawn(move || {
                let mut tx = Tx::new(&shared, 0);
                let killed = crash::mortal(steps, || {
                    if batch {
                        let count = tx.try_push_slice(elements);
                        pushed.store(count as u64, Ordering::Relaxed);
                    } else {
                        for (count, &element) in (1..).zip(elements) {
                            if !tx.try_push(element) {
                                return;
                            }
                            pushed.store(count, Ordering::Relaxed);
                        }
                    }
                });
                if killed {
                    shared.unlock(0);
                }
                killed
            })
        };
        // Another one lives through it.
        let mut tx = Tx::new(&shared, 1);
        let other = tx.try_push(50);
        let mut rx = Rx::new(&shared, 2);
        let mut popped: Vec<u64> = rx.try_pop().into_iter().collect();
        let killed = victim.join().unwrap();
        popped.extend(drain(&mut rx));
        assert_eq!(popped.iter().filter(|&&element| element == 50).count(), usize::from(other));
        popped.retain(|&element| element != 50);
        // What was pushed arrives, in order, and of what was under way each element or none.
        let returned = pushed.load(Ordering::Relaxed) as usize;
        assert!(popped.is_sorted() && popped.len() >= returned, "{popped:?}, {returned} pushed");
        assert!(batch || popped[..] == elements[..popped.len()], "{popped:?}");
        assert!(popped.len() <= returned + if batch { elements.len() } else { usize::from(killed) }, "{popped:?}");
        goes_round(&mut tx, &mut rx);
        killed
    });
}

#[test]
fn a_producer_dies() {
    producer_dies(2, &[1, 2], false);
}

#[test]
fn a_producer_dies_in_a_batch() {
    producer_dies(4, &[1, 2], true);
}

fn consumer_dies(policy: Policy, batch: bool) {
    for_every_death(Explore::Preemptions(2), move |steps| {
        let shared = Shared::new(2, 4, policy);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        // A bit for each element that the victim has taken for certain.
        let taken = Arc::new(AtomicU64::new(0));
        let victim = {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || {
                let mut rx = Rx::new(&shared, 1);
                let killed = crash::mortal(steps, || {
                    let mut place = [0; 2];
                    let count = if batch {
                        rx.try_pop_slice(&mut place)
                    } else {
                        rx.try_pop().map_or(0, |element| {
                            place[0] = element;
                            1
                        })
                    };
                    for element in &place[..count] {
                        taken.store(taken.load(Ordering::Relaxed) | 1 << element, Ordering::Relaxed);
                    }
                });
                if killed {
                    shared.unlock(1);
                }
                killed
            })
        };
        let mut rx = Rx::new(&shared, 2);
        let mut popped: Vec<u64> = rx.try_pop().into_iter().collect();
        if tx.try_push(3) {
            popped.extend(rx.try_pop());
        }
        let killed = victim.join().unwrap();
        popped.extend(drain(&mut rx));
        let taken = taken.load(Ordering::Relaxed);
        for element in 1..=2 {
            let times = popped.iter().filter(|&&popped| popped == element).count() + (taken >> element & 1) as usize;
            assert!(times <= 1, "{element} doubled");
            // The victim may have freed the slot, or be the one whose message is discarded.
            assert!(times == 1 || killed, "{element} lost");
        }
        goes_round(&mut tx, &mut rx);
        killed
    });
}

#[test]
fn a_consumer_dies_and_another_gets_its_message() {
    consumer_dies(Policy::Redeliver, false);
}

#[test]
fn a_consumer_dies_and_its_message_is_discarded() {
    consumer_dies(Policy::Discard, false);
}

#[test]
fn a_consumer_dies_in_a_batch() {
    consumer_dies(Policy::Redeliver, true);
}

/// The consumer dies right after its claim; two others recover at once, one of them dying in it; the other has the message,
/// unless the dying one had delivered it.
#[test]
fn recovery_dies() {
    for_every_death(Explore::Preemptions(2), |steps| {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        assert_eq!(Rx::new(&shared, 1).half.try_claim(), Ok(Popped::At(0, 1)));
        shared.unlock(1);
        let delivered = Arc::new(AtomicU64::new(0));
        let victim = {
            let (shared, delivered) = (Arc::clone(&shared), Arc::clone(&delivered));
            thread::spawn(move || {
                let mut rx = Rx::new(&shared, 2);
                let killed = crash::mortal(steps, || {
                    let element = rx.recover();
                    delivered.store(element.unwrap_or(0), Ordering::Relaxed);
                });
                if killed {
                    shared.unlock(2);
                }
                killed
            })
        };
        let mut rx = Rx::new(&shared, 3);
        let mut popped: Vec<u64> = rx.recover().into_iter().collect();
        let killed = victim.join().unwrap();
        popped.extend(drain(&mut rx));
        popped.extend(Some(delivered.load(Ordering::Relaxed)).filter(|&element| element != 0));
        assert!(popped == [1] || (killed && popped.is_empty()), "{popped:?}");
        goes_round(&mut tx, &mut rx);
        killed
    });
}

/// A producer dies with a claim, then the recoverer, after every step; then whoever skips the void; the ring goes round.
#[test]
fn a_skip_dies() {
    for_every_death(Explore::Preemptions(2), |steps| {
        let shared = Shared::new(1, 4, Policy::Redeliver);
        let mut dead = Tx::new(&shared, 0);
        crash::mortal(4, || {
            dead.try_push(1);
        });
        shared.unlock(0);
        let victim = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut rx = Rx::new(&shared, 1);
                let killed = crash::mortal(steps, || {
                    rx.recover();
                    assert_eq!(rx.try_pop(), None);
                });
                if killed {
                    shared.unlock(1);
                }
                killed
            })
        };
        let mut rx = Rx::new(&shared, 2);
        assert_eq!(rx.recover(), None);
        assert_eq!(rx.try_pop(), None);
        let killed = victim.join().unwrap();
        assert_eq!(drain(&mut rx), []);
        let mut tx = Tx::new(&shared, 3);
        tx.recover();
        goes_round(&mut tx, &mut rx);
        killed
    });
}
