//! What is lost, doubled, out of order or changed on its way is noticed, whosever fault it is.

use crate::faulty::{AT, Fault, Faulty, Who, plan};
use crate::leaving_nothing;
use crate::pipe::SharedPipe;
#[cfg(feature = "peers")]
use rondel_baselines::transports::Kanal;
use rondel_baselines::transports::{ArrayQueue, Channel, Mpmc};
use rondel_baselines::{Crowd, Error, Shape, gather};
use std::time::Duration;

/// What comes of a run with a fault. The one at fault is alone on its side, since of two that send or receive as fast as they
/// can one may do all the work, and never come to its fault.
fn run<T: Crowd>(who: Who, fault: Fault, others: usize) -> String {
    let lead = |meeting: &rondel_baselines::Meeting<'_>| {
        while meeting.received() < 20 * AT {
            meeting.pause(Duration::from_millis(1))?;
        }
        Ok(())
    };
    let shape = match who {
        Who::Producer(_) => Shape { producers: 1, consumers: others },
        Who::Consumer(_) => Shape { producers: others, consumers: 1 },
    };
    leaving_nothing(|| {
        plan(who, fault);
        let error = gather::<Faulty<T>, ()>(T::WAITS[0], shape, None, &[], lead).expect_err("a fault");
        match *error {
            // The parts tell of what they see in words.
            Error::FarSide { .. } | Error::Unaccounted { .. } => error.to_string(),
            other => panic!("{fault:?} of {who:?}: {other}"),
        }
    })
}

fn everywhere(fault: Fault, others: usize, told: &[&str]) {
    for who in [Who::Producer(0), Who::Consumer(0)] {
        for error in [
            run::<SharedPipe>(who, fault, others),
            run::<Mpmc>(who, fault, others),
            run::<ArrayQueue>(who, fault, others),
            run::<Channel>(who, fault, others),
            #[cfg(feature = "peers")]
            run::<Kanal>(who, fault, others),
        ] {
            assert!(told.iter().any(|text| error.contains(text)), "{fault:?} of {who:?}: {error}");
        }
    }
}

/// How many were sent and received, as the error tells it.
fn counts(error: &str) -> (u64, u64) {
    let mut numbers = error.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    (numbers.next().expect("a number"), numbers.next().expect("a second number"))
}

#[test]
fn a_lost_message() {
    for who in [Who::Producer(0), Who::Consumer(0)] {
        for error in [run::<SharedPipe>(who, Fault::Loses, 2), run::<ArrayQueue>(who, Fault::Loses, 2)] {
            assert!(error.contains("messages were sent, and"), "{error}");
            let (sent, received) = counts(&error);
            assert_eq!(sent, received + 1, "{error}");
        }
    }
}

#[test]
fn a_doubled_message() {
    // Who gets both sees it at once; where two get one each only the account does.
    everywhere(Fault::Doubles, 2, &["or a later one was due", "messages were sent, and"]);
}

/// With one on either side, since nothing is said of the order of two producers' messages, nor of two consumers.
#[test]
fn messages_out_of_order() {
    everywhere(Fault::Swaps, 1, &["or a later one was due"]);
}

#[test]
fn a_message_of_nobody() {
    everywhere(Fault::Forges, 2, &["a message arrived that nobody has sent"]);
}
