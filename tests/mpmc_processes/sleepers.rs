//! Sleepers that are killed, asleep or just woken: the others get the messages.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use rondel::Wait;
use rondel::mpmc::Ring;

use crate::bytes::Bytes;
use crate::child::{Running, Task, start, tell};
use crate::place::{DATA, NEVER, Shape, attach, by, control_word, is_whole, said};
use crate::scratch::{Directory, Ledger, Message, wait_until, within};
use crate::stepped::Stepped;

const SLEEPERS: usize = 6;
const KILLED: usize = 3;
const MESSAGES: u64 = 20;
/// Long enough for a system call to have begun.
const NAP: Duration = Duration::from_millis(3);

/// Parks, and notes in the ledger how often each message was popped.
pub(crate) fn child_consume_when_told(task: &Task) {
    let ledger = Ledger::open(&task.path);
    let mut rx = attach(&task.path).consumer().expect("free");
    rx.set_wait(Wait::Park);
    tell(rx.participant());
    while let Ok(found) = rx.pop() {
        assert!(!rx.redelivered(), "nobody was killed with a message");
        ledger.word(by(found).1 as usize).fetch_add(1, SeqCst);
    }
}

fn asleep(ring: &Ring<Message>) -> u64 {
    Bytes::of(ring.segment()).word(control_word(ring, DATA)).load(SeqCst)
}

#[test]
fn those_that_were_killed_asleep_take_no_message_with_them() {
    let directory = Directory::new("sleepers-killed");
    let ring = directory.create(Shape::new(8, SLEEPERS as u32 + 1));
    let ledger = directory.ledger();
    let mut tx = ring.producer().expect("free");
    let mut sleepers: Vec<(Running, u32)> = (0..SLEEPERS)
        .map(|_| {
            let mut child = start("consume-when-told", directory.path(), &[]);
            let place = child.hear().parse().expect("a number");
            (child, place)
        })
        .collect();
    wait_until("all to lie down", || asleep(&ring).count_ones() == SLEEPERS as u32);
    let mut longest = Duration::ZERO;
    for number in 0..MESSAGES {
        if number % 4 == 1 && sleepers.len() > SLEEPERS - KILLED {
            // The one that would be chosen first, if all is as the choice is now: the bits are tried from the position on.
            let first = |place: u32| (u64::from(place) + 64 - number) % 64;
            sleepers.sort_by_key(|(_, place)| first(*place));
            let (victim, place) = sleepers.remove(0);
            wait_until("the victim to lie down", || asleep(&ring) & 1 << place != 0);
            victim.kill();
        }
        let pushed = Instant::now();
        tx.push(said(0, number)).expect("room");
        wait_until("somebody to pop it", || ledger.word(number as usize).load(SeqCst) > 0);
        longest = longest.max(pushed.elapsed());
    }
    drop(tx);
    for (child, _) in sleepers {
        child.succeed();
    }
    let times: Vec<u64> = (0..MESSAGES).map(|number| ledger.word(number as usize).load(SeqCst)).collect();
    assert!(times.iter().all(|&times| times == 1), "{times:?}");
    println!("the longest that a message waited for a sleeper: {longest:?}");
    is_whole(&ring);
}

/// Takes a traced child to where it sleeps in the kernel. Its bit is set and it has looked for the last time.
fn asleep_in_the_kernel(ring: &Ring<Message>, directory: &Directory) -> Stepped {
    let mut sleeper = Stepped::start("sleep-long", directory, ring);
    sleeper.go_to_call(libc::SYS_futex);
    sleeper
}

/// The waker has done its part and relies on the one that it has chosen; that one dies before it has looked.
#[test]
fn one_that_is_killed_when_it_was_just_woken_does_not_swallow_the_wake_up() {
    let mut chosen = 0;
    let mut longest = Duration::ZERO;
    for round in 0..20 {
        let directory = Directory::new(&format!("sleepers-woken-{round}"));
        let ring = directory.create(Shape::new(8, 4));
        let mut tx = ring.producer().expect("free");
        // The choice begins with the lowest bit here, and this one's place is before the other's.
        let mut victim = asleep_in_the_kernel(&ring, &directory);
        let mut rx = ring.consumer().expect("free");
        rx.set_wait(Wait::Park);
        within(NEVER, "the other sleeper", || {
            thread::scope(|scope| {
                let other = scope.spawn(|| (rx.pop_timeout(NEVER), Instant::now()));
                wait_until("the other to lie down", || asleep(&ring).count_ones() == 2);
                victim.begin_call();
                thread::sleep(NAP);
                tx.push(said(0, 0)).expect("room");
                let was_chosen = asleep(&ring) & 1 << 1 == 0;
                victim.end_call();
                let killed = Instant::now();
                victim.kill();
                let (popped, at) = other.join().expect("the other");
                assert_eq!(popped, Ok(said(0, 0)));
                if was_chosen {
                    chosen += 1;
                    longest = longest.max(at.saturating_duration_since(killed));
                }
            });
        });
        drop((tx, rx));
        is_whole(&ring);
        if chosen == 5 {
            break;
        }
    }
    println!("{chosen} were killed when they had just been woken; the message waited for {longest:?} at the most");
    assert!(chosen > 0, "none was ever chosen");
}
