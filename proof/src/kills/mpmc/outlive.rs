//! What the survivors and the successors of the dead must find.

use std::time::Duration;

use rondel::mpmc::{OnConsumerDeath, Recovery};

use super::super::clock::now;
use super::act::Act;
use super::ledger::{Author, Delivery, Tally};
use super::ring::{all_places_are_free, consumer, drain, goes_round, message, producer};
use super::stage::{Setting, Stage};

/// One that was killed.
pub(super) struct Dead {
    pub(super) act: Act,
    pub(super) author: Author,
    /// Its operation was over, and it has said this of it.
    pub(super) said: Option<(u64, Vec<Delivery>)>,
}

/// What has become of a kill.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    /// How long a survivor stood still after it at the longest.
    pub(super) stall: Duration,
    /// How many of the last one's messages have arrived.
    pub(super) delivered: u64,
}

/// Everybody is dead but those who stand on the stage, or nobody is there at all; what is left is found, delivered, and accounted for.
/// `quiet`: nobody has done anything since the stage was made but the dead.
pub(super) fn outlive(setting: &Setting, mut stage: Stage, dead: &[Dead], killed: Duration, quiet: bool) -> Outcome {
    let ring = stage.ring.clone();
    let living = usize::from(stage.tx.is_some()) + usize::from(stage.rx.is_some());
    let found = ring.participants().iter().filter(|place| place.alive).count();
    assert_eq!(found, living, "who is alive: {:?}", ring.participants());
    let were_there = stage.rx.is_some();
    // A consumer first: it may be the heir of what a producer could not deliver.
    let mut rx = stage.rx.take().unwrap_or_else(|| consumer(&ring));
    let mut tx = stage.tx.take().unwrap_or_else(|| producer(&ring));
    let claims = quiet.then(|| Claims::read(&stage, rx.len().expect("intact") as u64, dead)).flatten();
    assert_eq!((rx.stuck(), tx.stuck()), (Ok(None), Ok(None)), "nobody who lives holds anything");
    let recovered = rx.recover().expect("intact");
    let again = tx.recover().expect("intact");
    assert_eq!((again.skipped, again.freed, again.discarded), (0, 0, 0), "it was settled: {again:?}");
    assert_eq!(again.to_redeliver, recovered.to_redeliver);
    for one in dead {
        stage.ledger.perhaps(one.author, one.act.pushes);
    }
    stage.ledger.next_consumer();
    drain(&mut rx, &mut stage.ledger);
    // Nobody waits for anybody: what is pushed now arrives now.
    for number in 0..2 {
        tx.try_push(message(Author::After, number)).expect("drained");
    }
    stage.ledger.publish(Author::After, 2);
    drain(&mut rx, &mut stage.ledger);
    let stall = now().saturating_sub(killed);
    assert_eq!(stage.ledger.delivered(Author::After), 2);
    let tally = stage.ledger.judge(quiet && dead.len() == 1);
    let most = stage.held + dead.iter().map(|dead| dead.act.takes).sum::<u64>();
    assert!(tally.missing <= most, "{} are gone, and the dead have taken {most} at the most", tally.missing);
    if setting.policy == OnConsumerDeath::Discard {
        assert_eq!((tally.redelivered, recovered.to_redeliver), (0, 0), "nothing is delivered again");
        assert!(recovered.discarded <= tally.missing, "{recovered:?}, {tally:?}");
    } else if were_there && quiet {
        assert_eq!(tally.redelivered, recovered.to_redeliver, "as the recovery has said");
    }
    if let Some(claims) = claims {
        claims.check(&stage, tally, were_there.then_some(recovered), dead);
    }
    for one in dead {
        check_answer(setting, &stage, one, dead, tally);
    }
    drop(producer(&ring));
    drop(consumer(&ring));
    goes_round(&mut tx, &mut rx);
    drop((tx, rx));
    all_places_are_free(&ring);
    let delivered = dead.last().map_or(0, |dead| stage.ledger.delivered(dead.author));
    Outcome { tally, stall, delivered }
}

/// How many positions were claimed by the dead, by the ring's own length.
struct Claims {
    /// Of consumers, those that died before among them.
    popped: u64,
    pushed: u64,
}

impl Claims {
    /// Nothing can be said where some of the dead have pushed and others popped: the length is the difference.
    fn read(stage: &Stage, len: u64, dead: &[Dead]) -> Option<Self> {
        let pushes = dead.iter().any(|dead| dead.act.pushes > 0);
        let takes = dead.iter().any(|dead| dead.act.takes > 0);
        match (pushes, takes) {
            (true, true) => None,
            (true, false) => Some(Claims { popped: stage.held, pushed: len - stage.len }),
            (false, _) => Some(Claims { popped: stage.held + stage.len - len, pushed: 0 }),
        }
    }

    /// What was claimed is gone with the dead, or delivered again, or skipped.
    fn check(&self, stage: &Stage, tally: Tally, recovered: Option<Recovery>, dead: &[Dead]) {
        let fate = tally.missing + tally.redelivered;
        let messages = self.popped.saturating_sub(stage.holes)..=self.popped;
        assert!(messages.contains(&fate), "{} claimed by consumers, and then {tally:?}", self.popped);
        let delivered: u64 = dead.iter().map(|dead| stage.ledger.delivered(dead.author)).sum();
        assert!(delivered <= self.pushed, "{delivered} delivered, {} claimed", self.pushed);
        if let Some(recovered) = recovered {
            let most = self.pushed - delivered + stage.holes;
            // If there was one to settle it between, nothing may be left.
            let least = if dead.len() == 1 { self.pushed - delivered } else { 0 };
            assert!((least..=most).contains(&recovered.skipped), "{least} to {most} to skip: {recovered:?}");
        }
    }
}

/// What one of the dead had answered is so.
fn check_answer(setting: &Setting, stage: &Stage, one: &Dead, dead: &[Dead], tally: Tally) {
    let Some((pushed, taken)) = &one.said else { return };
    let delivered = stage.ledger.delivered(one.author);
    let others = dead.len() - 1;
    // Another dead one may have taken some of them.
    let most_taken: u64 = if others == 0 { 0 } else { dead.iter().map(|dead| dead.act.takes).sum() };
    assert!(delivered <= *pushed, "it had answered that it had pushed {pushed}, and {delivered} arrived");
    assert!(delivered + most_taken >= *pushed, "it had answered that it had pushed {pushed}, and {delivered} arrived");
    if others > 0 {
        return;
    }
    let discards = setting.policy == OnConsumerDeath::Discard;
    let gone = if one.act.keeps && !discards { 0 } else { taken.len() as u64 };
    // What the dead of before hold is discarded, or waits; the victim may have taken it.
    let discarded = if discards { stage.held } else { 0 };
    assert_eq!(tally.missing, gone + discarded, "it had answered that it had taken {taken:?}");
}
