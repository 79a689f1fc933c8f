//! No signal is lost or mixed up, none kills anybody, and the thread's mask is what it was.

use super::*;
use crate::{Cores, duet};
use rustix::process::{Rlimit, setrlimit};
use std::sync::Mutex;

type Ends<const WORDS: usize> = (SignalSender<WORDS>, SignalReceiver<WORDS>);

/// Both ends in this thread.
fn open<const WORDS: usize>(wait: Wait) -> Ends<WORDS> {
    let (sending, receiving) = <Signal as Carries<WORDS>>::open(wait).unwrap();
    let receiver = receiving.take().unwrap();
    (sending.take().unwrap(), receiver)
}

/// What this thread blocks and what is pending for it, as the kernel tells.
fn mask() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().filter(|line| line.starts_with("SigBlk") || line.starts_with("SigPnd")).map(str::to_owned).collect()
}

/// Claimed numbers and limits are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_nobody_has_received_kills_nobody_and_the_mask_is_put_back() {
    let _alone = ALONE.lock();
    for wait in Signal::WAITS {
        let before = mask();
        let (mut sender, receiver) = open::<1>(*wait);
        assert_ne!(mask(), before, "the signal is blocked");
        (0..5).for_each(|number| sender.send(&Message::numbered(number)).unwrap());
        drop(receiver);
        assert_eq!(mask(), before);
        let gone = sender.send(&Message::numbered(5)).unwrap_err();
        assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
    }
}

#[test]
fn what_was_sent_arrives_though_its_sender_has_gone() {
    let _alone = ALONE.lock();
    for wait in Signal::WAITS {
        let (mut sender, mut receiver) = open::<8>(*wait);
        (0..3).for_each(|number| sender.send(&Message::numbered(number)).unwrap());
        drop(sender);
        let mut message = Message::<8>::default();
        for number in 0..3 {
            receiver.receive(&mut message).unwrap();
            message.verify(Signal::NAME, number).unwrap();
        }
        let gone = receiver.receive(&mut message).unwrap_err();
        assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
    }
}

#[test]
fn connections_in_one_thread_are_kept_apart() {
    let _alone = ALONE.lock();
    let mut ends: Vec<Ends<1>> = (0..4).map(|_| open(Wait::Spin)).collect();
    for number in 0..100 {
        for (place, (sender, _)) in ends.iter_mut().enumerate() {
            sender.send(&Message::numbered(number * 10 + place as u64)).unwrap();
        }
    }
    let mut message = Message::default();
    for (place, (_, receiver)) in ends.iter_mut().enumerate().rev() {
        for number in 0..100 {
            receiver.receive(&mut message).unwrap();
            message.verify(Signal::NAME, number * 10 + place as u64).unwrap();
        }
    }
}

#[test]
fn what_others_send_is_no_message() {
    let _alone = ALONE.lock();
    for wait in Signal::WAITS {
        let before = mask();
        let (mut sender, mut receiver) = open::<1>(*wait);
        let signal = sender.connection.number.signal();
        sender.send(&Message::numbered(0)).unwrap();
        // SAFETY: it tells who this thread is.
        let here = unsafe { libc::pthread_self() };
        // SAFETY: a signal to this thread, which blocks it.
        assert_eq!(unsafe { libc::pthread_kill(here, signal) }, 0);
        // In the name of another process.
        let mut post = Post::new(&sender.connection.number, system::here());
        post.pretend(1);
        post.send(77).unwrap();
        sender.send(&Message::numbered(1)).unwrap();
        let mut message = Message::default();
        for number in 0..2 {
            receiver.receive(&mut message).unwrap();
            message.verify(Signal::NAME, number).unwrap();
        }
        post.send(78).unwrap();
        drop(receiver);
        assert_eq!(mask(), before, "what others have sent is not left pending either");
    }
}

/// The sender is in the midst of it, in each round at another point.
#[test]
fn a_receiver_may_go_while_its_sender_sends() {
    let _alone = ALONE.lock();
    for round in 0..300 {
        let before = mask();
        let wait = Signal::WAITS[round % 2];
        let (sending, receiving) = <Signal as Carries<1>>::open(wait).unwrap();
        let far = std::thread::spawn(move || {
            let mut sender = sending.take()?;
            (0..).try_for_each(|number| sender.send(&Message::numbered(number)))
        });
        let mut receiver = receiving.take().unwrap();
        let mut message = Message::default();
        for number in 0..(round as u64 * 7) % 100 {
            receiver.receive(&mut message).unwrap();
            message.verify(Signal::NAME, number).unwrap();
        }
        drop(receiver);
        let gone = far.join().unwrap().expect_err("it sends for ever");
        assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
        assert_eq!(mask(), before);
    }
}

/// The same at the worst point, held open: the sender has announced a message and has found the connection not closed.
#[test]
fn a_receiver_that_goes_waits_for_what_has_been_announced() {
    let _alone = ALONE.lock();
    for wait in Signal::WAITS {
        let before = mask();
        let (mut sender, receiver) = open::<1>(*wait);
        sender.send(&Message::numbered(0)).unwrap();
        sender.connection.shared.announced.announce(2);
        let far = std::thread::spawn(move || {
            while !sender.connection.shared.taken.seen().closed() {
                std::thread::yield_now();
            }
            // Time for a receiver that does not wait to be off; one that does is not hurried.
            std::thread::sleep(Duration::from_millis(50));
            sender.post.as_mut().unwrap().send(1)
        });
        drop(receiver);
        assert_eq!(mask(), before);
        far.join().unwrap().unwrap();
        assert_eq!(mask(), before, "and nothing came later");
    }
}

/// In a process of its own, whose limit can be lowered.
#[test]
fn the_limit_is_heeded_and_named() {
    let _alone = ALONE.lock();
    let far = || {
        let limit = |most| {
            let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Sigpending).maximum };
            setrlimit(Resource::Sigpending, limit).unwrap();
        };
        limit(7);
        let refused = <Signal as Carries<1>>::open(Wait::Spin).err().expect("7 are too few").to_string();
        assert!(refused.contains("not available") && refused.contains("RLIMIT_SIGPENDING"), "{refused}");
        limit(70);
        assert_eq!(Signal::granted().unwrap(), "up to 16 of 70 pending signals (RLIMIT_SIGPENDING)");
        if getrlimit(Resource::Sigpending).maximum.is_none_or(|maximum| maximum >= 5000) {
            limit(5000);
            assert_eq!(Signal::granted().unwrap(), "up to 1024 of 5000 pending signals (RLIMIT_SIGPENDING)");
        }
        Ok(())
    };
    duet(Scope::Processes, Cores::Anywhere, far, || Ok(())).unwrap();
}

/// More are sent than fit into the queue while nobody reads: the sender waits for room, and nothing is lost.
#[test]
fn no_more_are_under_way_than_there_is_room_for() {
    let _alone = ALONE.lock();
    for wait in Signal::WAITS {
        let (sending, receiving) = <Signal as Carries<1>>::open(*wait).unwrap();
        let room = u64::from(sending.0.room);
        let shared = sending.0.shared.clone();
        let mut receiver = receiving.take().unwrap();
        let far = std::thread::spawn(move || {
            let mut sender = sending.take()?;
            (0..3 * room).try_for_each(|number| sender.send(&Message::numbered(number)))
        });
        while shared.announced.seen().ahead_of(0) < room as i32 {
            std::thread::yield_now();
        }
        let mut message = Message::default();
        for number in 0..3 * room {
            assert!(shared.announced.seen().ahead_of(number as u32) <= room as i32);
            receiver.receive(&mut message).unwrap();
            message.verify(Signal::NAME, number).unwrap();
        }
        far.join().unwrap().unwrap();
    }
}
