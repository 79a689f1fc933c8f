//! The operations of `rondel::spsc`.

use std::time::Duration;

use rondel::Wait;
use rondel::spsc::{Consumer, Peer, PopError, Producer, PushError, Ring, TryPopError, TryPushError};

use super::pair::{Act, Answer, Company, Fill, Pair, PairScenario, Spot, State};
use super::pair_asleep;
use super::pair_two;
use super::scenario::Scenario;

/// Sixteen bytes: three to a line.
type Message = [u64; 2];

/// The second word follows from the first, so that a torn message shows.
fn message(number: u64) -> Message {
    [number, !number.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
}

fn number(found: Message) -> u64 {
    assert_eq!(found, message(found[0]), "torn");
    found[0]
}

/// The ring of [`Pair`].
pub(crate) struct Spsc;

impl Pair for Spsc {
    const NAME: &'static str = "spsc";
    const CAPACITY: u64 = 6;
    /// Five lines of three: two for the capacity, one for the lag, two to spare.
    const LAP: u64 = 15;

    type Ring = Ring<Message>;
    type Producer = Producer<Message>;
    type Consumer = Consumer<Message>;

    fn ring() -> Self::Ring {
        Ring::builder().capacity(Self::CAPACITY as usize).anonymous().expect("a memfd")
    }

    fn producer(ring: &Self::Ring) -> Self::Producer {
        let mut tx = ring.producer().expect("the producer's role is free");
        tx.set_wait(Wait::Park);
        tx
    }

    fn consumer(ring: &Self::Ring) -> Self::Consumer {
        let mut rx = ring.consumer().expect("the consumer's role is free");
        rx.set_wait(Wait::Park);
        rx
    }

    fn push(tx: &mut Self::Producer, number: u64) -> bool {
        match tx.try_push(message(number)) {
            Ok(()) => true,
            Err(TryPushError::Full(_) | TryPushError::Closed(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop(rx: &mut Self::Consumer) -> Option<u64> {
        match rx.try_pop() {
            Ok(found) => Some(number(found)),
            Err(TryPopError::Empty | TryPopError::Closed) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn push_waiting(tx: &mut Self::Producer, number: u64) -> Answer {
        match tx.push(message(number)) {
            Ok(()) => Answer::Message(number),
            Err(PushError::Closed(_)) => Answer::Closed,
            Err(PushError::Dead(_)) => Answer::Dead,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop_waiting(rx: &mut Self::Consumer) -> Answer {
        match rx.pop() {
            Ok(found) => Answer::Message(number(found)),
            Err(PopError::Closed) => Answer::Closed,
            Err(PopError::Dead) => Answer::Dead,
            Err(error) => panic!("{error}"),
        }
    }

    fn published(tx: &Self::Producer) -> u64 {
        tx.position()
    }

    fn consumed(rx: &Self::Consumer) -> u64 {
        rx.position()
    }

    fn check_unread(tx: &mut Self::Producer, rx: &mut Self::Consumer, first: u64, behind: u64) {
        let unread = (behind - first) as usize;
        assert_eq!((tx.len(), tx.is_empty()), (Ok(unread), Ok(unread == 0)), "the producer's length");
        assert_eq!((rx.len(), rx.is_empty()), (Ok(unread), Ok(unread == 0)), "the consumer's length");
    }

    fn is_at(spot: Spot, number: u64) -> bool {
        match spot {
            Spot::End => number % Self::LAP == Self::LAP - 1,
            _ => false,
        }
    }

    fn peer_of_producer(tx: &mut Self::Producer) -> Peer {
        tx.peer().expect("intact")
    }

    fn peer_of_consumer(rx: &mut Self::Consumer) -> Peer {
        rx.peer().expect("intact")
    }
}

/// Long enough to fall asleep.
const NAP: Duration = Duration::from_micros(200);

fn push(tx: &mut Producer<Message>, first: u64) -> u64 {
    tx.try_push(message(first)).is_ok().into()
}

fn push_parked(tx: &mut Producer<Message>, first: u64) -> u64 {
    tx.push_timeout(message(first), NAP).is_ok().into()
}

fn push_slice(tx: &mut Producer<Message>, first: u64) -> u64 {
    let messages = [0, 1, 2, 3, 4].map(|number| message(first + number));
    tx.try_push_slice(&messages).unwrap_or(0) as u64
}

fn wait_until_empty(tx: &mut Producer<Message>, _: u64) -> u64 {
    let _ = tx.wait_until_empty_timeout(NAP);
    0
}

fn pop(rx: &mut Consumer<Message>) -> u64 {
    rx.try_pop().is_ok().into()
}

fn pop_parked(rx: &mut Consumer<Message>) -> u64 {
    rx.pop_timeout(NAP).is_ok().into()
}

fn pop_slice(rx: &mut Consumer<Message>) -> u64 {
    rx.try_pop_slice(&mut [[0; 2]; 5]).unwrap_or(0) as u64
}

fn guard(rx: &mut Consumer<Message>) -> u64 {
    rx.try_pop_guard().map(drop).is_ok().into()
}

fn guard_kept(rx: &mut Consumer<Message>) -> u64 {
    let _ = rx.try_pop_guard().map(|guard| guard.keep());
    0
}

fn peek(rx: &mut Consumer<Message>) -> u64 {
    let _ = rx.peek();
    0
}

/// Every operation, from every state, in every company that makes sense.
pub(crate) fn scenarios() -> Vec<Box<dyn Scenario>> {
    use Fill::{Empty, Full, NearlyFull, One, OneLeft};
    const ALL: &[Fill] = &[Empty, One, NearlyFull, Full, OneLeft];
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    let mut add = |name: &str, act: Act<Spsc>, whole: bool| {
        for &fill in ALL {
            for spot in [Spot::Beginning, Spot::End] {
                // How many fit is not known beforehand: the ring has spare lines.
                if fill == OneLeft && spot == Spot::End {
                    continue;
                }
                for &company in Company::of(&act) {
                    // Only who has nothing to do can be asleep.
                    if company == Company::Asleep && fill != (if act.is_producers() { Empty } else { Full }) {
                        continue;
                    }
                    all.push(Box::new(PairScenario::new(name, act, whole, State { fill, spot }, company)));
                }
            }
        }
    };
    add("push", Act::Push(push), true);
    add("push-parked", Act::Push(push_parked), true);
    add("push-slice", Act::Push(push_slice), false);
    add("wait-until-empty", Act::Push(wait_until_empty), true);
    add("pop", Act::Pop(pop), true);
    add("pop-parked", Act::Pop(pop_parked), true);
    add("pop-slice", Act::Pop(pop_slice), true);
    add("guard", Act::Pop(guard), true);
    add("guard-kept", Act::Pop(guard_kept), true);
    add("peek", Act::Pop(peek), true);
    add("close-producer", Act::CloseProducer, true);
    add("close-consumer", Act::CloseConsumer, true);
    add("attach-producer", Act::AttachProducer, true);
    add("attach-consumer", Act::AttachConsumer, true);
    let pushes: &[(&str, pair_two::Push<Spsc>)] = &[("push", push), ("push-slice", push_slice)];
    let pops: &[(&str, pair_two::Pop<Spsc>)] = &[("pop", pop), ("pop-slice", pop_slice), ("guard", guard)];
    all.extend(pair_two::scenarios::<Spsc>(pushes, pops, 2));
    all.extend(pair_asleep::scenarios::<Spsc>());
    all
}
