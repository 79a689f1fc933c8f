//! Thousands of histories of queues that are right, and enough of broken ones to be caught.
//!
//! `RONDEL_HISTORIES=10` runs ten times as many of the former. Each run prints its first seed; `RONDEL_SEED` repeats it. The
//! same seed does the same things, though not at the same moments.

use std::env;
use std::time::SystemTime;

use crossbeam_queue::ArrayQueue;

use crate::crowd::{Crowd, run};
use crate::history::Value;
use crate::known::Locked;
use crate::process::{conduct as start, tell};
use crate::shared::{FLAWS, Flaw, Shared};
use crate::subject::Subject;

/// A broken queue is caught within so many histories, or not at all.
const PATIENCE: u64 = 3000;
/// In processes, so many are killed in a history at the most.
const KILLS: usize = 3;

fn times() -> u64 {
    env::var("RONDEL_HISTORIES").map_or(1, |times| times.parse().expect("RONDEL_HISTORIES is a number"))
}

fn seed() -> u64 {
    let since = || SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    env::var("RONDEL_SEED").map_or_else(|_| since().as_nanos() as u64 >> 10, |seed| seed.parse().expect("a number"))
}

/// What a conductor does: the name of a subject, of a crowd, and a number of histories.
pub(crate) fn conduct(task: &str) {
    let words: Vec<&str> = task.split(' ').collect();
    let crowd = match words[1] {
        "threads" => Crowd::Threads,
        "processes" => Crowd::Processes { most_kills: 0 },
        "kills" => Crowd::Processes { most_kills: KILLS },
        unknown => panic!("no crowd {unknown:?}"),
    };
    let histories = words[2].parse().expect("a number");
    match words[0] {
        "mutex" => judge::<Locked>(crowd, histories),
        "array-queue" => judge::<ArrayQueue<Value>>(crowd, histories),
        "shared" => judge::<Shared<0>>(crowd, histories),
        "mpmc" => judge::<rondel::mpmc::Ring<Value>>(crowd, histories),
        flawed => judge_flawed(flawed, crowd, histories),
    }
}

fn judge<S: Subject>(crowd: Crowd, histories: u64) {
    let seed = seed();
    match run::<S>(crowd, seed, histories) {
        Ok(tally) => tell(format!("seed {seed}: {tally:?}")),
        Err((plan, violation)) => tell(format!("{:?}\n{plan:?}\n{violation}", violation.condition)),
    }
}

/// The flaw's number is a part of the type.
fn judge_flawed(name: &str, crowd: Crowd, histories: u64) {
    let index = FLAWS.iter().position(|flaw| format!("{flaw:?}") == name);
    let judges: [fn(Crowd, u64); 14] = [
        judge::<Shared<0>>,
        judge::<Shared<1>>,
        judge::<Shared<2>>,
        judge::<Shared<3>>,
        judge::<Shared<4>>,
        judge::<Shared<5>>,
        judge::<Shared<6>>,
        judge::<Shared<7>>,
        judge::<Shared<8>>,
        judge::<Shared<9>>,
        judge::<Shared<10>>,
        judge::<Shared<11>>,
        judge::<Shared<12>>,
        judge::<Shared<13>>,
    ];
    judges[index.unwrap_or_else(|| panic!("no subject {name:?}"))](crowd, histories);
}

/// A right queue: all its histories are legal.
#[track_caller]
pub(crate) fn accepted(subject: &str, crowd: &str, histories: u64) {
    let told = start(&format!("{subject} {crowd} {}", histories * times()));
    println!("{subject}, {crowd}: {}", told.join("\n"));
    assert!(told.len() == 1 && told[0].starts_with("seed "), "{subject}, {crowd}:\n{}", told.join("\n"));
    assert!(told[0].contains("undecided: 0"), "{}", told[0]);
    let deaths: &[&str] = if crowd == "kills" { &["killed", "cut"] } else { &[] };
    for what in ["popped", "empty", "full", "overlaps"].iter().chain(deaths) {
        assert!(!told[0].contains(&format!("{what}: 0,")), "histories without {what} prove nothing: {}", told[0]);
    }
}

/// A broken queue: one of its histories is illegal, for one of these reasons.
#[track_caller]
fn caught(flaw: Flaw, crowd: &str, reasons: &[&str]) {
    let told = start(&format!("{flaw:?} {crowd} {PATIENCE}"));
    println!("{flaw:?}, {crowd}:\n{}", told.join("\n"));
    assert!(reasons.contains(&told[0].as_str()), "{flaw:?}, {crowd}: expected {reasons:?}\n{}", told.join("\n"));
}

#[test]
fn a_queue_under_a_lock_is_accepted() {
    accepted("mutex", "threads", 1000);
}

#[test]
fn the_array_queue_is_accepted() {
    accepted("array-queue", "threads", 1500);
}

#[test]
fn a_shared_queue_is_accepted() {
    accepted("shared", "threads", 500);
    accepted("shared", "processes", 300);
}

#[test]
fn a_shared_queue_of_the_killed_is_accepted() {
    accepted("shared", "kills", 700);
}

#[test]
fn broken_orders_are_caught() {
    caught(Flaw::Lifo, "threads", &["Order"]);
    caught(Flaw::Overtakes, "threads", &["Order"]);
    caught(Flaw::Overtakes, "processes", &["Order"]);
    // A slice that is refused in part has pushed the wrong part.
    caught(Flaw::ReversedSlices, "threads", &["Order", "Fresh"]);
}

#[test]
fn broken_contents_are_caught() {
    caught(Flaw::Drops, "threads", &["Order", "Empty"]);
    caught(Flaw::LiesFull, "threads", &["Fresh"]);
    caught(Flaw::Duplicates, "threads", &["Repeated"]);
    caught(Flaw::Duplicates, "processes", &["Repeated"]);
    caught(Flaw::Tears, "threads", &["Fresh"]);
    caught(Flaw::LiesEmpty, "threads", &["Empty"]);
}

#[test]
fn broken_recoveries_are_caught() {
    caught(Flaw::LosesPublished, "kills", &["Order", "Empty"]);
    caught(Flaw::RobsTheLiving, "processes", &["Repeated", "Redelivered"]);
    caught(Flaw::RobsTheLiving, "kills", &["Repeated", "Redelivered"]);
    caught(Flaw::RedeliversTwice, "kills", &["Repeated"]);
    caught(Flaw::HidesTheMark, "kills", &["Repeated", "Order"]);
    caught(Flaw::MarksAnything, "threads", &["Redelivered"]);
}
