//! What the machine itself takes: bounds, and no means of communication.

mod floor;
mod futex;

pub use floor::Floor;
pub use futex::Futex;
