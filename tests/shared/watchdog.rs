//! A hang is a failure.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What means "never", for machines under any load.
const NEVER: Duration = Duration::from_secs(60);

/// Runs what must not hang, and ends the whole program if it does: a thread that is stuck cannot be given up.
pub(crate) fn within<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let (done, waiting) = mpsc::channel::<()>();
    let what = what.to_owned();
    thread::spawn(move || {
        if waiting.recv_timeout(NEVER) == Err(RecvTimeoutError::Timeout) {
            // Not by a macro: what those print is kept back until the test ends, which it does not.
            let _ = writeln!(io::stderr(), "stuck: {what}");
            crate::leftovers::delete_own();
            process::abort();
        }
    });
    let result = run();
    drop(done);
    result
}
