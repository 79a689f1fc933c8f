//! A peer that writes anything anywhere in the ring while the handles are at work.
//!
//! What the fuzz targets `hostile`, `hostile_mpmc` and `hostile_bytes` cannot show, for they take turns: bytes that change between two loads of
//! one operation. The scribbler is a thread with a mapping of its own, so an access of the library outside its own mapping
//! would not be excused by it.

mod bytes;
mod mpmc;
mod noise;
mod spsc;
