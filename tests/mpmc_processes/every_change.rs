//! A kill at every instruction that changes the segment, and survivors that are blocked by it.
//!
//! A child carries out one operation under ptrace(2), an instruction at a time, and is killed after its n-th change of the segment, for
//! every n. Two survivors, a producer on a ring that is or becomes full and a consumer, go on, and what they find has to be what
//! is promised for that very instruction. The recoverer of one that was killed before is such a child, too.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rondel::Wait;
use rondel::mpmc::{OnConsumerDeath, Ring};

use crate::child::{Task, tell, wait_for_parent};
use crate::place::{NEVER, Shape, attach, by, drain, is_whole, said};
use crate::scratch::{Directory, Message, Random, STRATEGIES, within};
use crate::stepped::Stepped;
use crate::survivors::{Deliveries, Manner, live_through};
use crate::traced::{begin, stop_here};

const CAPACITY: u64 = 4;
/// How many messages the surviving producer pushes: twice around the ring.
const MORE: u64 = 2 * CAPACITY;
/// Who the victim is in its messages.
const VICTIM: u64 = 1;
/// No operation makes nearly as many changes.
const MOST_CHANGES: u64 = 200;
/// Longer than a slice of sleep, so that the kill falls anywhere in it.
const LONGEST_MOMENT_MICROS: u64 = 60_000;

/// What the victim's operation may do to the messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// So many of its own are pushed.
    Pushes(u64),
    /// So many of the ring's are claimed at once, and let go of.
    Pops(u64),
    /// One that a dead consumer holds changes hands, and nothing else happens.
    Inherits,
    /// The same, and in the end it is delivered to the victim.
    Recovers,
    Nothing,
}

struct Operation {
    name: &'static str,
    effect: Effect,
    /// Those who were killed before it begins: their operations, and after how many changes.
    dead: &'static [(&'static str, u64)],
    places: u32,
    /// Messages that are in the ring before.
    filled: u64,
    /// They were pushed behind what the dead had claimed, and not before.
    behind: bool,
}

impl Operation {
    const fn new(name: &'static str, effect: Effect) -> Self {
        let filled = if let Effect::Pushes(_) = effect { 0 } else { CAPACITY };
        Self { name, effect, dead: &[], places: 4, filled, behind: false }
    }

    /// What the operation answers if it is let to its end.
    fn answer(&self) -> &'static str {
        match self.name {
            "push-slice" | "pop-slice" => "Ok(3)",
            "skip-slice" => "Ok(2)",
            "sleep" => "Err(Timeout)",
            _ => "Ok(())",
        }
    }

    /// After a producer that has claimed the ring's first position, which is skipped.
    const fn behind_a_gap(name: &'static str, popped: u64) -> Self {
        Self { dead: &[("push", 2)], places: 6, filled: 2, behind: true, ..Self::new(name, Effect::Pops(popped)) }
    }

    /// After a producer that has claimed a position, in the only place that is left.
    const fn of_a_successor(name: &'static str) -> Self {
        Self { dead: &[("push", 2)], places: 3, filled: CAPACITY - 2, ..Self::new(name, Effect::Nothing) }
    }

    /// After a consumer that holds the first message, in the only place that is left.
    const fn of_an_heir(name: &'static str) -> Self {
        Self { dead: &[("guard", 2)], places: 3, ..Self::new(name, Effect::Inherits) }
    }
}

/// The longest that a survivor stood still after a kill, in any of the tests; and the kills.
static LONGEST_NANOS: AtomicU64 = AtomicU64::new(0);
static KILLS: AtomicU64 = AtomicU64::new(0);

/// What a kill has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    /// Of the victim's own messages, those that arrived.
    pushed: u64,
    /// Of those that were in the ring before: gone with the victim …
    missing: u64,
    /// … and delivered as something that was perhaps delivered before.
    redelivered: u64,
}

fn judge(operation: &Operation, deliveries: &Deliveries) -> Left {
    let mut left = Left { pushed: 0, missing: 0, redelivered: 0 };
    let mut times = vec![0; (operation.filled + MORE) as usize];
    let mut next = 0;
    for &(found, redelivered) in deliveries {
        let (author, number) = by(found);
        if author == VICTIM {
            assert_eq!((number, redelivered), (left.pushed, false), "the victim's, in order, and once");
            left.pushed += 1;
            continue;
        }
        times[number as usize] += 1;
        if redelivered {
            left.redelivered += 1;
        } else {
            assert!(number >= next, "{number} after {next}");
            next = number + 1;
        }
    }
    assert!(times.iter().all(|&times| times <= 1), "delivered twice, to those who live: {times:?}");
    left.missing = times.iter().filter(|&&times| times == 0).count() as u64;
    assert!(
        times[operation.filled as usize..].iter().all(|&times| times == 1),
        "lost, though nobody had it: {times:?}"
    );
    left
}

/// Makes the ring and those who are dead from the beginning, and takes the victim to its n-th change. False if there is none.
fn kill_at(
    operation: &Operation,
    policy: OnConsumerDeath,
    changes: u64,
    skipped: u64,
    random: &mut Random,
) -> (Left, bool) {
    let directory = Directory::new(&format!("change-{}-{policy:?}", operation.name));
    let ring = directory.create(Shape { policy, ..Shape::new(CAPACITY as usize, operation.places) });
    let mut tx = ring.producer().expect("free");
    let mut rx = ring.consumer().expect("free");
    let (_, wait) = STRATEGIES[changes as usize % STRATEGIES.len()];
    tx.set_wait(wait);
    rx.set_wait(wait);
    let mut fill = || (0..operation.filled).for_each(|number| tx.push(said(0, number)).expect("room"));
    if !operation.behind {
        fill();
    }
    for &(name, changes) in operation.dead {
        let mut dead = Stepped::start(name, &directory, &ring);
        (0..changes).for_each(|_| assert!(dead.change()));
        dead.kill();
    }
    if operation.behind {
        fill();
    }
    let mut victim = Stepped::start(operation.name, &directory, &ring);
    victim.skip_calls(skipped);
    let reached = (0..changes).all(|_| victim.change());
    if !reached {
        assert_eq!(victim.said(), operation.answer(), "{}", operation.name);
    }
    let manner = Manner::number(random.below(3));
    let moment = Duration::from_micros(random.below(LONGEST_MOMENT_MICROS));
    let numbers = operation.filled..operation.filled + MORE;
    let (mut deliveries, delay) = live_through(&mut tx, &mut rx, numbers, manner, moment, || victim.kill());
    deliveries.extend(drain(&mut rx));
    LONGEST_NANOS.fetch_max(delay.as_nanos() as u64, SeqCst);
    KILLS.fetch_add(1 + operation.dead.len() as u64, SeqCst);
    let left = judge(operation, &deliveries);
    drop((tx, rx));
    is_whole(&ring);
    (left, reached)
}

fn kill_everywhere(operation: &Operation, policy: OnConsumerDeath) {
    let what = format!("{}, {policy:?}", operation.name);
    let mut random = Random::seeded(&what);
    let skipped = if operation.name.starts_with("attach") { calls_to_skip(operation, policy) } else { 0 };
    let mut history: Vec<Left> = Vec::new();
    for changes in 0..MOST_CHANGES {
        let (left, reached) =
            within(Duration::from_secs(60), &what, || kill_at(operation, policy, changes, skipped, &mut random));
        history.push(left);
        if !reached {
            break;
        }
    }
    assert!(history.len() > 2 && history.len() < MOST_CHANGES as usize, "{} changes", history.len());
    for (changes, left) in history.iter().enumerate() {
        check(operation, policy, *left, &format!("{what}, after {changes} changes: {left:?}"));
    }
    for pair in history.windows(2) {
        let steps = pair[0].pushed <= pair[1].pushed && pair[0].missing <= pair[1].missing;
        assert!(steps, "{what}: something is taken back: {history:?}");
    }
    let (first, last) = (history[0], history[history.len() - 1]);
    match operation.effect {
        Effect::Pushes(most) => assert_eq!((first.pushed, last.pushed), (0, most), "{what}"),
        Effect::Pops(most) => {
            assert_eq!((first.missing, last.missing), (0, most), "{what}");
            let redelivered = history.iter().any(|left| left.redelivered == most);
            assert_eq!(redelivered, policy == OnConsumerDeath::Redeliver, "{what}: {history:?}");
        }
        Effect::Recovers => assert_eq!(last.missing, 1, "{what}"),
        Effect::Inherits | Effect::Nothing => {}
    }
    let longest = Duration::from_nanos(LONGEST_NANOS.load(SeqCst));
    let kills = KILLS.load(SeqCst);
    println!("{what}: {} states; so far {kills} kills, longest delay {longest:?}", history.len());
}

fn check(operation: &Operation, policy: OnConsumerDeath, left: Left, what: &str) {
    let gone = left.missing + left.redelivered;
    if policy == OnConsumerDeath::Discard {
        assert_eq!(left.redelivered, 0, "{what}");
    }
    match operation.effect {
        Effect::Pushes(most) => assert!(left.pushed <= most && gone == 0, "{what}"),
        Effect::Pops(most) => assert!(left.pushed == 0 && [0, most].contains(&gone), "{what}"),
        Effect::Inherits => {
            let missing = u64::from(policy == OnConsumerDeath::Discard);
            assert_eq!((left.pushed, left.missing, gone), (0, missing, 1), "{what}");
        }
        Effect::Recovers => assert!(left.pushed == 0 && gone == 1, "{what}"),
        Effect::Nothing => assert_eq!((left.pushed, gone), (0, 0), "{what}"),
    }
}

/// An attachment begins with many instructions that change nothing.
fn calls_to_skip(operation: &Operation, policy: OnConsumerDeath) -> u64 {
    let directory = Directory::new(&format!("calls-{}-{policy:?}", operation.name));
    let ring = directory.create(Shape { policy, ..Shape::new(CAPACITY as usize, operation.places) });
    let (mut tx, _rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    if let [(name, changes)] = operation.dead {
        tx.push(said(0, 0)).expect("room");
        let mut dead = Stepped::start(name, &directory, &ring);
        (0..*changes).for_each(|_| assert!(dead.change()));
        dead.kill();
    }
    // One less: what changes between two stops is not skipped.
    Stepped::start(operation.name, &directory, &ring).calls_before_a_change().saturating_sub(1)
}

macro_rules! a_kill_at_every_change_of {
    ($($name:ident: $operation:expr, $($policy:ident),+;)+) => { $(
        #[test]
        fn $name() {
            $(kill_everywhere(&$operation, OnConsumerDeath::$policy);)+
        }
    )+ };
}

a_kill_at_every_change_of! {
    a_push: Operation::new("push", Effect::Pushes(1)), Redeliver;
    a_batch_of_pushes: Operation::new("push-slice", Effect::Pushes(3)), Redeliver;
    a_pop: Operation::new("pop", Effect::Pops(1)), Redeliver, Discard;
    a_batch_of_pops: Operation::new("pop-slice", Effect::Pops(3)), Redeliver, Discard;
    a_guarded_pop: Operation::new("guard", Effect::Pops(1)), Redeliver, Discard;
    a_producers_attaching: Operation::new("attach-producer", Effect::Nothing), Redeliver;
    a_consumers_attaching: Operation::new("attach-consumer", Effect::Nothing), Redeliver;
    a_producers_attaching_to_a_dead_ones_place: Operation::of_a_successor("attach-producer-after"), Redeliver;
    a_consumers_attaching_to_a_dead_producers_place: Operation::of_a_successor("attach-consumer-after"), Redeliver;
    a_consumers_attaching_to_a_dead_ones_place: Operation::of_an_heir("attach-heir"), Redeliver, Discard;
    a_producers_closing: Operation::new("close-producer", Effect::Nothing), Redeliver;
    a_consumers_closing: Operation::new("close-consumer", Effect::Nothing), Redeliver;
    an_heirs_closing: Operation::of_an_heir("close-heir"), Redeliver;
    a_sleep: Operation { filled: 0, ..Operation::new("sleep", Effect::Nothing) }, Redeliver;
    a_recovery: Operation {
        dead: &[("guard", 2), ("push", 2)],
        places: 6,
        filled: CAPACITY - 2,
        ..Operation::new("recover", Effect::Recovers)
    }, Redeliver, Discard;
    a_pop_past_what_a_dead_producer_had_claimed: Operation::behind_a_gap("skip", 1), Redeliver, Discard;
    a_batch_of_pops_past_what_a_dead_producer_had_claimed: Operation::behind_a_gap("skip-slice", 2), Redeliver, Discard;
}

/// The end of an operation: says how it ended, for those whom the parent lets get so far.
fn done(said: &str) {
    tell(said);
    stop_here();
}

/// The operation of this name.
pub(crate) fn child_step(task: &Task) {
    step(task.word(0), &attach(&task.path));
    wait_for_parent();
}

fn step(operation: &str, ring: &Ring<Message>) {
    let producer = || ring.producer().expect("free");
    let consumer = || ring.consumer().expect("free");
    let mut batch = [[0; 2]; 3];
    match operation {
        "push" | "push-slice" => {
            let mut tx = producer();
            begin();
            let said = match operation {
                "push" => format!("{:?}", tx.try_push(said(VICTIM, 0))),
                _ => format!("{:?}", tx.try_push_slice(&[0, 1, 2].map(|number| said(VICTIM, number)))),
            };
            done(&said);
            wait_for_parent();
        }
        "pop" | "pop-slice" | "guard" | "recover" | "sleep" | "sleep-long" | "skip" | "skip-slice" => {
            let mut rx = consumer();
            if operation.starts_with("skip") {
                assert_eq!(rx.recover().expect("intact").skipped, 1);
            }
            rx.set_wait(Wait::Park);
            begin();
            let said = match operation {
                "pop" | "skip" => format!("{:?}", rx.try_pop().map(drop)),
                "skip-slice" | "pop-slice" => format!("{:?}", rx.try_pop_slice(&mut batch)),
                "guard" => format!("{:?}", rx.try_pop_guard().map(drop)),
                "recover" => match rx.recover().expect("intact").to_redeliver {
                    0 => "Ok(())".into(),
                    _ => format!("{:?}", rx.try_pop().map(drop)),
                },
                "sleep-long" => format!("{:?}", rx.pop_timeout(NEVER).map(drop)),
                _ => format!("{:?}", rx.pop_timeout(Duration::from_millis(1)).map(drop)),
            };
            done(&said);
            wait_for_parent();
        }
        "attach-producer" | "attach-producer-after" => {
            begin();
            let tx = ring.producer();
            done(&format!("{:?}", tx.as_ref().map(|_| ())));
            drop(tx);
        }
        "attach-consumer" | "attach-consumer-after" | "attach-heir" => {
            begin();
            let rx = ring.consumer();
            done(&format!("{:?}", rx.as_ref().map(|_| ())));
            drop(rx);
        }
        "close-producer" => {
            let tx = producer();
            begin();
            drop(tx);
            done("Ok(())");
        }
        "close-consumer" | "close-heir" => {
            let rx = consumer();
            begin();
            drop(rx);
            done("Ok(())");
        }
        unknown => panic!("no operation {unknown:?}"),
    }
}
