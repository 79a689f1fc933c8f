//! How far one end has come, in shared memory, for the other end to see and to sleep on.
//!
//! What a lock would guard and a ring of rondel's has built in, transports need that carry their messages elsewhere: in signals, or in
//! the sender's own memory. There are two of these to a connection, one that the sender advances and one that the receiver does.

use crate::lifeline::{Lifeline, SLICE};
use crate::patience::{LIMIT, poll_until};
use crate::{Error, Result, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A number of messages, which wraps; in its lowest bit whether its end has gone, and nothing will come of it any more.
///
/// Two lines, because some processors fetch lines in pairs: what the two ends write lies apart.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub(crate) struct Progress {
    /// Twice the number, and [`CLOSED`]. The futex word.
    at: AtomicU32,
    /// Which of its sleeps the other end is about to begin or in, until this reaches `goal`; 0 if it is awake.
    asleep: AtomicU32,
    goal: AtomicU32,
    /// The last of its sleeps. Only the end that sleeps touches it.
    sleeps: AtomicU32,
}

const CLOSED: u32 = 1;

/// What has been seen of a [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u32);

impl Seen {
    /// How many messages it is ahead of `position`, or behind it where negative. Both wrap at 2³¹, and a ring is far shorter.
    #[inline(always)]
    pub(crate) fn ahead_of(self, position: u32) -> i32 {
        (self.0 & !CLOSED).wrapping_sub(position << 1) as i32 >> 1
    }

    /// Whether the end that advances it has gone.
    #[inline(always)]
    pub(crate) fn closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline(always)]
    fn enough(self, goal: u32) -> bool {
        self.closed() || self.ahead_of(goal) >= 0
    }
}

impl Progress {
    /// Looks at it.
    #[inline(always)]
    pub(crate) fn seen(&self) -> Seen {
        // Acquire: pairs with the store in `advance` and `close`: what lay in the ring before it came so far is seen. SeqCst: who has
        // announced something in a `Progress` of its own and then finds this one not closed, as the sender of a signal does, must not
        // be passed by a `close` followed by a look at what was announced. On x86 and ARMv8 such a load costs what an Acquire does.
        Seen(self.at.load(Ordering::SeqCst))
    }

    /// Moves to `position`, and wakes the other end if it sleeps and has been waiting for no more. Called by one end only.
    #[inline(always)]
    pub(crate) fn advance(&self, position: u32, wait: Wait) {
        if wait == Wait::Spin {
            // Release: pairs with the load in `seen`. Nobody sleeps where all poll.
            self.at.store(position << 1, Ordering::Release);
            return;
        }
        // SeqCst, as are the store to `asleep` and the load of `at` in `sleep`: either this sees that the other end is going to sleep, or
        // that one sees the new position. With less, both could miss each other's store.
        self.at.store(position << 1, Ordering::SeqCst);
        let asleep = self.asleep.load(Ordering::SeqCst);
        if asleep != 0 {
            self.wake(Seen(position << 1), asleep);
        }
    }

    /// Moves to `position`, in the one order in which all `announce`, `close` and `seen` happen. Wakes nobody.
    #[inline(always)]
    pub(crate) fn announce(&self, position: u32) {
        // SeqCst: see `seen`.
        self.at.store(position << 1, Ordering::SeqCst);
    }

    /// Tells the other end that this one has gone.
    pub(crate) fn close(&self) {
        // SeqCst: see `seen`. The word changes, so no sleeper misses it.
        let before = self.at.fetch_or(CLOSED, Ordering::SeqCst);
        let asleep = self.asleep.load(Ordering::SeqCst);
        if asleep != 0 {
            self.wake(Seen(before | CLOSED), asleep);
        }
    }

    /// Ends the sleep that has been seen, and no other. By now the other end may have looked for itself, gone on, and be about to begin
    /// its next sleep, for more than there is. If that were taken for the one that was seen, nobody would wake it from it.
    #[cold]
    fn wake(&self, now: Seen, asleep: u32) {
        // Relaxed: stored before `asleep`, which has been read by SeqCst. If it is a later one, so is the sleep.
        let enough = now.enough(self.goal.load(Ordering::Relaxed));
        // Relaxed, both: what matters is that the sleep is still the same. If it is not, the other end has looked at `at` after it was stored.
        if enough && self.asleep.compare_exchange(asleep, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // Never `PRIVATE`: the sleeper is in another process. A wake that fails leaves the sleeper to its slice.
            let _ = futex::wake(&self.at, futex::Flags::empty(), 1);
        }
    }

    /// Waits until this is at `goal` or beyond, or closed; says what was seen then. One end only waits. A sleeper is not woken
    /// before `goal`, but looks for itself after a [`SLICE`], and is content with `least`.
    ///
    /// # Errors
    ///
    /// [`Error::PeerGone`] when `lifeline` is cut, [`Error::Stalled`] when nothing has come for long.
    #[inline(always)]
    pub(crate) fn wait(
        &self,
        transport: &'static str,
        wait: Wait,
        least: u32,
        goal: u32,
        lifeline: &Lifeline,
    ) -> Result<Seen> {
        let now = self.seen();
        if now.enough(least) {
            return Ok(now);
        }
        match wait {
            Wait::Spin => poll_until(
                transport,
                &mut (),
                |()| Some(self.seen()).filter(|now| now.enough(least)),
                |()| lifeline.other_is_gone(),
            ),
            _ => self.sleep(transport, least, goal, lifeline),
        }
    }

    fn sleep(&self, transport: &'static str, least: u32, goal: u32, lifeline: &Lifeline) -> Result<Seen> {
        let slice = futex::Timespec { tv_sec: 0, tv_nsec: SLICE.subsec_nanos().into() };
        let mut begin = None;
        let mut gone = false;
        // Relaxed: published by the store to `asleep`, which is read before it.
        self.goal.store(goal, Ordering::Relaxed);
        loop {
            // Relaxed: only this end has it. Each has a number of its own, and none has 0.
            let asleep = self.sleeps.load(Ordering::Relaxed).wrapping_add(1).max(1);
            self.sleeps.store(asleep, Ordering::Relaxed);
            // SeqCst: pairs with `advance`.
            self.asleep.store(asleep, Ordering::SeqCst);
            let now = self.seen();
            if now.enough(goal) || (begin.is_some() && now.enough(least)) {
                // Relaxed: at worst a wake-up is sent for nothing.
                self.asleep.store(0, Ordering::Relaxed);
                return Ok(now);
            }
            if gone {
                return Err(Box::new(Error::PeerGone { transport }));
            }
            match futex::wait(&self.at, futex::Flags::empty(), now.0, Some(&slice)) {
                // AGAIN: the word has changed before this end was asleep. INTR: a signal. All lead back to the look.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::TIMEDOUT) => {
                    if begin.get_or_insert_with(Instant::now).elapsed() >= LIMIT {
                        return Err(Box::new(Error::Stalled { transport, after: LIMIT }));
                    }
                    // Asked before the last look, not after: what the other end left before it went is still found.
                    gone = lifeline.other_is_gone();
                }
                Err(error) => return Err(Error::system(transport, "FUTEX_WAIT", error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifeline::lifelines;
    use crate::shared::Shared;

    #[test]
    fn positions_wrap() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        for (at, position, ahead) in
            [(7, 5, 2), (5, 7, -2), (3, (1 << 31) - 2, 5), ((1 << 31) - 2, 3, -5), (1 << 31, 0, 0)]
        {
            progress.advance(at, Wait::Spin);
            assert_eq!(progress.seen().ahead_of(position), ahead);
            progress.close();
            assert_eq!(progress.seen().ahead_of(position), ahead, "closing moves nothing");
            assert!(progress.seen().closed());
        }
    }

    #[test]
    fn a_sleeper_sees_all_that_comes_and_the_end() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        let (_mine, theirs) = lifelines().unwrap();
        let other = progress.clone();
        let waiting = std::thread::spawn(move || {
            let mut at = 0;
            loop {
                let now = other.wait("test", Wait::Park, at + 1, at + 1, &theirs)?;
                at += now.ahead_of(at) as u32;
                if now.closed() {
                    return Ok::<_, Box<Error>>(at);
                }
            }
        });
        for position in 1..=10_000 {
            progress.advance(position, Wait::Park);
        }
        progress.close();
        assert_eq!(waiting.join().unwrap().unwrap(), 10_000);
    }

    /// A slice would wake it too, but later than it is looked at here.
    #[test]
    fn a_sleeper_is_woken_at_its_goal() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        let (_mine, theirs) = lifelines().unwrap();
        let other = progress.clone();
        let waiting = std::thread::spawn(move || other.wait("test", Wait::Park, 3, 3, &theirs));
        let asleep = || progress.asleep.load(Ordering::SeqCst);
        while asleep() == 0 {
            std::thread::yield_now();
        }
        let sleep = asleep();
        progress.advance(3, Wait::Park);
        // It may have begun another sleep before it looks, but this one is over.
        assert_ne!(asleep(), sleep, "nobody has been woken");
        assert_eq!(waiting.join().unwrap().unwrap().ahead_of(0), 3);
    }

    /// Nobody sleeps here in truth, so nobody but `advance` changes what is looked at.
    #[test]
    fn a_sleeper_is_not_woken_before_its_goal_unless_the_other_goes() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        progress.goal.store(3, Ordering::Relaxed);
        progress.asleep.store(1, Ordering::Relaxed);
        progress.advance(2, Wait::Park);
        assert_eq!(progress.asleep.load(Ordering::Relaxed), 1, "2 is not 3");
        progress.close();
        assert_eq!(progress.asleep.load(Ordering::Relaxed), 0);
    }

    /// A wake-up that was held up between its look and its deed, while the sleeper went on and began to sleep again.
    #[test]
    fn a_wake_up_that_comes_late_does_not_end_the_next_sleep() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        progress.goal.store(1, Ordering::Relaxed);
        progress.asleep.store(1, Ordering::Relaxed);
        let (now, seen) = (Seen(1 << 1), progress.asleep.load(Ordering::Relaxed));
        progress.asleep.store(2, Ordering::Relaxed);
        progress.wake(now, seen);
        assert_eq!(progress.asleep.load(Ordering::Relaxed), 2, "the next one to advance would wake nobody");
        progress.wake(now, 2);
        assert_eq!(progress.asleep.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn no_two_sleeps_have_one_number() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        let (mine, _theirs) = lifelines().unwrap();
        progress.advance(1, Wait::Park);
        progress.sleeps.store(u32::MAX - 1, Ordering::Relaxed);
        let sleeps = [(); 3].map(|()| {
            progress.sleep("test", 1, 1, &mine).unwrap();
            progress.sleeps.load(Ordering::Relaxed)
        });
        assert_eq!(sleeps, [u32::MAX, 1, 2]);
    }

    #[test]
    fn a_sleeper_that_waits_for_more_is_content_with_less_after_a_while() {
        let progress: Shared<Progress> = Shared::new().unwrap();
        let (mine, _theirs) = lifelines().unwrap();
        let other = progress.clone();
        let advancing = std::thread::spawn(move || {
            std::thread::sleep(SLICE / 4);
            other.advance(1, Wait::Park);
        });
        let seen = progress.wait("test", Wait::Park, 1, 1000, &mine).unwrap();
        assert_eq!(seen.ahead_of(0), 1);
        advancing.join().unwrap();
    }

    #[test]
    fn the_end_of_a_peer_ends_a_wait_after_what_it_has_left() {
        for wait in [Wait::Spin, Wait::Park] {
            let progress: Shared<Progress> = Shared::new().unwrap();
            let (mine, theirs) = lifelines().unwrap();
            progress.advance(1, wait);
            drop(theirs);
            assert_eq!(progress.wait("test", wait, 1, 1, &mine).unwrap().ahead_of(0), 1);
            let error = progress.wait("test", wait, 2, 2, &mine).unwrap_err();
            assert!(matches!(*error, Error::PeerGone { transport: "test" }), "{error}");
        }
    }
}
