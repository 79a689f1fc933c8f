//! Two places: a dead consumer's goes, with what it held, to the next consumer and to nobody else, thousands of times.

use std::collections::VecDeque;
use std::mem;

use rondel::SegmentError;
use rondel::mpmc::{Consumer, PopGuard, Ring, TryPopError};

use crate::child::{Task, end_with_the_parent, start, tell};
use crate::forking::fork;
use crate::place::{FIRST_STAMP, HEAD, NEVER, Shape, TAIL, attach, drain, is_whole, said};
use crate::scratch::{Directory, Message, Random};
use crate::stepped::Stepped;

const ROUNDS: u64 = 3_000;
const CAPACITY: u64 = 8;
/// How a consumer's life may end: see [`live`].
const WAYS: u64 = 7;

#[test]
fn a_place_passes_from_dead_to_living_with_what_it_holds() {
    let directory = Directory::new("places");
    let ring = directory.create(Shape::new(CAPACITY as usize, 2));
    let mut child = start("hold-guards", directory.path(), &[]);
    println!("{}", child.hear());
    child.succeed();
    is_whole(&ring);
}

/// What the next consumer will find, in this order.
#[derive(Default)]
struct Expected {
    /// Held by a dead one.
    orphans: VecDeque<u64>,
    /// In the ring.
    fresh: VecDeque<u64>,
}

/// Pushes, and forks one consumer after another, each of which takes the dead one's place, finds what is expected, and ends in its way.
pub(crate) fn child_hold_guards(task: &Task) {
    let ring = attach(&task.path);
    let mut tx = ring.producer().expect("free");
    let mut random = Random::seeded("places");
    let mut expected = Expected::default();
    let (mut next, mut kills, mut redelivered) = (0, 0, 0);
    for round in 0..ROUNDS {
        while expected.orphans.len() + expected.fresh.len() < CAPACITY as usize && tx.try_push(said(0, next)).is_ok() {
            expected.fresh.push_back(next);
            next += 1;
        }
        let way = random.below(WAYS);
        let pid = fork(|| {
            end_with_the_parent();
            live(&ring, way, &expected);
        });
        let mut status = 0;
        // SAFETY: `status` is alive; the process is our child.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        let killed = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL;
        assert!(killed != (way == 3 || way == 6) && (killed || status == 0), "round {round}, way {way}: {status:#x}");
        kills += u64::from(killed);
        redelivered += expected.pass(way);
        if expected.orphans.is_empty() {
            drop(ring.producer().expect("nothing is held in the other place"));
        } else {
            let refused =
                ring.producer().map(drop).expect_err("the place holds a message, which a producer cannot deliver");
            assert!(matches!(refused, SegmentError::TableFull { ref holders } if !holders[1].alive), "{refused}");
        }
    }
    let mut rx = ring.consumer().expect("the last one's place");
    for (found, again) in drain(&mut rx) {
        let number = if again { expected.orphans.pop_front() } else { expected.fresh.pop_front() };
        assert_eq!(Some(found), number.map(|number| said(0, number)));
    }
    assert!(expected.orphans.is_empty() && expected.fresh.is_empty(), "lost");
    tell(format!("{next} messages, {kills} kills in one place, {redelivered} redelivered"));
}

/// A consumer's life. It ends by a kill but in ways 3 and 6.
fn live(ring: &Ring<Message>, way: u64, expected: &Expected) {
    let mut rx = ring.consumer().expect("the dead one's place");
    assert_eq!(rx.participant(), 1);
    let mut expected = Expected { orphans: expected.orphans.clone(), fresh: expected.fresh.clone() };
    match way {
        // Before it was given anything.
        0 => {}
        // Under the guard of the first.
        1 => mem::forget(guard(&mut rx, &mut expected)),
        // Under the guard of the second.
        2 => {
            drop(guard(&mut rx, &mut expected));
            mem::forget(guard(&mut rx, &mut expected));
        }
        // It closes after the first.
        3 => return drop(guard(&mut rx, &mut expected)),
        // After all that is redelivered.
        4 => {
            while !expected.orphans.is_empty() {
                drop(guard(&mut rx, &mut expected));
            }
        }
        // It closes before it was given anything.
        6 => return drop(rx),
        // After all there is.
        _ => {
            while expected.orphans.len() + expected.fresh.len() > 0 {
                drop(guard(&mut rx, &mut expected));
            }
            assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
        }
    }
    // SAFETY: a signal to oneself; nothing after it is run, no handle is dropped.
    unsafe { libc::raise(libc::SIGKILL) };
    unreachable!("killed");
}

fn guard<'a>(rx: &'a mut Consumer<Message>, expected: &mut Expected) -> PopGuard<'a, Message> {
    let (number, redelivered) = match expected.orphans.pop_front() {
        Some(number) => (number, true),
        None => (expected.fresh.pop_front().expect("there is something"), false),
    };
    let guard = rx.pop_guard_timeout(NEVER).expect("there is something");
    assert_eq!((*guard, guard.is_redelivered()), (said(0, number), redelivered));
    guard
}

impl Expected {
    /// What is left by a consumer that has ended this way; how many it was given again.
    fn pass(&mut self, way: u64) -> u64 {
        let before = self.orphans.len();
        let given = match way {
            0 | 6 => 0,
            1 | 3 => 1,
            2 => 2,
            4 => before,
            _ => before + self.fresh.len(),
        };
        let let_go = if way == 1 || way == 2 { given - 1 } else { given };
        let mut all: VecDeque<u64> = self.orphans.drain(..).chain(self.fresh.drain(..)).collect();
        self.fresh = all.split_off(given.max(before).min(all.len()));
        self.orphans = all.split_off(let_go);
        given.min(before) as u64
    }
}

#[test]
fn a_successor_consumer_is_given_what_its_predecessor_had_before_anything_else() {
    let directory = Directory::new("places-heir");
    let ring = directory.create(Shape::new(CAPACITY as usize, 2));
    let mut tx = ring.producer().expect("free");
    (0..6).for_each(|number| tx.push(said(0, number)).expect("room"));
    let mut victim = Stepped::start("pop-slice", &directory, &ring);
    victim.change_of(&ring, HEAD);
    victim.kill();
    let refused = ring.producer().map(drop).expect_err("three messages are in that place");
    assert!(matches!(refused, SegmentError::TableFull { .. }), "{refused}");
    let mut heir = ring.consumer().expect("the dead one's place");
    assert!(ring.producer().is_err() && ring.consumer().is_err());
    for number in 0..3 {
        assert_eq!((heir.try_pop(), heir.redelivered()), (Ok(said(0, number)), true));
    }
    let mut batch = [[0; 2]; 8];
    assert_eq!((heir.try_pop_slice(&mut batch), heir.redelivered()), (Ok(3), false));
    assert_eq!(batch[..3], [3, 4, 5].map(|number| said(0, number)));
    drop((tx, heir));
    is_whole(&ring);
}

/// A consumer that stands behind having taken over the first message, from one that was killed with it in its hands.
fn taker_of_the_first(directory: &Directory, ring: &Ring<Message>) -> Stepped {
    let mut first = Stepped::start("guard", directory, ring);
    first.change_of(ring, HEAD);
    first.kill();
    let mut taker = Stepped::start("recover", directory, ring);
    taker.change_of(ring, FIRST_STAMP);
    taker
}

/// The taker of a dead consumer's message dies, after the place of the first one has got a new holder, whose line says nothing of it.
#[test]
fn a_message_is_followed_to_its_taker() {
    let directory = Directory::new("places-taker");
    let ring = directory.create(Shape::new(CAPACITY as usize, 4));
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    tx.push(said(0, 0)).expect("room");
    let taker = taker_of_the_first(&directory, &ring);
    let mut successor = ring.consumer().expect("the first one's place");
    assert_eq!(successor.try_pop(), Err(TryPopError::Empty), "it is held by one who lives");
    taker.kill();
    assert_eq!(rx.pop_timeout(NEVER), Ok(said(0, 0)));
    assert!(rx.redelivered());
    drop((tx, rx, successor));
    is_whole(&ring);
}

/// Two dead ones have the same message in their lines: it is one message still.
#[test]
fn a_message_whose_taker_died_too_is_counted_once() {
    let directory = Directory::new("places-counted");
    let ring = directory.create(Shape::new(CAPACITY as usize, 4));
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    tx.push(said(0, 0)).expect("room");
    let taker = taker_of_the_first(&directory, &ring);
    taker.kill();
    assert_eq!(rx.recover().expect("intact").to_redeliver, 1);
    assert_eq!((rx.try_pop(), rx.redelivered()), (Ok(said(0, 0)), true));
    assert_eq!(rx.recover().expect("intact").to_redeliver, 0);
    drop((tx, rx));
    is_whole(&ring);
}

/// A producer whose claim was not published: the next holder of its place settles that, on whichever side it is.
#[test]
fn a_successor_skips_what_its_predecessor_had_not_published() {
    for side in ["producer", "consumer"] {
        let directory = Directory::new(&format!("places-skip-{side}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 2));
        let mut tx = ring.producer().expect("free");
        let mut victim = Stepped::start("push-slice", &directory, &ring);
        victim.change_of(&ring, TAIL);
        victim.kill();
        tx.push(said(0, 0)).expect("room");
        if side == "producer" {
            drop(ring.producer().expect("the dead one's place"));
        }
        let mut rx = ring.consumer().expect("the dead one's place");
        assert_eq!(rx.try_pop(), Ok(said(0, 0)), "what was claimed is skipped");
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
        drop((tx, rx));
        is_whole(&ring);
    }
}
