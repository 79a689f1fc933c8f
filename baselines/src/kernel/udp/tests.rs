//! What the window, the grants and the questions of [`Udp`] are good for.

use super::*;

const WAITS: [Wait; 2] = [Wait::Spin, Wait::Park];

fn pair<const WORDS: usize>(wait: Wait) -> (UdpSender, UdpReceiver) {
    <Udp as Carries<WORDS>>::open(wait).unwrap()
}

/// Nobody reads until all of it is there, and none of it is lost.
fn a_window_fits<const WORDS: usize>() {
    for wait in WAITS {
        let (mut from, mut to) = pair::<WORDS>(wait);
        let mut message = Message::<WORDS>::default();
        // Three times, because what was read is freed with a delay.
        for lap in 0..3 {
            let numbers = lap * from.window..(lap + 1) * from.window;
            numbers.clone().for_each(|number| from.send(&Message::<WORDS>::numbered(number)).unwrap());
            numbers.for_each(|number| {
                to.receive(&mut message).unwrap();
                message.verify(Udp::NAME, number).unwrap();
            });
            // Two halves of an odd window are one less than the whole.
            to.grant();
        }
        let memory = memory(&to.socket).unwrap();
        assert_eq!(memory.dropped, 0);
        assert_eq!(to.received, from.window * 3);
        assert!(from.window >= 2 && from.window < u64::from(memory.buffer) / Message::<WORDS>::BYTES as u64);
    }
}

#[test]
fn a_window_fits_into_the_buffer() {
    a_window_fits::<1>();
    a_window_fits::<8>();
    a_window_fits::<128>();
    a_window_fits::<512>();
    a_window_fits::<8000>();
}

/// The kernel drops what finds no room: this is what the window is for, and what would be seen without one.
#[test]
fn what_exceeds_the_buffer_is_dropped_and_counted() {
    let (mut from, to) = pair::<128>(Wait::Park);
    let many = from.window * 8;
    from.granted = many;
    (0..many).for_each(|number| from.send(&Message::<128>::numbered(number)).unwrap());
    assert!(memory(&to.socket).unwrap().dropped > 0);
}

#[test]
fn a_grant_that_is_lost_is_asked_for() {
    for (wait, batches) in WAITS.into_iter().flat_map(|wait| [(wait, false), (wait, true)]) {
        let (mut from, mut to) = pair::<8>(wait);
        // It never grants of its own accord.
        to.half = u64::MAX;
        let count = from.window + 1;
        let sending = std::thread::spawn(move || {
            (0..count).try_for_each(|number| from.send(&Message::<8>::numbered(number))).map(|()| from)
        });
        let mut message = [Message::<8>::default()];
        for number in 0..count {
            let [one] = &mut message;
            let received = if batches { to.receive_batch(&mut message) } else { to.receive(one).map(|()| 1) };
            assert_eq!(received.unwrap(), 1);
            assert!(message.iter().all(|message| message.is(number)));
        }
        sending.join().unwrap().unwrap();
    }
}

#[test]
fn a_question_in_the_midst_of_messages_is_none_of_them() {
    for wait in WAITS {
        let (mut from, mut to) = pair::<8>(wait);
        let send = |from: &mut UdpSender, number| from.send(&Message::<8>::numbered(number)).unwrap();
        let mut messages = [Message::<8>::default(); 8];
        assert!(!ask(&from.socket));
        send(&mut from, 0);
        assert!(!ask(&from.socket));
        send(&mut from, 1);
        send(&mut from, 2);
        assert_eq!(to.receive_batch(&mut messages).unwrap(), 3);
        assert!(messages.iter().zip(0..3).all(|(message, number)| message.is(number)));
        assert!(!ask(&from.socket));
        send(&mut from, 3);
        to.receive(messages.first_mut().unwrap()).unwrap();
        assert!(messages.first().unwrap().is(3));
        assert_eq!((to.received, to.told), (4, 3), "each question was answered, and counted for nothing");
    }
}

#[test]
fn what_is_under_way_arrives_though_its_sender_has_gone() {
    for wait in WAITS {
        for batches in [false, true] {
            let (mut from, mut to) = pair::<8>(wait);
            let sent: Vec<Message<8>> = (0..from.window).map(Message::numbered).collect();
            from.send_batch(&sent).unwrap();
            drop(from);
            let mut received = Vec::new();
            // On the way, a grant finds nobody.
            let end = loop {
                let mut messages = [Message::<8>::default(); 7];
                let result = match batches {
                    true => to.receive_batch(&mut messages),
                    false => to.receive(messages.first_mut().unwrap()).map(|()| 1),
                };
                match result {
                    Ok(count) => received.extend_from_slice(messages.get(..count).unwrap()),
                    Err(error) => break error,
                }
            };
            assert!(matches!(*end, Error::PeerGone { transport: "udp" }), "{end}");
            assert!(received == sent, "{} of {} messages arrived", received.len(), sent.len());
        }
    }
}

#[test]
fn a_sender_without_room_is_told_that_its_receiver_has_gone() {
    for wait in WAITS {
        let (mut from, to) = pair::<8>(wait);
        (0..from.window).for_each(|number| from.send(&Message::<8>::numbered(number)).unwrap());
        drop(to);
        let error = from.send(&Message::<8>::numbered(from.window)).unwrap_err();
        assert!(matches!(*error, Error::PeerGone { transport: "udp" }), "{error}");
    }
}

/// Each wakes up in vain and asks, more than once; neither takes the other for gone, nor a question for a message or a grant.
#[test]
fn an_end_that_is_late_is_waited_for() {
    for wait in WAITS {
        let (mut from, mut to) = pair::<8>(wait);
        let count = from.window * 2;
        let sending = std::thread::spawn(move || {
            std::thread::sleep(SLICE * 4);
            (0..count).try_for_each(|number| from.send(&Message::<8>::numbered(number))).map(|()| from)
        });
        let mut message = Message::<8>::default();
        for number in 0..count {
            if number == 1 {
                std::thread::sleep(SLICE * 4);
            }
            to.receive(&mut message).unwrap();
            assert!(message.is(number));
        }
        sending.join().unwrap().unwrap();
    }
}

/// One byte more than is said to be the most, and the kernel does not take it.
#[test]
fn the_longest_datagram_is_as_long_as_is_said() {
    let (from, to) = (socket().unwrap(), socket().unwrap());
    join(&from, &to).unwrap();
    assert_eq!(send(&from, &[0; LONGEST], SendFlags::NOSIGNAL), Ok(LONGEST));
    assert_eq!(send(&from, &[0; LONGEST + 1], SendFlags::NOSIGNAL), Err(Errno::MSGSIZE));
    let refusal = <Udp as Carries<8192>>::open(Wait::Park).err().expect("64 KiB are too many");
    assert!(
        matches!(*refusal, Error::Unavailable { .. })
            && refusal.to_string().contains("65536 bytes, and the longest datagram has 65507"),
        "{refusal}"
    );
}

#[test]
fn what_a_stranger_sends_is_not_heard() {
    let (from, to) = (socket().unwrap(), socket().unwrap());
    let stranger = socket().unwrap();
    let (address, other) = (getsockname(&to).unwrap(), getsockname(&from).unwrap());
    let intrude = |address| rustix::net::sendto(&stranger, &[7; 64], SendFlags::NOSIGNAL, &address);
    (0..3).for_each(|_| assert_eq!(intrude(address.clone()), Ok(64)));
    assert_eq!(intrude(other), Ok(64));
    join(&from, &to).unwrap();
    // Nobody listens to it any more, which is told to it by ICMP if anything.
    let _ = intrude(address);
    send(&from, &[1; 8], SendFlags::NOSIGNAL).unwrap();
    let mut heard = [0; 64];
    assert_eq!(recv(&to, &mut heard, RecvFlags::DONTWAIT).map(|(_, length)| length), Ok(8));
    for end in [&from, &to] {
        assert_eq!(recv(end, &mut heard, RecvFlags::DONTWAIT), Err(Errno::AGAIN));
    }
}

#[test]
fn a_message_of_another_length_and_a_grant_of_too_much_are_errors() {
    let (mut from, mut to) = pair::<8>(Wait::Park);
    from.send(&Message::<1>::numbered(0)).unwrap();
    let shorter = to.receive(&mut Message::<8>::default()).unwrap_err().to_string();
    assert!(shorter.ends_with("a message of 8 bytes arrived, and not of 64"), "{shorter}");
    from.send_batch(&[Message::<8>::numbered(0); 2]).unwrap();
    let longer = to.receive_batch(&mut [Message::<1>::default(); 4]).unwrap_err().to_string();
    assert!(longer.ends_with("a message of 64 bytes arrived, and not of 8"), "{longer}");
    to.received = from.sent + 1;
    to.grant();
    from.granted = from.sent;
    let error = from.send(&Message::<8>::numbered(0)).unwrap_err().to_string();
    assert!(error.contains("more was received than was sent"), "{error}");
}

/// As if a message had been lost: the sender has no room, and the receiver has nothing to grant it, and asks more often than this one's calls
/// sleep.
#[test]
fn who_is_asked_again_and_again_does_not_wait_for_ever() {
    for wait in WAITS {
        let (mut from, to) = pair::<8>(wait);
        from.granted = 0;
        let asking = std::thread::spawn(move || {
            (0..180).all(|_| {
                std::thread::sleep(SLICE / 2);
                !ask(&to.socket)
            })
        });
        let error = from.send(&Message::<8>::numbered(0)).unwrap_err();
        assert!(matches!(*error, Error::Stalled { transport: "udp", .. }), "{error}");
        drop(from);
        assert!(!asking.join().unwrap(), "it was told that this end has gone, so it was still at it");
    }
}
