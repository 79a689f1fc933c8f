//! The storm: participants that are killed, stopped and replaced at random, until the time is up.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use super::doing::Doing;
use super::evidence::{Side, Stall};
use super::journal::{Journal, LIVES};
use super::lifeline::Lifeline;
use super::quiet::{NEVER, Next, Window};
use super::setup::{Kind, Setup, Victims};
use super::subject::Subject;
use super::victim::{Life, fork};

/// Streams of random numbers: of the storm, and of the lives from here on.
const STORM: u64 = 1;
pub(super) const FIRST_LIFE: u64 = 16;

/// How long all may take to be in the ring before a quiet window.
const PATIENCE: Duration = Duration::from_millis(300);

/// One that is there.
#[derive(Clone, Copy)]
struct Process {
    life: u64,
    side: Side,
    pid: Pid,
    stopped: bool,
}

pub(super) struct Storm<'a, S> {
    ring: &'a S,
    setup: &'a Setup,
    journal: &'a Journal,
    random: Rng,
    processes: Vec<Process>,
    /// All lives so far.
    pub(super) sides: Vec<Side>,
    pub(super) kills: BTreeMap<Doing, u64>,
    pub(super) stops: u64,
    pub(super) closed: u64,
    pub(super) stalls: Vec<Stall>,
    /// What participants had to complain of, and how they ended that should not have.
    pub(super) complaints: Vec<String>,
}

impl<'a, S: Subject> Storm<'a, S> {
    pub(super) fn new(ring: &'a S, setup: &'a Setup, journal: &'a Journal) -> Self {
        Storm {
            ring,
            setup,
            journal,
            random: setup.random(STORM),
            processes: Vec::new(),
            sides: Vec::new(),
            kills: BTreeMap::new(),
            stops: 0,
            closed: 0,
            stalls: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// Until the time is up, or something is wrong, or the tool wants no more of it.
    pub(super) fn rage(&mut self, time: Duration, lifeline: &mut Lifeline) -> io::Result<()> {
        for _ in 0..self.setup.producers {
            self.begin_life(Side::Producers)?;
        }
        for _ in 0..self.setup.consumers {
            self.begin_life(Side::Consumers)?;
        }
        let begin = Instant::now();
        let (mut steps, mut since) = (0, Instant::now());
        while begin.elapsed() < time && self.complaints.is_empty() && !self.journal.is_full() && self.has_lives() {
            let pause = match self.random.u32(..10) {
                0..=2 => Duration::ZERO,
                _ => self.setup.pause.mul_f64(self.random.f64()),
            };
            if lifeline.sleep(pause, || self.progress())? {
                break;
            }
            self.replace_those_that_ended()?;
            match self.random.u32(..24) {
                0 => self.quiet_window(lifeline)?,
                1..=4 => self.stop_somebody()?,
                5..=7 => self.resume_all()?,
                8..=9 => self.kill_many()?,
                10 => drop(self.ring.recover().map_err(io::Error::other)?),
                _ => self.kill_one()?,
            }
            let now = self.steps();
            if now != steps {
                (steps, since) = (now, Instant::now());
            }
            if since.elapsed() > NEVER {
                self.resume_all()?;
                self.complaints.push(format!("stuck: nobody has got on for {NEVER:?}; {}", self.describe()));
            }
        }
        Ok(())
    }

    /// Kills all that are left.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let processes = std::mem::take(&mut self.processes);
        self.kill_all(&processes)
    }

    /// Messages delivered so far, and kills.
    pub(super) fn progress(&self) -> (u64, u64) {
        let lives = (0..).zip(&self.sides).filter(|(_, side)| **side == Side::Consumers);
        (lives.map(|(life, _)| self.journal.of(life).delivered()).sum(), self.kills.values().sum())
    }

    fn has_lives(&self) -> bool {
        (self.sides.len() + 2 * (self.setup.producers + self.setup.consumers)) < LIVES as usize
    }

    fn steps(&self) -> u64 {
        (0..self.sides.len() as u64).map(|life| self.journal.of(life).steps()).sum()
    }

    fn describe(&self) -> String {
        let what = |process: &Process| {
            format!("{} {} {}", process.side, process.pid, self.journal.of(process.life).doing().words())
        };
        self.processes.iter().map(what).collect::<Vec<_>>().join(", ")
    }

    fn begin_life(&mut self, side: Side) -> io::Result<()> {
        let number = self.sides.len() as u64;
        let random = self.setup.random(FIRST_LIFE + number);
        let life = Life { ring: self.ring, setup: self.setup, journal: self.journal, side, number, random };
        let pid = fork(self.journal.of(number), || life.live())?;
        self.sides.push(side);
        self.processes.push(Process { life: number, side, pid, stopped: false });
        Ok(())
    }

    /// The indices of those that may be killed.
    fn candidates(&self) -> Vec<usize> {
        let may = |side| match self.setup.victims {
            Victims::All => true,
            Victims::Producers => side == Side::Producers,
            Victims::Consumers => side == Side::Consumers,
        };
        (0..self.processes.len()).filter(|index| may(self.processes[*index].side)).collect()
    }

    /// Whether it has a handle, and means to keep it.
    fn is_in(&self, process: &Process) -> bool {
        !matches!(self.journal.of(process.life).doing(), Doing::Attaching | Doing::Closing | Doing::Closed)
    }

    fn kill_one(&mut self) -> io::Result<()> {
        let Some(index) = self.random.choice(self.candidates()) else { return Ok(()) };
        let process = self.processes.swap_remove(index);
        self.kill_all(&[process])?;
        self.begin_life(process.side)
    }

    /// Several at the same time, up to all of them: then only the segment remembers.
    fn kill_many(&mut self) -> io::Result<()> {
        let mut victims = self.candidates();
        self.random.shuffle(&mut victims);
        victims.truncate(self.random.usize(1..=victims.len().max(1)));
        // From behind, so that the indices stay what they are.
        victims.sort_by(|one, other| other.cmp(one));
        let mut victims: Vec<Process> = victims.into_iter().map(|index| self.processes.swap_remove(index)).collect();
        self.random.shuffle(&mut victims);
        self.kill_all(&victims)?;
        self.random.shuffle(&mut victims);
        victims.iter().try_for_each(|victim| self.begin_life(victim.side))
    }

    fn kill_all(&mut self, victims: &[Process]) -> io::Result<()> {
        victims.iter().try_for_each(|victim| kill_process(victim.pid, Signal::KILL))?;
        for victim in victims {
            let ended = waitpid(Some(victim.pid), WaitOptions::empty())?;
            if let Some((_, status)) = ended {
                self.bury(victim, status);
            }
        }
        Ok(())
    }

    /// It has ended: by us, in good order, or as it should not.
    fn bury(&mut self, process: &Process, status: WaitStatus) {
        let record = self.journal.of(process.life);
        if status.terminating_signal() == Some(Signal::KILL.as_raw()) {
            *self.kills.entry(record.doing()).or_default() += 1;
        } else if status.exit_status() == Some(0) {
            self.closed += 1;
        } else {
            let why = record.complaint().unwrap_or_else(|| match status.terminating_signal() {
                Some(signal) => format!("ended by signal {signal}"),
                None => format!("ended with status {:?}", status.exit_status()),
            });
            self.complaints.push(format!("participant {} (of the {}): {why}", process.life, process.side));
        }
    }

    /// Those that have closed, or have something to complain of. True if there were any.
    fn bury_those_that_ended(&mut self) -> io::Result<Vec<Side>> {
        let mut ended = Vec::new();
        for index in (0..self.processes.len()).rev() {
            let process = self.processes[index];
            if let Some((_, status)) = waitpid(Some(process.pid), WaitOptions::NOHANG)? {
                self.processes.swap_remove(index);
                self.bury(&process, status);
                ended.push(process.side);
            }
        }
        Ok(ended)
    }

    fn replace_those_that_ended(&mut self) -> io::Result<()> {
        self.bury_those_that_ended()?.into_iter().try_for_each(|side| self.begin_life(side))
    }

    fn stop_somebody(&mut self) -> io::Result<()> {
        let Some(index) = self.random.choice(0..self.processes.len()) else { return Ok(()) };
        kill_process(self.processes[index].pid, Signal::STOP)?;
        self.processes[index].stopped = true;
        self.stops += 1;
        Ok(())
    }

    fn resume_all(&mut self) -> io::Result<()> {
        for process in self.processes.iter_mut().filter(|process| process.stopped) {
            kill_process(process.pid, Signal::CONT)?;
            process.stopped = false;
        }
        Ok(())
    }

    /// Kills one, and leaves the others in peace: see `quiet`.
    fn quiet_window(&mut self, lifeline: &mut Lifeline) -> io::Result<()> {
        self.resume_all()?;
        self.replace_those_that_ended()?;
        // Whoever is still on the way into the ring would be no survivor, and could take everything from those that are.
        let begin = Instant::now();
        while !self.processes.iter().all(|process| self.is_in(process)) {
            if begin.elapsed() > PATIENCE || lifeline.sleep(Duration::from_millis(1), || self.progress())? {
                return Ok(());
            }
        }
        let Some(index) = self.random.choice(self.candidates()) else { return Ok(()) };
        let victim = self.processes.swap_remove(index);
        let mut sides: Vec<Side> = self.processes.iter().map(|process| process.side).collect();
        sides.sort();
        sides.dedup();
        let alone = self.setup.kind != Kind::Mpmc && self.random.u32(..3) == 0;
        let journal = self.journal;
        // A successor comes at once only where the others can do nothing without it.
        let needed = !sides.contains(&victim.side);
        let mut window = Window::open(journal, sides, self.processes.iter().map(|process| process.pid), alone);
        self.kill_all(&[victim])?;
        let mut succeeded = needed && !alone;
        if succeeded {
            self.begin_life(victim.side)?;
        }
        loop {
            let interrupted = lifeline.sleep(Duration::from_millis(1), || self.progress())?;
            let left = self.bury_those_that_ended()?;
            let next = window.tick();
            if !left.is_empty() || interrupted || journal.is_full() || !self.complaints.is_empty() {
                // Whose survivors leave by themselves has none any more to ask.
                journal.close_window();
                if !succeeded {
                    self.begin_life(victim.side)?;
                }
                return left.into_iter().try_for_each(|side| self.begin_life(side));
            }
            match next {
                Next::Wait => {}
                Next::Succeed => {
                    self.begin_life(victim.side)?;
                    succeeded = true;
                }
                Next::Over => break,
            }
        }
        self.stalls.extend(window.close(self.processes.iter().map(|process| process.pid)));
        if !succeeded {
            self.begin_life(victim.side)?;
        }
        Ok(())
    }
}
