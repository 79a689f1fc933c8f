//! Kills at random moments, and successors: nothing published is lost, nothing comes twice, the order stays.
//!
//! The victims note in a ledger, beside the ring, what they are about to do and what they have done. So the survivors know
//! by more than the ring's own word how much must be there.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use rondel::spsc::{PopError, PopTimeoutError, PushTimeoutError};

use crate::child::{Running, Task, start};
use crate::scratch::{Directory, Ledger, Message, Random, attach, message, wait_until};

/// Enough for kills in every phase of a life, few enough for some seconds.
const ROUNDS: u32 = 200;
const CAPACITY: usize = 100;
/// The longest batch.
const BATCH: u64 = 64;

/// Words of the ledger: positions up to which producers have begun, or are known, to push …
const BEGUN: usize = 0;
const PUSHED: usize = 1;
/// … and up to which consumers are known to have popped.
const POPPED: usize = 2;
/// How many victims have attached.
const PRODUCERS: usize = 3;
const CONSUMERS: usize = 4;

/// A child that is to be killed at a random moment: soon after it has attached, or at any time of its start.
struct Victim {
    child: Running,
    /// The word that it counts up when it has attached, and what that was before.
    lives: (usize, u64),
    life: Duration,
    due: Option<Instant>,
}

impl Victim {
    /// Starts the child. The count is read before that: a quick child may have attached before this process goes on.
    fn start(lives: usize, ledger: &Ledger, random: &mut Random, start: impl FnOnce() -> Running) -> Self {
        let at_any_time = random.below(4) == 0;
        let lives = (lives, ledger.word(lives).load(SeqCst));
        Self {
            child: start(),
            lives,
            life: Duration::from_micros(random.below(5_000)),
            due: at_any_time.then(|| Instant::now() + Duration::from_micros(random.below(20_000))),
        }
    }

    fn is_due(&mut self, ledger: &Ledger) -> bool {
        let (word, before) = self.lives;
        let now = Instant::now();
        if self.due.is_none() && ledger.word(word).load(SeqCst) > before {
            self.due = Some(now + self.life);
        }
        self.due.is_some_and(|due| due <= now)
    }

    #[track_caller]
    fn kill(self) {
        self.child.kill();
    }
}

#[test]
fn a_killed_producer_is_succeeded_and_nothing_published_is_lost() {
    let directory = Directory::new("killed-producer");
    let ring = directory.create(CAPACITY);
    let ledger = directory.ledger();
    let mut rx = ring.consumer().expect("free");
    let mut random = Random::seeded("killed producer");
    let mut next = 0;
    for round in 0..ROUNDS {
        let seed = random.below(1 << 32).to_string();
        let begin = || start("produce-until-killed", directory.path(), &[&seed]);
        let mut victim = Some(Victim::start(PRODUCERS, &ledger, &mut random, begin));
        // Popping meanwhile, until the victim's time has come; then what it left.
        loop {
            if let Some(victim) = victim.take_if(|victim| victim.is_due(&ledger)) {
                victim.kill();
            }
            match rx.pop_timeout(Duration::from_micros(500)) {
                Ok(found) => {
                    assert_eq!(found, message(next), "round {round}");
                    next += 1;
                }
                // Drained. (A victim that was killed before it had attached leaves no death of its own behind.)
                Err(PopTimeoutError::Timeout | PopTimeoutError::Dead) if victim.is_none() => break,
                // The victim is not there yet; the one before it is dead, or there was none.
                Err(PopTimeoutError::Timeout | PopTimeoutError::Dead) => {}
                Err(other) => panic!("round {round}: {other}"),
            }
        }
        let (done, begun) = (ledger.word(PUSHED).load(SeqCst), ledger.word(BEGUN).load(SeqCst));
        assert!(next >= done, "round {round}: {done} were pushed, {next} arrived");
        assert!(next <= begun, "round {round}: {begun} were ever tried, {next} arrived");
    }
    let lives = ledger.word(PRODUCERS).load(SeqCst);
    println!("{next} messages of {lives} producers that attached, of {ROUNDS}");
    assert!(lives > u64::from(ROUNDS) / 2 && next > 1000, "too few lived to prove anything");
}

pub(crate) fn child_produce(task: &Task) {
    let ledger = Ledger::open(&task.path);
    let mut tx = attach(&task.path).producer().expect("the predecessor is dead");
    let position = tx.position();
    let (done, begun) = (ledger.word(PUSHED).load(SeqCst), ledger.word(BEGUN).load(SeqCst));
    assert!((done..=begun).contains(&position), "{done} <= {position} <= {begun}");
    ledger.word(PRODUCERS).fetch_add(1, SeqCst);
    let mut random = Random::new(task.number(0));
    loop {
        let from = tx.position();
        let len = if random.below(2) == 0 { 1 } else { 1 + random.below(BATCH) };
        ledger.word(BEGUN).store(from + len, SeqCst);
        if len == 1 {
            if tx.push(message(from)).is_err() {
                wait_for_the_end();
            }
        } else {
            let batch: Vec<Message> = (from..from + len).map(message).collect();
            if tx.push_slice(&batch).is_err() {
                wait_for_the_end();
            }
        }
        ledger.word(PUSHED).store(from + len, SeqCst);
    }
}

/// The peer was killed first, and this process is about to be.
fn wait_for_the_end() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// How the victims consume.
const MANNERS: [&str; 3] = ["pop", "slice", "guard"];

/// How many elements a kill may take with it when it falls between consuming them and noting that.
fn excused(manner: &str) -> u64 {
    match manner {
        "pop" => 1,
        "slice" => BATCH,
        _ => 0,
    }
}

#[test]
fn a_killed_consumer_is_succeeded_where_it_stopped() {
    for manner in MANNERS {
        let directory = Directory::new(&format!("killed-consumer-{manner}"));
        let ring = directory.create(CAPACITY);
        let ledger = directory.ledger();
        let mut tx = ring.producer().expect("free");
        let mut random = Random::seeded("killed consumer");
        for round in 0..ROUNDS / 2 {
            let seed = random.below(1 << 32).to_string();
            let begin = || start("consume-until-killed", directory.path(), &[&seed, manner, manner]);
            let mut victim = Victim::start(CONSUMERS, &ledger, &mut random, begin);
            while !victim.is_due(&ledger) {
                let number = tx.position();
                match tx.push_timeout(message(number), Duration::from_micros(500)) {
                    Ok(()) | Err(PushTimeoutError::Timeout(_) | PushTimeoutError::Dead(_)) => {}
                    Err(other) => panic!("round {round}: {other}"),
                }
            }
            // A victim that has found something wrong has ended by itself, and this fails.
            victim.kill();
        }
        let (lives, done) = (ledger.word(CONSUMERS).load(SeqCst), ledger.word(POPPED).load(SeqCst));
        println!("{manner}: {done} messages to {lives} consumers that attached");
        assert!(lives > u64::from(ROUNDS) / 4 && done > 500, "too few lived to prove anything");
    }
}

/// Words: a seed, the manner of this one, and the manner of the one before.
pub(crate) fn child_consume(task: &Task) {
    let ledger = Ledger::open(&task.path);
    let mut rx = attach(&task.path).consumer().expect("the predecessor is dead");
    let (position, done) = (rx.position(), ledger.word(POPPED).load(SeqCst));
    // What was noted is consumed; only under a guard is the last one noted first, and delivered again.
    let before = task.word(2);
    let least = if before == "guard" { done.saturating_sub(1) } else { done };
    let most = done + excused(before);
    assert!((least..=most).contains(&position), "{least} <= {position} <= {most}");
    ledger.word(CONSUMERS).fetch_add(1, SeqCst);
    let mut random = Random::new(task.number(0));
    let mut batch = [[0; 2]; BATCH as usize];
    loop {
        let from = rx.position();
        match task.word(1) {
            "pop" => match rx.pop() {
                Ok(found) => assert_eq!(found, message(from)),
                Err(error) => wait_for_the_end_of(error),
            },
            "slice" => {
                let len = 1 + random.below(BATCH) as usize;
                match rx.pop_slice(&mut batch[..len]) {
                    Ok(count) => {
                        for (number, found) in (from..).zip(&batch[..count]) {
                            assert_eq!(*found, message(number));
                        }
                    }
                    Err(error) => wait_for_the_end_of(error),
                }
            }
            _ => match rx.pop_guard() {
                Ok(guard) => {
                    assert_eq!(*guard, message(from));
                    // The processing.
                    ledger.word(POPPED).store(from + 1, SeqCst);
                    drop(guard);
                }
                Err(error) => wait_for_the_end_of(error),
            },
        }
        ledger.word(POPPED).store(rx.position(), SeqCst);
    }
}

fn wait_for_the_end_of(error: PopError) -> ! {
    assert_eq!(error, PopError::Dead);
    wait_for_the_end()
}

/// Neither side survives: only the segment remembers.
#[test]
fn both_killed_at_once_leave_a_ring_that_goes_on() {
    let directory = Directory::new("killed-both");
    let ring = directory.create(CAPACITY);
    let ledger = directory.ledger();
    let mut random = Random::seeded("both killed");
    let mut before = "pop";
    for round in 0..ROUNDS / 2 {
        let seed = random.below(1 << 32).to_string();
        let manner = MANNERS[random.below(3) as usize];
        let lives = ledger.word(CONSUMERS).load(SeqCst);
        let producer = start("produce-until-killed", directory.path(), &[&seed]);
        let begin = || start("consume-until-killed", directory.path(), &[&seed, manner, before]);
        let mut victim = Victim::start(CONSUMERS, &ledger, &mut random, begin);
        wait_until("the consumer's time", || victim.is_due(&ledger));
        let consumer = victim.child;
        let (mut first, second) = if random.below(2) == 0 { (producer, consumer) } else { (consumer, producer) };
        first.signal(libc::SIGKILL);
        second.kill();
        first.ended_by(libc::SIGKILL);
        // One that died before it had attached leaves everything as its predecessor had left it.
        if ledger.word(CONSUMERS).load(SeqCst) > lives {
            before = manner;
        }
        let (popped, begun) = (ledger.word(POPPED).load(SeqCst), ledger.word(BEGUN).load(SeqCst));
        assert!(popped <= begun, "round {round}: {popped} popped of {begun}");
    }
    let mut rx = ring.consumer().expect("the last is dead");
    let mut tx = ring.producer().expect("the last is dead");
    let end = tx.position();
    assert!(end >= ledger.word(PUSHED).load(SeqCst), "something published is lost");
    for number in rx.position()..end {
        assert_eq!(rx.try_pop(), Ok(message(number)));
    }
    tx.push(message(end)).expect("room");
    assert_eq!(rx.pop(), Ok(message(end)));
    println!("{end} messages");
    assert!(end > 1000, "too few lived to prove anything");
}
