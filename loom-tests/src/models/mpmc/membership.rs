//! Who sees that all producers have closed, and finds the ring empty then, has missed nothing; and whoever looks again only when the
//! count of changes has moved does not miss the last of them.

use loom::sync::Arc;
use loom::thread;

use super::order::drain;
use super::participants::{Rx, Tx};
use crate::crowd::{Handle, Shared};
use crate::models::{Explore, check};
use crate::protocol::mpmc::Policy;
use crate::protocol::mpmc::membership::{self, Attendance, CONSUMER, PRODUCER, attendance, changes, leave};
use crate::protocol::role;

/// Producers that join in order; each pushes its line's number plus one.
fn producers<const N: usize>(shared: &Arc<Shared>) -> [impl FnOnce() + use<N>; N] {
    std::array::from_fn(|line| {
        let (mut tx, roll) = (Tx::new(shared, line as u32), Handle(Arc::clone(shared)));
        let attachments = join(&roll, line as u32, PRODUCER);
        move || {
            assert!(tx.try_push(line as u64 + 1));
            leave(&roll, line as u32, attachments);
        }
    })
}

/// As a participant does that has the line's lock.
fn join(roll: &Handle, line: u32, side: u64) -> u64 {
    let attachments = role::begin(crate::protocol::mpmc::membership::Roll::state(roll, line));
    membership::join(roll, line, side, attachments);
    attachments
}

#[test]
fn whoever_sees_all_closed_sees_everything_published() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut rx = Rx::new(&shared, 2);
        let roll = Handle(Arc::clone(&shared));
        let [one, two] = producers(&shared);
        let producers = [thread::spawn(one), thread::spawn(two)];
        match attendance(&roll, PRODUCER) {
            Attendance::Closed => assert_eq!(drain(&mut rx).len(), 2, "told before it had drained"),
            attendance => assert_eq!(attendance, Attendance::Attached),
        }
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(attendance(&roll, PRODUCER), Attendance::Closed);
        assert_eq!(attendance(&roll, CONSUMER), Attendance::Never);
    });
}

/// The library looks at the lines only when the count has moved since it last did.
#[test]
fn the_last_change_moves_the_count() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let roll = Handle(Arc::clone(&shared));
        let [one, two] = producers(&shared);
        let producers = [thread::spawn(one), thread::spawn(two)];
        let (seen, mut there) = (changes(&roll), attendance(&roll, PRODUCER));
        for producer in producers {
            producer.join().unwrap();
        }
        if changes(&roll) != seen {
            there = attendance(&roll, PRODUCER);
        }
        assert_eq!(there, Attendance::Closed);
    });
}

/// A producer hands over to another one, who joins before it leaves: at no moment is there nobody.
#[test]
fn a_handover_is_not_an_end() {
    check(Explore::All, || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let roll = Handle(Arc::clone(&shared));
        // On the line that is looked at last.
        let attachments = join(&roll, 1, PRODUCER);
        let producers = {
            let roll = roll.clone();
            thread::spawn(move || {
                join(&roll, 0, PRODUCER);
                leave(&roll, 1, attachments);
            })
        };
        assert_eq!(attendance(&roll, PRODUCER), Attendance::Attached);
        producers.join().unwrap();
    });
}

/// Somebody who is seen to have been there is not overlooked.
#[test]
fn nobody_was_never_there_who_was() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 1, Policy::Redeliver);
        let roll = Handle(Arc::clone(&shared));
        let producer = {
            let roll = roll.clone();
            thread::spawn(move || {
                let attachments = join(&roll, 0, PRODUCER);
                leave(&roll, 0, attachments);
            })
        };
        let looks = [attendance(&roll, PRODUCER), attendance(&roll, PRODUCER)];
        let order = |attendance| match attendance {
            Attendance::Never => 0,
            Attendance::Attached => 1,
            Attendance::Closed => 2,
        };
        assert!(order(looks[0]) <= order(looks[1]), "{looks:?}");
        producer.join().unwrap();
        assert_eq!(attendance(&roll, PRODUCER), Attendance::Closed);
    });
}
