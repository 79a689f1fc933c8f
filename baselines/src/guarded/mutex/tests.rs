//! Whoever is killed, and wherever: the other end comes to an end, and what counts is whole.

use super::*;
use crate::{Cores, duet};
use rustix::process::{Signal, getpid, kill_process};

/// What a process does that is killed with the lock in hand.
fn killed_with_the_lock(end: &mut End, meanwhile: impl Fn(&Held<'_>)) -> Result<()> {
    end.wait = Wait::Park;
    let (held, ()) = end.when(|guarded| &guarded.room, |_| Some(()))?;
    meanwhile(&held);
    let _ = kill_process(getpid(), Signal::KILL);
    Ok(())
}

#[test]
fn a_sender_killed_with_the_lock_in_hand_leaves_what_it_has_sent() {
    for wait in MutexCondvar::WAITS {
        let (sending, receiving) = <MutexCondvar as Carries<8>>::open(*wait).unwrap();
        let far = move || {
            let mut sender = sending.take()?;
            (0..3).try_for_each(|number| sender.send(&Message::numbered(number)))?;
            killed_with_the_lock(&mut sender.0, |held| {
                // Half of a message, which does not count.
                // SAFETY: the lock is in hand, and eight words were admitted.
                unsafe { held.guarded.slots.put(held.sent(), &Message::<8>::default()) };
            })
        };
        let near = move || {
            let mut receiver = receiving.take()?;
            let mut message = Message::<8>::default();
            for number in 0..3 {
                receiver.receive(&mut message)?;
                message.verify(MutexCondvar::NAME, number)?;
            }
            // Again and again: the lock can still be had, and nothing comes.
            for _ in 0..3 {
                let gone = receiver.receive(&mut message).expect_err("it has been killed");
                assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
            }
            assert!(receiver.0.peer_gone);
            Ok(())
        };
        let killed = duet(Scope::Processes, Cores::Anywhere, far, near).unwrap_err();
        assert!(matches!(*killed, Error::FarSideKilled { signal: 9 }), "{killed}");
    }
}

#[test]
fn a_receiver_killed_with_the_lock_in_hand_ends_its_sender() {
    for wait in MutexCondvar::WAITS {
        let (sending, receiving) = <MutexCondvar as Carries<128>>::open(*wait).unwrap();
        let far = move || {
            let mut receiver = receiving.take()?;
            receiver.receive(&mut Message::default())?;
            killed_with_the_lock(&mut receiver.0, |_| {})
        };
        let near = move || {
            let mut sender = sending.take()?;
            let gone = (0..).try_for_each(|number| sender.send(&Message::numbered(number))).expect_err("nobody reads");
            assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
            Ok(())
        };
        let killed = duet(Scope::Processes, Cores::Anywhere, far, near).unwrap_err();
        assert!(matches!(*killed, Error::FarSideKilled { signal: 9 }), "{killed}");
    }
}

/// The slice of a wait finds it.
#[test]
fn a_message_without_a_signal_is_received() {
    let (sending, receiving) = <MutexCondvar as Carries<1>>::open(Wait::Park).unwrap();
    let far = move || {
        let sender = sending.take()?;
        // The receiver is asleep by then, or will find the message before.
        std::thread::sleep(crate::lifeline::SLICE / 4);
        sender.0.guarded.lock.lock_within_a_slice().unwrap().unwrap();
        let held = Held::of(&sender.0.guarded);
        held.put(&[Message::<1>::numbered(0)]);
        drop(held);
        let _ = kill_process(getpid(), Signal::KILL);
        Ok(())
    };
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::<1>::default();
        receiver.receive(&mut message)?;
        message.verify(MutexCondvar::NAME, 0)
    };
    let killed = duet(Scope::Processes, Cores::Anywhere, far, near).unwrap_err();
    assert!(matches!(*killed, Error::FarSideKilled { signal: 9 }), "{killed}");
}

#[test]
fn an_orderly_end_is_told_in_shared_memory() {
    let (sending, receiving) = <MutexCondvar as Carries<1>>::open(Wait::Park).unwrap();
    let (mut sender, mut receiver) = (sending.take().unwrap(), receiving.take().unwrap());
    sender.send(&Message::numbered(0)).unwrap();
    let shared = sender.0.guarded.clone();
    drop(sender);
    assert!(shared.sender_closed.load(Ordering::Relaxed));
    let mut message = Message::<1>::default();
    receiver.receive(&mut message).unwrap();
    assert!(message.is(0));
    let gone = receiver.receive(&mut message).unwrap_err();
    assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
    assert!(!receiver.0.peer_gone, "nobody had to ask the lifeline");
    drop(receiver);
    assert!(shared.receiver_closed.load(Ordering::Relaxed));
}

/// One who has the lock and keeps it is not waited for for ever.
#[test]
fn a_lock_that_is_never_given_back_is_not_waited_for_for_ever() {
    for wait in MutexCondvar::WAITS {
        let (sending, receiving) = <MutexCondvar as Carries<1>>::open(*wait).unwrap();
        let holder = receiving.take().unwrap();
        holder.0.guarded.lock.lock_within_a_slice().unwrap().unwrap();
        let held = Held::of(&holder.0.guarded);
        let trying = std::thread::spawn(move || sending.take()?.send(&Message::numbered(0)));
        let stalled = trying.join().unwrap().unwrap_err();
        assert!(matches!(*stalled, Error::Stalled { .. }), "{stalled}");
        drop(held);
    }
}
