//! What the tests share.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rondel::SegmentError;

/// What means "never", for machines under any load.
pub(crate) const NEVER: Duration = Duration::from_secs(60);

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

/// Waits until something is so.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_micros(100));
    }
}

/// The error of what should have failed.
#[track_caller]
pub(crate) fn error_of<T>(result: Result<T, SegmentError>) -> SegmentError {
    match result {
        Ok(_) => panic!("succeeded, but should have failed"),
        Err(error) => error,
    }
}

/// Asserts that a result is an error of a pattern.
macro_rules! assert_error {
    ($result:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        match $crate::scratch::error_of($result) {
            $pattern $(if $guard)? => {}
            other => panic!("expected {}, found {other:?}", stringify!($pattern $(if $guard)?)),
        }
    };
}
pub(crate) use assert_error;
