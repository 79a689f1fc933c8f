//! Crates that somebody may use in rondel's place, between threads or processes.

mod array_queue;
mod channel;
mod rtrb;

pub use array_queue::ArrayQueue;
pub use channel::Channel;
pub use rtrb::Rtrb;
