//! What goes out on stdout, counted to the byte: what was not written stays in the ring.

use std::io::{self, IoSlice, Stdout};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, pwritev2, writev};

use super::interrupt::{Interrupt, Wakeup};

/// How often a wait for the reader is looked after; nothing depends on it.
const SLICE: Duration = Duration::from_secs(1);

/// Stdout.
pub(super) struct Output {
    fd: Stdout,
    /// A pipe, and so far the kernel has not refused to write without waiting: then a signal is noticed while the reader is
    /// slow. Setting the pipe itself to that mode would set it for everybody who shares it.
    without_waiting: bool,
}

/// Why a write did not come to its end.
#[derive(Debug)]
pub(super) struct Broken {
    /// So many bytes were written.
    pub(super) written: usize,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// Nobody reads any more.
    Pipe,
    Interrupted,
    Other(io::Error),
}

impl Output {
    pub(super) fn new() -> Output {
        let fd = io::stdout();
        let is_pipe = fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        Output { fd, without_waiting: is_pipe }
    }

    /// Writes `first` and then `second`.
    pub(super) fn write_both(&mut self, first: &[u8], second: &[u8], interrupt: &Interrupt) -> Result<(), Broken> {
        let len = first.len() + second.len();
        let mut written = 0;
        while written < len {
            let broken = |cause| Broken { written, cause };
            let in_first = written.min(first.len());
            let rest = [IoSlice::new(&first[in_first..]), IoSlice::new(&second[written - in_first..])];
            match self.write(&rest) {
                Ok(0) => return Err(broken(Cause::Other(io::ErrorKind::WriteZero.into()))),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => match interrupt.wait_for(self.fd.as_fd(), PollFlags::OUT, SLICE) {
                    Ok(Wakeup::Ready | Wakeup::TimedOut) => {}
                    Ok(Wakeup::Interrupted) => return Err(broken(Cause::Interrupted)),
                    Err(error) => return Err(broken(Cause::Other(error))),
                },
                Err(Errno::PIPE) => return Err(broken(Cause::Pipe)),
                Err(error) => return Err(broken(Cause::Other(error.into()))),
            }
        }
        Ok(())
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
        if self.without_waiting {
            // The offset stands for "where the file is".
            match pwritev2(&self.fd, slices, u64::MAX, ReadWriteFlags::NOWAIT) {
                // Pipes can do it since Linux 6.4. Before, a signal is noticed when the reader has taken what is being written.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::SPIPE) => self.without_waiting = false,
                result => return result,
            }
        }
        writev(&self.fd, slices)
    }

    /// Whether nobody will ever read what is written: the other end of a pipe is closed.
    pub(super) fn has_no_reader(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::empty())];
        poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().contains(PollFlags::ERR)
    }
}
