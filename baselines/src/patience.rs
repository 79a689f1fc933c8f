//! A bound on how long one end waits for the other, so that no failure of one side hangs the other for good.

use crate::{Error, Result, Wait};
use std::time::{Duration, Instant};

/// How long an end waits, in all, before it takes the other for stuck. No wait of a healthy run comes near it.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Polls between two looks at the clock: a look costs tens of nanoseconds, and a poll about one.
const POLLS_PER_LOOK: u32 = 1 << 16;

/// Polls `subject` until `poll` finds something. Now and then, and only in a long wait, `abandoned` is asked whether the
/// other end is gone; it may cost something.
///
/// The polls of an ordinary wait keep nothing but a counter in a register. To make a clock ready for every wait, just in
/// case, would be four stores a message, which shows where a message takes a few nanoseconds.
#[inline(always)]
pub(crate) fn poll_until<S, R>(
    transport: &'static str,
    subject: &mut S,
    mut poll: impl FnMut(&mut S) -> Option<R>,
    abandoned: impl FnMut(&S) -> bool,
) -> Result<R> {
    for _ in 0..POLLS_PER_LOOK {
        if let Some(found) = poll(subject) {
            return Ok(found);
        }
    }
    long_wait(transport, subject, poll, abandoned)
}

#[cold]
#[inline(never)]
fn long_wait<S, R>(
    transport: &'static str,
    subject: &mut S,
    mut poll: impl FnMut(&mut S) -> Option<R>,
    mut abandoned: impl FnMut(&S) -> bool,
) -> Result<R> {
    let begin = Instant::now();
    loop {
        // Asked before the polls, not after: what the other end left before it went is still found.
        let gone = abandoned(subject);
        for _ in 0..POLLS_PER_LOOK {
            if let Some(found) = poll(subject) {
                return Ok(found);
            }
        }
        if gone {
            return Err(Box::new(Error::PeerGone { transport }));
        }
        if begin.elapsed() >= LIMIT {
            return Err(Box::new(Error::Stalled { transport, after: LIMIT }));
        }
    }
}

/// How long a call sleeps that nobody tells of the other end's going, before it comes back with nothing and this end asks.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// Makes a call until it finds something. Who spins makes calls that do not block ([`poll_until`]). Who parks makes calls that
/// do, and that come back with nothing after a [`SLICE`], unless the kernel wakes them when the other end has gone; then
/// `abandoned` is asked.
#[inline(always)]
pub(crate) fn call_until<S, R>(
    transport: &'static str,
    wait: Wait,
    subject: &mut S,
    mut call: impl FnMut(&mut S) -> Option<R>,
    abandoned: impl FnMut(&S) -> bool,
) -> Result<R> {
    if wait == Wait::Spin {
        return poll_until(transport, subject, call, abandoned);
    }
    match call(subject) {
        Some(found) => Ok(found),
        None => more_slices(transport, subject, call, abandoned),
    }
}

#[cold]
#[inline(never)]
fn more_slices<S, R>(
    transport: &'static str,
    subject: &mut S,
    mut call: impl FnMut(&mut S) -> Option<R>,
    mut abandoned: impl FnMut(&S) -> bool,
) -> Result<R> {
    let begin = Instant::now();
    loop {
        // Asked before the call, not after: what the other end left before it went is still found.
        let gone = abandoned(subject);
        if let Some(found) = call(subject) {
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
