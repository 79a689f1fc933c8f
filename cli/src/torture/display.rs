//! How far it is, on a terminal. Elsewhere nothing is shown before the end.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::account::Account;
use super::setup::Kind;

pub(super) struct Display {
    bar: Option<ProgressBar>,
    time: Duration,
    /// What each job is at.
    jobs: BTreeMap<usize, Job>,
}

struct Job {
    seed: u64,
    kind: Kind,
    messages: u64,
    kills: u64,
}

impl Display {
    pub(super) fn new(time: Duration) -> Display {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.with_style(style)
        });
        Display { bar, time, jobs: BTreeMap::new() }
    }

    pub(super) fn began(&mut self, job: usize, seed: u64, kind: Kind) {
        self.jobs.insert(job, Job { seed, kind, messages: 0, kills: 0 });
    }

    pub(super) fn progress(&mut self, job: usize, messages: u64, kills: u64) {
        if let Some(job) = self.jobs.get_mut(&job) {
            (job.messages, job.kills) = (messages, kills);
        }
    }

    pub(super) fn ended(&mut self, job: usize) {
        self.jobs.remove(&job);
    }

    pub(super) fn show(&self, account: &Account) {
        let Some(bar) = &self.bar else { return };
        let seconds = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs())).to_string();
        let messages = account.tally.messages + self.jobs.values().map(|job| job.messages).sum::<u64>();
        let kills = account.tally.killed() + self.jobs.values().map(|job| job.kills).sum::<u64>();
        let jobs: Vec<String> = self.jobs.values().map(|job| format!("{} {}", job.kind.name(), job.seed)).collect();
        bar.set_message(format!(
            "{} of {}: {} episodes, {} messages, {} kills, longest stall {:.0} ms, {} faults; now {}",
            seconds(account.elapsed()),
            seconds(self.time),
            account.episodes(),
            HumanCount(messages),
            HumanCount(kills),
            account.tally.longest.wall.as_secs_f64() * 1e3,
            account.faults(),
            jobs.join(", "),
        ));
        bar.tick();
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
