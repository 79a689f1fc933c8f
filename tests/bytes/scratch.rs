//! What the tests share.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use rondel::{SegmentError, Wait};

pub(crate) use crate::watchdog::within;

/// Long enough for a thread to have fallen asleep, mostly. Where it has not, the test shows less, and does not fail.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(120);
/// Every way of waiting.
pub(crate) const STRATEGIES: [Wait; 4] = [
    Wait::Park,
    Wait::BusySpin,
    Wait::SpinThenPark { spin: Wait::DEFAULT_SPIN },
    Wait::SpinThenPark { spin: Duration::from_nanos(1) },
];

/// `len` bytes of which no two neighbouring words are alike, and that are others for each of 256 numbers in a row.
pub(crate) fn message(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|index| (number * 167 + index * 31 + index / 256) as u8).collect()
}

/// The error of what should have failed.
#[track_caller]
pub(crate) fn error_of<T>(result: Result<T, SegmentError>) -> SegmentError {
    match result {
        Ok(_) => panic!("succeeded, but should have failed"),
        Err(error) => error,
    }
}

/// Asserts that the text of an error has this in it.
#[track_caller]
pub(crate) fn assert_says(error: &dyn Error, part: &dyn Display) {
    let (text, part) = (error.to_string(), part.to_string());
    assert!(text.contains(&part), "{part:?} is not in {text:?}");
}

/// Asserts that a result is an error of a pattern, and that its text has each of these in it.
macro_rules! assert_error {
    ($result:expr, $pattern:pat $(, $part:expr)* $(,)?) => {{
        let error = $crate::scratch::error_of($result);
        assert!(matches!(error, $pattern), "expected {}, found {error:?}", stringify!($pattern));
        $( $crate::scratch::assert_says(&error, &$part); )*
    }};
}
pub(crate) use assert_error;
