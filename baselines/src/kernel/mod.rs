//! What the kernel carries from one process to another.

mod fifo;
mod grant;
mod many;
mod packet;
mod pipe;
mod stream;
mod tcp;
mod udp;
mod unix;
mod vmsplice;

pub use fifo::Fifo;
pub use pipe::Pipe;
pub use tcp::Tcp;
pub use udp::Udp;
pub use unix::{UnixDatagram, UnixSeqpacket, UnixStream};
pub use vmsplice::Vmsplice;
