//! The lists of all transports, and the step from a name known at run time to code compiled for its type.

use crate::{Carries, Crowd, transports};

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

/// Something to be done with a transport between many that is named at run time.
pub trait CrowdVisitor {
    /// What comes of it.
    type Output;

    /// Does it, as [`Visitor::visit`] does.
    fn visit<T: Crowd>(self) -> Self::Output;
}

/// A name that no transport of the list has.
#[derive(Debug, thiserror::Error)]
#[error("there is no transport '{name}'; known are {}", .known.join(", "))]
pub struct UnknownTransport {
    /// The name that was asked for.
    pub name: String,
    /// The names that there are.
    pub known: &'static [&'static str],
}

/// A list: its names, and the function that finds a type by name.
macro_rules! registry {
    ($names:ident, $visit:ident, $visitor:ident, $what:literal: $($transport:ident),* $(,)?) => {
        #[doc = concat!("The names of all transports between ", $what, ", in the order in which they are measured and shown.")]
        pub fn $names() -> &'static [&'static str] {
            &[$(<transports::$transport as crate::Transport>::NAME),*]
        }

        #[doc = concat!("Hands the transport between ", $what, " of the given name to the visitor.")]
        ///
        /// # Errors
        ///
        /// [`UnknownTransport`], whose text lists the known ones.
        pub fn $visit<V: $visitor>(name: &str, visitor: V) -> Result<V::Output, UnknownTransport> {
            $(
                if name == <transports::$transport as crate::Transport>::NAME {
                    return Ok(visitor.visit::<transports::$transport>());
                }
            )*
            Err(UnknownTransport { name: name.to_owned(), known: $names() })
        }
    };
}

// In the order in which they are measured and shown.
registry!(names, visit, Visitor, "two": Floor, Spsc, Mpmc, Rtrb, Futex, Pipe, Fifo, Unix);
registry!(crowd_names, visit_crowd, CrowdVisitor, "many": Mpmc, ArrayQueue, Channel);
