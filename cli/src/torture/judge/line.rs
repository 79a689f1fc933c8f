//! A ring between two: one order, and each message where it belongs in it.

use std::collections::HashSet;

use super::{Fault, Hand, Id, Journals, Pushed, Verdict, unknown};

/// Where in the order the reading is.
struct Line<'a> {
    /// The producers' lives, in order, and how many messages of each are certain.
    authors: Vec<(u64, u64, &'a Pushed)>,
    /// Index of the author that is read.
    at: usize,
    /// The next of its messages.
    next: u64,
    /// How many may be missing here, in the hands of consumers that died since the last delivery …
    explained: u64,
    /// … and which of them it is known of.
    let_go: HashSet<Id>,
    /// How many did go here.
    missing: Vec<Id>,
}

pub(super) fn judge(journals: &Journals<'_>, verdict: &mut Verdict) {
    let mut line = Line {
        authors: certain(journals, verdict),
        at: 0,
        next: 0,
        explained: 0,
        let_go: HashSet::new(),
        missing: Vec::new(),
    };
    for (consumer, popped) in journals.consumers() {
        for delivery in &popped.log {
            let id = delivery.id;
            if line.is_before(id) {
                // From here on everything is in the wrong place.
                verdict.find(match count(journals, id) {
                    1 => Fault::OutOfOrder { id, after: line.last(), consumer },
                    times => Fault::Doubled { id, times },
                });
                return;
            }
            line.pass_to(id);
            line.settle(verdict);
            if !verdict.faults.is_empty() {
                return;
            }
            verdict.delivered += 1;
        }
        line.die(&popped.hand, verdict);
    }
    line.pass_to_the_end();
    line.settle(verdict);
}

fn count(journals: &Journals<'_>, id: Id) -> u64 {
    let logs = journals.consumers().flat_map(|(_, popped)| &popped.log);
    logs.filter(|delivery| delivery.id == id).count() as u64
}

/// How many messages of each life have certainly been published: those whose push has returned, and all before one that arrived.
fn certain<'a>(journals: &Journals<'a>, verdict: &mut Verdict) -> Vec<(u64, u64, &'a Pushed)> {
    let mut seen = vec![0; journals.lives.len()];
    for (_, popped) in journals.consumers() {
        let held = match &popped.hand {
            Hand::Holding(ids) | Hand::LettingGo(ids) => &ids[..],
            _ => &[],
        };
        for id in popped.log.iter().map(|delivery| &delivery.id).chain(held) {
            let seen = &mut seen[id.author as usize];
            *seen = id.number.saturating_add(1).max(*seen);
        }
    }
    let count = |(author, pushed): (u64, &'a Pushed)| {
        let seen = seen[author as usize];
        verdict.at_death += seen.saturating_sub(pushed.done);
        (author, if seen > pushed.done && pushed.at_once { pushed.begun } else { seen.max(pushed.done) }, pushed)
    };
    journals.producers().map(count).collect()
}

impl Line<'_> {
    fn last(&self) -> Id {
        let author = self.authors.get(self.at).map_or(u64::MAX, |(author, ..)| *author);
        Id { author, number: self.next.saturating_sub(1) }
    }

    fn is_before(&self, id: Id) -> bool {
        match self.authors.get(self.at) {
            Some(&(author, ..)) => id < Id { author, number: self.next },
            None => true,
        }
    }

    /// Reads on to just behind `id`; what lies between is missing.
    fn pass_to(&mut self, id: Id) {
        while let Some(&(author, certain, _)) = self.authors.get(self.at) {
            let end = if author == id.author { id.number } else { certain };
            self.missing.extend((self.next..end).map(|number| Id { author, number }));
            if author == id.author {
                self.next = id.number + 1;
                return;
            }
            (self.at, self.next) = (self.at + 1, 0);
        }
    }

    fn pass_to_the_end(&mut self) {
        while let Some(&(author, certain, _)) = self.authors.get(self.at) {
            self.missing.extend((self.next..certain).map(|number| Id { author, number }));
            (self.at, self.next) = (self.at + 1, 0);
        }
    }

    /// What is missing at this point has to have gone with those that died here.
    fn settle(&mut self, verdict: &mut Verdict) {
        let unexplained: Vec<Id> = self.missing.iter().filter(|id| !self.let_go.contains(id)).copied().collect();
        verdict.gone += unexplained.len().min(self.explained as usize) as u64;
        if let Some(first) = unexplained.get(self.explained as usize) {
            let at = self.authors.iter().find(|(author, ..)| *author == first.author);
            verdict.find(match at {
                // The rest of a batch of which a part has come.
                Some((author, _, pushed)) if first.number >= pushed.done && pushed.at_once => {
                    Fault::Split { author: *author, done: pushed.done, begun: pushed.begun }
                }
                _ => Fault::Lost { id: *first },
            });
        }
        self.missing.clear();
        self.let_go.clear();
        self.explained = 0;
    }

    /// A consumer has ended with this in its hand.
    fn die(&mut self, hand: &Hand, verdict: &mut Verdict) {
        self.explained += unknown(hand).0;
        match hand {
            Hand::Holding(ids) => verdict.redelivered += ids.len() as u64,
            Hand::LettingGo(ids) => self.let_go.extend(ids),
            Hand::Empty | Hand::Taking(_) | Hand::Reaching(_) => {}
        }
    }
}
