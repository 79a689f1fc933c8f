//! Every transport in the list, present and future, delivers every message intact and in order, and leaves nothing open.

mod common;

use common::{alone, assert_childless, open_descriptors};
use rondel_baselines::{
    Carries, Cores, Error, Message, Receiver, Result, STOP, Seat, Sender, Stop, Visitor, Wait, duet, echo, names, pump,
    pump_batches, visit,
};

const ALL_WAITS: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Default];

/// Messages of a stream: more than a megabyte of them, so that every transport is filled and emptied many times.
const fn stream_length<const WORDS: usize>() -> u64 {
    if WORDS == 128 { 5_000 } else { 200_000 }
}

fn stream<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let length = stream_length::<WORDS>();
    let far = move || {
        let mut sender = sending.take()?;
        (0..length).try_for_each(|number| sender.send(&Message::<WORDS>::numbered(number)))
    };
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::<WORDS>::default();
        (0..length).try_for_each(|number| {
            receiver.receive(&mut message)?;
            message.verify(T::NAME, number)
        })?;
        // And not one more: the other side is gone.
        match receiver.receive(&mut message) {
            Err(error) => Ok(matches!(*error, Error::PeerGone { .. })),
            Ok(()) => Ok(false),
        }
    };
    let ended = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert!(ended, "{}: the end of the other side goes unnoticed", T::NAME);
}

/// The sizes of batches are odd on purpose, and those of the two sides differ.
fn batches<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let stop = Stop::new().unwrap();
    let far_stop = stop.clone();
    let far = move || pump_batches(&mut sending.take()?, 37, &far_stop);
    let near = move || -> Result<u64> {
        let mut receiver = receiving.take()?;
        let mut messages = vec![Message::<WORDS>::default(); 61];
        assert_eq!(receiver.receive_batch(&mut [])?, 0, "nothing fits into nothing");
        let mut number = 0;
        loop {
            let received = receiver.receive_batch(&mut messages)?;
            assert!((1..=61).contains(&received), "{received}");
            for message in &messages[..received] {
                if message.is(STOP) {
                    return Ok(number);
                }
                message.verify(T::NAME, number)?;
                number += 1;
            }
            if number >= stream_length::<WORDS>() {
                stop.request();
            }
        }
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(received % 37, 0, "{}: part of a batch is missing", T::NAME);
    assert!(received >= stream_length::<WORDS>());
}

/// The sides of the measurement itself: one pumps until it is told to stop.
fn pumped<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let stop = Stop::new().unwrap();
    let far_stop = stop.clone();
    let far = move || pump(&mut sending.take()?, &far_stop);
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::<WORDS>::default();
        for number in 0.. {
            receiver.receive(&mut message)?;
            if message.is(STOP) {
                return Ok(number);
            }
            message.verify(T::NAME, number)?;
            if number == 1000 {
                stop.request();
            }
        }
        Ok(0)
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert!(received > 1000, "{}: {received}", T::NAME);
}

/// The sides of the measurement itself: one echoes until the other has heard enough.
fn round_trips<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (asking, asked) = T::open(wait).unwrap();
    let (answering, answered) = T::open(wait).unwrap();
    let far = move || echo(T::NAME, &mut asked.take()?, &mut answering.take()?);
    let near = move || {
        let (mut to, mut from) = (asking.take()?, answered.take()?);
        let mut message = Message::<WORDS>::default();
        for number in 0..500 {
            to.send(&Message::numbered(number))?;
            from.receive(&mut message)?;
            message.verify(T::NAME, number)?;
        }
        to.send(&Message::numbered(STOP))
    };
    duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
}

struct Everything;

impl Visitor for Everything {
    type Output = ();

    fn visit<T: Carries<1> + Carries<8> + Carries<128>>(self) {
        with_size::<T, 1>();
        with_size::<T, 8>();
        with_size::<T, 128>();
    }
}

fn with_size<T: Carries<WORDS>, const WORDS: usize>() {
    assert!(!T::WAITS.is_empty());
    for wait in ALL_WAITS {
        if !T::WAITS.contains(&wait) {
            let error = T::open(wait).err().expect("an unknown way of waiting is refused");
            assert!(matches!(*error, Error::WaitUnknown { .. }), "{error}");
            assert!(error.to_string().contains(T::WAITS[0].name()), "the known ones are told: {error}");
            continue;
        }
        let before = open_descriptors();
        round_trips::<T, WORDS>(wait);
        if T::QUEUES {
            stream::<T, WORDS>(wait);
            batches::<T, WORDS>(wait);
            pumped::<T, WORDS>(wait);
        }
        assert_eq!(open_descriptors(), before, "{}: descriptors are left open", T::NAME);
        assert_childless();
    }
}

fn deliver(name: &str) {
    let _alone = alone();
    visit(name, Everything).unwrap();
}

/// One test a transport; a transport without one is a failure of the last.
macro_rules! delivered {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { deliver(stringify!($name)); })*

        #[test]
        fn no_transport_is_forgotten() {
            assert_eq!(names(), [$(stringify!($name)),*]);
        }
    };
}

delivered!(floor, spsc, mpmc, rtrb, futex, pipe, fifo, unix);

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = visit("carrier pigeon", Everything).unwrap_err().to_string();
    assert!(error.contains("carrier pigeon"), "{error}");
    assert!(names().iter().all(|name| error.contains(name)), "{error}");
}
