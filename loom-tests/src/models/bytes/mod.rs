//! The ring of messages. One claim a file.

mod abandon;
mod attach;
mod batch;
mod close;
mod death;
mod full;
mod order;
mod participants;
mod publication;
mod release;
mod sleep;
mod wait_empty;
