//! Storms of kills: eight processes on one ring, killed and replaced at random, and at the end an account of every message.
//!
//! A storm is a program of its own, which forks its victims: a fork is ten times as fast as an exec, and so there are more kills.
//! Each storm has its share of the time, fifteen seconds in all, or `RONDEL_STORM_SECONDS`.

mod account;
mod verdict;
mod victim;

use std::time::{Duration, Instant};

use rondel::mpmc::{OnConsumerDeath, PopTimeoutError, Ring};

use self::account::{Account, LIVES, Word};
use self::verdict::{End, Lives, Side, Verdict};
use crate::child::{Task, end_with_the_parent, start};
use crate::forking::fork;
use crate::place::{NEVER, Shape, TAIL, attach, by, control_word, is_whole};
use crate::scratch::{Directory, Message, Random};

/// At a time, half of them producers.
const PROCESSES: usize = 8;
const SECONDS: u64 = 15;
/// Capacity, places, policy: as few places as processes, and more.
const STORMS: [(usize, u32, &str); 4] =
    [(4, 8, "redeliver"), (256, 9, "redeliver"), (4, 12, "discard"), (256, 8, "discard")];

fn seconds() -> u64 {
    std::env::var("RONDEL_STORM_SECONDS").map_or(SECONDS, |seconds| seconds.parse().expect("a number of seconds"))
}

#[test]
fn every_message_is_accounted_for_after_a_storm_of_kills() {
    for (capacity, places, policy) in STORMS {
        let directory = Directory::new(&format!("storm-{policy}-{capacity}"));
        let shape = Shape::new(capacity, places).unending();
        let ring = directory.create(if policy == "discard" { shape.discarding() } else { shape });
        let millis = seconds() * 1000 / STORMS.len() as u64;
        let mut storm = start("storm", directory.path(), &[policy, &millis.to_string()]);
        println!("{policy}, {capacity} slots, {places} places: {}", storm.hear());
        storm.succeed();
        ring.unlink().expect("its name is still its own");
        let left = std::fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(left, 1, "only the account is left");
    }
}

/// One of the eight.
struct Process {
    life: u64,
    side: Side,
    pid: libc::pid_t,
}

struct Storm {
    ring: Ring<Message>,
    account: Account,
    random: Random,
    lives: Lives,
    processes: Vec<Process>,
}

/// Words: the policy, and how long the storm is to last.
pub(crate) fn child_storm(task: &Task) {
    let time = Duration::from_millis(task.number(1));
    let policy = if task.word(0) == "discard" { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver };
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(time.as_secs() as libc::c_uint + 100) };
    let mut storm = Storm {
        ring: attach(&task.path),
        account: Account::create(&task.path),
        random: Random::seeded("storm"),
        lives: Lives::new(),
        processes: Vec::new(),
    };
    (0..PROCESSES).for_each(|number| storm.begin_life(if number % 2 == 0 { Side::Producer } else { Side::Consumer }));
    storm.rage(time);
    storm.end();
    let drained = storm.drain();
    let verdict = Verdict::on(&storm.account, &storm.lives, policy);
    is_whole(&storm.ring);
    let positions = crate::bytes::Bytes::of(storm.ring.segment())
        .word(control_word(&storm.ring, TAIL))
        .load(std::sync::atomic::Ordering::SeqCst);
    // After the laps of `is_whole`. What was claimed and did not arrive was skipped, or went with a consumer.
    let claimed = positions - 3 * storm.ring.capacity().next_power_of_two() as u64;
    let skipped = claimed - verdict.pushed - verdict.pushed_at_death;
    crate::child::tell(format!("{verdict}, {skipped} skipped or lost under way, {drained} drained at the end"));
}

impl Storm {
    fn begin_life(&mut self, side: Side) {
        let life = self.lives.len() as u64;
        // What is never corrected stands for those that are killed without our help: see `reap`.
        self.lives.push((side, End::Killed));
        let seed = self.random.below(1 << 32);
        let (ring, account) = (&self.ring, &self.account);
        let pid = fork(|| {
            end_with_the_parent();
            match side {
                Side::Producer => victim::produce(ring, account, life, Random::new(seed)),
                Side::Consumer => victim::consume(ring, account, life, Random::new(seed)),
            }
        });
        self.processes.push(Process { life, side, pid });
    }

    /// Kills and replaces until the time is up, or all lives are spent.
    fn rage(&mut self, time: Duration) {
        let (begin, mut steps, mut since) = (Instant::now(), 0, Instant::now());
        while begin.elapsed() < time && self.lives.len() < LIVES as usize - PROCESSES {
            self.replace_those_that_closed();
            // Bursts, a kill in every phase of an attachment, and pauses in which everything runs.
            let pause = match self.random.below(10) {
                0..=2 => 0,
                3..=7 => self.random.below(3_000),
                _ => self.random.below(20_000),
            };
            let index = self.random.below(PROCESSES as u64) as usize;
            if self.random.below(8) == 0 {
                self.signal(index, libc::SIGSTOP);
                std::thread::sleep(Duration::from_micros(self.random.below(3_000)));
                if self.random.below(2) == 0 {
                    self.signal(index, libc::SIGCONT);
                }
            }
            std::thread::sleep(Duration::from_micros(pause));
            self.kill(index);
            let now = self.steps();
            if now != steps {
                (steps, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < NEVER, "nobody has got on for {NEVER:?}: {}", self.describe());
        }
    }

    /// What all lives have done so far.
    fn steps(&self) -> u64 {
        (0..self.lives.len() as u64).map(|life| self.account.read(life, Word::Steps)).sum()
    }

    fn describe(&self) -> String {
        let doing = |process: &Process| {
            let [doing, begun, done] =
                [Word::Doing, Word::Begun, Word::Done].map(|word| self.account.read(process.life, word));
            format!("{:?} {} doing {doing}, {begun} begun, {done} done", process.side, process.pid)
        };
        let processes: Vec<String> = self.processes.iter().map(doing).collect();
        format!("{processes:#?} {:#?} {:?}", self.ring.participants(), self.ring.recover())
    }

    fn signal(&self, index: usize, signal: libc::c_int) {
        // SAFETY: a signal to our own child, which has not been reaped yet, so that the pid is still its own.
        assert_eq!(unsafe { libc::kill(self.processes[index].pid, signal) }, 0);
    }

    /// Kills this one, and begins another life in its place.
    fn kill(&mut self, index: usize) {
        self.signal(index, libc::SIGKILL);
        let process = self.processes.swap_remove(index);
        self.reap(&process, 0);
        self.begin_life(process.side);
    }

    fn replace_those_that_closed(&mut self) {
        for index in (0..self.processes.len()).rev() {
            let process = &self.processes[index];
            let (pid, side) = (process.pid, process.side);
            let process = Process { life: process.life, side, pid };
            if self.reap(&process, libc::WNOHANG) {
                self.processes.swap_remove(index);
                self.begin_life(side);
            }
        }
    }

    /// True if it has ended. Whoever was not killed has to have found everything in order.
    fn reap(&mut self, process: &Process, options: libc::c_int) -> bool {
        let mut status = 0;
        // SAFETY: `status` is alive; the process is our child.
        let result = unsafe { libc::waitpid(process.pid, &raw mut status, options) };
        if result == 0 {
            return false;
        }
        assert_eq!(result, process.pid);
        if !(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL) {
            assert_eq!(status, 0, "life {} has found something wrong", process.life);
            self.lives[process.life as usize].1 = End::Closed;
        }
        true
    }

    /// Kills them all.
    fn end(&mut self) {
        while !self.processes.is_empty() {
            self.signal(0, libc::SIGKILL);
            let process = self.processes.swap_remove(0);
            self.reap(&process, 0);
        }
    }

    /// Pops what is left, as the last consumer, in its place in the account; says how much that was.
    fn drain(&mut self) -> usize {
        let life = self.lives.len();
        self.lives.push((Side::Consumer, End::Closed));
        let mut rx = self.ring.consumer().expect("nobody lives");
        let mut drained = 0;
        let mut deliver = |found: Message, redelivered: bool| {
            let (author, number) = by(found);
            assert!((author as usize) < life);
            self.account.delivered(author, number, redelivered);
            drained += 1;
        };
        // Longer than anything that the dead have left takes to be found.
        loop {
            match rx.pop_timeout(Duration::from_millis(300)) {
                Ok(found) => deliver(found, rx.redelivered()),
                Err(PopTimeoutError::Timeout) => break,
                Err(other) => panic!("{other}"),
            }
        }
        for (found, redelivered) in crate::place::drain(&mut rx) {
            deliver(found, redelivered);
        }
        drained
    }
}
