//! A bound on how long one end waits for the other, so that no failure of one side hangs the other for good.

use crate::{Error, Result};
use std::time::{Duration, Instant};

/// How long an end waits, in all, before it takes the other for stuck. No wait of a healthy run comes near it.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Polls between two looks at the clock: a look costs tens of nanoseconds, and a poll about one.
const POLLS_PER_LOOK: u32 = 1 << 16;

/// Counts the polls of one wait.
pub(crate) struct Patience {
    transport: &'static str,
    polls: u32,
    since: Option<Instant>,
}

impl Patience {
    /// The start of a wait. Costs nothing until the wait becomes a long one.
    #[inline(always)]
    pub(crate) const fn new(transport: &'static str) -> Self {
        Patience {
            transport,
            polls: 0,
            since: None,
        }
    }

    /// To be called at each poll that found nothing. `abandoned` is asked now and then whether the other end is gone;
    /// it may cost something.
    #[inline(always)]
    pub(crate) fn poll(&mut self, abandoned: impl FnOnce() -> bool) -> Result<()> {
        self.polls = self.polls.wrapping_add(1);
        if self.polls % POLLS_PER_LOOK != 0 {
            Ok(())
        } else {
            self.look(abandoned())
        }
    }

    #[cold]
    fn look(&mut self, abandoned: bool) -> Result<()> {
        if abandoned {
            return Err(Box::new(Error::PeerGone {
                transport: self.transport,
            }));
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < LIMIT {
            Ok(())
        } else {
            Err(Box::new(Error::Stalled {
                transport: self.transport,
                after: LIMIT,
            }))
        }
    }
}
