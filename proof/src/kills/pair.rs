//! Rings of one producer and one consumer: what precedes an operation, and what the survivors of a kill must find.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rondel::spsc::Peer;

use super::clock::now;
use super::page::Page;
use super::scenario::{Played, Scenario};
use super::sleeper::{Notes, Sleeper};
use super::victim::{Victim, fork, pause, wait};
use super::walk::Walk;

/// A ring with two roles, all of one small shape. Messages have numbers, from 0; a message's number says all its bytes.
pub(crate) trait Pair: 'static {
    /// What names of scenarios begin with.
    const NAME: &'static str;
    /// As many messages always fit.
    const CAPACITY: u64;
    /// After so many messages the ring comes round: the last of them lies at its end, or over it.
    const LAP: u64;

    type Ring;
    type Producer;
    type Consumer;

    fn ring() -> Self::Ring;
    fn producer(ring: &Self::Ring) -> Self::Producer;
    fn consumer(ring: &Self::Ring) -> Self::Consumer;

    /// Pushes this message, if there is room.
    fn push(tx: &mut Self::Producer, number: u64) -> bool;
    /// Takes the next message, if there is one, and makes sure that it is whole.
    fn pop(rx: &mut Self::Consumer) -> Option<u64>;
    /// Waits, parked, as long as it takes.
    fn push_waiting(tx: &mut Self::Producer, number: u64) -> Answer;
    /// Likewise.
    fn pop_waiting(rx: &mut Self::Consumer) -> Answer;
    /// The number of the message that is to be pushed next.
    fn published(tx: &Self::Producer) -> u64;
    fn peer_of_producer(tx: &mut Self::Producer) -> Peer;
    fn peer_of_consumer(rx: &mut Self::Consumer) -> Peer;
}

/// What someone that waits is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Pushed, or taken: the message of this number.
    Message(u64),
    Closed,
    Dead,
}

impl Answer {
    const CLOSED: u64 = u64::MAX;
    const DEAD: u64 = u64::MAX - 1;

    fn word(self) -> u64 {
        match self {
            Answer::Message(number) => number,
            Answer::Closed => Self::CLOSED,
            Answer::Dead => Self::DEAD,
        }
    }

    fn of(word: u64) -> Self {
        match word {
            Self::CLOSED => Answer::Closed,
            Self::DEAD => Answer::Dead,
            number => Answer::Message(number),
        }
    }
}

/// What the victim does. What it answers is how many messages are pushed or taken by it.
pub(crate) enum Act<P: Pair> {
    /// Something that pushes messages, from this number on.
    Push(fn(&mut P::Producer, u64) -> u64),
    /// Something that takes messages.
    Pop(fn(&mut P::Consumer) -> u64),
    CloseProducer,
    CloseConsumer,
    AttachProducer,
    AttachConsumer,
}

impl<P: Pair> Clone for Act<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Pair> Copy for Act<P> {}

impl<P: Pair> Act<P> {
    fn is_producers(&self) -> bool {
        matches!(self, Act::Push(_) | Act::CloseProducer | Act::AttachProducer)
    }

    fn closes(&self) -> bool {
        matches!(self, Act::CloseProducer | Act::CloseConsumer)
    }

    fn attaches(&self) -> bool {
        matches!(self, Act::AttachProducer | Act::AttachConsumer)
    }
}

/// How many messages are in the ring when the operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Empty,
    One,
    NearlyFull,
    /// One more is refused.
    Full,
}

/// Who else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nobody: the victim has both roles, and dies with both.
    Alone,
    /// The other side is attached, and busy.
    Awake,
    /// The other side sleeps in the kernel: a consumer for want of messages, or a producer for want of room.
    Asleep,
    /// The victim attaches after one that has closed …
    AfterClosed,
    /// … or that was killed.
    AfterDead,
}

/// One operation, from one state, in one company.
pub(crate) struct PairScenario<P: Pair> {
    name: String,
    act: Act<P>,
    /// It takes place as a whole, or not at all.
    whole: bool,
    fill: Fill,
    /// The operation begins at the ring's end.
    wrap: bool,
    company: Company,
}

/// What the victim says of itself, in memory that survives it: the number of the first message that is not pushed when the operation
/// begins, and how many messages it has moved when it is over.
pub(crate) type Said = [AtomicU64; 2];

impl<P: Pair> PairScenario<P> {
    pub(crate) fn new(operation: &str, act: Act<P>, whole: bool, fill: Fill, wrap: bool, company: Company) -> Self {
        let state = match fill {
            Fill::Empty => "empty",
            Fill::One => "one",
            Fill::NearlyFull => "nearly-full",
            Fill::Full => "full",
        };
        let place = if wrap { "-at-the-wrap" } else { "" };
        let others = match company {
            Company::Alone => "alone",
            Company::Awake => "awake",
            Company::Asleep => "asleep",
            Company::AfterClosed => "after-closed",
            Company::AfterDead => "after-dead",
        };
        let name = format!("{}/{operation}/{state}{place}/{others}", P::NAME);
        Self { name, act, whole, fill, wrap, company }
    }

    /// How many messages pass through the ring before its state is made.
    fn passed(&self) -> u64 {
        let before = match (self.wrap, self.act.is_producers(), self.fill) {
            (false, ..) => return 0,
            (true, false, _) | (true, true, Fill::Empty) => 0,
            (true, true, Fill::One) => 1,
            (true, true, Fill::NearlyFull) => P::CAPACITY - 1,
            (true, true, Fill::Full) => P::CAPACITY,
        };
        P::LAP - 1 - before
    }

    /// The messages that pass, in portions that fit.
    fn portions(&self) -> impl Iterator<Item = u64> + use<P> {
        let passed = self.passed();
        let whole = passed / P::CAPACITY;
        (0..whole).map(|_| P::CAPACITY).chain((passed % P::CAPACITY > 0).then_some(passed % P::CAPACITY))
    }

    /// Makes the state; says the number of the first message that is not pushed.
    fn fill(&self, tx: &mut P::Producer) -> u64 {
        let begin = self.passed();
        let most = match self.fill {
            Fill::Empty => 0,
            Fill::One => 1,
            Fill::NearlyFull => P::CAPACITY - 1,
            Fill::Full => u64::MAX,
        };
        (begin..).take_while(|number| number - begin < most && P::push(tx, *number)).count() as u64 + begin
    }

    /// The victim's life, if it has its role before its operation begins. Its first pause comes when its first portion has been
    /// pushed, or when it is ready for the first; the last two stand around the operation.
    fn live(&self, ring: &P::Ring, said: &Said) {
        if self.act.attaches() {
            pause();
            return self.attach(ring);
        }
        let mut tx = (self.act.is_producers() || self.company == Company::Alone).then(|| P::producer(ring));
        let mut rx = (!self.act.is_producers() || self.company == Company::Alone).then(|| P::consumer(ring));
        let mut next = 0;
        for portion in self.portions() {
            if let Some(tx) = &mut tx {
                (0..portion).for_each(|number| assert!(P::push(tx, next + number)));
            }
            if tx.is_none() || rx.is_none() {
                pause();
            }
            if let Some(rx) = &mut rx {
                (0..portion).for_each(|number| assert_eq!(P::pop(rx), Some(next + number)));
            }
            next += portion;
        }
        // Relaxed: read by the parent, which has seen this process stop.
        let begin = match &mut tx {
            Some(tx) => self.fill(tx),
            None => 0,
        };
        said[0].store(begin, Relaxed);
        pause();
        let moved = match (self.act, &mut tx, &mut rx) {
            (Act::Push(push), Some(tx), _) => push(tx, begin),
            (Act::Pop(pop), _, Some(rx)) => pop(rx),
            (Act::CloseProducer, tx, _) => {
                drop(tx.take());
                0
            }
            (Act::CloseConsumer, _, rx) => {
                drop(rx.take());
                0
            }
            _ => unreachable!("the act is of a role that it has"),
        };
        said[1].store(moved, Relaxed);
        pause();
        // What it has is dropped by nobody: it is killed here.
        std::mem::forget((tx, rx));
    }

    fn attach(&self, ring: &P::Ring) {
        if self.act.is_producers() {
            let tx = P::producer(ring);
            pause();
            std::mem::forget(tx);
        } else {
            let rx = P::consumer(ring);
            pause();
            std::mem::forget(rx);
        }
    }

    /// For a victim that attaches: another one before it has had its role, and has made the state.
    fn precede(&self, ring: &P::Ring) -> u64 {
        let make = || {
            let (mut tx, mut rx) = (P::producer(ring), P::consumer(ring));
            let mut next = 0;
            for portion in self.portions() {
                (0..portion).for_each(|number| assert!(P::push(&mut tx, next + number)));
                (0..portion).for_each(|number| assert_eq!(P::pop(&mut rx), Some(next + number)));
                next += portion;
            }
            (self.fill(&mut tx), tx, rx)
        };
        if self.company != Company::AfterDead {
            return make().0;
        }
        let begin = Page::<Said>::new().expect("a page of memory");
        let status = wait(fork(|| {
            let (next, tx, rx) = make();
            begin[0].store(next, Relaxed);
            std::mem::forget((tx, rx));
        }));
        assert_eq!(status, 0, "it was to end without closing");
        begin[0].load(Relaxed)
    }
}

impl<P: Pair> Scenario for PairScenario<P> {
    fn name(&self) -> &str {
        &self.name
    }

    fn sleeps(&self) -> bool {
        self.company == Company::Asleep
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let ring = P::ring();
        let said = Page::<Said>::new().expect("a page of memory");
        let popped = self.passed();
        let mut pushed = 0;
        let mut other = Other::<P>::Nobody;
        if self.act.attaches() {
            pushed = self.precede(&ring);
        } else if self.company != Company::Alone {
            other = if self.act.is_producers() {
                Other::Consumer(P::consumer(&ring))
            } else {
                Other::Producer(P::producer(&ring))
            };
        }
        let mut victim = Victim::start(|| self.live(&ring, &said));
        let mut next = 0;
        for portion in self.portions() {
            match &mut other {
                Other::Consumer(rx) => (0..portion).for_each(|number| assert_eq!(P::pop(rx), Some(next + number))),
                Other::Producer(tx) => (0..portion).for_each(|number| assert!(P::push(tx, next + number))),
                _ => break,
            }
            next += portion;
            victim.go_to_pause();
        }
        match &mut other {
            Other::Producer(tx) => pushed = self.fill(tx),
            _ if !self.act.attaches() => pushed = said[0].load(Relaxed),
            _ => {}
        }
        if self.company == Company::Asleep {
            other = other.put_to_sleep(&ring, pushed);
        }
        walk.lead(&mut victim);
        let over = walk.is_over();
        let killed = now();
        victim.kill();
        let moved = over.then(|| said[1].load(Relaxed));
        let left = Left { popped, pushed, killed, over };
        let (progress, stall) = if self.act.is_producers() {
            self.outlive_producer(&ring, other, left)
        } else {
            self.outlive_consumer(&ring, other, left)
        };
        if let Some(moved) = moved {
            assert_eq!(progress, moved, "the operation was over, and had answered");
        }
        Played { progress, stall, kills: 1 }
    }
}

/// What there was when the victim died.
#[derive(Clone, Copy)]
struct Left {
    /// The first message in the ring, and the one behind the last, when the operation began.
    popped: u64,
    pushed: u64,
    killed: Duration,
    /// The operation was over.
    over: bool,
}

/// The other side.
enum Other<P: Pair> {
    Nobody,
    Producer(P::Producer),
    Consumer(P::Consumer),
    Sleeper(Sleeper),
}

impl<P: Pair> Other<P> {
    /// The same side, asleep in a process of its own.
    fn put_to_sleep(self, ring: &P::Ring, pushed: u64) -> Self {
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

impl<P: Pair> PairScenario<P> {
    /// What a survivor may be told of the victim, once nothing else is left to say.
    fn check_end(&self, told: Answer, over: bool) {
        match (self.act.closes(), over) {
            (false, _) => assert_eq!(told, Answer::Dead, "it was killed"),
            (true, true) => assert_eq!(told, Answer::Closed, "it had closed"),
            (true, false) => assert!(matches!(told, Answer::Dead | Answer::Closed), "{told:?}"),
        }
    }

    fn check_peer(&self, peer: Peer, over: bool) {
        let told = match peer {
            Peer::Dead { .. } => Answer::Dead,
            Peer::Closed => Answer::Closed,
            // Killed before it had said that it was there.
            Peer::NotAttached if self.act.attaches() => return,
            other => panic!("the victim is {other:?}"),
        };
        // One that attaches may die before it says so: then the state is its predecessor's.
        if !self.act.attaches() || over {
            self.check_end(told, over);
        }
    }

    /// The victim was the producer. How many of its messages are there, and how long the consumer stood still.
    fn outlive_producer(&self, ring: &P::Ring, other: Other<P>, left: Left) -> (u64, Duration) {
        let (mut next, mut stall, mut rx) = (left.popped, Duration::ZERO, None);
        match other {
            Other::Consumer(mut own) => {
                self.check_peer(P::peer_of_consumer(&mut own), left.over);
                rx = Some(own);
            }
            Other::Sleeper(sleeper) => {
                let (answers, stood) = sleeper.tell(left.killed, left.killed);
                let (end, messages) = answers.split_last().expect("it was told the end");
                messages.iter().for_each(|word| {
                    assert_eq!(Answer::of(*word), Answer::Message(next));
                    next += 1;
                });
                self.check_end(Answer::of(*end), left.over);
                stall = stood;
            }
            Other::Nobody => {}
            Other::Producer(_) => unreachable!("the victim is the producer"),
        }
        let mut tx = P::producer(ring);
        let published = P::published(&tx);
        let progress = published.checked_sub(left.pushed).expect("nothing that was published is taken back");
        let mut rx = rx.unwrap_or_else(|| P::consumer(ring));
        while let Some(number) = P::pop(&mut rx) {
            assert_eq!(number, next, "in order, and each once");
            next += 1;
        }
        assert_eq!(next, published, "all that is published arrives");
        let stall = stall.max(if self.sleeps() { Duration::ZERO } else { now().saturating_sub(left.killed) });
        is_whole::<P>(&mut tx, &mut rx, next);
        drop(rx);
        is_whole::<P>(&mut tx, &mut P::consumer(ring), next + laps::<P>());
        (progress, stall)
    }

    /// The victim was the consumer. How many messages are gone with it, and how long the producer stood still.
    fn outlive_consumer(&self, ring: &P::Ring, other: Other<P>, left: Left) -> (u64, Duration) {
        let (mut pushed, mut stall, mut tx) = (left.pushed, Duration::ZERO, None);
        match other {
            Other::Producer(mut own) => {
                self.check_peer(P::peer_of_producer(&mut own), left.over);
                tx = Some(own);
            }
            Other::Sleeper(sleeper) => {
                let (answers, stood) = sleeper.tell(left.killed, left.killed);
                let (end, messages) = answers.split_last().expect("it was told the end");
                messages.iter().for_each(|word| {
                    assert_eq!(Answer::of(*word), Answer::Message(pushed));
                    pushed += 1;
                });
                self.check_end(Answer::of(*end), left.over);
                stall = stood;
            }
            Other::Nobody => {}
            Other::Consumer(_) => unreachable!("the victim is the consumer"),
        }
        let mut rx = P::consumer(ring);
        let mut tx = tx.unwrap_or_else(|| P::producer(ring));
        assert_eq!(P::published(&tx), pushed, "what was published is published");
        let first = P::pop(&mut rx);
        let mut next = first.unwrap_or(pushed);
        let progress = next.checked_sub(left.popped).expect("nothing that was consumed comes again");
        if first.is_some() {
            next += 1;
        }
        while let Some(number) = P::pop(&mut rx) {
            assert_eq!(number, next, "in order, and each once");
            next += 1;
        }
        assert_eq!(next, pushed, "all that was published arrives");
        let stall = stall.max(if self.sleeps() { Duration::ZERO } else { now().saturating_sub(left.killed) });
        is_whole::<P>(&mut tx, &mut rx, next);
        drop(tx);
        is_whole::<P>(&mut P::producer(ring), &mut rx, next + laps::<P>());
        (progress, stall)
    }
}

/// How many messages [`is_whole`] lets pass.
pub(crate) fn laps<P: Pair>() -> u64 {
    3 * P::LAP
}

/// The ring takes as much as is promised, gives it back, and does so for three laps.
pub(crate) fn is_whole<P: Pair>(tx: &mut P::Producer, rx: &mut P::Consumer, first: u64) {
    let end = first + laps::<P>();
    let (mut pushed, mut popped) = (first, first);
    while popped < end {
        let most = P::CAPACITY.min(end - pushed);
        (0..most).for_each(|number| assert!(P::push(tx, pushed + number), "a capacity always fits"));
        pushed += most;
        (0..most).for_each(|number| assert_eq!(P::pop(rx), Some(popped + number)));
        popped += most;
        assert_eq!(P::pop(rx), None);
    }
}
