//! What is answered instead of room, whatever was called.

use rondel::bytes::{PushError, PushTimeoutError, TooLong, TryPushError};

/// Nothing is corrupted here: that fails the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refusal {
    Full,
    Timeout,
    Closed,
    Dead,
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
            PushError::Dead => Refusal::Dead,
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
            PushTimeoutError::Dead => Refusal::Dead,
            PushTimeoutError::TooLong(too_long) => Refusal::TooLong(too_long),
            PushTimeoutError::Failed(fault) => panic!("{fault}"),
        }
    }
}
