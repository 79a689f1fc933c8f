//! A recoverer leaves those alone who live, however long they stand still between two steps.

use loom::sync::Arc;
use loom::thread;

use super::order::pop_all;
use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::Policy;

/// Two producers, of whom one loses the race for a position, and one who wonders. Loom lets each of them stand still
/// anywhere for as long as the others run.
#[test]
fn a_producer_that_stands_still_is_waited_for() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let producers = [(0, 1), (1, 2)].map(|(line, element)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::new(&shared, line).try_push(element)))
        });
        let mut rx = Rx::new(&shared, 2);
        let (orphan, recovered) = rx.look_for_orphan();
        assert!(orphan.is_none() && recovered.skipped == 0 && recovered.freed == 0, "{recovered:?}");
        producers.map(|producer| producer.join().unwrap());
        let mut popped = pop_all(&mut rx, 2);
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

#[test]
fn a_consumer_that_stands_still_is_waited_for() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1) && tx.try_push(2));
        let consumers = [1, 2].map(|line| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, line).try_pop())
        });
        let rx = Rx::new(&shared, 3);
        let (orphan, recovered) = rx.look_for_orphan();
        assert!(orphan.is_none() && recovered.freed == 0, "{recovered:?}");
        let mut popped = consumers.map(|consumer| consumer.join().unwrap().expect("one for each"));
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// A dead producer had an intent for a position that a living one holds: the dead one's intent says nothing.
#[test]
fn a_dead_rival_does_not_make_a_living_holder_dead() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut rival = Tx::new(&shared, 0);
        // It stores its intent for position 0 and dies.
        assert!(crate::crash::mortal(3, || {
            rival.try_push(9);
        }));
        shared.unlock(0);
        let holder = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(Tx::new(&shared, 1).try_push(1)))
        };
        let mut rx = Rx::new(&shared, 2);
        let (_, recovered) = rx.look_for_orphan();
        assert_eq!(recovered.skipped, 0);
        assert_eq!(pop_all(&mut rx, 1), [1]);
        holder.join().unwrap();
    });
}

/// The same for consumers: a rival that died with the intent, and one that holds the message.
#[test]
fn a_dead_rival_does_not_take_a_living_holders_message() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        let mut rival = Rx::new(&shared, 1);
        assert!(crate::crash::mortal(3, || {
            rival.try_pop();
        }));
        shared.unlock(1);
        let holder = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Rx::new(&shared, 2).try_pop())
        };
        let mut rx = Rx::new(&shared, 3);
        let recovered = rx.recover();
        let popped = [holder.join().unwrap(), recovered, rx.try_pop()];
        assert_eq!(popped.iter().flatten().count(), 1, "{popped:?}");
    });
}
