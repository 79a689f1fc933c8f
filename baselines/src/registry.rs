//! The list of all transports, and the step from a name known at run time to code compiled for its type.

use crate::{Carries, transports};

/// The sizes of message that every transport carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payload {
    /// 8 bytes.
    B8,
    /// 64 bytes.
    B64,
    /// 1024 bytes.
    B1024,
}

impl Payload {
    /// The size in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Payload::B8 => 8,
            Payload::B64 => 64,
            Payload::B1024 => 1024,
        }
    }
}

/// Something to be done with a transport that is named at run time.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it. Compiled anew for each transport, so what happens inside is as fast as if the type had been written out.
    fn visit<T: Carries<1> + Carries<8> + Carries<128>>(self) -> Self::Output;
}

/// A name that no transport has.
#[derive(Debug, thiserror::Error)]
#[error("there is no transport '{name}'; known are {}", names().join(", "))]
pub struct UnknownTransport {
    /// The name that was asked for.
    pub name: String,
}

macro_rules! registry {
    ($($transport:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(<transports::$transport as crate::Transport>::NAME),*];

        /// Hands the transport of the given name to the visitor.
        ///
        /// # Errors
        ///
        /// [`UnknownTransport`], whose text lists the known ones.
        pub fn visit<V: Visitor>(name: &str, visitor: V) -> Result<V::Output, UnknownTransport> {
            $(
                if name == <transports::$transport as crate::Transport>::NAME {
                    return Ok(visitor.visit::<transports::$transport>());
                }
            )*
            Err(UnknownTransport { name: name.to_owned() })
        }
    };
}

// In the order in which they are measured and shown.
registry!(Floor, Spsc, Rtrb, Futex, Pipe, Fifo, Unix);

/// The names of all transports, in the order in which they are measured and shown.
pub fn names() -> &'static [&'static str] {
    NAMES
}
