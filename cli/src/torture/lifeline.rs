//! What ties an episode to the tool: the episode's stdin, whose other end the tool has. When it hangs up, whether the tool wants it so or has been
//! killed, the episode ends in order: it kills its participants, removes its names, and says what came of it to whoever may still listen.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::report::Report;

/// How often the tool is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// A line of an episode's output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// Messages and kills so far.
    Progress(u64, u64),
    Report(Box<Report>),
}

pub(super) struct Lifeline {
    told: Instant,
    hung_up: bool,
}

impl Lifeline {
    pub(super) fn new() -> Lifeline {
        Lifeline { told: Instant::now(), hung_up: false }
    }

    /// Sleeps for so long, but not on when the tool hangs up. True if it has.
    pub(super) fn sleep(&mut self, time: Duration, progress: impl FnOnce() -> (u64, u64)) -> io::Result<bool> {
        if self.told.elapsed() >= TOLD_EVERY {
            self.told = Instant::now();
            let (messages, kills) = progress();
            tell(&Line::Progress(messages, kills));
        }
        let stdin = rustix::stdio::stdin();
        let mut wanted = [PollFd::from_borrowed_fd(stdin, PollFlags::empty())];
        let timeout = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut wanted, Some(&timeout)) {
            Ok(ready) => self.hung_up |= ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.hung_up)
    }
}

/// Where nobody listens any more, nothing is lost.
pub(super) fn tell(line: &Line) {
    if let Ok(mut text) = serde_json::to_string(line) {
        text.push('\n');
        let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    }
}
