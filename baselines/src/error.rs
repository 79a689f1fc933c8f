//! What can go wrong between two ends.

use std::io;
use std::time::Duration;

/// A result of this crate. The error is boxed so that a result fits a register in the loops that are measured.
pub type Result<T> = std::result::Result<T, Box<Error>>;

/// What went wrong, and with which transport.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This machine does not have the mechanism, or does not let this process use it.
    #[error("{transport} is not available here: {what}: {source}")]
    Unavailable {
        /// The transport's name.
        transport: &'static str,
        /// The step that was refused.
        what: &'static str,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The transport has no such way of waiting.
    #[error("{transport} cannot wait by {}; it knows {}", .wait.name(), known_waits(.known))]
    WaitUnknown {
        /// The transport's name.
        transport: &'static str,
        /// The way of waiting that was asked for.
        wait: crate::Wait,
        /// The ways that it knows.
        known: &'static [crate::Wait],
    },
    /// A step failed in the middle of a conversation.
    #[error("{transport}: {what}: {source}")]
    System {
        /// The transport's name, or that of the machinery around it.
        transport: &'static str,
        /// The step that failed.
        what: &'static str,
        /// What the system or the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The other end is gone.
    #[error("{transport}: the other end is gone")]
    PeerGone {
        /// The transport's name.
        transport: &'static str,
    },
    /// The other end has not moved for so long that something must be wrong with it.
    #[error("{transport}: nothing has moved for {after:?}")]
    Stalled {
        /// The transport's name.
        transport: &'static str,
        /// How long this end has waited.
        after: Duration,
    },
    /// A message arrived that is not the one that was sent.
    #[error(
        "{transport}: message {index} arrived wrong: its word {word} should be {expected:#018x} and is {found:#018x}"
    )]
    Corrupt {
        /// The transport's name.
        transport: &'static str,
        /// The number of the message in its stream, from 0.
        index: u64,
        /// The first 64-bit word in it that is wrong, from 0.
        word: usize,
        /// What the word should be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A message arrived that nobody can have sent.
    #[error("{transport}: a message arrived that nobody has sent: {found:#018x}")]
    Stranger {
        /// The transport's name.
        transport: &'static str,
        /// What stands where its number should be.
        found: u64,
    },
    /// A message arrived again, or after one that its producer sent later.
    #[error("{transport}: message {sequence} of producer {producer} arrived when message {due} or a later one was due")]
    Disorder {
        /// The transport's name.
        transport: &'static str,
        /// The producer.
        producer: usize,
        /// The message's number among its producer's, from 0.
        sequence: u64,
        /// The least number that might have come next.
        due: u64,
    },
    /// What arrived at all consumers together is not what was sent.
    #[error(
        "{transport}: {sent} messages were sent, and {received} arrived{}",
        if .sent == .received { ", but they are not the same" } else { "" }
    )]
    Unaccounted {
        /// The transport's name.
        transport: &'static str,
        /// How many messages all producers have sent.
        sent: u64,
        /// How many messages all consumers have received.
        received: u64,
    },
    /// One of many has ended while the others were still at work.
    #[error("{part} has ended before its time")]
    Early {
        /// Which.
        part: String,
    },
    /// The other process or thread reported an error of its own, which is the cause of whatever was seen on this side.
    #[error("the other side failed: {message}")]
    FarSide {
        /// The error as it was reported.
        message: String,
    },
    /// The other process was ended by a signal.
    #[error("the other side was ended by signal {signal}")]
    FarSideKilled {
        /// The signal's number.
        signal: i32,
    },
    /// The process cannot be pinned to the cores that were asked for.
    #[error("cannot pin to core {core}: {source}")]
    Pin {
        /// The core.
        core: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The error for a step of `open` that failed: the machine forbids the transport.
    pub(crate) fn unavailable(
        transport: &'static str,
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Box<Self> {
        Box::new(Error::Unavailable { transport, what, source: source.into() })
    }

    /// The error for a step that failed in the middle of a conversation.
    #[cold]
    pub(crate) fn system(
        transport: &'static str,
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Box<Self> {
        Box::new(Error::System { transport, what, source: source.into() })
    }

    /// The error for two sides of what has but one.
    pub(crate) fn one_thread(machinery: &'static str) -> Box<Self> {
        Error::system(machinery, "two sides", "what one thread hands to itself has no other side")
    }
}

/// Refuses a way of waiting that is not in `known`.
pub(crate) fn check_wait(transport: &'static str, wait: crate::Wait, known: &'static [crate::Wait]) -> Result<()> {
    if known.contains(&wait) { Ok(()) } else { Err(Box::new(Error::WaitUnknown { transport, wait, known })) }
}

fn known_waits(known: &[crate::Wait]) -> String {
    known.iter().map(|wait| wait.name()).collect::<Vec<_>>().join(", ")
}
