//! A line changes hands after its participant's death: what the dead held is delivered, skipped or left, once, whoever comes for it: the
//! newcomer, others who recover, or both, and whoever comes after a newcomer that died over it.

use loom::sync::Arc;
use loom::thread;

use super::dead::{self, WITH_A_CLAIM, WITH_AN_INTENT};
use super::order::drain;
use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::Shared;
use crate::models::{Explore, check, for_every_death};
use crate::protocol::mpmc::{Policy, Popped};

/// The dead consumer's line is leased by a new one, who goes on with its message, while another recovers.
#[test]
fn a_successor_and_a_recoverer_deliver_a_message_once() {
    check(Explore::Preemptions(3), || {
        let (shared, mut tx) = dead::consumer_with_a_message(2, 3);
        let mut rx = Rx::new(&shared, 2);
        let successor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::lease(&shared, 1, 2).expect("nobody else wants it").try_pop())
        };
        let recovered = rx.recover();
        let popped = [successor.join().unwrap(), recovered];
        assert_eq!(popped.iter().flatten().count(), 1, "{popped:?}");
        assert!(tx.try_push(2) && tx.try_push(3), "a slot is lost");
    });
}

/// The same with a taker that died too: its stamp names the line that is leased anew.
#[test]
fn a_taker_s_successor_and_a_recoverer_deliver_a_message_once() {
    check(Explore::Preemptions(3), || {
        let (shared, _) = dead::consumer_with_a_message(2, 4);
        let mut taker = Rx::new(&shared, 2);
        let orphan = taker.look_for_orphan().0.expect("the message of the dead");
        assert_eq!(taker.half.take(orphan, 1), Some(1));
        shared.unlock(2);
        let mut rx = Rx::new(&shared, 3);
        let successor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::lease(&shared, 2, 2).expect("nobody else wants it").try_pop())
        };
        let recovered = rx.recover();
        let popped = [successor.join().unwrap(), recovered];
        assert_eq!(popped.iter().flatten().count(), 1, "{popped:?}");
    });
}

/// A rival has seen the dead holder's message and stands still; a successor inherits it, dies, and its successor holds it when the
/// rival goes on.
#[test]
fn a_rival_that_comes_late_takes_nothing_from_a_successor() {
    check(Explore::All, || {
        let (shared, _) = dead::consumer_with_a_message(2, 3);
        Rx::lease(&shared, 1, 2).expect("nobody else wants it");
        shared.unlock(1);
        let mut rival = Rx::new(&shared, 2);
        let orphan = rival.look_for_orphan().0.expect("the message of the dead");
        let mut successor = Rx::lease(&shared, 1, 3).expect("nobody else wants it");
        assert_eq!(rival.half.take(orphan, 1), None, "taken from one who lives");
        assert_eq!(successor.try_pop(), Some(1));
    });
}

/// A producer leases the line of a dead one while a consumer recovers: the dead one's position is void, whoever makes it so.
#[test]
fn a_dead_producer_s_line_goes_on() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        dead::producer(&shared, 0, WITH_A_CLAIM);
        let successor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::lease(&shared, 0, 2).expect("settled").try_push(1)))
        };
        let mut rx = Rx::new(&shared, 1);
        rx.recover();
        let mut popped: Vec<u64> = rx.try_pop().into_iter().collect();
        successor.join().unwrap();
        popped.extend(drain(&mut rx));
        assert_eq!(popped, [1]);
    });
}

/// A producer does not get the line of a dead consumer that held a message; and what it has settled there harms nobody.
#[test]
fn a_producer_leaves_the_heritage_alone() {
    check(Explore::Preemptions(3), || {
        let (shared, _) = dead::consumer_with_a_message(2, 3);
        let newcomer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Tx::lease(&shared, 1, 2).is_some())
        };
        let mut rx = Rx::new(&shared, 2);
        let first = rx.recover();
        let leased = newcomer.join().unwrap();
        assert!(first.is_some() || !leased, "the message was lost");
        assert_eq!(first.or_else(|| rx.recover()), Some(1));
    });
}

/// The newcomer on a dead line is alive, whoever has seen its predecessor dead: what it claims at once is not taken for the other's.
#[test]
fn a_newcomer_is_not_taken_for_its_predecessor() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut rx = Rx::new(&shared, 2);
        // Both die with an intent for position 0, which neither of them wins.
        for line in [0, 1] {
            dead::producer(&shared, line, WITH_AN_INTENT);
        }
        let newcomer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::lease(&shared, 1, 2).expect("nothing to settle").try_push(1)))
        };
        assert_eq!(rx.look_for_orphan().1.skipped, 0, "skipped what is under way");
        newcomer.join().unwrap();
        assert_eq!(drain(&mut rx), [1]);
    });
}

/// The mirror image.
#[test]
fn a_newcomer_keeps_what_it_pops() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 4, Policy::Discard);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        for line in [1, 2] {
            dead::consumer(&shared, line, WITH_AN_INTENT);
        }
        let newcomer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::lease(&shared, 2, 2).expect("nothing to settle").try_pop())
        };
        assert_eq!(tx.recover().freed, 0, "freed what is being read");
        assert_eq!(newcomer.join().unwrap(), Some(1));
    });
}

/// While somebody who stands still may be the holder of what a dead participant claimed, the dead one's line, which is all that tells of the
/// claim, is not given away.
#[test]
fn a_claim_that_may_be_another_s_is_not_forgotten() {
    check(Explore::All, || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut stopped = Tx::new(&shared, 1);
        let mut rx = Rx::new(&shared, 2);
        // Stands still with an intent for position 0. It lives: its lock is held.
        assert!(crash::mortal(WITH_AN_INTENT, || assert!(!stopped.try_push(1))));
        dead::producer(&shared, 0, WITH_A_CLAIM);
        assert!(Tx::lease(&shared, 0, 2).is_none(), "forgot what the dead one had claimed");
        assert_eq!(rx.look_for_orphan().1.skipped, 0);
        // It goes on, loses the race, and takes its intent back.
        stopped.lose();
        assert!(Tx::lease(&shared, 0, 2).is_some());
        assert_eq!(rx.try_pop(), None);
        assert!(stopped.try_push(1));
        assert_eq!(rx.try_pop(), Some(1));
    });
}

/// The same of a consumer.
#[test]
fn a_message_that_may_be_another_s_is_not_forgotten() {
    check(Explore::All, || {
        let shared = Shared::new(1, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut dead, mut stopped, mut rx] = [1, 2, 3].map(|line| Rx::new(&shared, line));
        assert!(tx.try_push(1));
        assert!(crash::mortal(WITH_AN_INTENT, || assert_eq!(stopped.try_pop(), None)));
        assert_eq!(dead.half.try_claim(), Ok(Popped::At(0, 1)));
        shared.unlock(1);
        assert!(Rx::lease(&shared, 1, 2).is_none(), "forgot what the dead one had claimed");
        assert_eq!(rx.recover(), None);
        stopped.lose();
        assert!(Tx::lease(&shared, 1, 2).is_none(), "forgot a message");
        assert_eq!(Rx::lease(&shared, 1, 2).expect("it is certain now").try_pop(), Some(1));
        assert!(tx.try_push(2));
    });
}

/// The line of the first holder is in other hands already when the taker of its message dies: the taker's own line tells of it.
#[test]
fn a_taker_s_message_is_found_by_the_taker_s_line() {
    check(Explore::Preemptions(3), || {
        let (shared, mut tx) = dead::consumer_with_a_message(1, 4);
        let [mut taker, mut rx] = [2, 3].map(|line| Rx::new(&shared, line));
        let orphan = taker.look_for_orphan().0.expect("the message of the dead");
        assert_eq!(taker.half.take(orphan, 1), Some(1));
        assert_eq!(Rx::lease(&shared, 1, 2).expect("the taker has it").try_pop(), None);
        shared.unlock(2);
        let successor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::lease(&shared, 2, 2).expect("a consumer can have it").try_pop())
        };
        let popped = [rx.recover(), successor.join().unwrap()];
        assert_eq!(popped.iter().flatten().count(), 1, "{popped:?}");
        assert!(tx.try_push(2), "a slot is lost");
    });
}

/// A successor that dies at every step of taking the line over, its heritage included.
#[test]
fn a_successor_dies() {
    for_every_death(Explore::Preemptions(2), |steps| {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        let mut dead = Rx::new(&shared, 1);
        // Both claimed, none freed.
        assert!(crash::mortal(6, || assert!(dead.try_pop_slice(2).is_empty())));
        assert_eq!(shared.head(), 2);
        shared.unlock(1);
        let delivered = Arc::new(std::sync::Mutex::new(Vec::new()));
        let victim = {
            let (shared, delivered) = (Arc::clone(&shared), Arc::clone(&delivered));
            thread::spawn(move || {
                let killed = crash::mortal(steps, || {
                    if let Some(mut rx) = Rx::lease(&shared, 1, 2) {
                        while let Some(element) = rx.try_pop() {
                            delivered.lock().unwrap().push(element);
                        }
                    }
                });
                if killed {
                    shared.unlock_if_locked(1);
                }
                killed
            })
        };
        let mut rx = Rx::new(&shared, 2);
        let mut popped: Vec<u64> = rx.recover().into_iter().collect();
        let killed = victim.join().unwrap();
        popped.extend(std::iter::from_fn(|| rx.recover()));
        popped.extend(delivered.lock().unwrap().iter());
        popped.sort_unstable();
        // One may have gone with the victim, after it had freed the slot.
        assert!(popped == [1, 2] || (killed && (popped == [1] || popped == [2])), "{popped:?}");
        assert_eq!(tx.try_push_slice(&[3, 4]), 2, "a slot is lost");
        killed
    });
}
