//! Sleepers are woken, and do not merely find out at the end of a slice of sleep.
//!
//! Every sleep is sliced, so that a lost wake-up costs time and not correctness, and no test of contents can see it. This
//! one counts on the gap between a wake-up (tens of microseconds) and a slice (50 ms): the median of many
//! parked round trips lies below half a slice on a machine as busy as one may be, and above it if wake-ups are lost.

use std::time::{Duration, Instant};

use rondel::Wait;
use rondel::spsc::Ring;

use crate::child::{Task, start, tell};
use crate::filter;
use crate::scratch::{Directory, Message, attach, message, within};

const ROUND_TRIPS: u64 = 101;
/// Long enough for the other side to have fallen asleep, fences included.
const NAP: Duration = Duration::from_micros(500);
const HALF_A_SLICE: Duration = Duration::from_millis(25);

fn there_and_back(here: &Directory) -> (Directory, Ring<Message>, Ring<Message>) {
    let there = here.create(16);
    let second = Directory::new(&format!("{}-back", here.path().file_name().expect("a name").to_string_lossy()));
    let back = second.create(16);
    (second, there, back)
}

/// Returns each message, parking. Words: the directory of the other ring, and what is refused.
pub(crate) fn child_echo(task: &Task) {
    filter::refuse(task.word(1));
    let mut rx = attach(&task.path).consumer().expect("free");
    let mut tx = attach(task.word(0).as_ref()).producer().expect("free");
    rx.set_wait(Wait::Park);
    tx.set_wait(Wait::Park);
    tell("ready");
    for found in rx.iter() {
        std::thread::sleep(NAP);
        tx.push(found).expect("room");
    }
}

fn median_round_trip(refused: &str) -> Duration {
    let directory = Directory::new(&format!("wakes-{refused}"));
    let (second, there, back) = there_and_back(&directory);
    let words = [second.path().to_str().expect("text"), refused];
    let mut echo = start("echo", directory.path(), &words);
    echo.expect("ready");
    let mut tx = there.producer().expect("free");
    let mut rx = back.consumer().expect("free");
    rx.set_wait(Wait::Park);
    let mut times: Vec<Duration> = (0..ROUND_TRIPS)
        .map(|number| {
            std::thread::sleep(NAP);
            let start = Instant::now();
            tx.push(message(number)).expect("room");
            assert_eq!(rx.pop(), Ok(message(number)));
            start.elapsed()
        })
        .collect();
    drop(tx);
    echo.succeed();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_parked_consumer_is_woken() {
    for refused in ["none", "register", "expedited", "membarrier"] {
        let median = median_round_trip(refused);
        println!("median of {ROUND_TRIPS} parked round trips, refused {refused}: {median:?}");
        assert!(median < HALF_A_SLICE, "wake-ups are lost, refused {refused}: {median:?}");
    }
}

/// A full ring, a parked producer, a consumer that pops at leisure: the producer is woken by the lines given back, and
/// whoever waits for empty by the last pop.
#[test]
fn a_parked_producer_is_woken() {
    let mut full = Vec::new();
    let mut empty = Vec::new();
    within(Duration::from_secs(60), "a parked producer", || {
        for _ in 0..ROUND_TRIPS / 2 {
            let (room, emptiness) = room_and_emptiness();
            full.push(room);
            empty.push(emptiness);
        }
    });
    for (what, mut times) in [("room", full), ("emptiness", empty)] {
        times.sort();
        let median = times[times.len() / 2];
        println!("median wait for {what}: {median:?}");
        assert!(median < HALF_A_SLICE, "wake-ups for {what} are lost: {median:?}");
    }
}

/// How long a parked producer waits from the moment that there is room, and that the ring is empty.
fn room_and_emptiness() -> (Duration, Duration) {
    let (mut tx, mut rx) = rondel::spsc::pair::<u64>(16).expect("a ring");
    tx.set_wait(Wait::Park);
    while tx.try_push(0).is_ok() {}
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            tx.push(1).expect("a consumer that lives");
            sender.send(Instant::now()).expect("somebody listens");
            tx.wait_until_empty().expect("a consumer that lives");
            sender.send(Instant::now()).expect("somebody listens");
        });
        std::thread::sleep(NAP);
        let unread = rx.len().expect("intact");
        // Two lines of seven; the ring is not empty for long.
        for _ in 0..14 {
            rx.pop().expect("unread");
        }
        let room = Instant::now();
        let pushed = receiver.recv().expect("pushed");
        // All but the pushed one, which stands alone on its line: no other wake-up comes near the last.
        for _ in 14..unread {
            rx.pop().expect("unread");
        }
        std::thread::sleep(NAP);
        rx.pop().expect("the pushed one");
        let drained = Instant::now();
        let emptied = receiver.recv().expect("emptied");
        (pushed.saturating_duration_since(room), emptied.saturating_duration_since(drained))
    })
}
