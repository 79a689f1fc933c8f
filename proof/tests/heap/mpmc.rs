//! Elements between many, some of whom die.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use crate::heap::mpmc::{Element, Handle, Ring, Sleepers, element};
use crate::kernel::Futex;
use crate::protocol::event::{self, Sleeper};
use crate::protocol::mpmc::sleepers::{self, Beds};
use crate::protocol::mpmc::{Consumer, Policy, Popped, Producer, Pushed, Recovered, Side, recovery};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::{MESSAGES, wait_a_little};

/// Makes sure that nothing is torn, and that this consumer has got each producer's elements in their order.
fn check(found: &[Element]) {
    for found in found {
        assert_eq!(*found, element(found[0], found[1]), "torn");
    }
    for who in 0..2 {
        let numbers = found.iter().filter(|found| found[0] == who).map(|found| found[1]);
        assert!(numbers.is_sorted(), "overtaken");
    }
}

/// Runs two producers and two consumers, each in a thread, until all elements are delivered, each exactly once.
fn two_and_two(
    ring: &Arc<Ring>,
    push: fn(&mut Producer<Handle>, who: u64, each: u64),
    pop: fn(&mut Consumer<Handle>, found: &mut Vec<Element>) -> u64,
) {
    let each = MESSAGES / 2;
    let popped = Arc::new(AtomicU64::new(0));
    let producers = [0, 1].map(|line| {
        let mut tx = ring.producer(line);
        thread::spawn(move || push(&mut tx, line.into(), each))
    });
    let consumers = [2, 3].map(|line| {
        let (mut rx, popped) = (ring.consumer(line), Arc::clone(&popped));
        thread::spawn(move || {
            let mut mine = Vec::new();
            while popped.load(Ordering::Relaxed) < 2 * each {
                let count = pop(&mut rx, &mut mine);
                popped.fetch_add(count, Ordering::Relaxed);
                if count == 0 {
                    wait_a_little();
                }
            }
            mine
        })
    });
    for producer in producers {
        producer.join().unwrap();
    }
    let mut all = Vec::new();
    for consumer in consumers {
        let mine = consumer.join().unwrap();
        check(&mine);
        all.extend(mine.iter().map(|found| (found[0], found[1])));
    }
    all.sort_unstable();
    let expected = (0..2).flat_map(|who| (0..each).map(move |number| (who, number)));
    assert!(all.into_iter().eq(expected), "lost or doubled");
}

#[test]
fn two_and_two_pass_on_everything_once() {
    two_and_two(
        &Ring::new(4, 4, Policy::Redeliver),
        |tx, who, each| {
            for number in 0..each {
                while !matches!(tx.try_push(element(who, number)).expect("sound words"), Pushed::At(..)) {
                    wait_a_little();
                }
            }
        },
        |rx, found| match rx.try_claim().expect("sound words") {
            Popped::At(p, element) => {
                rx.free(p);
                found.push(element);
                1
            }
            Popped::Empty | Popped::Pending => 0,
        },
    );
}

#[test]
fn batches_of_all_sizes() {
    two_and_two(
        &Ring::new(8, 4, Policy::Redeliver),
        |tx, who, each| {
            let mut random = fastrand::Rng::with_seed(who);
            let mut pushed = 0;
            while pushed < each {
                let most = random.u64(1..=9).min(each - pushed);
                let batch: Vec<Element> = (pushed..pushed + most).map(|number| element(who, number)).collect();
                match tx.try_push_slice(&batch).expect("sound words") {
                    Pushed::At(_, count) => pushed += count,
                    Pushed::Full | Pushed::Pending => wait_a_little(),
                }
            }
        },
        |rx, found| {
            let mut batch = [[0; 3]; 9];
            let most = found.len() % 9 + 1;
            match rx.try_pop_slice(&mut batch[..most]).expect("sound words") {
                Popped::At(_, popped) => {
                    found.extend(&batch[..popped.elements]);
                    popped.elements as u64
                }
                Popped::Empty | Popped::Pending => 0,
            }
        },
    );
}

/// The next element: of a dead consumer, if there is none else.
fn pop_or_recover(rx: &mut Consumer<Handle>, attachment: u16) -> Option<Element> {
    if let Popped::At(p, element) = rx.try_claim().expect("sound words") {
        rx.free(p);
        return Some(element);
    }
    let (mut orphan, mut recovered) = (None, Recovered::default());
    let (memory, geometry) = (rx.memory().clone(), rx.geometry());
    let _ = recovery(&memory, geometry, &memory, Policy::Redeliver).run(0, &mut recovered, |seen| {
        orphan = Some(seen);
        ControlFlow::Break(())
    });
    let orphan = orphan?;
    let element = rx.take(orphan, attachment)?;
    rx.free_taken(orphan.position);
    Some(element)
}

/// A consumer dies with a message, and another delivers it.
#[test]
fn what_the_dead_have_left_is_delivered_by_others() {
    let ring = Ring::new(4, 4, Policy::Redeliver);
    for turn in 0..MESSAGES / 50 {
        let numbers = [2 * turn, 2 * turn + 1];
        let mut tx = ring.producer(0);
        for number in numbers {
            assert!(matches!(tx.try_push(element(0, number)), Ok(Pushed::At(..))));
        }
        let victim = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut victim = ring.consumer(2);
                // Whatever it has got, it holds for ever.
                victim.try_claim().expect("sound words");
                ring.dies(2);
            })
        };
        let survivor = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut survivor = ring.consumer(3);
                let mut found = Vec::new();
                while found.len() < numbers.len() {
                    match pop_or_recover(&mut survivor, turn as u16 + 2) {
                        Some(element) => found.push(element),
                        None => wait_a_little(),
                    }
                }
                ring.dies(3);
                found
            })
        };
        victim.join().unwrap();
        let mut found = survivor.join().unwrap();
        found.sort_unstable();
        assert_eq!(found, numbers.map(|number| element(0, number)));
        ring.dies(0);
    }
}

struct Until<'a, F> {
    beds: Sleepers<'a>,
    line: u32,
    reached: F,
}

impl<F: FnMut() -> bool> Sleeper<Futex> for Until<'_, F> {
    type Outcome = ();

    fn word(&self) -> &AtomicU32 {
        self.beds.asleep(self.line)
    }

    fn announce(&self) {
        sleepers::announce(&self.beds, self.line);
    }

    fn retract(&self) {
        let _ = sleepers::retract(&self.beds, self.line);
    }

    fn poll(&mut self) -> Option<()> {
        (self.reached)().then_some(())
    }

    fn look(&mut self) -> ControlFlow<()> {
        if (self.reached)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// One on each side, so that nobody has to pass a choice on.
#[test]
fn sleepers_are_woken() {
    let (ring, futex) = (Ring::new(1, 2, Policy::Redeliver), Arc::new(Futex::default()));
    let (mut tx, mut rx) = (ring.producer(0), ring.consumer(1));
    let messages = MESSAGES / 10;
    let producer = {
        let futex = Arc::clone(&futex);
        thread::spawn(move || {
            for number in 0..messages {
                let p = loop {
                    match tx.try_push(element(0, number)).expect("sound words") {
                        Pushed::At(p, _) => break p,
                        Pushed::Full | Pushed::Pending => {
                            let beds = Sleepers(tx.memory(), Side::Producer);
                            event::park(&mut Until { beds, line: 0, reached: || !tx.is_blocked() }, &*futex);
                        }
                    }
                };
                let beds = Sleepers(tx.memory(), Side::Consumer);
                if sleepers::someone_sleeps(beds.mask(), &*futex) {
                    sleepers::wake_for_each(&beds, &*futex, p, 1, |p| tx.is_published(p));
                }
            }
        })
    };
    for number in 0..messages {
        let p = loop {
            match rx.try_claim().expect("sound words") {
                Popped::At(p, found) => {
                    assert_eq!(found, element(0, number));
                    break p;
                }
                Popped::Empty | Popped::Pending => {
                    let beds = Sleepers(rx.memory(), Side::Consumer);
                    event::park(&mut Until { beds, line: 1, reached: || !rx.is_blocked() }, &*futex);
                }
            }
        };
        rx.free(p);
        let beds = Sleepers(rx.memory(), Side::Producer);
        if sleepers::someone_sleeps(beds.mask(), &*futex) {
            sleepers::wake_for_each(&beds, &*futex, p + ring.geometry.slots(), 1, |p| rx.is_free(p));
        }
    }
    producer.join().unwrap();
}
