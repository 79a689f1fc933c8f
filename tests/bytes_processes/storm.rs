//! Storms of kills: a producer and a consumer that are killed and succeeded at random, while messages of all lengths pass.
//!
//! Each life works in its own manner: copying, in place, in batches, as a stream of bytes. All of them keep a journal beside the ring (see
//! [`journal`]) by which a successor knows exactly which message is the next to be published, or to be given back. So nothing
//! published may be lost or come twice, but for what was under the consumer's hand when it was killed, and that is counted.
//!
//! A storm is a program of its own, which forks its victims: a fork is ten times as fast as an exec, and so there are more kills. It ends
//! when both enough bytes have passed and enough have been killed. All storms together pass a GiB, or `RONDEL_STORM_GIB` of them.

mod consuming;
mod journal;
mod producing;

use std::fmt;
use std::time::{Duration, Instant};

use rondel::bytes::{Ring, TryPopError};

use self::journal::{Journal, Side, Word};
use crate::child::{Task, end_with_the_parent, start, tell};
use crate::forking::fork;
use crate::letters::Letters;
use crate::place::{Shape, attach, is_whole, shape_of};
use crate::scratch::{Directory, Ledger, Random};

/// What a ring of each shape has of the bytes, in sixteenths: large messages in a large ring, many short ones, and messages as large as
/// their ring, which pass one by one.
const STORMS: [(Shape, u64); 3] =
    [(Shape::new(256 << 10, 64 << 10), 14), (Shape::new(32 << 10, 1500), 1), (Shape::new(8192, 8184), 1)];
/// Kills of each side, in each storm, at least.
const KILLS: u64 = 100;
/// Nobody gets on for as long: that means never.
const STANDSTILL: Duration = Duration::from_secs(30);
/// Seconds that a GiB does not take, on any machine.
const ALARM: u64 = 300;

fn gibibytes() -> u64 {
    std::env::var("RONDEL_STORM_GIB").map_or(1, |gibibytes| gibibytes.parse().expect("a number of GiB"))
}

#[test]
fn every_message_is_accounted_for_after_a_storm_of_kills() {
    for (shape, share) in STORMS {
        let directory = Directory::new(&format!("bytes-storm-{}", shape.capacity));
        let ring = directory.create(shape);
        let _ledger = directory.ledger();
        let bytes = (gibibytes() * share) << 26;
        let mut storm = start("storm", directory.path(), &[&bytes.to_string(), &(gibibytes() * ALARM).to_string()]);
        println!("capacity {}, largest {}: {}", shape.capacity, shape.largest, storm.hear());
        storm.succeed();
        ring.unlink().expect("its name is still its own");
        let left = std::fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(left, 1, "only the ledger is left");
    }
}

/// One of the two.
struct Victim {
    side: Side,
    pid: libc::pid_t,
}

struct Storm {
    ring: Ring,
    letters: Letters,
    ledger: Ledger,
    random: Random,
    kills: [u64; 2],
}

/// Words: how many bytes are to pass, and the seconds that this never takes.
pub(crate) fn child_storm(task: &Task) {
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(task.number(1) as libc::c_uint) };
    let ring = attach(&task.path);
    let letters = Letters::new(shape_of(&ring));
    let ledger = Ledger::open(&task.path);
    let mut storm = Storm { ring, letters, ledger, random: Random::seeded("storm"), kills: [0; 2] };
    let begin = Instant::now();
    storm.rage(task.number(0));
    let drained = storm.judge();
    let seconds = begin.elapsed().as_secs_f64();
    tell(format!("{storm}, {drained} drained at the end, {seconds:.1} s"));
}

impl Storm {
    fn journal(&self, side: Side) -> Journal<'_> {
        Journal::of(&self.ledger, side)
    }

    fn begin_life(&mut self, side: Side) -> Victim {
        let random = Random::new(self.random.below(1 << 32));
        let (ring, letters, ledger) = (&self.ring, &self.letters, &self.ledger);
        let pid = fork(|| {
            end_with_the_parent();
            match side {
                Side::Producer => producing::live(ring, letters, ledger, random),
                Side::Consumer => consuming::live(ring, letters, ledger, random),
            }
        });
        Victim { side, pid }
    }

    /// Kills and replaces, until enough has passed and enough have been killed.
    fn rage(&mut self, bytes: u64) {
        let mut victims = [Side::Producer, Side::Consumer].map(|side| self.begin_life(side));
        let (mut checked, mut since) = (0, Instant::now());
        while self.journal(Side::Consumer).read(Word::Bytes) < bytes || self.kills.iter().any(|&kills| kills < KILLS) {
            // A kill in every phase of an attachment, and time in which everything runs.
            let pause = match self.random.below(8) {
                0 => 0,
                1..=4 => self.random.below(4_000),
                _ => self.random.below(30_000),
            };
            std::thread::sleep(Duration::from_micros(pause));
            match self.random.below(4) {
                0 => victims = self.replace_both(victims),
                1 => victims[0] = self.replace(&victims[0]),
                2 => victims[1] = self.replace(&victims[1]),
                _ => self.stop_for_a_moment(&victims),
            }
            let now = self.journal(Side::Consumer).read(Word::Checked);
            if now != checked {
                (checked, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < STANDSTILL, "nobody has got on for {STANDSTILL:?}: {self}");
        }
        for victim in victims {
            self.end(&victim);
        }
    }

    fn replace(&mut self, victim: &Victim) -> Victim {
        self.end(victim);
        self.begin_life(victim.side)
    }

    /// Nobody survives: only the segment remembers.
    fn replace_both(&mut self, mut victims: [Victim; 2]) -> [Victim; 2] {
        if self.random.below(2) == 0 {
            victims.reverse();
        }
        victims.iter().for_each(|victim| self.end(victim));
        if self.random.below(2) == 0 {
            victims.reverse();
        }
        let mut victims = victims.map(|victim| self.begin_life(victim.side));
        victims.sort_by_key(|victim| victim.side as usize);
        victims
    }

    /// One that is killed while it is stopped was at work; one that goes on was not dead.
    fn stop_for_a_moment(&mut self, victims: &[Victim; 2]) {
        let victim = &victims[self.random.below(2) as usize];
        signal(victim, libc::SIGSTOP);
        std::thread::sleep(Duration::from_micros(self.random.below(3_000)));
        signal(victim, libc::SIGCONT);
    }

    /// Kills it, unless it has closed. Whoever was not killed has to have found everything in order.
    fn end(&mut self, victim: &Victim) {
        signal(victim, libc::SIGKILL);
        let mut status = 0;
        // SAFETY: `status` is alive; the process is our child.
        assert_eq!(unsafe { libc::waitpid(victim.pid, &raw mut status, 0) }, victim.pid);
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL {
            self.kills[victim.side as usize] += 1;
        } else {
            assert_eq!(status, 0, "a {:?} has found something wrong", victim.side);
        }
    }

    /// Both are dead. What is left in the ring has to be the messages up to the last that was published; says how many.
    fn judge(&self) -> u64 {
        let (producing, consuming) = (self.journal(Side::Producer), self.journal(Side::Consumer));
        let mut tx = self.ring.producer().expect("the last one is dead");
        let mut rx = self.ring.consumer().expect("the last one is dead");
        let end = producing.resume(&self.letters, tx.position());
        let begin = consuming.resume(&self.letters, rx.position());
        consuming.account(begin);
        for number in begin.number..end.number {
            self.letters.check(number, &rx.try_pop().expect("it was published"));
        }
        consuming.checked(&self.letters, end.number);
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty), "nothing more was published");
        is_whole(&mut tx, &mut rx, &self.letters, end.number);
        end.number - begin.number
    }
}

/// Now and then, with messages half-done or in hand, so that more kills fall there.
fn linger(random: &mut Random) {
    if random.below(64) == 0 {
        std::thread::sleep(Duration::from_micros(random.below(1_000)));
    }
}

fn signal(victim: &Victim, signal: libc::c_int) {
    // SAFETY: a signal to our own child, which has not been reaped yet, so that the pid is still its own.
    assert_eq!(unsafe { libc::kill(victim.pid, signal) }, 0);
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (producing, consuming) = (self.journal(Side::Producer), self.journal(Side::Consumer));
        let lives = [&producing, &consuming].map(|side| side.read(Word::Lives));
        let closed = [&producing, &consuming].map(|side| side.read(Word::Closed));
        write!(
            f,
            "{} messages, {} MiB, kills {:?}, lives that attached {lives:?}, that closed {closed:?}, \
             messages under a consumer's hand at its kill: {} came again, {} went with it",
            consuming.read(Word::Checked),
            consuming.read(Word::Bytes) >> 20,
            self.kills,
            consuming.read(Word::Again),
            consuming.read(Word::Taken),
        )
    }
}
