//! What the tests share.

use std::thread;
use std::time::Duration;

use rondel::SegmentError;

pub(crate) use crate::watchdog::within;

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
