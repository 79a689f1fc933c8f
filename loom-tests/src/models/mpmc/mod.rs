//! The many-to-many ring. One question a file.

mod batch;
mod death;
mod order;
mod participants;
mod reuse;
mod sleep;
mod stopped;
