//! How far it is, told on stderr.

use std::fmt;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the line on a terminal is drawn anew, and how often one is written elsewhere.
const DRAWN_EVERY: Duration = Duration::from_millis(100);
const WRITTEN_EVERY: Duration = Duration::from_secs(1);

/// Counts records and bytes, and shows them while they are counted if that is wanted.
pub(super) struct Meter {
    total: Total,
    began: Instant,
    shown: Instant,
    display: Display,
}

/// What has gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

enum Display {
    Nothing,
    /// One line, drawn over and over.
    Terminal(ProgressBar),
    /// A line now and then, as in a log.
    Lines,
}

impl Meter {
    /// Shows nothing where `quiet`; where it is `asked` for, always; else if stderr is a terminal that the data do not go to.
    pub(super) fn new(quiet: bool, asked: bool, data_on_terminal: bool) -> Meter {
        let terminal = std::io::stderr().is_terminal();
        let display = if quiet || !(asked || terminal && !data_on_terminal) {
            Display::Nothing
        } else if terminal {
            // No thread of its own: it is drawn when something has moved, or a wait has been long.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            Display::Terminal(bar.with_style(style))
        } else {
            Display::Lines
        };
        let now = Instant::now();
        Meter { total: Total::default(), began: now, shown: now, display }
    }

    pub(super) fn total(&self) -> Total {
        self.total
    }

    pub(super) fn count(&mut self, records: u64, bytes: u64) {
        self.total.records += records;
        self.total.bytes += bytes;
    }

    /// Shows how far it is, if it is time to.
    pub(super) fn show(&mut self) {
        let every = match self.display {
            Display::Nothing => return,
            Display::Terminal(_) => DRAWN_EVERY,
            Display::Lines => WRITTEN_EVERY,
        };
        if self.shown.elapsed() >= every {
            self.shown = Instant::now();
            self.draw();
        }
    }

    fn draw(&self) {
        match &self.display {
            Display::Nothing => {}
            Display::Terminal(bar) => {
                bar.set_message(self.line());
                bar.tick();
            }
            Display::Lines => eprintln!("{}", self.line()),
        }
    }

    fn line(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-3);
        let rate = HumanBytes((self.total.bytes as f64 / seconds) as u64);
        format!("{}, {rate}/s, {seconds:.1} s", self.total)
    }
}

impl Drop for Meter {
    /// Leaves the last word, on a line of its own, and the terminal to whoever writes next.
    fn drop(&mut self) {
        if let Display::Terminal(bar) = &self.display {
            bar.finish_and_clear();
            self.display = Display::Lines;
        }
        self.draw();
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.records == 1 { "" } else { "s" };
        write!(f, "{} record{plural}, {}", self.records, HumanBytes(self.bytes))
    }
}
