//! The fault in an answer of a ring of messages, whatever was called.

use std::io;

use rondel::Fault;
use rondel::bytes::{
    CommitError, PopError, PopIntoError, PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError,
    WaitError,
};

/// An error that may be a fault of the handle.
pub trait MayBeFault {
    /// The fault, if it is one.
    fn fault(&self) -> Option<Fault>;
}

impl MayBeFault for Fault {
    fn fault(&self) -> Option<Fault> {
        Some(*self)
    }
}

macro_rules! may_be_fault {
    ($($error:ident),+) => { $(
        impl MayBeFault for $error {
            fn fault(&self) -> Option<Fault> {
                match self {
                    $error::Failed(fault) => Some(*fault),
                    _ => None,
                }
            }
        }
    )+ };
}

may_be_fault!(
    TryPushError,
    PushError,
    PushTimeoutError,
    CommitError,
    TryPopError,
    PopError,
    PopTimeoutError,
    WaitError
);

impl<E: MayBeFault> MayBeFault for PopIntoError<E> {
    fn fault(&self) -> Option<Fault> {
        match self {
            PopIntoError::TooShort { .. } => None,
            PopIntoError::Pop(error) => error.fault(),
        }
    }
}

/// Of the stream: the ring's own error is inside.
impl MayBeFault for io::Error {
    fn fault(&self) -> Option<Fault> {
        let inside = self.get_ref()?;
        let pop = inside.downcast_ref::<PopError>().and_then(MayBeFault::fault);
        pop.or_else(|| inside.downcast_ref::<PushError>().and_then(MayBeFault::fault))
    }
}

/// The fault in a result.
pub fn fault_of<T, E: MayBeFault>(result: &Result<T, E>) -> Option<Fault> {
    result.as_ref().err().and_then(MayBeFault::fault)
}
