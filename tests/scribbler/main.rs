//! A peer that writes anything anywhere in the ring while the handles are at work.
//!
//! What the fuzz targets `hostile` and `hostile_mpmc` cannot show, for they take turns: bytes that change between two loads of
//! one operation. The scribbler is a thread with a mapping of its own, so an access of the library outside its own mapping
//! would not be excused by it.

mod mpmc;
mod noise;
mod spsc;
