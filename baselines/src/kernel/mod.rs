//! What the kernel carries from one process to another.

mod eventfd;
mod fifo;
mod foreign;
mod grant;
mod many;
mod packet;
mod pipe;
mod posix_mq;
mod signals;
mod stream;
mod sysv;
mod sysv_mq;
mod tcp;
mod udp;
mod unix;
mod vmsplice;

pub use eventfd::EventFd;
pub use fifo::Fifo;
pub use foreign::ProcessVmReadv;
pub use pipe::Pipe;
pub use posix_mq::PosixMq;
pub use signals::Signal;
pub use sysv_mq::SysvMq;
pub use tcp::Tcp;
pub use udp::Udp;
pub use unix::{UnixDatagram, UnixSeqpacket, UnixStream};
pub use vmsplice::Vmsplice;

pub(crate) use sysv::last_error;
