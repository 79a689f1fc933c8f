//! A ring between many: each producer's messages in order at each consumer, each once, or again with a mark.

use std::collections::HashSet;

use super::{Fault, Hand, Id, Journals, Verdict, unknown};

pub(super) fn judge(journals: &Journals<'_>, redelivers: bool, verdict: &mut Verdict) {
    let mut journals = Journals::of(journals.lives);
    for (consumer, popped) in journals.consumers() {
        // Behind the last unmarked message of each author.
        let mut next = vec![0; journals.lives.len()];
        for delivery in &popped.log {
            journals.enter(delivery);
            let next = &mut next[delivery.id.author as usize];
            if !delivery.again {
                if delivery.id.number < *next {
                    let after = Id { number: *next - 1, ..delivery.id };
                    verdict.find(Fault::OutOfOrder { id: delivery.id, after, consumer });
                }
                *next = delivery.id.number + 1;
            }
        }
    }
    let hands = Hands::of(&journals);
    for id in &hands.held {
        if journals.count(*id)[0] > 0 {
            verdict.find(Fault::Unmarked { id: *id });
        }
    }
    let (mut missing, mut first_missing, mut marked) = (0, None, 0);
    for (author, pushed) in journals.producers() {
        for number in 0..pushed.begun {
            let id = Id { author, number };
            let [first, again] = journals.count(id).map(u64::from);
            if first + again > 1 {
                verdict.find(Fault::Doubled { id, times: first + again });
            }
            if again > 0 && !redelivers {
                verdict.find(Fault::NotDiscarded { id });
            }
            verdict.delivered += u64::from(first + again > 0);
            verdict.redelivered += u64::from(again > 0);
            marked += u64::from(again > 0 && !hands.held.contains(&id));
            if number >= pushed.done {
                verdict.at_death += u64::from(first + again > 0);
            } else if first + again == 0 && !hands.may_have_gone(id, redelivers) {
                missing += 1;
                first_missing = first_missing.or(Some(id));
            }
        }
    }
    verdict.gone += missing;
    // One that was killed in a pop has had so many, which are gone or come again; in a ring that discards, they are gone even from
    // under a guard.
    let explained = if redelivers { hands.taken } else { hands.claimed };
    if missing > explained {
        if let Some(first) = first_missing {
            verdict.find(if explained == 0 {
                Fault::Lost { id: first }
            } else {
                Fault::TooManyLost { missing, explained, first }
            });
        }
    } else if redelivers && marked + missing > hands.claimed {
        verdict.find(Fault::Marked { marked, explained: hands.claimed - missing });
    }
}

/// What all consumers had when they ended.
struct Hands {
    /// Known to have been held, and may not come unmarked any more.
    held: HashSet<Id>,
    /// Of these, known to have been being let go of.
    let_go: HashSet<Id>,
    /// How many more may have been taken out; and how many may have been claimed at all.
    taken: u64,
    claimed: u64,
}

impl Hands {
    fn of(journals: &Journals<'_>) -> Hands {
        let mut hands = Hands { held: HashSet::new(), let_go: HashSet::new(), taken: 0, claimed: 0 };
        for (_, popped) in journals.consumers() {
            let (taken, claimed) = unknown(&popped.hand);
            hands.taken += taken;
            hands.claimed += claimed;
            match &popped.hand {
                Hand::Holding(ids) => hands.held.extend(ids),
                Hand::LettingGo(ids) => {
                    hands.held.extend(ids);
                    hands.let_go.extend(ids);
                }
                Hand::Empty | Hand::Taking(_) | Hand::Reaching(_) => {}
            }
        }
        hands
    }

    /// Whether it is known of this very message that it may have gone.
    fn may_have_gone(&self, id: Id, redelivers: bool) -> bool {
        self.let_go.contains(&id) || !redelivers && self.held.contains(&id)
    }
}
