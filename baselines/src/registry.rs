//! The lists of all transports, and the step from a name known at run time to code compiled for its type.

use crate::transports::*;
use crate::{Carries, Crowd, Erased};

/// The sizes of message that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payload {
    /// 8 bytes.
    B8,
    /// 64 bytes.
    B64,
    /// 256 bytes.
    B256,
    /// 1024 bytes.
    B1024,
    /// 4096 bytes.
    B4096,
    /// 65,536 bytes.
    B65536,
}

impl Payload {
    /// All of them, in ascending order.
    pub const ALL: [Payload; 6] =
        [Payload::B8, Payload::B64, Payload::B256, Payload::B1024, Payload::B4096, Payload::B65536];

    /// The size in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Payload::B8 => 8,
            Payload::B64 => 64,
            Payload::B256 => 256,
            Payload::B1024 => 1024,
            Payload::B4096 => 4096,
            Payload::B65536 => 65_536,
        }
    }
}

/// A transport between two that carries messages of the sizes that elements of rings have: 8, 64 and 1024 bytes.
pub trait FewSizes: Carries<1> + Carries<8> + Carries<128> {}

impl<T: Carries<1> + Carries<8> + Carries<128>> FewSizes for T {}

/// A transport between two that carries messages of every size in [`Payload`].
pub trait EverySize: FewSizes + Carries<32> + Carries<512> + Carries<8192> {}

impl<T: FewSizes + Carries<32> + Carries<512> + Carries<8192>> EverySize for T {}

/// Something to be done with a transport that is named at run time. Compiled anew for each transport, so what happens inside
/// is as fast as if the type had been written out.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it with a transport whose connections carry messages of one length, which are handed over by value.
    fn visit<T: FewSizes>(self) -> Self::Output;

    /// Does it with a transport whose connections carry messages of any length.
    fn visit_any_length<T: EverySize>(self) -> Self::Output;
}

/// Something to be done with a transport between many that is named at run time.
pub trait CrowdVisitor {
    /// What comes of it.
    type Output;

    /// Does it, compiled anew for each transport, as a [`Visitor`] does.
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

/// A list: its names, and the function that finds a type by name and calls the visitor's method for its kind.
macro_rules! registry {
    ($names:ident, $visit:ident, $visitor:ident, $what:literal: $($method:ident: $($(#[$when:meta])? $transport:ty),*);* $(;)?) => {
        #[doc = concat!("The names of all transports between ", $what, ", in the order in which they are measured and shown.")]
        pub fn $names() -> &'static [&'static str] {
            &[$($($(#[$when])? <$transport as crate::Transport>::NAME),*),*]
        }

        #[doc = concat!("Hands the transport between ", $what, " of the given name to the visitor.")]
        ///
        /// # Errors
        ///
        /// [`UnknownTransport`], whose text lists the known ones.
        pub fn $visit<V: $visitor>(name: &str, visitor: V) -> Result<V::Output, UnknownTransport> {
            $($(
                $(#[$when])?
                if name == <$transport as crate::Transport>::NAME {
                    return Ok(visitor.$method::<$transport>());
                }
            )*)*
            Err(UnknownTransport { name: name.to_owned(), known: $names() })
        }
    };
}

// In the order in which they are measured and shown. What makes a system call for each message is called through a table.
registry! {
    names, visit, Visitor, "two":
    visit: Floor, FloorOneLine, Futex, Spsc, Mpmc, Rtrb, ArrayQueue, Channel, StdMpsc,
        #[cfg(feature = "peers")] Kanal,
        #[cfg(feature = "peers")] Shaq,
        #[cfg(feature = "peers")] Ringfire,
        #[cfg(feature = "peers")] ShmemIpc;
    visit_any_length: Bytes, BytesInPlace,
        #[cfg(feature = "peers")] Iceoryx,
        #[cfg(feature = "peers")] IpcChannel,
        MutexCondvar, PosixSem, SysvSem,
        Erased<Pipe>, Erased<Fifo>, Erased<Vmsplice>, Erased<UnixStream>, Erased<UnixDatagram>, Erased<UnixSeqpacket>,
        Erased<Tcp>, Erased<Udp>, Erased<PosixMq>, Erased<SysvMq>, Erased<EventFd>, Erased<Signal>,
        Erased<ProcessVmReadv>;
}
registry! {
    crowd_names, visit_crowd, CrowdVisitor, "many":
    visit: Mpmc, ArrayQueue, Channel, #[cfg(feature = "peers")] Kanal;
}
