//! What is answered instead of room, whatever was called.

use rondel::bytes::{PushError, PushTimeoutError, TooLong, TryPushError};

/// Nobody dies here, and nothing is corrupted: those fail the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refusal {
    Full,
    Timeout,
    Closed,
    TooLong(TooLong),
}

impl From<TryPushError> for Refusal {
    #[track_caller]
    fn from(error: TryPushError) -> Refusal {
        match error {
            TryPushError::Full => Refusal::Full,
            TryPushError::Closed => Refusal::Closed,
            TryPushError::TooLong(too_long) => Refusal::TooLong(too_long),
            TryPushError::Failed(fault) => panic!("{fault}"),
        }
    }
}

impl From<PushError> for Refusal {
    #[track_caller]
    fn from(error: PushError) -> Refusal {
        match error {
            PushError::Closed => Refusal::Closed,
            PushError::Dead => panic!("nobody died"),
            PushError::TooLong(too_long) => Refusal::TooLong(too_long),
            PushError::Failed(fault) => panic!("{fault}"),
        }
    }
}

impl From<PushTimeoutError> for Refusal {
    #[track_caller]
    fn from(error: PushTimeoutError) -> Refusal {
        match error {
            PushTimeoutError::Timeout => Refusal::Timeout,
            PushTimeoutError::Closed => Refusal::Closed,
            PushTimeoutError::Dead => panic!("nobody died"),
            PushTimeoutError::TooLong(too_long) => Refusal::TooLong(too_long),
            PushTimeoutError::Failed(fault) => panic!("{fault}"),
        }
    }
}
