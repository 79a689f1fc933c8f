//! What the kernel carries from one process to another.

mod fifo;
mod foreign;
mod packet;
mod pipe;
mod signals;
mod stream;
mod unix;

pub use fifo::Fifo;
pub use foreign::ProcessVmReadv;
pub use pipe::Pipe;
pub use signals::Signal;
pub use unix::{UnixDatagram, UnixSeqpacket, UnixStream};
