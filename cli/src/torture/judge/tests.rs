//! Every kind of fault, made up, is found; and what a kill explains is not taken for one.

use std::time::Duration;

use super::{Fault, judge};
use crate::torture::evidence::{
    Delivery, Evidence, Hand, Lap, Life, Popped, Promise, Pushed, Remains, Side, Stall, Wakes,
};
use crate::torture::letters::Id;

const ALL: [Promise; 3] = [Promise::Total, Promise::Redelivers, Promise::Discards];
const MANY: [Promise; 2] = [Promise::Redelivers, Promise::Discards];
const LAP: Lap = Lap { room: 9, capacity: 8, pushed: 8, popped: 8 };

fn id(author: u64, number: u64) -> Id {
    Id { author, number }
}

fn pushed(done: u64, begun: u64) -> Life {
    Life::Producer(Pushed { done, begun, at_once: false })
}

fn first(id: Id) -> Delivery {
    Delivery { id, again: false, whole: true }
}

fn again(id: Id) -> Delivery {
    Delivery { again: true, ..first(id) }
}

/// One that was given these messages of participant 0, and ended with this in its hand.
fn popped(numbers: impl IntoIterator<Item = u64>, hand: Hand) -> Life {
    listed(numbers.into_iter().map(|number| first(id(0, number))), hand)
}

fn listed(log: impl IntoIterator<Item = Delivery>, hand: Hand) -> Life {
    Life::Consumer(Popped { log: log.into_iter().collect(), hand })
}

fn evidence(promise: Promise, lives: &[Life]) -> Evidence {
    let remains = Remains { laps: vec![LAP; 3], places: 4, taken: 4, ..Remains::default() };
    let (stalls, wakes) = (Vec::new(), Vec::new());
    Evidence { promise, lives: lives.to_vec(), remains, stalls, wakes, bound: Duration::from_millis(150) }
}

#[track_caller]
fn finds(promise: Promise, lives: &[Life], faults: &[Fault]) {
    assert_eq!(judge(&evidence(promise, lives)).faults, faults, "{promise:?}");
}

#[track_caller]
fn is_clean(promise: Promise, lives: &[Life]) {
    finds(promise, lives, &[]);
}

#[test]
fn everything_once_and_in_order_is_clean() {
    for promise in ALL {
        let lives =
            [pushed(6, 6), popped(0..3, Hand::Empty), popped(3..6, Hand::Empty), pushed(2, 2), listed([], Hand::Empty)];
        let mut lives = lives.to_vec();
        lives.push(listed([first(id(3, 0)), first(id(3, 1))], Hand::Empty));
        is_clean(promise, &lives);
        assert_eq!(judge(&evidence(promise, &lives)).delivered, 8);
    }
}

#[test]
fn a_lost_message() {
    for promise in ALL {
        for missing in 0..6 {
            let got = (0..6).filter(|number| *number != missing);
            finds(promise, &[pushed(6, 6), popped(got, Hand::Empty)], &[Fault::Lost { id: id(0, missing) }]);
        }
        // Everything that a whole life has pushed.
        finds(promise, &[pushed(6, 6), pushed(1, 1), popped(0..6, Hand::Empty)], &[Fault::Lost { id: id(1, 0) }]);
    }
}

#[test]
fn a_push_under_way_at_a_kill_happened_or_did_not() {
    for promise in ALL {
        for arrived in 2..=5 {
            let lives = [pushed(2, 5), popped(0..arrived, Hand::Empty)];
            is_clean(promise, &lives);
            assert_eq!(judge(&evidence(promise, &lives)).at_death, arrived - 2);
        }
        finds(promise, &[pushed(2, 5), popped(0..6, Hand::Empty)], &[Fault::FromNowhere { id: id(0, 5), consumer: 1 }]);
    }
    // Where there is one order, nothing is published before what precedes it.
    finds(Promise::Total, &[pushed(2, 5), popped([0, 1, 3], Hand::Empty)], &[Fault::Lost { id: id(0, 2) }]);
}

#[test]
fn a_batch_that_is_published_by_one_store_is_there_or_not() {
    for arrived in 2..=5 {
        let batch = Life::Producer(Pushed { done: 2, begun: 5, at_once: true });
        let lives = [batch, popped(0..arrived, Hand::Empty)];
        let split = Fault::Split { author: 0, done: 2, begun: 5 };
        finds(Promise::Total, &lives, if matches!(arrived, 2 | 5) { &[] } else { std::slice::from_ref(&split) });
    }
}

#[test]
fn a_doubled_message() {
    for promise in ALL {
        // To another consumer.
        let lives = [pushed(3, 3), popped([0, 1], Hand::Empty), popped([1, 2], Hand::Empty)];
        finds(promise, &lives, &[Fault::Doubled { id: id(0, 1), times: 2 }]);
    }
    for promise in MANY {
        let lives = [pushed(3, 3), popped([0, 1, 2], Hand::Empty), listed([again(id(0, 2))], Hand::Empty)];
        let faults = judge(&evidence(promise, &lives)).faults;
        assert!(faults.contains(&Fault::Doubled { id: id(0, 2), times: 2 }), "a mark excuses nothing: {faults:?}");
    }
}

#[test]
fn a_torn_message() {
    for promise in ALL {
        let torn = Delivery { id: id(0, 0), again: false, whole: false };
        finds(promise, &[pushed(2, 2), listed([first(id(0, 0)), torn], Hand::Empty)], &[Fault::Torn { consumer: 1 }]);
    }
}

#[test]
fn messages_out_of_order() {
    for promise in MANY {
        finds(
            promise,
            &[pushed(3, 3), popped([0, 2, 1], Hand::Empty)],
            &[Fault::OutOfOrder { id: id(0, 1), after: id(0, 2), consumer: 1 }],
        );
        // Which of two consumers was first nobody knows.
        is_clean(promise, &[pushed(3, 3), popped([2], Hand::Empty), popped([0, 1], Hand::Empty)]);
    }
    // In one order, what comes too early has left something out.
    finds(Promise::Total, &[pushed(3, 3), popped([0, 2, 1], Hand::Empty)], &[Fault::Lost { id: id(0, 1) }]);
    let swapped = [pushed(3, 3), popped([0], Hand::Taking(1)), popped([2, 1], Hand::Empty)];
    finds(Promise::Total, &swapped, &[Fault::OutOfOrder { id: id(0, 1), after: id(0, 2), consumer: 2 }]);
    // And a successor's messages come after its predecessor's.
    let lives = [pushed(1, 1), pushed(1, 1), listed([first(id(1, 0)), first(id(0, 0))], Hand::Empty)];
    finds(Promise::Total, &lives, &[Fault::Lost { id: id(0, 0) }]);
}

#[test]
fn a_pop_under_way_at_a_kill_may_have_taken_its_messages_and_no_others() {
    for promise in ALL {
        is_clean(promise, &[pushed(5, 5), popped([0], Hand::Taking(2)), popped([3, 4], Hand::Empty)]);
        is_clean(promise, &[pushed(5, 5), popped([0], Hand::Taking(2)), popped([2, 3, 4], Hand::Empty)]);
        assert_eq!(judge(&evidence(promise, &[pushed(2, 2), popped([0], Hand::Taking(9))])).gone, 1);
    }
    let lives = [pushed(5, 5), popped([0], Hand::Taking(2)), popped([4], Hand::Empty)];
    finds(Promise::Total, &lives, &[Fault::Lost { id: id(0, 3) }]);
    for promise in MANY {
        finds(promise, &lives, &[Fault::TooManyLost { missing: 3, explained: 2, first: id(0, 1) }]);
    }
    // Between two it is known where they are missing.
    let elsewhere = [pushed(5, 5), popped([0], Hand::Taking(2)), popped([1, 2, 4], Hand::Empty)];
    finds(Promise::Total, &elsewhere, &[Fault::Lost { id: id(0, 3) }]);
    // What two lives took one after the other adds up.
    let two = [pushed(4, 4), popped([0], Hand::Taking(1)), popped([], Hand::Taking(1)), popped([3], Hand::Empty)];
    ALL.into_iter().for_each(|promise| is_clean(promise, &two));
}

#[test]
fn under_a_guard_nothing_goes() {
    for promise in [Promise::Total, Promise::Redelivers] {
        let lost = [Fault::Lost { id: id(0, 1) }];
        for hand in [Hand::Reaching(3), Hand::Holding(vec![id(0, 1)])] {
            finds(promise, &[pushed(3, 3), popped([0], hand), popped([2], Hand::Empty)], &lost);
        }
        let let_go = Hand::LettingGo(vec![id(0, 1)]);
        is_clean(promise, &[pushed(3, 3), popped([0], let_go), popped([2], Hand::Empty)]);
    }
    // Just that one, and no other.
    let let_go = Hand::LettingGo(vec![id(0, 1)]);
    let lives = [pushed(3, 3), popped([0], let_go), popped([1], Hand::Empty)];
    finds(Promise::Total, &lives, &[Fault::Lost { id: id(0, 2) }]);
}

#[test]
fn what_was_held_comes_again_and_is_marked() {
    for hand in [Hand::Holding(vec![id(0, 1)]), Hand::LettingGo(vec![id(0, 1)])] {
        let unmarked = [pushed(3, 3), popped([0], hand.clone()), popped([1, 2], Hand::Empty)];
        is_clean(Promise::Total, &unmarked);
        finds(Promise::Redelivers, &unmarked, &[Fault::Unmarked { id: id(0, 1) }]);
        let marked = [pushed(3, 3), popped([0], hand), listed([first(id(0, 2)), again(id(0, 1))], Hand::Empty)];
        is_clean(Promise::Redelivers, &marked);
        assert_eq!(judge(&evidence(Promise::Redelivers, &marked)).redelivered, 1);
        finds(Promise::Discards, &marked, &[Fault::NotDiscarded { id: id(0, 1) }]);
    }
    let gone = [pushed(3, 3), popped([0], Hand::Holding(vec![id(0, 1)])), popped([2], Hand::Empty)];
    is_clean(Promise::Discards, &gone);
    // Popped, and not noted yet.
    is_clean(
        Promise::Redelivers,
        &[pushed(1, 1), popped([], Hand::Reaching(1)), listed([again(id(0, 0))], Hand::Empty)],
    );
}

#[test]
fn a_mark_that_no_death_explains() {
    let lives = [pushed(2, 2), listed([first(id(0, 0)), again(id(0, 1))], Hand::Empty)];
    finds(Promise::Redelivers, &lives, &[Fault::Marked { marked: 1, explained: 0 }]);
}

#[test]
fn leaks() {
    let found = |change: &dyn Fn(&mut Remains)| {
        let mut evidence = evidence(Promise::Total, &[]);
        change(&mut evidence.remains);
        judge(&evidence).faults
    };
    assert_eq!(found(&|_| {}), []);
    assert_eq!(found(&|remains| remains.taken = 3), [Fault::LeakedPlace { places: 4, taken: 3 }]);
    assert_eq!(found(&|remains| remains.locked = true), [Fault::LeakedLock]);
    let smaller = Lap { room: 8, ..LAP };
    assert_eq!(found(&|remains| remains.laps[1] = smaller), [Fault::LeakedRoom { lap: 2, of: smaller }]);
    let swallowed = Lap { popped: 7, ..LAP };
    assert_eq!(found(&|remains| remains.laps[0] = swallowed), [Fault::LeakedRoom { lap: 1, of: swallowed }]);
    let left = |what: &str| [Fault::Left { what: what.into(), count: 2 }];
    assert_eq!(found(&|remains| remains.files = 2), left("file"));
    assert_eq!(found(&|remains| remains.descriptors = 2), left("descriptor"));
    assert_eq!(found(&|remains| remains.mappings = 2), left("mapping"));
    assert_eq!(found(&|remains| remains.processes = 2), left("process"));
}

#[test]
fn stalls_that_the_machine_does_not_explain() {
    let ms = Duration::from_millis;
    for (wall, machine, is_fault) in [(149, 0, false), (151, 0, true), (400, 260, false), (400, 240, true)] {
        let mut evidence = evidence(Promise::Total, &[]);
        let (side, wall, machine) = (Side::Consumers, ms(wall), ms(machine));
        evidence.stalls.push(Stall { side, wall, machine });
        let stalled = Fault::Stalled { side, wall, machine };
        assert_eq!(judge(&evidence).faults, if is_fault { vec![stalled] } else { vec![] });
    }
}

#[test]
fn sleepers_that_nobody_wakes() {
    for (delays, is_fault) in [([1, 1, 1, 48, 48], false), ([1, 48, 1, 48, 47], true)] {
        let mut evidence = evidence(Promise::Total, &[]);
        let delays: Vec<_> = delays.map(Duration::from_millis).into();
        evidence.wakes.push(Wakes { side: Side::Producers, delays });
        let found = judge(&evidence).faults;
        assert_eq!(matches!(found[..], [Fault::NotWoken { side: Side::Producers, .. }]), is_fault, "{found:?}");
    }
}
