//! Crates that somebody may use in rondel's place, between threads or processes.
//!
//! Those that bring many dependencies, or need a newer compiler than the rest, are behind the feature `peers`. How each is used, and
//! which were looked at and left out, stands in `docs/peers.md`.

mod array_queue;
mod channel;
mod ends;
mod rtrb;
mod std_mpsc;

#[cfg(feature = "peers")]
mod iceoryx;
#[cfg(feature = "peers")]
mod ipc_channel;
#[cfg(feature = "peers")]
mod kanal;
#[cfg(feature = "peers")]
mod ringfire;
#[cfg(feature = "peers")]
mod shaq;
#[cfg(feature = "peers")]
mod shmem_ipc;
#[cfg(feature = "peers")]
mod traces;

pub use array_queue::ArrayQueue;
pub use channel::Channel;
pub use rtrb::Rtrb;
pub use std_mpsc::StdMpsc;

#[cfg(feature = "peers")]
pub use self::{
    iceoryx::Iceoryx, ipc_channel::IpcChannel, kanal::Kanal, ringfire::Ringfire, shaq::Shaq, shmem_ipc::ShmemIpc,
};
