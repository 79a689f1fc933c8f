//! When all is over: every message is accounted for, and every anomaly explained by a kill.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::Ordering::SeqCst;

use super::account::{Account, Doing, Word};
use crate::place::by;
use crate::scratch::message;
use rondel::mpmc::OnConsumerDeath;

/// What came of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    /// It left in good order.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Producer,
    Consumer,
}

/// The lives of a storm, by number, and how they ended.
pub(super) type Lives = Vec<(Side, End)>;

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) kills: [u64; 2],
    pub(super) closings: u64,
    /// Messages whose push had returned, and others that arrived, though their producer was killed in the push.
    pub(super) pushed: u64,
    pub(super) pushed_at_death: u64,
    pub(super) redelivered: u64,
    /// Gone with a consumer that was killed while it was popping or had just let go.
    pub(super) lost: u64,
    /// Messages that consumers killed in a pop may have had: one, or a batch.
    pub(super) excused: u64,
    /// Messages that were held under a guard at a kill, or at several.
    pub(super) held: HashSet<(u64, u64)>,
}

impl Verdict {
    /// Finds the first thing that no kill explains, and says so by panicking.
    pub(super) fn on(account: &Account, lives: &Lives, policy: OnConsumerDeath) -> Self {
        let mut verdict = Self::default();
        for (life, _) in (0..).zip(lives).filter(|(_, life)| **life == (Side::Consumer, End::Killed)) {
            enter_the_rest(account, life);
        }
        for (life, &(side, end)) in (0..).zip(lives) {
            match end {
                End::Killed => verdict.kills[side as usize] += 1,
                End::Closed => verdict.closings += 1,
            }
            match side {
                Side::Producer => verdict.producer(account, life, end),
                Side::Consumer => verdict.consumer(account, life, end),
            }
        }
        let mut held_again = 0;
        for &(author, number) in &verdict.held {
            let (first, again) = account.deliveries(author, number);
            assert_eq!(first, 0, "message {number} of life {author} was held under a guard at a kill");
            held_again += u64::from(again);
        }
        // What was held is delivered again, if its next consumer was not killed too; or discarded, as it should be. Everything else
        // that is missing, or was delivered again, was in the hands of a consumer in the middle of a pop.
        let gone = match policy {
            OnConsumerDeath::Redeliver => verdict.redelivered - held_again + verdict.lost,
            OnConsumerDeath::Discard => {
                assert_eq!(verdict.redelivered, 0, "what was to be discarded was delivered again");
                // Of those that were held, some had not quite been pushed.
                verdict.lost.saturating_sub(verdict.held.len() as u64)
            }
        };
        assert!(gone <= verdict.excused, "no kill explains it: {verdict}");
        verdict
    }

    fn producer(&mut self, account: &Account, life: u64, end: End) {
        let (begun, done) = (account.read(life, Word::Begun), account.read(life, Word::Done));
        assert!(done == begun || end == End::Killed);
        for number in 0..begun {
            let (first, again) = account.deliveries(life, number);
            let what =
                || format!("message {number} of life {life} ({done} pushed, {begun} begun): {first} + {again} times");
            assert!(first + again <= 1, "doubled: {}", what());
            self.redelivered += u64::from(again);
            if number < done {
                self.pushed += 1;
                self.lost += u64::from(first + again == 0);
            } else {
                self.pushed_at_death += u64::from(first + again);
            }
        }
    }

    fn consumer(&mut self, account: &Account, life: u64, end: End) {
        if end == End::Closed {
            return;
        }
        let doing = account.read(life, Word::Doing);
        if doing == Doing::Popping as u64 {
            self.excused += account.read(life, Word::Begun);
        } else if doing == Doing::Holding as u64 {
            self.held.insert(by(message(account.read(life, Word::Held))));
        }
    }
}

/// Enters as delivered what a consumer had let go of and was about to enter when it was killed.
fn enter_the_rest(account: &Account, life: u64) {
    if account.read(life, Word::Doing) != Doing::Entering as u64 {
        return;
    }
    let entered = account.read(life, Word::Entered);
    for index in entered..account.read(life, Word::Returned) {
        let (author, number) = by(message(account.listed(life, index).load(SeqCst)));
        // The first of them may have been entered, and not yet counted.
        if index > entered || account.deliveries(author, number) == (0, 0) {
            account.delivered(author, number, account.read(life, Word::Again) == 1);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [producers, consumers] = self.kills;
        write!(
            f,
            "{} messages pushed, and {} by pushes under way at a kill; {producers} producers and {consumers} consumers killed, {} \
             closed; {} redelivered, {} held under a guard at a kill, {} lost with their consumer, of {} that would be excused",
            self.pushed,
            self.pushed_at_death,
            self.closings,
            self.redelivered,
            self.held.len(),
            self.lost,
            self.excused
        )
    }
}
