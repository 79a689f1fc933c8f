//! One model a file.

mod batch;
mod close;
mod death;
mod full;
mod order;
mod participants;
mod sleep;
mod wait_empty;
