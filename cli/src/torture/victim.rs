//! The life of a participant: a forked process that attaches, works until it is killed, and now and then leaves in good order.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use rondel::SegmentError;
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use super::doing::Doing;
use super::evidence::Side;
use super::journal::{Journal, Record};
use super::pen::{Consuming, Producing};
use super::setup::{Setup, Strategy};
use super::subject::{Outcome, Receiver, Sender, Subject};
use super::time::now;

/// How long whoever was told that nobody is on the other side waits before it asks again.
const ALONE: Duration = Duration::from_micros(100);

/// How a life ends that has something to complain of.
pub(super) const COMPLAINT: i32 = 3;

/// Forks a child, which does this work and nothing else, dies with its parent, and notes what it has to complain of.
pub(super) fn fork(record: Record<'_>, work: impl FnOnce() -> Result<(), String>) -> io::Result<Pid> {
    let parent = getpid();
    // SAFETY: an episode's process has one thread, so that nobody else can hold a lock that the child would miss; the child ends below.
    let forked = unsafe { libc::fork() };
    if forked < 0 {
        return Err(io::Error::last_os_error());
    }
    if let Some(child) = Pid::from_raw(forked) {
        return Ok(child);
    }
    // A panic is told in the journal, and not on the terminal of whoever started the tool.
    set_hook(Box::new(|_| {}));
    let life = || {
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
        // The parent may have died before. Then there is nobody to work for.
        if getppid() == Some(parent) { work() } else { Ok(()) }
    };
    let outcome = catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| Err(panic_text(panic.as_ref())));
    let status = match outcome {
        Ok(()) => 0,
        Err(complaint) => {
            record.complain(&complaint);
            COMPLAINT
        }
    };
    // SAFETY: ends the process at once, and runs nothing of the program that it is a copy of.
    unsafe { libc::_exit(status) }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("of an unknown kind"))
}

/// What a life has of its episode.
pub(super) struct Life<'a, S> {
    pub(super) ring: &'a S,
    pub(super) setup: &'a Setup,
    pub(super) journal: &'a Journal,
    pub(super) side: Side,
    pub(super) number: u64,
    pub(super) random: Rng,
}

impl<S: Subject> Life<'_, S> {
    pub(super) fn live(mut self) -> Result<(), String> {
        // Half of them inherit the mapping, the others attach as a stranger does.
        let anew = if self.random.bool() { Some(self.ring.again().map_err(|error| error.to_string())?) } else { None };
        let ring = anew.as_ref().unwrap_or(self.ring);
        match self.side {
            Side::Producers => self.produce(attach(|| ring.sender())?),
            Side::Consumers => self.consume(attach(|| ring.receiver())?),
        }
    }

    /// After how many operations it leaves.
    fn quota(&mut self) -> u64 {
        if self.random.u32(..8) == 0 { self.random.u64(..5_000) } else { u64::MAX }
    }

    fn produce(&mut self, mut tx: S::Sender) -> Result<(), String> {
        let record = self.journal.of(self.number);
        tx.set_wait(Strategy::drawn(&mut self.random).wait());
        let mut pen = Producing::new(record, self.setup, self.random.fork());
        let mut steps = Steps::begin(record, self);
        pen.does(Doing::Between);
        for _ in 0..self.quota() {
            steps.count(tx.act(&mut pen)?);
        }
        pen.does(Doing::Closing);
        drop(tx);
        pen.does(Doing::Closed);
        Ok(())
    }

    fn consume(&mut self, mut rx: S::Receiver) -> Result<(), String> {
        let record = self.journal.of(self.number);
        rx.set_wait(Strategy::drawn(&mut self.random).wait());
        let mut pen = Consuming::new(record, self.setup, self.random.fork());
        let mut steps = Steps::begin(record, self);
        pen.does(Doing::Between);
        for _ in 0..self.quota() {
            if !pen.has_room() {
                // The episode is over.
                thread::sleep(Duration::from_secs(60));
            }
            steps.count(rx.act(&mut pen)?);
        }
        pen.does(Doing::Closing);
        drop(rx);
        pen.does(Doing::Closed);
        Ok(())
    }
}

/// Attaches, as soon as there is a place: those of dead consumers may be reserved for consumers, or wait to be settled.
fn attach<H>(attach: impl Fn() -> Result<H, SegmentError>) -> Result<H, String> {
    loop {
        match attach() {
            Ok(handle) => return Ok(handle),
            Err(SegmentError::TableFull { .. }) => thread::sleep(Duration::from_micros(500)),
            Err(other) => return Err(format!("cannot attach: {other}")),
        }
    }
}

/// What it gets done.
struct Steps<'a> {
    record: Record<'a>,
    journal: &'a Journal,
    side: Side,
    pace: u32,
    /// How many windows there were before it was attached: of those that come it is a survivor.
    born: u64,
    count: u64,
}

impl<'a> Steps<'a> {
    fn begin<S>(record: Record<'a>, life: &Life<'a, S>) -> Self {
        Steps {
            record,
            journal: life.journal,
            side: life.side,
            pace: life.setup.pace,
            born: life.journal.windows(),
            count: 0,
        }
    }

    fn count(&mut self, outcome: Outcome) {
        if outcome != Outcome::Nothing {
            self.count += 1;
            self.record.step(self.count);
            if self.journal.window() > self.born {
                self.journal.gets_on(self.side, now());
            }
        }
        if outcome == Outcome::Told {
            thread::sleep(ALONE);
        }
        (0..self.pace).for_each(|_| std::hint::spin_loop());
    }
}
