//! Every transport in the list, present and future, delivers every message once, and each producer's in order.

use crate::leaving_nothing;
use crate::pipe::SharedPipe;
use rondel_baselines::{
    Cores, Crowd, CrowdVisitor, Error, Message, Receiver, Result, Seat, Sender, Shape, Wait, crowd_names, duet, gather,
    visit_crowd,
};
use std::sync::Barrier;
use std::time::Duration;

const ALL_WAITS: [Wait; 4] = [Wait::Spin, Wait::Yield, Wait::Park, Wait::Default];

const SHAPES: [Shape; 5] = [shape(1, 1), shape(2, 2), shape(4, 4), shape(1, 3), shape(3, 1)];

const fn shape(producers: usize, consumers: usize) -> Shape {
    Shape { producers, consumers }
}

/// As it is measured: until some tens of thousands of messages have come, which fill and empty each transport several
/// times. `gather` itself checks them all; whether it would notice is asked in `wrong.rs`.
fn gathered<T: Crowd>(wait: Wait, shape: Shape, batch: Option<usize>) {
    let enough = 30_000;
    let lead = |meeting: &rondel_baselines::Meeting<'_>| {
        while meeting.received() < enough {
            meeting.pause(Duration::from_micros(200))?;
        }
        Ok(meeting.received())
    };
    let gathered = gather::<T, u64>(wait, shape, batch, &[], lead)
        .unwrap_or_else(|error| panic!("{}, {wait:?}, {shape}, {batch:?}: {error}", T::NAME));
    assert!(gathered.led >= enough && gathered.received >= gathered.led, "{gathered:?}");
    assert!(gathered.used.nanoseconds > 0, "nothing comes of nothing: {gathered:?}");
}

/// The same without `gather` and its account: two threads here receive what two on the far side send, and what each has
/// received is looked at message by message.
fn collected<T: Crowd>(wait: Wait) {
    const EACH: u64 = 20_000;
    const PRODUCERS: usize = 2;
    // The account of `gather` numbers messages in a way of its own.
    let number = |producer: u64, sequence: u64| producer * EACH + sequence;
    let (sending, receiving) = T::open_crowd(wait, shape(PRODUCERS, 2)).unwrap();
    let far = move || {
        // Nobody goes before all have come, or the end of the first might be taken for the end of all.
        let everybody = Barrier::new(PRODUCERS);
        let everybody = &everybody;
        std::thread::scope(|scope| {
            let sending: Vec<_> = (0..).zip(sending).collect();
            let senders = sending.into_iter().map(|(producer, seat)| {
                scope.spawn(move || {
                    let taken = seat.take();
                    everybody.wait();
                    let mut to = taken?;
                    (0..EACH).try_for_each(|sequence| to.send(&Message::numbered(number(producer, sequence))))
                })
            });
            let senders: Vec<_> = senders.collect();
            senders.into_iter().try_for_each(|sender| sender.join().expect("no panic"))
        })
    };
    let near = move || {
        std::thread::scope(|scope| {
            let receivers = receiving.into_iter().map(|seat| {
                scope.spawn(move || -> Result<Vec<u64>> {
                    let mut from = seat.take()?;
                    let mut seen = Vec::new();
                    let mut message = Message::default();
                    loop {
                        match from.receive(&mut message) {
                            Ok(()) => seen.push(message.number()),
                            // And not one more.
                            Err(error) if matches!(*error, Error::PeerGone { .. }) => return Ok(seen),
                            Err(error) => return Err(error),
                        }
                    }
                })
            });
            let receivers: Vec<_> = receivers.collect();
            receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).collect::<Result<Vec<_>>>()
        })
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{}: {error}", T::NAME));
    for seen in &received {
        for producer in 0..PRODUCERS as u64 {
            let of_one: Vec<_> = seen.iter().filter(|number| **number / EACH == producer).collect();
            assert!(of_one.is_sorted(), "{}: producer {producer}'s messages are out of order", T::NAME);
        }
    }
    let mut all = received.concat();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..EACH * PRODUCERS as u64), "{}: lost or doubled", T::NAME);
}

struct Everything;

impl CrowdVisitor for Everything {
    type Output = ();

    fn visit<T: Crowd>(self) {
        assert!(!T::WAITS.is_empty() && T::QUEUES);
        for wait in ALL_WAITS {
            if !T::WAITS.contains(&wait) {
                let error = T::open_crowd(wait, SHAPES[0]).err().expect("an unknown way of waiting is refused");
                assert!(matches!(*error, Error::WaitUnknown { .. }), "{error}");
                continue;
            }
            leaving_nothing(|| collected::<T>(wait));
            for shape in SHAPES {
                leaving_nothing(|| gathered::<T>(wait, shape, None));
                // Also where they are no better than one after another. The ring is no multiple of 37.
                leaving_nothing(|| gathered::<T>(wait, shape, Some(37)));
            }
        }
    }
}

/// One test a transport; a transport without one is a failure of the last.
macro_rules! delivered {
    ($($(#[$when:meta])? $test:ident: $name:literal),* $(,)?) => {
        $($(#[$when])? #[test] fn $test() { visit_crowd($name, Everything).unwrap() })*

        #[test]
        fn no_transport_is_forgotten() {
            assert_eq!(crowd_names(), [$($(#[$when])? $name),*]);
        }
    };
}

delivered!(mpmc: "mpmc", array_queue: "array-queue", channel: "crossbeam-channel", #[cfg(feature = "peers")] kanal: "kanal");

/// The machinery between processes, whatever the list holds.
#[test]
fn between_processes() {
    for shape in SHAPES {
        leaving_nothing(|| gathered::<SharedPipe>(Wait::Park, shape, None));
        leaving_nothing(|| gathered::<SharedPipe>(Wait::Park, shape, Some(37)));
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = visit_crowd("carrier pigeons", Everything).unwrap_err().to_string();
    assert!(error.contains("carrier pigeons"), "{error}");
    assert!(crowd_names().iter().all(|name| error.contains(name)), "{error}");
}

#[test]
fn a_crowd_of_none_or_of_hundreds_is_refused() {
    for shape in [shape(0, 1), shape(1, 0), shape(65, 1), shape(1, 1000), shape(usize::MAX, usize::MAX)] {
        let error = leaving_nothing(|| gather::<SharedPipe, ()>(Wait::Park, shape, None, &[], |_| Ok(())));
        let error = error.expect_err("no such crowd").to_string();
        assert!(error.contains("there is room for 1 to 64 of each"), "{error}");
    }
}
