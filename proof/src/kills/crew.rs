//! The work, in units, and those who do it: processes, so that each can fork victims and trace them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use libc::pid_t;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::interruption::Interruption;
use super::last_words;
use super::page::Page;
use super::scenario::Scenario;
use super::victim::{fork, wait};
use super::worker::{Worker, open_descriptors};

/// A part of a scenario's kills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) scenario: usize,
    pub(crate) points: Points,
}

/// Which instructions of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Points {
    /// Every so-manieth, from this one on; of a second walker every `inner`-th. Of a long operation only those that are due, unless
    /// all are asked for.
    Each { first: u64, step: u64, inner: u64, all: bool },
    /// So many, spread over all of it; which ones this number decides.
    Some { count: u64, seed: u64 },
}

impl Unit {
    /// The instructions behind which the first walker is left, or the only one: every `stride`-th, of those that are this unit's.
    pub(crate) fn points(&self, length: u64, stride: u64) -> Vec<u64> {
        self.of(&(0..=length).step_by(stride as usize).collect::<Vec<_>>())
    }

    /// Those of these places that are this unit's.
    pub(crate) fn of(&self, places: &[u64]) -> Vec<u64> {
        let numbers: Vec<u64> = match self.points {
            Points::Each { first, step, .. } => (first..places.len() as u64).step_by(step as usize).collect(),
            Points::Some { .. } if places.is_empty() => Vec::new(),
            Points::Some { count, seed } => spread(places.len() as u64 - 1, count, seed),
        };
        numbers.into_iter().map(|number| places[number as usize]).collect()
    }

    /// Of so many cases in all, those that are this unit's.
    pub(crate) fn part(&self, cases: u64) -> u64 {
        match self.points {
            Points::Each { step, .. } => cases / step,
            Points::Some { .. } => cases,
        }
    }

    /// Whether only those are wanted that are due.
    pub(crate) fn is_thinned(&self) -> bool {
        matches!(self.points, Points::Each { all: false, .. })
    }

    /// Those of the second.
    pub(crate) fn inner_points(&self, length: u64, stride: u64) -> Vec<u64> {
        match self.points {
            Points::Each { inner, .. } => (0..=length).step_by((inner * stride) as usize).collect(),
            Points::Some { count, seed } => spread(length, count, seed.rotate_left(32)),
        }
    }
}

/// At most `count` of the numbers up to `length`, evenly spread.
fn spread(length: u64, count: u64, seed: u64) -> Vec<u64> {
    let step = (length + 1).div_ceil(count.max(1));
    (seed % step..=length).step_by(step as usize).collect()
}

/// What a worker tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// A unit is done. `cases`: how many there are in this unit's part of the scenario, with no step and no sample.
    Done { scenario: usize, kills: u64, cases: u64, length: u64, stall: Duration, late: u64 },
    /// A promise was broken.
    Fault { case: String, said: String },
}

/// How many workers there may be.
const MOST_WORKERS: usize = 256;
/// A line is written whole, and never mixed with another's, if it is no longer: pipe(7).
const LINE: usize = 4096;

/// What the workers share.
pub(crate) struct Desk {
    next: Page<AtomicU64>,
    pub(crate) kills: Page<AtomicU64>,
    /// What each worker is at: the unit, and behind which instructions.
    current: Page<[[AtomicU64; 3]; MOST_WORKERS]>,
    tell: File,
}

impl Desk {
    /// The next unit that nobody has taken, and its number.
    pub(crate) fn take<'u>(&self, units: &'u [Unit]) -> Option<(usize, &'u Unit)> {
        // Relaxed: a number is given out once, and that is all.
        let number = self.next.fetch_add(1, Relaxed) as usize;
        units.get(number).map(|unit| (number, unit))
    }

    /// Notes what a worker is at, for the case that it does not come back.
    pub(crate) fn note(&self, worker: usize, unit: usize, instructions: &[u64]) {
        // Relaxed, all of them: read when the worker has been reaped.
        self.current[worker][0].store(unit as u64, Relaxed);
        for (place, number) in self.current[worker][1..].iter().zip(instructions) {
            place.store(*number, Relaxed);
        }
    }

    /// Tells the parent something.
    pub(crate) fn tell(&self, told: &Told) {
        let mut line = serde_json::to_vec(told).expect("plain data");
        if line.len() >= LINE {
            let Told::Fault { case, said } = told else { unreachable!("the others are short") };
            let said = said.chars().take(LINE / 16).collect();
            line = serde_json::to_vec(&Told::Fault { case: case.clone(), said }).expect("plain data");
        }
        line.push(b'\n');
        (&self.tell).write_all(&line).expect("the parent listens");
    }
}

/// Has the units done by so many workers, unless that is interrupted. `listen` hears what they tell, and, now and then, how many
/// kills there were so far.
pub(crate) fn work(
    scenarios: &[Box<dyn Scenario>],
    units: &[Unit],
    workers: usize,
    interruption: &Interruption,
    mut listen: impl FnMut(Option<Told>, u64),
) -> io::Result<()> {
    adopt_orphans()?;
    let (mut hear, tell) = pipe()?;
    let desk = Desk { next: Page::new()?, kills: Page::new()?, current: Page::new()?, tell };
    let start = |number: usize| {
        fork(|| {
            last_words::keep();
            let descriptors = open_descriptors();
            Worker { scenarios, desk: &desk, number, descriptors }.work(units);
        })
    };
    let mut crew: Vec<pid_t> = (0..workers.min(MOST_WORKERS)).map(start).collect();
    let mut lines = Lines::default();
    while crew.iter().any(|pid| *pid != 0) {
        if interruption.has_come() {
            dismiss(&mut crew);
        }
        if is_readable(&hear)? {
            for told in lines.read(&mut hear)? {
                listen(Some(told), desk.kills.load(Relaxed));
            }
        }
        listen(None, desk.kills.load(Relaxed));
        for (number, place) in crew.iter_mut().enumerate().filter(|(_, pid)| **pid != 0) {
            let Some(status) = ended(*place) else { continue };
            *place = 0;
            if status == 0 {
                continue;
            }
            // It hung, or was killed: what it was at is told in its place, and another takes what is left.
            let current = &desk.current[number];
            let unit = &units[current[0].load(Relaxed) as usize];
            let scenario = &scenarios[unit.scenario];
            let walkers = 1..=scenario.walkers();
            let instructions = walkers.map(|place| current[place].load(Relaxed)).collect();
            let case = Case { scenario: scenario.name().to_owned(), instructions };
            let said = ending(status);
            listen(Some(Told::Fault { case: case.to_string(), said }), 0);
            *place = start(number);
        }
    }
    bury_orphans();
    // What the last of them told before it ended.
    while is_readable(&hear)? {
        for told in lines.read(&mut hear)? {
            listen(Some(told), desk.kills.load(Relaxed));
        }
    }
    Ok(())
}

/// Those whose worker dies before them become this process's children, so that it can wait until they are gone, too.
fn adopt_orphans() -> io::Result<()> {
    // SAFETY: takes integers only.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits for them: each dies with its worker. The keeper of the workplace, in a session of its own, is none of them.
fn bury_orphans() {
    let mut status = 0;
    loop {
        // SAFETY: `status` is alive and writable; the children of this process's group.
        let found = unsafe { libc::waitpid(0, &raw mut status, libc::__WALL) };
        if found == -1 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Kills workers; their victims and sleepers die with them.
fn dismiss(crew: &mut [pid_t]) {
    for pid in crew.iter_mut().filter(|pid| **pid != 0) {
        // SAFETY: takes integers; the child is not reaped yet, so that the number is still its own.
        unsafe { libc::kill(*pid, libc::SIGKILL) };
        wait(*pid);
        *pid = 0;
    }
}

/// How a worker ended that was not to.
fn ending(status: i32) -> String {
    match libc::WTERMSIG(status) {
        _ if !libc::WIFSIGNALED(status) => format!("the worker failed: status {status:#x}"),
        libc::SIGALRM => "it hangs: neither the victim nor a survivor has come to its end within a minute".to_owned(),
        signal => format!("a survivor was ended by signal {signal}"),
    }
}

/// The end to read from, and the one to write to.
pub(super) fn pipe() -> io::Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors to `ends`, which is alive.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let hear = unsafe { File::from_raw_fd(ends[0]) };
    // SAFETY: likewise.
    let tell = unsafe { File::from_raw_fd(ends[1]) };
    Ok((hear, tell))
}

/// Whether there is something to read; waits a moment for it.
fn is_readable(file: &File) -> io::Result<bool> {
    let mut wanted = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `wanted` is one place, alive and writable.
    match unsafe { libc::poll(&raw mut wanted, 1, 50) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        ready => Ok(ready > 0),
    }
}

/// The status of a child that has ended.
fn ended(pid: pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: `status` is alive and writable.
    let found = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
    (found == pid).then_some(status)
}

/// Bytes, cut into lines.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn read(&mut self, hear: &mut File) -> io::Result<Vec<Told>> {
        let mut bytes = [0; 1 << 16];
        let read = hear.read(&mut bytes)?;
        self.rest.extend_from_slice(&bytes[..read]);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        whole
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(io::Error::other))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instruction_is_in_one_unit() {
        let mut all: Vec<u64> = (0..4)
            .flat_map(|first| {
                Unit { scenario: 0, points: Points::Each { first, step: 4, inner: 1, all: true } }.points(10, 1)
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..=10).collect::<Vec<_>>());
    }

    #[test]
    fn a_sample_is_no_larger_than_asked_for_and_spread_over_all() {
        for length in [0, 1, 7, 100, 12_345] {
            for seed in [0, 5, u64::MAX] {
                let sample = spread(length, 10, seed);
                assert!(!sample.is_empty() && sample.len() <= 10, "{length} {seed} {sample:?}");
                assert!(sample.windows(2).all(|pair| pair[1] - pair[0] == (length + 1).div_ceil(10)));
                assert!(*sample.last().unwrap() <= length);
            }
        }
    }
}
