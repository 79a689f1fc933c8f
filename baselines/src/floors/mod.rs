//! What the machine itself takes: bounds, and no means of communication.

mod floor;
mod futex;
mod memcpy;
mod one_line;

pub use floor::Floor;
pub use futex::Futex;
pub use memcpy::{Buffer, Memcpy};
pub use one_line::FloorOneLine;
