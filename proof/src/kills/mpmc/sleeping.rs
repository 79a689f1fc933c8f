//! Participants that sleep in the kernel when the kill comes.

use rondel::mpmc::{Consumer, Producer, Ring};
use rondel::{
    Wait,
    mpmc::{PopError, PushError},
};

use super::super::sleeper::{Notes, Sleeper};
use super::ledger::{Author, Delivery, Ledger};
use super::ring::{Message, consumer, delivery, message, producer};

/// What somebody is told who waits for more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Dead,
}

const CLOSED: u64 = u64::MAX;
const DEAD: u64 = u64::MAX - 1;

/// A consumer that is given messages until there is no producer left, asleep by now.
pub(super) fn sleeping_consumer(ring: &Ring<Message>) -> Sleeper {
    Sleeper::asleep(|notes| consume(consumer(ring), notes))
}

fn consume(mut rx: Consumer<Message>, notes: &Notes) {
    rx.set_wait(Wait::Park);
    loop {
        match rx.pop() {
            Ok(found) => notes.note(delivery(found, rx.redelivered()).word()),
            Err(PopError::Closed) => return notes.note(CLOSED),
            Err(PopError::Dead) => return notes.note(DEAD),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A producer that pushes until there is no consumer left, asleep by now.
pub(super) fn sleeping_producer(ring: &Ring<Message>, author: Author) -> Sleeper {
    Sleeper::asleep(|notes| produce(producer(ring), author, notes))
}

fn produce(mut tx: Producer<Message>, author: Author, notes: &Notes) {
    for number in 0.. {
        match tx.push(message(author, number)) {
            Ok(()) => notes.note(Delivery { author, number, redelivered: false }.word()),
            Err(PushError::Closed(_)) => return notes.note(CLOSED),
            Err(PushError::Dead(_)) => return notes.note(DEAD),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What it was answered before it was told the end, and that.
fn read(answers: &[u64]) -> (Vec<Delivery>, End) {
    let (end, before) = answers.split_last().expect("it was told the end");
    let end = match *end {
        CLOSED => End::Closed,
        DEAD => End::Dead,
        other => panic!("the end, and not {:?}", Delivery::of(other)),
    };
    (before.iter().map(|word| Delivery::of(*word)).collect(), end)
}

/// Notes what a consumer was given.
pub(super) fn consumed(answers: &[u64], ledger: &mut Ledger) -> End {
    let (deliveries, end) = read(answers);
    ledger.next_consumer();
    deliveries.into_iter().for_each(|delivery| ledger.deliver(delivery));
    end
}

/// Notes what a producer has pushed.
pub(super) fn produced(answers: &[u64], author: Author, ledger: &mut Ledger) -> End {
    let (pushed, end) = read(answers);
    assert!(pushed.iter().all(|pushed| pushed.author == author));
    ledger.publish(author, pushed.len() as u64);
    end
}
