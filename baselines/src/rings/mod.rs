//! rondel's own rings.

mod bytes;
mod mpmc;
mod spsc;

pub use bytes::{Bytes, BytesInPlace};
pub use mpmc::Mpmc;
pub use spsc::Spsc;
