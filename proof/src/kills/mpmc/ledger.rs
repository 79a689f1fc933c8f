//! What was pushed by whom, and what came of it: each message's fate, and whether it is one of those that are promised.

use std::collections::BTreeMap;

/// Whose a message is, in the order in which they push: what is in the ring before, the victims', the sleepers', and what a survivor pushes
/// when the victim is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Author {
    Before,
    First,
    Victim,
    Sleeper,
    OtherSleeper,
    After,
    Lap,
}

impl Author {
    const ALL: [Author; 7] = [
        Author::Before,
        Author::First,
        Author::Victim,
        Author::Sleeper,
        Author::OtherSleeper,
        Author::After,
        Author::Lap,
    ];
}

/// A message, as a consumer was given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) author: Author,
    pub(super) number: u64,
    pub(super) redelivered: bool,
}

impl Delivery {
    const REDELIVERED: u64 = 1 << 32;
    const AUTHOR: u32 = 16;

    /// In one word; never zero, for the authors are numbered from one.
    pub(super) fn word(self) -> u64 {
        let author = self.author as u64 + 1;
        author << Self::AUTHOR | self.number | if self.redelivered { Self::REDELIVERED } else { 0 }
    }

    pub(super) fn of(word: u64) -> Self {
        let author = (word >> Self::AUTHOR & 0xffff) as usize;
        let author = author.checked_sub(1).and_then(|place| Author::ALL.get(place));
        let author = *author.unwrap_or_else(|| panic!("{word:#x} is nobody's message"));
        Self { author, number: word & 0xffff, redelivered: word & Self::REDELIVERED != 0 }
    }
}

/// What happened to all messages.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// So many of an author's messages were published, by its own word or the survivors'; of a dead one's there may be more.
    published: BTreeMap<Author, u64>,
    /// So many more a dead one may have published.
    perhaps: BTreeMap<Author, u64>,
    /// What each of the living was given, in its order.
    deliveries: Vec<Vec<Delivery>>,
    /// One that is dead may have taken the first victim's messages.
    first_may_be_taken: bool,
}

/// What has become of the dead ones' doings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Messages that none of the living was given, though they were in the ring before a dead one took something out.
    pub(super) missing: u64,
    /// Messages that were delivered as something that was perhaps delivered before.
    pub(super) redelivered: u64,
}

impl Ledger {
    /// So many more of this author's messages are published for certain.
    pub(super) fn publish(&mut self, author: Author, count: u64) {
        *self.published.entry(author).or_default() += count;
    }

    /// So many more may be.
    pub(super) fn perhaps(&mut self, author: Author, count: u64) {
        *self.perhaps.entry(author).or_default() += count;
    }

    /// The first victim's messages, too, may be gone with the second one.
    pub(super) fn first_may_be_taken(&mut self) {
        self.first_may_be_taken = true;
    }

    /// From here on it is another consumer that is given something.
    pub(super) fn next_consumer(&mut self) {
        self.deliveries.push(Vec::new());
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        if self.deliveries.is_empty() {
            self.next_consumer();
        }
        self.deliveries.last_mut().expect("one at least").push(delivery);
    }

    /// So many of this author's messages were delivered to the living.
    pub(super) fn delivered(&self, author: Author) -> u64 {
        self.deliveries.iter().flatten().filter(|delivery| delivery.author == author).count() as u64
    }

    /// Every message's fate. `one_by_one`: no author has pushed while another did, so that their order is known.
    pub(super) fn judge(&self, one_by_one: bool) -> Tally {
        let mut tally = Tally::default();
        for given in &self.deliveries {
            // In the order of the ring, but for what is delivered again.
            let mut next: BTreeMap<Author, u64> = BTreeMap::new();
            let mut latest = Author::Before;
            for found in given.iter().filter(|found| !found.redelivered) {
                let next = next.entry(found.author).or_default();
                assert!(found.number >= *next, "{found:?} after {}: {given:?}", *next - 1);
                *next = found.number + 1;
                assert!(!one_by_one || found.author >= latest, "{found:?} after {latest:?}'s: {given:?}");
                latest = found.author;
            }
        }
        for author in Author::ALL {
            let published = self.published.get(&author).copied().unwrap_or(0);
            let most = published + self.perhaps.get(&author).copied().unwrap_or(0);
            let mut times = vec![0; most as usize];
            for found in self.deliveries.iter().flatten().filter(|found| found.author == author) {
                let Some(times) = times.get_mut(found.number as usize) else { panic!("{found:?} was never pushed") };
                *times += 1;
                tally.redelivered += u64::from(found.redelivered);
            }
            assert!(times.iter().all(|times| *times <= 1), "{author:?}'s were given to the living twice: {times:?}");
            let (certain, perhaps) = times.split_at(published as usize);
            let missing = certain.iter().filter(|times| **times == 0).count() as u64;
            let may_be_taken = author == Author::Before || author == Author::First && self.first_may_be_taken;
            if may_be_taken {
                tally.missing += missing;
            } else {
                assert_eq!(missing, 0, "{author:?}'s are lost: {times:?}");
            }
            // What a dead one had begun is published from its beginning on; and consumed from there on.
            let begun = perhaps.iter().skip_while(|times| may_be_taken && **times == 0);
            assert!(begun.is_sorted_by(|one, next| one >= next), "{author:?}'s with gaps: {times:?}");
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn judge(deliveries: &[(Author, u64, bool)]) -> Option<Tally> {
        let mut ledger = Ledger::default();
        ledger.publish(Author::Before, 2);
        ledger.publish(Author::After, 1);
        ledger.perhaps(Author::Victim, 2);
        for &(author, number, redelivered) in deliveries {
            ledger.deliver(Delivery { author, number, redelivered });
        }
        catch_unwind(|| ledger.judge(true)).ok()
    }

    #[test]
    fn a_word_says_all_of_a_delivery() {
        for author in Author::ALL {
            for redelivered in [false, true] {
                let delivery = Delivery { author, number: 77, redelivered };
                assert_eq!(Delivery::of(delivery.word()), delivery);
            }
        }
    }

    #[test]
    fn what_is_promised_is_told_from_what_is_not() {
        use Author::{After, Before, Victim};
        let all = [(Before, 0, false), (Before, 1, false), (Victim, 0, false), (After, 0, false)];
        assert_eq!(judge(&all), Some(Tally::default()));
        assert_eq!(judge(&all[1..]), Some(Tally { missing: 1, redelivered: 0 }));
        let again = [(Before, 1, false), (Before, 0, true), (After, 0, false)];
        assert_eq!(judge(&again), Some(Tally { missing: 0, redelivered: 1 }));
        let [zero, one, victim, after] = all;
        let wrong: [(&str, &[_]); 6] = [
            ("twice", &[zero, one, one, after]),
            ("out of order", &[one, zero, after]),
            ("a survivor's is lost", &[zero, one, victim]),
            ("with a gap", &[zero, one, (Victim, 1, false), after]),
            ("never pushed", &[zero, one, (After, 1, false), after]),
            ("one author overtakes another", &[zero, after, one]),
        ];
        for (what, deliveries) in wrong {
            assert_eq!(judge(deliveries), None, "{what}");
        }
    }
}
