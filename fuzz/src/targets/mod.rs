//! One function each, of any bytes.

pub mod attach;
pub mod attach_bytes;
pub mod attach_divided;
pub mod attach_mpmc;
pub mod hostile;
pub mod hostile_bytes;
pub mod hostile_mpmc;
pub mod model;
pub mod model_bytes;
pub mod model_mpmc;
pub mod protocol;
pub mod protocol_bytes;
pub mod protocol_mpmc;

/// A target: bytes in, and a panic if the library has failed.
pub type Target = fn(&[u8]);

/// All of them, by their names.
pub const ALL: [(&str, Target); 13] = [
    ("attach", attach::run),
    ("attach_bytes", attach_bytes::run),
    ("attach_divided", attach_divided::run),
    ("attach_mpmc", attach_mpmc::run),
    ("hostile", hostile::run),
    ("hostile_bytes", hostile_bytes::run),
    ("hostile_mpmc", hostile_mpmc::run),
    ("model", model::run),
    ("model_bytes", model_bytes::run),
    ("model_mpmc", model_mpmc::run),
    ("protocol", protocol::run),
    ("protocol_bytes", protocol_bytes::run),
    ("protocol_mpmc", protocol_mpmc::run),
];
