//! `rondel send` and `rondel recv`: stdin and stdout through a named ring of messages, in the place of a FIFO.
//!
//! A message is a record as it came in, delimiter or header included, so that the receiver writes what it gets and needs to know
//! nothing of formats. No record is empty; an empty message is the end of the input. So the end is not told by the sender's
//! leaving, which a kill would be too: who leaves before the end has been taken does not close its handle, and is dead for the other.
//! `docs/pipelines.md` tells its users more.

mod framing;
mod input;
mod interrupt;
mod meter;
mod output;
mod place;
mod receive;
mod send;
mod watch;

use std::time::Duration;

use rondel::Fault;

pub(crate) use interrupt::{end_by, ignored_signals};
pub(crate) use receive::{Receive, run as receive};
pub(crate) use send::{Send, run as send};

/// How long a wait in the library may be before this process looks at its signals again.
const SLICE: Duration = Duration::from_millis(100);

/// How a command ends when nothing went wrong.
pub(crate) enum Ending {
    /// Everything is through.
    Complete,
    /// By a signal: told to stop, or SIGPIPE.
    Signal(i32),
}

/// Why a transfer stops before its end.
enum Stop {
    Signal(i32),
    /// The other side has gone, without saying that it was through. The process, if it did not close.
    Gone(Option<u32>),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop::Failed(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Failed(anyhow::Error::new(fault).context("the ring cannot be used any more"))
    }
}

/// As a person is told of a peer.
fn who(role: &str, pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("the {role} (process {pid})"),
        None => format!("the {role}"),
    }
}
