//! What the survivors of a kill, and the victim's successor, must find.

use std::time::Duration;

use rondel::spsc::Peer;

use super::other::Other;
use super::{Answer, Company, Pair, PairScenario};
use crate::kills::clock::now;
use crate::kills::scenario::Scenario;
use crate::kills::sleeper::Sleeper;

/// What there was when the victim died.
#[derive(Clone, Copy)]
pub(super) struct Left {
    /// The first message in the ring, and the one behind the last, when the operation began.
    pub(super) popped: u64,
    pub(super) pushed: u64,
    pub(super) killed: Duration,
    /// The operation was over.
    pub(super) over: bool,
}

impl<P: Pair> PairScenario<P> {
    /// What a survivor may be told of the victim, once nothing else is left to say.
    fn check_end(&self, told: Answer, over: bool) {
        let either = matches!(told, Answer::Dead | Answer::Closed);
        match (self.act.closes(), over) {
            (true, true) => assert_eq!(told, Answer::Closed, "it had closed"),
            (true, false) => assert!(either, "{told:?}"),
            // Its predecessor had closed, and it may have died before it said that it is there.
            (false, false) if self.act.attaches() => assert!(either, "{told:?}"),
            (false, _) => assert_eq!(told, Answer::Dead, "it was killed"),
        }
    }

    /// What a survivor says of the victim that it stood beside.
    fn check_peer(&self, peer: Peer, over: bool) {
        let told = match peer {
            Peer::Dead { .. } => Answer::Dead,
            Peer::Closed => Answer::Closed,
            other => panic!("the victim is {other:?}"),
        };
        self.check_end(told, over);
    }

    /// What a sleeper was told: messages from this number on, and then the end. The number behind them, and how long it stood still.
    fn hear(&self, sleeper: Sleeper, first: u64, left: Left) -> (u64, Duration) {
        let (answers, stood) = sleeper.tell(left.killed, left.killed);
        let (end, messages) = answers.split_last().expect("it was told the end");
        for (word, number) in messages.iter().zip(first..) {
            assert_eq!(Answer::of(*word), Answer::Message(number), "what a sleeper was told");
        }
        self.check_end(Answer::of(*end), left.over);
        (first + messages.len() as u64, stood)
    }

    /// The victim was the producer. How many of its messages are there, and how long the consumer stood still.
    pub(super) fn outlive_producer(&self, ring: &P::Ring, other: Other<P>, left: Left) -> (u64, Duration) {
        let (mut next, mut stall, mut rx) = (left.popped, Duration::ZERO, None);
        match other {
            Other::Consumer(mut own) => {
                self.check_peer(P::peer_of_consumer(&mut own), left.over);
                rx = Some(own);
            }
            Other::Sleeper(sleeper) => (next, stall) = self.hear(sleeper, next, left),
            Other::Nobody => {}
            Other::Producer(_) => unreachable!("the victim is the producer"),
        }
        let drain = |rx: &mut P::Consumer, next: &mut u64| {
            while let Some(number) = P::pop(rx) {
                assert_eq!(number, *next, "in order, and each once");
                *next += 1;
            }
        };
        if let (Some(rx), Company::AwakeFirst) = (&mut rx, self.company) {
            drain(rx, &mut next);
        }
        let mut tx = P::producer(ring);
        let published = P::published(&tx);
        let progress = published.checked_sub(left.pushed).expect("nothing that was published is taken back");
        let mut rx = rx.unwrap_or_else(|| P::consumer(ring));
        assert_eq!(P::consumed(&rx), next, "nothing is consumed by itself");
        P::check_unread(&mut tx, &mut rx, next, published);
        drain(&mut rx, &mut next);
        assert_eq!(next, published, "all that is published arrives");
        let stall = stall.max(if self.sleeps() { Duration::ZERO } else { now().saturating_sub(left.killed) });
        go_on::<P>(ring, tx, rx, next);
        (progress, stall)
    }

    /// The victim was the consumer. How many messages are gone with it, and how long the producer stood still.
    pub(super) fn outlive_consumer(&self, ring: &P::Ring, other: Other<P>, left: Left) -> (u64, Duration) {
        let (mut pushed, mut stall, mut tx) = (left.pushed, Duration::ZERO, None);
        match other {
            Other::Producer(mut own) => {
                self.check_peer(P::peer_of_producer(&mut own), left.over);
                tx = Some(own);
            }
            Other::Sleeper(sleeper) => (pushed, stall) = self.hear(sleeper, pushed, left),
            Other::Nobody => {}
            Other::Consumer(_) => unreachable!("the victim is the consumer"),
        }
        let mut room = None;
        if let (Some(tx), Company::AwakeFirst) = (&mut tx, self.company) {
            while P::push(tx, pushed) {
                pushed += 1;
            }
            room = Some(pushed);
        }
        let mut rx = P::consumer(ring);
        let mut tx = tx.unwrap_or_else(|| P::producer(ring));
        assert_eq!(P::published(&tx), pushed, "what was published is published");
        let first = P::consumed(&rx);
        let progress = first.checked_sub(left.popped).expect("nothing that was consumed comes again");
        if let Some(refused) = room {
            let fit = refused - first;
            assert!(fit >= P::promised(first), "{fit} messages fit, {} are promised", P::promised(first));
        }
        P::check_unread(&mut tx, &mut rx, first, pushed);
        let mut next = first;
        while let Some(number) = P::pop(&mut rx) {
            assert_eq!(number, next, "in order, and each once");
            next += 1;
        }
        assert_eq!(next, pushed, "all that was published arrives");
        let stall = stall.max(if self.sleeps() { Duration::ZERO } else { now().saturating_sub(left.killed) });
        go_on::<P>(ring, tx, rx, next);
        (progress, stall)
    }
}

/// The ring works, with these two handles, and with successors of each in turn.
fn go_on<P: Pair>(ring: &P::Ring, mut tx: P::Producer, mut rx: P::Consumer, first: u64) {
    let is_attached = |peer| matches!(peer, Peer::Attached { pid } if pid == std::process::id());
    let mut next = first;
    is_whole::<P>(&mut tx, &mut rx, &mut next);
    let peer = P::peer_of_producer(&mut tx);
    assert!(is_attached(peer), "the consumer is {peer:?}");
    let peer = P::peer_of_consumer(&mut rx);
    assert!(is_attached(peer), "the producer is {peer:?}");
    drop(tx);
    assert_eq!(P::peer_of_consumer(&mut rx), Peer::Closed);
    let mut tx = P::producer(ring);
    is_whole::<P>(&mut tx, &mut rx, &mut next);
    drop(rx);
    assert_eq!(P::peer_of_producer(&mut tx), Peer::Closed);
    is_whole::<P>(&mut tx, &mut P::consumer(ring), &mut next);
}

/// How many laps are gone through with each pair of handles.
const LAPS: u64 = 2;

/// The ring takes as much as is promised, gives it back, and does so for some laps.
pub(crate) fn is_whole<P: Pair>(tx: &mut P::Producer, rx: &mut P::Consumer, next: &mut u64) {
    let end = *next + LAPS * P::LAP;
    while *next < end {
        let first = *next;
        while *next < first + P::promised(first) {
            assert!(P::push(tx, *next), "what is promised fits: {} of {}", *next - first, P::promised(first));
            *next += 1;
        }
        P::check_unread(tx, rx, first, *next);
        for number in first..*next {
            assert_eq!(P::pop(rx), Some(number));
        }
        assert_eq!(P::pop(rx), None);
        P::check_unread(tx, rx, *next, *next);
    }
}
