//! The side that is not the victim's.

use super::{Answer, Pair};
use crate::kills::sleeper::{Notes, Sleeper};

/// The other side.
pub(super) enum Other<P: Pair> {
    Nobody,
    Producer(P::Producer),
    Consumer(P::Consumer),
    Sleeper(Sleeper),
}

impl<P: Pair> Other<P> {
    /// The same side, asleep in a process of its own.
    pub(super) fn put_to_sleep(self, ring: &P::Ring, pushed: u64) -> Self {
        Other::Sleeper(match self {
            Other::Consumer(rx) => {
                drop(rx);
                Sleeper::asleep(|notes| sleep_as_consumer::<P>(&mut P::consumer(ring), notes))
            }
            Other::Producer(tx) => {
                drop(tx);
                Sleeper::asleep(|notes| sleep_as_producer::<P>(&mut P::producer(ring), pushed, notes))
            }
            Other::Nobody | Other::Sleeper(_) => unreachable!("somebody who can fall asleep"),
        })
    }
}

fn sleep_as_consumer<P: Pair>(rx: &mut P::Consumer, notes: &Notes) {
    loop {
        let answer = P::pop_waiting(rx);
        notes.note(answer.word());
        if !matches!(answer, Answer::Message(_)) {
            return;
        }
    }
}

fn sleep_as_producer<P: Pair>(tx: &mut P::Producer, first: u64, notes: &Notes) {
    for number in first.. {
        let answer = P::push_waiting(tx, number);
        notes.note(answer.word());
        if !matches!(answer, Answer::Message(_)) {
            return;
        }
    }
}
