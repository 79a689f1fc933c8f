//! The tool's side of the episodes: several at a time, each a process of its own, started again and again until it is enough.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::lifeline::Line;
use super::report::Report;
use super::setup::{Kind, Setup};
use super::sweep::name;

/// What an episode needs when its storm is over, about; and the shortest storm that is worth it.
const END: Duration = Duration::from_millis(300);
const SHORTEST: Duration = Duration::from_millis(200);

/// What is to be done.
pub(super) struct Orders {
    pub(super) seeds: Seeds,
    pub(super) until: Instant,
    pub(super) stall: Duration,
}

/// Which episodes.
pub(super) enum Seeds {
    /// This one, over and over.
    One(u64),
    /// From this one on, those with such rings.
    From(u64, Vec<Kind>),
}

/// What the main thread is told.
pub(super) enum Event {
    Began {
        job: usize,
        seed: u64,
        kind: Kind,
    },
    Progress {
        job: usize,
        messages: u64,
        kills: u64,
    },
    Reported {
        job: usize,
        report: Box<Report>,
    },
    /// An episode has ended without a report.
    Failed {
        job: usize,
        seed: u64,
        why: String,
    },
    /// This job starts no more episodes.
    Finished,
    Signal(i32),
}

pub(super) struct Crew {
    stopped: AtomicBool,
    orders: Mutex<Orders>,
    /// Episodes begun, each of which has a number for its name.
    count: Mutex<u64>,
    /// The lifelines of those that are running, by job.
    lifelines: Mutex<HashMap<usize, ChildStdin>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it has left nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    /// Starts so many jobs.
    pub(super) fn start(orders: Orders, jobs: usize, events: &Sender<Event>) -> Arc<Crew> {
        let crew = Arc::new(Crew {
            stopped: AtomicBool::new(false),
            orders: Mutex::new(orders),
            count: Mutex::new(0),
            lifelines: Mutex::new(HashMap::new()),
        });
        for job in 0..jobs {
            let (crew, events) = (Arc::clone(&crew), events.clone());
            thread::spawn(move || {
                crew.work(job, &events);
                // Nobody listens any more when the main thread has ended.
                let _ = events.send(Event::Finished);
            });
        }
        crew
    }

    /// Ends all episodes in order, and starts no more.
    pub(super) fn stop(&self) {
        // SeqCst: between it and the look at the flag in `episode` there is the lock of the lifelines, on one side before and on the
        // other after; either the lifeline is there to be dropped, or the flag is seen.
        self.stopped.store(true, Ordering::SeqCst);
        lock(&self.lifelines).clear();
    }

    fn work(&self, job: usize, events: &Sender<Event>) {
        while !self.stopped.load(Ordering::SeqCst) {
            let (setup, storm, stall) = {
                let mut orders = lock(&self.orders);
                let left = orders.until.saturating_duration_since(Instant::now()).saturating_sub(END);
                if left < SHORTEST && *lock(&self.count) > 0 {
                    return;
                }
                (orders.seeds.next(), left.max(SHORTEST), orders.stall)
            };
            let _ = events.send(Event::Began { job, seed: setup.seed, kind: setup.kind });
            let event = match self.episode(job, &setup, storm, stall, events) {
                Ok(report) => Event::Reported { job, report },
                Err(why) => Event::Failed { job, seed: setup.seed, why },
            };
            let _ = events.send(event);
        }
    }

    fn episode(
        &self,
        job: usize,
        setup: &Setup,
        storm: Duration,
        stall: Duration,
        events: &Sender<Event>,
    ) -> Result<Box<Report>, String> {
        let number = {
            let mut count = lock(&self.count);
            *count += 1;
            *count
        };
        let mut child = Command::new(env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()))
            .args(["torture-episode", "--seed", &setup.seed.to_string(), "--name", &name(number)])
            .args(["--storm", &humantime::format_duration(storm).to_string()])
            .args(["--stall", &humantime::format_duration(stall).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C is for the tool, which then ends its episodes in order.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("an episode cannot be started: {error}"))?;
        if let Some(lifeline) = child.stdin.take() {
            lock(&self.lifelines).insert(job, lifeline);
        }
        if self.stopped.load(Ordering::SeqCst) {
            lock(&self.lifelines).remove(&job);
        }
        let heard = hear(&mut child, job, events);
        let status = child.wait().map_err(|error| error.to_string())?;
        lock(&self.lifelines).remove(&job);
        let (report, complaint) = heard;
        match (report, status.signal()) {
            (Some(report), None) if status.success() => Ok(report),
            (_, Some(signal)) => Err(format!("the episode was ended by signal {signal}: {complaint}")),
            (_, None) => Err(format!("the episode has failed: {complaint}")),
        }
    }
}

/// All that an episode says until it ends.
fn hear(child: &mut Child, job: usize, events: &Sender<Event>) -> (Option<Box<Report>>, String) {
    let mut report = None;
    let lines = child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok);
    for line in lines {
        match serde_json::from_str(&line) {
            Ok(Line::Progress(messages, kills)) => {
                let _ = events.send(Event::Progress { job, messages, kills });
            }
            Ok(Line::Report(found)) => report = Some(found),
            Err(_) => {}
        }
    }
    let mut complaint = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut complaint);
    }
    (report, complaint.trim().to_owned())
}

impl Seeds {
    fn next(&mut self) -> Setup {
        match self {
            Seeds::One(seed) => Setup::drawn(*seed),
            Seeds::From(seed, kinds) => loop {
                let setup = Setup::drawn(*seed);
                *seed += 1;
                if kinds.contains(&setup.kind) {
                    return setup;
                }
            },
        }
    }
}
