//! How an end learns that the other has gone, where the mechanism itself does not tell.
//!
//! Each end has the writing end of a pipe of its own, and the reading end of the other's. Nobody ever writes. When an end is dropped,
//! or its process dies in whatever way, the kernel closes its pipe, and the other finds the end of the file. A fork
//! copies both ends into both processes, and each drops the one that is not its own, so that this works as it does for
//! the ends of a pipe that carries something.
//!
//! To ask is a system call. So an end asks only in a long wait: it sleeps for a [`SLICE`] at a time, and asks in between.

use crate::child::wait_readable;
use crate::patience::LIMIT;
use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long an end sleeps before it asks whether the other is still there.
pub(crate) use crate::patience::SLICE;

/// One end's tie to the other.
pub(crate) struct Lifeline {
    /// None once it has been closed, in the midst of the drop.
    mine: Option<OwnedFd>,
    other: OwnedFd,
    /// What ends when a keeper has removed what both ends use, if there is a keeper.
    removal: Option<OwnedFd>,
}

/// The ties of the end that sends and of the end that receives.
pub(crate) fn lifelines() -> std::io::Result<(Lifeline, Lifeline)> {
    let (read_sender, sender) = pipe_with(PipeFlags::CLOEXEC)?;
    let (read_receiver, receiver) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((
        Lifeline { mine: Some(sender), other: read_receiver, removal: None },
        Lifeline { mine: Some(receiver), other: read_sender, removal: None },
    ))
}

impl Lifeline {
    /// Whether the other end has been dropped, or its process has died.
    pub(crate) fn other_is_gone(&self) -> bool {
        let mut other = [PollFd::from_borrowed_fd(self.other.as_fd(), PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut other, Some(&now)), Ok(1))
    }

    /// What hangs up when the other end goes.
    pub(crate) fn other(&self) -> BorrowedFd<'_> {
        self.other.as_fd()
    }

    /// From now on, whichever end is dropped last waits for the end of `removal`.
    pub(crate) fn await_removal(&mut self, removal: OwnedFd) {
        self.removal = Some(removal);
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // Closed first, and then the other is looked at: of two ends that go at the same time, the one that closes later
        // finds that the other has closed. So there is always one that waits, and never one whose other still needs
        // what is to be removed. That includes what a fork has copied: who drops the seat of its peer has its own still.
        drop(self.mine.take());
        if let Some(removal) = &self.removal {
            if self.other_is_gone() {
                wait_readable(removal, LIMIT);
            }
        }
    }
}

/// Whether a call may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// For a [`SLICE`], or less.
    Slice,
    /// Not at all.
    Never,
}

/// Makes a call that blocks until it finds something. The call ends with nothing when it has slept as long as it may, or was
/// interrupted.
#[inline(always)]
pub(crate) fn sleep_until<S, R>(
    transport: &'static str,
    subject: &mut S,
    lifeline: &Lifeline,
    mut call: impl FnMut(&mut S, Sleep) -> Result<Option<R>>,
) -> Result<R> {
    match call(subject, Sleep::Slice)? {
        Some(found) => Ok(found),
        None => long_sleep(transport, subject, lifeline, call),
    }
}

#[cold]
#[inline(never)]
fn long_sleep<S, R>(
    transport: &'static str,
    subject: &mut S,
    lifeline: &Lifeline,
    mut call: impl FnMut(&mut S, Sleep) -> Result<Option<R>>,
) -> Result<R> {
    let begin = Instant::now();
    loop {
        // Asked before the call, not after: what the other end left before it went is still found.
        let gone = lifeline.other_is_gone();
        if let Some(found) = call(subject, if gone { Sleep::Never } else { Sleep::Slice })? {
            return Ok(found);
        }
        if gone {
            return Err(Box::new(Error::PeerGone { transport }));
        }
        if begin.elapsed() >= LIMIT {
            return Err(Box::new(Error::Stalled { transport, after: LIMIT }));
        }
    }
}

/// The end of a slice, for calls that want a point in time and not a length.
///
/// A call that need not sleep does not look at it. So one point serves all calls until one has slept through it, and an
/// ordinary call costs no look at the clock. The call that comes upon a point that has passed returns at once, with nothing, and is
/// made again with a new one.
pub(crate) struct SliceEnd {
    clock: rustix::time::ClockId,
    end: libc::timespec,
}

impl SliceEnd {
    /// On the given clock, which is the one that the calls look at.
    pub(crate) fn new(clock: rustix::time::ClockId) -> Self {
        SliceEnd { clock, end: PAST }
    }

    /// The point in time to give to a call that may sleep so.
    #[inline]
    pub(crate) fn get(&self, sleep: Sleep) -> libc::timespec {
        match sleep {
            Sleep::Slice => self.end,
            Sleep::Never => PAST,
        }
    }

    /// To be called when a call has ended because its time was over.
    #[cold]
    pub(crate) fn renew(&mut self) {
        let now = rustix::time::clock_gettime(self.clock);
        let end = Duration::new(now.tv_sec.max(0) as u64, now.tv_nsec as u32) + SLICE;
        self.end = libc::timespec { tv_sec: end.as_secs() as _, tv_nsec: end.subsec_nanos() as _ };
    }
}

/// Long before any call.
const PAST: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_dropped_is_gone_and_not_before() {
        let (one, other) = lifelines().unwrap();
        assert!(!one.other_is_gone() && !other.other_is_gone());
        drop(one);
        assert!(other.other_is_gone());
    }

    /// The last message comes, and its sender goes, between a call and the question who is left.
    #[test]
    fn what_was_left_behind_is_found() {
        let (mine, other) = lifelines().unwrap();
        let mut other = Some(other);
        let found = sleep_until("test", &mut other, &mine, |other, sleep| match other.take() {
            Some(_) => Ok(None),
            None => Ok((sleep == Sleep::Never).then_some(7)),
        });
        assert_eq!(found.unwrap(), 7);
        let error = sleep_until("test", &mut (), &mine, |(), _| Ok(None::<u32>)).unwrap_err();
        assert!(matches!(*error, Error::PeerGone { transport: "test" }), "{error}");
    }

    #[test]
    fn a_slice_ends_in_the_future_and_no_sleep_in_the_past() {
        let clock = rustix::time::ClockId::Monotonic;
        let mut end = SliceEnd::new(clock);
        end.renew();
        let now = rustix::time::clock_gettime(clock);
        let left = |end: libc::timespec| (end.tv_sec - now.tv_sec) * 1_000_000_000 + end.tv_nsec - now.tv_nsec;
        assert!((1..=SLICE.as_nanos() as i64).contains(&left(end.get(Sleep::Slice))));
        assert!(left(end.get(Sleep::Never)) < 0);
    }
}
