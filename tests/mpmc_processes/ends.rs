//! What one is told when the other side has gone, by processes that close and processes that are killed.

use std::time::Duration;

use rondel::mpmc::{PopError, PopTimeoutError, PushError, PushTimeoutError, Ring, TryPopError, TryPushError};
use rondel::segment::RoleState;

use crate::child::{Running, Task, start, tell, wait_for_parent};
use crate::place::{HEAD, NEVER, Shape, attach, by, is_whole, said};
use crate::scratch::{Directory, Message, STRATEGIES, within};
use crate::stepped::Stepped;

const CAPACITY: u64 = 8;
/// Many times the slice after which a blocked handle looks for the dead.
const LONG: Duration = Duration::from_millis(250);

/// Attaches, does as much as it is told, says so, and waits to be killed, or to be told to end in good order. Words: the side, who it
/// is, and how many messages it pushes or pops.
pub(crate) fn child_attach_and_wait(task: &Task) {
    let ring = attach(&task.path);
    let count = task.number(2);
    if task.word(0) == "producer" {
        let mut tx = ring.producer().expect("free");
        (0..count).for_each(|number| tx.push(said(task.number(1), number)).expect("room"));
        tell("ready");
        wait_for_parent();
    } else {
        let mut rx = ring.consumer().expect("free");
        for _ in 0..count {
            by(rx.pop().expect("something"));
        }
        tell("ready");
        wait_for_parent();
    }
}

fn peer(directory: &Directory, side: &str, who: u64, count: u64) -> Running {
    let mut child = start("attach-and-wait", directory.path(), &[side, &who.to_string(), &count.to_string()]);
    child.expect("ready");
    child
}

/// Ends the children, each by closing or by a kill.
fn end(children: Vec<Running>, closing: &[bool]) {
    for (child, closing) in children.into_iter().zip(closing) {
        if *closing { child.succeed() } else { child.kill() }
    }
}

/// In which order two of them close or are killed, and whether that is to be told as a death.
const ENDS: [([bool; 2], bool); 4] =
    [([true, true], false), ([true, false], true), ([false, true], true), ([false, false], true)];

#[test]
fn consumers_are_told_how_the_producers_ended_when_the_ring_is_drained() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("ends-producers-{strategy}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let mut rx = ring.consumer().expect("free");
        rx.set_wait(wait);
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty), "there was none yet");
        assert_eq!(rx.pop_timeout(LONG / 5), Err(PopTimeoutError::Timeout), "there was none yet");
        for (closing, dead) in ENDS {
            let children = [1, 2].map(|who| peer(&directory, "producer", who, 3));
            within(NEVER, "what they had pushed", || {
                end(children.into(), &closing);
                let popped: Vec<_> = (0..6).map(|_| by(rx.pop().expect("drained first"))).collect();
                for who in [1, 2] {
                    assert_eq!(popped.iter().filter(|(author, _)| *author == who).count(), 3, "{popped:?}");
                }
                let (told, at_once) = match dead {
                    true => (PopError::Dead, TryPopError::Empty),
                    false => (PopError::Closed, TryPopError::Closed),
                };
                assert_eq!(rx.try_pop(), Err(at_once), "{closing:?}");
                assert_eq!(rx.pop(), Err(told), "{closing:?}");
                assert_eq!(rx.pop_slice(&mut [[0; 2]; 2]), Err(told), "{closing:?}");
                assert_eq!(rx.pop_guard().map(|guard| *guard), Err(told), "{closing:?}");
            });
            // Not final.
            let another = peer(&directory, "producer", 3, 1);
            assert_eq!(rx.pop(), Ok(said(3, 0)));
            another.succeed();
        }
    }
}

#[test]
fn producers_are_told_how_the_consumers_ended_when_the_ring_is_full() {
    for (strategy, wait) in STRATEGIES {
        let directory = Directory::new(&format!("ends-consumers-{strategy}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let mut tx = ring.producer().expect("free");
        tx.set_wait(wait);
        let next = said(0, 0);
        let mut fill = || {
            within(NEVER, "filling", || {
                loop {
                    match tx.push_timeout(next, LONG / 5) {
                        Ok(()) => {}
                        Err(refused) => break refused,
                    }
                }
            })
        };
        assert_eq!(fill(), PushTimeoutError::Timeout(next), "there was none yet");
        for (closing, dead) in ENDS {
            let children = [1, 2].map(|who| peer(&directory, "consumer", who, 3));
            end(children.into(), &closing);
            let (told, at_once, limited) = match dead {
                true => (PushError::Dead(next), TryPushError::Full(next), PushTimeoutError::Dead(next)),
                false => (PushError::Closed(next), TryPushError::Closed(next), PushTimeoutError::Closed(next)),
            };
            assert_eq!(fill(), limited, "{closing:?}");
            within(NEVER, "being told", || {
                let mut tx = ring.producer().expect("free");
                tx.set_wait(wait);
                assert_eq!(tx.try_push(next), Err(at_once), "{closing:?}");
                assert_eq!(tx.push(next), Err(told), "{closing:?}");
                let error = tx.push_slice(&[next; 2]).expect_err("it is full");
                assert_eq!((error.pushed, error.cause.with_element(next)), (0, limited));
            });
            // Not final. (One was killed, and its place has not been taken since: that is still said.)
            peer(&directory, "consumer", 3, 2).succeed();
            assert_eq!(fill(), limited);
        }
    }
}

/// The same cause, with an element.
trait WithElement {
    fn with_element(self, element: Message) -> PushTimeoutError<Message>;
}

impl WithElement for PushTimeoutError<()> {
    fn with_element(self, element: Message) -> PushTimeoutError<Message> {
        match self {
            PushTimeoutError::Timeout(()) => PushTimeoutError::Timeout(element),
            PushTimeoutError::Closed(()) => PushTimeoutError::Closed(element),
            PushTimeoutError::Dead(()) => PushTimeoutError::Dead(element),
            PushTimeoutError::Failed((), fault) => PushTimeoutError::Failed(element, fault),
        }
    }
}

/// Where they come and go, nobody is told that they have gone.
#[test]
fn a_ring_that_does_not_end_is_waited_for() {
    for closing in [true, false] {
        let directory = Directory::new(&format!("ends-never-{closing}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4).unending());
        let mut rx = ring.consumer().expect("free");
        end(vec![peer(&directory, "producer", 1, 1)], &[closing]);
        assert_eq!(rx.pop(), Ok(said(1, 0)));
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
        assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout));
        drop(rx);
        let mut tx = ring.producer().expect("free");
        end(vec![peer(&directory, "consumer", 1, 0)], &[closing]);
        (0..CAPACITY).for_each(|number| tx.push(said(0, number)).expect("room"));
        let next = said(0, CAPACITY);
        assert_eq!(tx.try_push(next), Err(TryPushError::Full(next)));
        assert_eq!(tx.push_timeout(next, LONG), Err(PushTimeoutError::Timeout(next)));
        within(NEVER, "another one", || {
            let child = peer(&directory, "consumer", 2, 1);
            assert_eq!(tx.push(next), Ok(()));
            child.succeed();
        });
    }
}

/// A consumer under a guard is killed: its message comes before the end is told, whoever tells it.
fn with_an_orphan(directory: &Directory, ring: &Ring<Message>, count: u64) -> Running {
    let producer = peer(directory, "producer", 1, count);
    let mut victim = Stepped::start("guard", directory, ring);
    victim.change_of(ring, HEAD);
    victim.kill();
    producer
}

#[test]
fn what_a_dead_consumer_had_is_delivered_before_the_end_is_told() {
    for (strategy, wait) in STRATEGIES {
        for closing in [true, false] {
            let directory = Directory::new(&format!("ends-orphan-{strategy}-{closing}"));
            let ring = directory.create(Shape::new(CAPACITY as usize, 4));
            let mut rx = ring.consumer().expect("free");
            rx.set_wait(wait);
            let producer = with_an_orphan(&directory, &ring, 3);
            end(vec![producer], &[closing]);
            within(NEVER, "an orphan", || {
                let told = if closing { PopError::Closed } else { PopError::Dead };
                let popped: Vec<_> = (0..3).map(|_| (rx.pop().expect("left"), rx.redelivered())).collect();
                assert_eq!(popped, [(said(1, 1), false), (said(1, 2), false), (said(1, 0), true)], "{strategy}");
                assert_eq!(rx.pop(), Err(told));
            });
            drop(rx);
            is_whole(&ring);
        }
    }
}

/// Also for those who never wait.
#[test]
fn a_poll_is_not_told_the_end_before_it_was_given_what_a_dead_consumer_had() {
    let directory = Directory::new("ends-orphan-poll");
    let ring = directory.create(Shape::new(CAPACITY as usize, 4));
    let mut rx = ring.consumer().expect("free");
    with_an_orphan(&directory, &ring, 1).succeed();
    assert_eq!((rx.try_pop(), rx.redelivered()), (Ok(said(1, 0)), true));
    assert_eq!(rx.try_pop(), Err(TryPopError::Closed));

    let directory = Directory::new("ends-orphan-poll-slice");
    let ring = directory.create(Shape::new(CAPACITY as usize, 4));
    let mut rx = ring.consumer().expect("free");
    with_an_orphan(&directory, &ring, 2).succeed();
    let mut batch = [[0; 2]; 4];
    assert_eq!(rx.try_pop_slice(&mut batch), Ok(1));
    assert_eq!((batch[0], rx.redelivered()), (said(1, 1), false));
    assert_eq!(rx.try_pop_slice(&mut batch), Ok(1));
    assert_eq!((batch[0], rx.redelivered()), (said(1, 0), true));
    assert_eq!(rx.try_pop_slice(&mut batch), Err(TryPopError::Closed));
}

/// The last one is killed when its place says that it has closed, and the count of changes, by which the others know of it, does not.
#[test]
fn a_close_that_was_cut_short_is_a_close() {
    const MOMENT: Duration = Duration::from_millis(1);
    for (strategy, wait) in STRATEGIES {
        let cut_short = |side: &str, ring: &Ring<Message>, directory: &Directory, look: &mut dyn FnMut()| {
            let mut victim = Stepped::start(&format!("close-{side}"), directory, ring);
            // Whoever is left sees that there is one.
            look();
            while ring.participants()[1].state == RoleState::Attached {
                assert!(victim.change(), "it closes");
            }
            assert!(ring.participants()[1].alive, "it is not done");
            victim.kill();
        };
        let directory = Directory::new(&format!("ends-cut-short-{strategy}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let mut rx = ring.consumer().expect("free");
        rx.set_wait(wait);
        cut_short("producer", &ring, &directory, &mut || {
            assert_eq!(rx.pop_timeout(MOMENT), Err(PopTimeoutError::Timeout));
        });
        assert_eq!(rx.pop_timeout(NEVER), Err(PopTimeoutError::Closed), "{strategy}");
        drop(rx);

        let directory = Directory::new(&format!("ends-cut-short-full-{strategy}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let mut tx = ring.producer().expect("free");
        tx.set_wait(wait);
        (0..CAPACITY).for_each(|number| tx.push(said(0, number)).expect("room"));
        cut_short("consumer", &ring, &directory, &mut || {
            assert_eq!(tx.push_timeout(said(0, 0), MOMENT), Err(PushTimeoutError::Timeout(said(0, 0))));
        });
        assert_eq!(tx.push_timeout(said(0, 0), NEVER), Err(PushTimeoutError::Closed(said(0, 0))), "{strategy}");
    }
}
