//! The many-to-many ring. One question a file.

mod batch;
mod dead;
mod death;
mod membership;
mod order;
mod participants;
mod refusals;
mod reuse;
mod sleep;
mod stopped;
