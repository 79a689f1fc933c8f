//! The anonymous pipe.

use super::stream::{StreamReceiver, StreamSender};
use crate::error::check_wait;
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait, display_bytes};
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
use std::os::fd::AsFd;

/// An anonymous pipe: one `write` and one `read` a message.
#[derive(Clone, Copy, Debug)]
pub struct Pipe;

impl Transport for Pipe {
    const NAME: &'static str = "pipe";
    const NOTE: &'static str = "anonymous pipe, as large as fs.pipe-max-size allows; one write and one read a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        let (_read, write) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let granted = enlarge(&write);
        let limit = if granted < largest() { "fs.pipe-user-pages-soft" } else { "fs.pipe-max-size" };
        Some(format!("{} ({limit})", display_bytes(granted)))
    }
}

impl<const WORDS: usize> Carries<WORDS> for Pipe {
    type Sending = StreamSender;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (read, write) =
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::unavailable(Self::NAME, "pipe2", error))?;
        enlarge(&write);
        Ok((StreamSender::new(Self::NAME, write, wait)?, StreamReceiver::new(Self::NAME, read, wait)?))
    }
}

/// The largest pipe that the system allows a user, or what it is by default where it is not told.
fn largest() -> usize {
    let told = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").ok();
    told.and_then(|told| told.trim().parse().ok()).unwrap_or(1 << 20)
}

/// Makes a pipe as large as this process may, and returns its size.
///
/// A user's pipes share an allowance (`pipe-user-pages-soft`), so the request can be refused: halve it and try again.
/// The size that a pipe has from the start always does, so a refusal is not an error.
pub(crate) fn enlarge(pipe: impl AsFd) -> usize {
    let given = fcntl_getpipe_size(pipe.as_fd()).unwrap_or(0);
    let mut size = largest();
    while size > given {
        if let Ok(granted) = fcntl_setpipe_size(pipe.as_fd(), size) {
            return granted;
        }
        size /= 2;
    }
    given
}
