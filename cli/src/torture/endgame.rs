//! When all participants are dead: what is left in the ring is drained, and then the ring has to be as good as new.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rondel::{SegmentError, Wait};
use rustix::process::{Flock, FlockType, Signal, WaitOptions, fcntl_getlk, kill_process, waitpid};

use super::doing::Doing;
use super::evidence::{Lap, Remains, Side, Wakes};
use super::journal::{Journal, LIVES};
use super::letters::{Id, Letters};
use super::pen::Consuming;
use super::quiet::NEVER;
use super::setup::Setup;
use super::subject::{Outcome, Patience, Receiver, Sender, Subject};
use super::time::{kept_waiting, now, sleeps};
use super::victim::{Life, fork};

const LAPS: u32 = 3;
/// Sleepers that are woken, of each side.
const SLEEPERS: usize = 5;
/// How long a sleeper sleeps before there is something for it: longer than it takes to fall asleep, and far less than its slice of sleep.
const SETTLED: Duration = Duration::from_millis(2);

/// Pops what is left, as one more life.
pub(super) fn drain<S: Subject>(life: &Life<'_, S>) -> Result<(), String> {
    let record = life.journal.of(life.number);
    let mut rx =
        life.ring.receiver().map_err(|error| format!("nobody is there, and a consumer is refused: {error}"))?;
    let mut pen = Consuming::new(record, life.setup, life.random.clone());
    let mut message = Vec::new();
    let begin = Instant::now();
    let mut settled = false;
    while pen.has_room() {
        pen.begin(Doing::Popping, 1);
        match rx.pop(&mut message, Patience::Never)? {
            Some(again) => {
                let whole = pen.list(0, &message, again);
                pen.end(1);
                whole?;
                settled = false;
            }
            None => {
                pen.end(0);
                // Twice, for what is settled may let something out.
                if std::mem::replace(&mut settled, life.ring.recover().map_err(|error| error.to_string())?) {
                    return Ok(());
                }
            }
        }
        if begin.elapsed() > NEVER {
            return Err("what the dead have left in the ring can be neither popped nor settled".into());
        }
    }
    Err("the ring gives more than anybody can have pushed".into())
}

/// Fills and drains the ring, takes every place, and looks for what should not be there any more.
pub(super) fn examine<S: Subject>(ring: &S, setup: &Setup) -> Result<Remains, String> {
    let mut remains = Remains { places: ring.places(), ..Remains::default() };
    remains.taken = places(ring)?;
    let letters = Letters::new(setup);
    let mut tx = ring.sender().map_err(|error| error.to_string())?;
    let mut rx = ring.receiver().map_err(|error| error.to_string())?;
    let mut next = 0;
    for _ in 0..LAPS {
        remains.laps.push(lap(ring, &letters, &mut tx, &mut rx, &mut next)?);
    }
    drop((tx, rx));
    // Whoever asks for any lock on any byte is told of any that there is, if they hold it by another description than this.
    let held = fcntl_getlk(ring.segment().as_fd(), &Flock::from(FlockType::WriteLock));
    remains.locked = held.map_err(|error| error.to_string())?.is_some();
    Ok(remains)
}

/// How many places can be taken until there is none.
fn places<S: Subject>(ring: &S) -> Result<usize, String> {
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    let refused = |error| match error {
        SegmentError::TableFull { .. } | SegmentError::RoleTaken { .. } => Ok(()),
        other => Err(format!("a place is refused: {other}")),
    };
    let (mut full, mut deserted) = (false, false);
    while !(full && deserted) {
        match ring.sender() {
            Ok(sender) => senders.push(sender),
            Err(error) => refused(error).map(|()| full = true)?,
        }
        match ring.receiver() {
            Ok(receiver) => receivers.push(receiver),
            Err(error) => refused(error).map(|()| deserted = true)?,
        }
    }
    Ok(senders.len() + receivers.len())
}

fn lap<S: Subject>(
    ring: &S,
    letters: &Letters,
    tx: &mut S::Sender,
    rx: &mut S::Receiver,
    next: &mut u64,
) -> Result<Lap, String> {
    let mut lap = Lap { room: 0, capacity: ring.room(), pushed: 0, popped: 0 };
    let first = *next;
    loop {
        let message = examiners(letters, *next);
        lap.room += ring.weight(message.len());
        if tx.push(&message, Patience::Never)? != Outcome::Done {
            break;
        }
        (*next, lap.pushed) = (*next + 1, lap.pushed + 1);
    }
    let mut message = Vec::new();
    while let Some(again) = rx.pop(&mut message, Patience::Never)? {
        if message != examiners(letters, first + lap.popped) || again {
            return Err(format!(
                "message {} of the {} with which the ring was filled at the end is another one",
                lap.popped, lap.pushed
            ));
        }
        lap.popped += 1;
    }
    Ok(lap)
}

/// What the endgame pushes itself: messages of an author that no life is.
fn examiners(letters: &Letters, number: u64) -> Vec<u8> {
    let id = Id { author: LIVES, number };
    let mut message = vec![0; letters.len(id)];
    letters.write(id, &mut message);
    message
}

/// Puts participants of a side to sleep, and sees how soon they wake when there is something for them. A wake-up that is lost costs a slice of
/// sleep, and nothing else shows it.
pub(super) fn wake<S: Subject>(ring: &S, setup: &Setup, journal: &Journal, side: Side) -> Result<Wakes, String> {
    // As after each wake: it waits until that is taken back.
    journal.wake_up(now());
    let letters = Letters::new(setup);
    let sleeper = || sleep(ring, &letters, journal, side);
    let pid = fork(journal.of(LIVES), sleeper).map_err(|error| error.to_string())?;
    let number = pid.as_raw_nonzero().get() as u32;
    let measured = (|| {
        // Attached after the fork: the sleeper's copy of a handle would be of no use to it.
        let (mut tx, mut rx) = (None, None);
        match side {
            Side::Producers => rx = Some(ring.receiver().map_err(|error| error.to_string())?),
            Side::Consumers => tx = Some(ring.sender().map_err(|error| error.to_string())?),
        }
        // Now there is somebody to wait for. Before that it would be told at once that there is nobody, and might fill the ring again after it was drained.
        journal.forget_sleepers();
        let mut delays = Vec::new();
        let mut message = Vec::new();
        for turn in 0..SLEEPERS {
            if !wait_until(|| journal.is_lying_down() && sleeps(number)) {
                return Err(format!("the {side} do not fall asleep"));
            }
            thread::sleep(SETTLED);
            let (begin, waited) = (now(), kept_both_waiting(number));
            if let Some(tx) = &mut tx {
                tx.push(&examiners(&letters, turn as u64), Patience::Never)?;
            }
            if let Some(rx) = &mut rx {
                while rx.pop(&mut message, Patience::Never)?.is_some() {}
            }
            if !wait_until(|| journal.woken() != 0) {
                return Err(format!("stuck: the {side} sleep for ever, though there is something for them"));
            }
            let delay = Duration::from_nanos(journal.woken().saturating_sub(begin));
            delays.push(delay.saturating_sub(kept_both_waiting(number).saturating_sub(waited)));
            journal.forget_sleepers();
        }
        Ok(Wakes { side, delays })
    })();
    let _ = kill_process(pid, Signal::KILL);
    waitpid(Some(pid), WaitOptions::empty()).map_err(|error| error.to_string())?;
    measured.map_err(|error| journal.of(LIVES).complaint().unwrap_or(error))
}

/// How long the sleeper, and whoever wakes it, have been without a processor.
fn kept_both_waiting(sleeper: u32) -> Duration {
    [sleeper, std::process::id()].into_iter().filter_map(kept_waiting).sum()
}

fn wait_until(is_so: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > NEVER {
            return false;
        }
        thread::sleep(Duration::from_micros(200));
    }
    true
}

/// In a process of its own, again and again: waits until its last wake has been read, parks, says when, is woken, says when.
fn sleep<S: Subject>(ring: &S, letters: &Letters, journal: &Journal, side: Side) -> Result<(), String> {
    let (mut tx, mut rx) = (None, None);
    match side {
        Side::Producers => tx = Some(ring.sender().map_err(|error| error.to_string())?),
        Side::Consumers => rx = Some(ring.receiver().map_err(|error| error.to_string())?),
    }
    let message = examiners(letters, 0);
    let mut found = Vec::new();
    loop {
        while journal.woken() != 0 {
            thread::sleep(Duration::from_micros(200));
        }
        if let Some(tx) = &mut tx {
            tx.set_wait(Wait::Park);
            while tx.push(&message, Patience::Never)? == Outcome::Done {}
        }
        journal.lie_down(now());
        let woken = match (&mut tx, &mut rx) {
            (Some(tx), _) => tx.push(&message, Patience::Always)? == Outcome::Done,
            (_, Some(rx)) => {
                rx.set_wait(Wait::Park);
                rx.pop(&mut found, Patience::Always)?.is_some()
            }
            _ => return Ok(()),
        };
        if !woken {
            return Err("a sleeper is told that nobody is there to wait for, and there is".into());
        }
        journal.wake_up(now());
    }
}

/// Children that were not reaped.
pub(super) fn children_left() -> usize {
    let mut count = 0;
    loop {
        match waitpid(None, WaitOptions::NOHANG) {
            Ok(Some(_)) => count += 1,
            Ok(None) => return count + 1,
            Err(_) => return count,
        }
    }
}

/// How many descriptors this process has, and how many mappings of segments.
pub(super) fn possessions() -> io::Result<(usize, usize)> {
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let of_segments = |line: &&str| line.contains("memfd:") || line.contains("/dev/shm/");
    Ok((descriptors, maps.lines().filter(of_segments).count()))
}
