//! A participant that stops dead before any of its shared accesses, while others go on; then recovery, which may die too.
//!
//! Producers and consumers, single operations and batches, both policies. Nothing is lost but what was under way, nothing doubled, no slot
//! lost; and what the dead did to a slot is over before others come to it, though the kernel's word is all that says so.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::dead::{self, WITH_A_CLAIM};
use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::Shared;
use crate::models::{Explore, check, for_every_death};
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
        let mut dying = Tx::new(&shared, 0);
        let victim = {
            let (shared, pushed) = (Arc::clone(&shared), Arc::clone(&pushed));
            thread::spawn(move || {
                let killed = crash::mortal(steps, || {
                    if batch {
                        let count = dying.try_push_slice(elements);
                        pushed.store(count as u64, Ordering::Relaxed);
                    } else {
                        for (count, &element) in (1..).zip(elements) {
                            if !dying.try_push(element) {
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
        let mut rx = Rx::new(&shared, 2);
        let other = tx.try_push(50);
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
        let shared = Shared::new(2, 3, policy);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut dying = Rx::new(&shared, 1);
        let victim = {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || {
                let killed = crash::mortal(steps, || {
                    let popped = if batch { dying.try_pop_slice(2) } else { dying.try_pop().into_iter().collect() };
                    taken.lock().unwrap().extend(popped);
                });
                if killed {
                    shared.unlock(1);
                }
                killed
            })
        };
        let mut rx = Rx::new(&shared, 2);
        let mut popped: Vec<u64> = rx.try_pop().into_iter().collect();
        let third = tx.try_push(3);
        let killed = victim.join().unwrap();
        popped.extend(drain(&mut rx));
        popped.extend(taken.lock().unwrap().iter());
        for element in 1..=if third { 3 } else { 2 } {
            let times = popped.iter().filter(|&&popped| popped == element).count();
            assert!(times <= 1, "{element} doubled");
            // The victim may have freed the slot, or be the one whose message is discarded.
            assert!(times == 1 || (killed && element != 3), "{element} lost");
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
        let (shared, mut tx) = dead::consumer_with_a_message(2, 4);
        let delivered = Arc::new(AtomicU64::new(0));
        let [mut dying, mut rx] = [2, 3].map(|line| Rx::new(&shared, line));
        let victim = {
            let (shared, delivered) = (Arc::clone(&shared), Arc::clone(&delivered));
            thread::spawn(move || {
                let killed = crash::mortal(steps, || {
                    let element = dying.recover();
                    delivered.store(element.unwrap_or(0), Ordering::Relaxed);
                });
                if killed {
                    shared.unlock(2);
                }
                killed
            })
        };
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
        dead::producer(&shared, 0, WITH_A_CLAIM);
        let [mut dying, mut rx] = [1, 2].map(|line| Rx::new(&shared, line));
        let victim = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let killed = crash::mortal(steps, || {
                    dying.recover();
                    assert_eq!(dying.try_pop(), None);
                });
                if killed {
                    shared.unlock(1);
                }
                killed
            })
        };
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

/// A producer dies after it has written and before it has published. Whoever comes to write the slot next has heard of it only through
/// the stamp: from the one who freed it, who had it from the one who voided it, who had it from the kernel.
#[test]
fn what_a_dead_producer_wrote_is_over() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(1, 4, Policy::Redeliver);
        let mut dying = Tx::new(&shared, 0);
        let mut tx = Tx::new(&shared, 1);
        let recoverer = Tx::new(&shared, 2);
        let mut rx = Rx::new(&shared, 3);
        let skip = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if !crash::mortal(5, || assert!(!dying.try_push(9))) {
                    // The other one was quicker, and this one was refused before its time had come.
                    return;
                }
                shared.unlock(0);
                // Loom has threads to spare for no more: the recoverer stands for another process, whose look at the lock is ordered
                // after the death, as it is here.
                recoverer.recover();
            })
        };
        let consumer = thread::spawn(move || rx.try_pop());
        tx.try_push(1);
        consumer.join().unwrap();
        skip.join().unwrap();
    });
}

/// A consumer dies while it reads. The slot that is freed in its place is written by somebody else.
#[test]
fn what_a_dead_consumer_read_is_over() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Discard);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        let mut dying = Rx::new(&shared, 1);
        let recoverer = Rx::new(&shared, 2);
        let discard = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert!(crash::mortal(5, || assert_eq!(dying.try_pop(), None)));
                shared.unlock(1);
                assert_eq!(recoverer.look_for_orphan().1.discarded, 1);
            })
        };
        tx.try_push(2);
        discard.join().unwrap();
    });
}

/// Recovery in full swing while the victim dies: nobody waits for the end of the one before looking for the other.
#[test]
fn recovery_meets_death() {
    for_every_death(Explore::Preemptions(2), |steps| {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        let [mut dying, mut rx] = [1, 2].map(|line| Rx::new(&shared, line));
        let victim = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut popped = None;
                let killed = crash::mortal(steps, || popped = dying.try_pop());
                if killed {
                    shared.unlock(1);
                }
                (killed, popped)
            })
        };
        let mut popped: Vec<u64> = rx.recover().into_iter().collect();
        let (killed, other) = victim.join().unwrap();
        popped.extend(drain(&mut rx).into_iter().chain(other));
        assert!(popped == [1] || (killed && popped.is_empty()), "{popped:?}");
        goes_round(&mut tx, &mut rx);
        killed
    });
}

/// A taker dies at every step while the line of the first holder is leased anew, after which only the taker's own line tells of the
/// message.
#[test]
fn a_taker_dies_while_the_first_line_goes_on() {
    for_every_death(Explore::Preemptions(2), |steps| {
        let (shared, mut tx) = dead::consumer_with_a_message(1, 4);
        let [mut dying, mut rx] = [2, 3].map(|line| Rx::new(&shared, line));
        let taker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut popped = None;
                let killed = crash::mortal(steps, || popped = dying.recover());
                if killed {
                    shared.unlock(2);
                }
                (killed, popped)
            })
        };
        // Refused while the message is nobody's.
        let _ = Tx::lease(&shared, 1, 2);
        let (killed, delivered) = taker.join().unwrap();
        let mut popped = drain(&mut rx);
        popped.extend(delivered);
        assert!(popped == [1] || (killed && popped.is_empty()), "{popped:?}");
        goes_round(&mut tx, &mut rx);
        killed
    });
}
