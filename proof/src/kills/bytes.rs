//! The operations of `rondel::bytes`.

mod letters;
mod popping;
mod pushing;

use rondel::Wait;
use rondel::bytes::{Consumer, Peer, PopError, Producer, PushError, Ring, TryPopError, TryPushError};

use self::letters::{CAPACITY, LARGEST, letters};
use super::pair::{Act, Answer, Company, Fill, Pair, PairScenario, Spot, State};
use super::pair_asleep;
use super::pair_two;
use super::scenario::Scenario;

/// The ring of [`Pair`]. Its messages have all sorts of lengths, and which one it is that comes out follows from the position where
/// it lies: a message of no bytes says nothing of itself.
pub(super) struct Bytes;

impl Pair for Bytes {
    const NAME: &'static str = "bytes";
    /// The largest take 208 bytes each.
    const CAPACITY: u64 = 3;
    const LAP: u64 = 30;

    type Ring = Ring;
    type Producer = Producer;
    type Consumer = Consumer;

    fn ring() -> Ring {
        // Made before anyone is stepped through making them.
        let _ = letters();
        Ring::builder().capacity(CAPACITY as usize).largest(LARGEST).anonymous().expect("a memfd")
    }

    fn producer(ring: &Ring) -> Producer {
        let mut tx = ring.producer().expect("the producer's role is free");
        tx.set_wait(Wait::Park);
        tx
    }

    fn consumer(ring: &Ring) -> Consumer {
        let mut rx = ring.consumer().expect("the consumer's role is free");
        rx.set_wait(Wait::Park);
        rx
    }

    fn push(tx: &mut Producer, number: u64) -> bool {
        match tx.try_push(letters().bytes(number)) {
            Ok(()) => true,
            Err(TryPushError::Full | TryPushError::Closed) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop(rx: &mut Consumer) -> Option<u64> {
        let number = letters().at(rx.position());
        match rx.try_pop() {
            Ok(message) => {
                assert_eq!(*message, *letters().bytes(number), "message {number} is torn");
                Some(number)
            }
            Err(TryPopError::Empty | TryPopError::Closed) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn push_waiting(tx: &mut Producer, number: u64) -> Answer {
        match tx.push(letters().bytes(number)) {
            Ok(()) => Answer::Message(number),
            Err(PushError::Closed) => Answer::Closed,
            Err(PushError::Dead) => Answer::Dead,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop_waiting(rx: &mut Consumer) -> Answer {
        let number = letters().at(rx.position());
        match rx.pop() {
            Ok(message) => {
                assert_eq!(*message, *letters().bytes(number), "message {number} is torn");
                Answer::Message(number)
            }
            Err(PopError::Closed) => Answer::Closed,
            Err(PopError::Dead) => Answer::Dead,
            Err(error) => panic!("{error}"),
        }
    }

    fn published(tx: &Producer) -> u64 {
        letters().at(tx.position())
    }

    fn consumed(rx: &Consumer) -> u64 {
        letters().at(rx.position())
    }

    fn check_unread(tx: &mut Producer, rx: &mut Consumer, first: u64, behind: u64) {
        let bytes = letters().position(behind) - letters().position(first);
        assert_eq!(tx.used(), Ok(bytes as usize), "the bytes that are in use");
        assert_eq!((tx.is_empty(), rx.is_empty()), (Ok(bytes == 0), Ok(bytes == 0)), "whether it is empty");
    }

    fn peer_of_producer(tx: &mut Producer) -> Peer {
        tx.peer().expect("intact")
    }

    fn peer_of_consumer(rx: &mut Consumer) -> Peer {
        rx.peer().expect("intact")
    }

    fn promised(first: u64) -> u64 {
        letters().promised(first)
    }

    fn filled(first: u64) -> u64 {
        letters().filled(first)
    }

    fn is_at(spot: Spot, number: u64) -> bool {
        letters().is_at(spot, number)
    }
}

/// An operation, and where it makes sense.
struct Operation {
    name: &'static str,
    act: Act<Bytes>,
    /// It takes place as a whole, or not at all.
    whole: bool,
    spots: &'static [Spot],
    fills: &'static [Fill],
}

const ALL_SPOTS: &[Spot] =
    &[Spot::Beginning, Spot::End, Spot::OverTheEnd, Spot::OverTheEndSoon, Spot::Largest, Spot::Nothing];
/// Where what the messages are like makes no difference.
const FEW_SPOTS: &[Spot] = &[Spot::Beginning, Spot::End, Spot::OverTheEnd];
const POD_SPOT: &[Spot] = &[Spot::Pod];

const ALL_FILLS: &[Fill] = &[Fill::Empty, Fill::One, Fill::NearlyFull, Fill::Full, Fill::OneLeft];
/// For a write, which waits for room as long as it takes.
const WITH_ROOM: &[Fill] = &[Fill::Empty, Fill::One, Fill::NearlyFull, Fill::OneLeft];
/// For a read, which waits for bytes as long as it takes.
const WITH_BYTES: &[Fill] = &[Fill::NearlyFull, Fill::Full];

fn push(name: &'static str, push: fn(&mut Producer, u64) -> u64) -> Operation {
    Operation { name, act: Act::Push(push), whole: true, spots: ALL_SPOTS, fills: ALL_FILLS }
}

fn pop(name: &'static str, pop: fn(&mut Consumer) -> u64) -> Operation {
    Operation { name, act: Act::Pop(pop), whole: true, spots: ALL_SPOTS, fills: ALL_FILLS }
}

fn other(name: &'static str, act: Act<Bytes>) -> Operation {
    Operation { name, act, whole: true, spots: FEW_SPOTS, fills: ALL_FILLS }
}

fn operations() -> Vec<Operation> {
    vec![
        push("push", pushing::push),
        push("push-vectored", pushing::vectored),
        Operation { spots: POD_SPOT, ..push("push-pod", pushing::pod) },
        push("push-parked", pushing::parked),
        push("reserve", pushing::reserve),
        push("reserve-parked", pushing::reserve_parked),
        push("commit-less", pushing::commit_less),
        Operation { spots: FEW_SPOTS, ..push("abandon", pushing::abandon) },
        push("batch", pushing::batch),
        push("batch-abandoned", pushing::batch_abandoned),
        push("push-after-abandoned", pushing::after_abandoned),
        Operation { fills: WITH_ROOM, ..push("write", pushing::write) },
        Operation { fills: WITH_ROOM, ..push("write-vectored", pushing::write_vectored) },
        Operation { spots: FEW_SPOTS, ..push("wait-until-empty", pushing::wait_until_empty) },
        pop("pop", popping::pop),
        Operation { spots: POD_SPOT, ..pop("pop-pod", popping::pod) },
        pop("pop-parked", popping::parked),
        pop("pop-into", popping::into),
        pop("pop-into-too-short", popping::into_too_short),
        Operation { spots: FEW_SPOTS, ..pop("peek", popping::peek) },
        Operation { spots: FEW_SPOTS, ..pop("keep", popping::keep) },
        Operation { spots: FEW_SPOTS, ..pop("pop-batch-part", popping::batch_part) },
        Operation { spots: FEW_SPOTS, ..pop("pop-batch-all", popping::batch_all) },
        Operation { spots: FEW_SPOTS, ..pop("pop-batch-none", popping::batch_none) },
        // A stream knows no messages: what it has read of them is gone, one after the other.
        Operation { whole: false, fills: WITH_BYTES, ..pop("read", popping::read) },
        Operation { whole: false, fills: WITH_BYTES, ..pop("read-part", popping::read_part) },
        Operation { whole: false, fills: WITH_BYTES, ..pop("fill-buf", popping::fill_buf) },
        other("close-producer", Act::CloseProducer),
        other("close-consumer", Act::CloseConsumer),
        other("attach-producer", Act::AttachProducer),
        other("attach-consumer", Act::AttachConsumer),
    ]
}

/// Every operation, from every state, in every company that makes sense.
pub(crate) fn scenarios() -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    for Operation { name, act, whole, spots, fills } in operations() {
        for &fill in fills {
            for &spot in spots {
                for &company in Company::of(&act) {
                    // Only who has nothing to do can be asleep.
                    let idle = if act.is_producers() { Fill::Empty } else { Fill::Full };
                    if company == Company::Asleep && (fill != idle || !FEW_SPOTS.contains(&spot)) {
                        continue;
                    }
                    all.push(Box::new(PairScenario::new(name, act, whole, State { fill, spot }, company)));
                }
            }
        }
    }
    let pushes: &[(&str, pair_two::Push<Bytes>)] =
        &[("push", pushing::push), ("reserve", pushing::reserve), ("batch", pushing::batch)];
    let pops: &[(&str, pair_two::Pop<Bytes>)] =
        &[("pop", popping::pop), ("pop-batch-part", popping::batch_part), ("pop-into", popping::into)];
    all.extend(pair_two::scenarios::<Bytes>(pushes, pops, 4));
    all.extend(pair_asleep::scenarios::<Bytes>());
    all
}
