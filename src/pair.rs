//! What every ring between one producer and one consumer has, whatever it carries.

mod control;
mod error;
mod peer;
mod waiting;

pub(crate) use control::{CONTROL_BYTES, Control};
pub use error::{TryPopError, WaitError};
pub(crate) use peer::Attached;
pub use peer::Peer;
pub(crate) use waiting::{Gone, Look, wait_for};

/// Indices of the roles: of their names, records and lock bytes.
pub(crate) const PRODUCER: usize = 0;
/// See [`PRODUCER`].
pub(crate) const CONSUMER: usize = 1;
