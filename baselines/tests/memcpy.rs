//! The buffer of the floor of throughput: what goes in comes out, in order; full and empty are errors, at once.

use rondel_baselines::transports::Memcpy;
use rondel_baselines::{Buffer, Cores, Error, Message, Receiver, Scope, Sender, Transport, duet, names};

fn is_stuck<T: std::fmt::Debug>(result: rondel_baselines::Result<T>) {
    let error = result.expect_err("there was neither room nor a message");
    assert!(matches!(*error, Error::Stalled { transport: "memcpy", after } if after.is_zero()), "{error}");
}

fn each_way<const WORDS: usize>(depth: usize) {
    let mut buffer = Buffer::<WORDS>::new();
    assert_eq!(buffer.depth(), depth);
    let mut message = Message::<WORDS>::default();
    is_stuck(buffer.receive(&mut message));
    let (mut sent, mut received) = (0, 0);
    // Filled and emptied from every kind of place: the begin, the midst, the wrap.
    for fill in [depth, 1, depth - 1, depth, depth / 2, depth] {
        for _ in 0..fill {
            buffer.send(&Message::numbered(sent)).unwrap();
            sent += 1;
        }
        if fill == depth {
            is_stuck(buffer.send(&Message::numbered(sent)));
        }
        while received < sent {
            buffer.receive(&mut message).unwrap();
            message.verify("memcpy", received).unwrap();
            received += 1;
        }
        is_stuck(buffer.receive(&mut message));
    }
}

fn in_batches<const WORDS: usize>() {
    let mut buffer = Buffer::<WORDS>::new();
    let depth = buffer.depth();
    let mut desk = vec![Message::<WORDS>::default(); depth + 1];
    assert_eq!(buffer.receive_batch(&mut []).unwrap(), 0);
    is_stuck(buffer.receive_batch(&mut desk));
    is_stuck(buffer.send_batch(&desk));
    let (mut sent, mut received) = (0, 0);
    for fill in [depth, depth - 1, 1, depth / 2, depth] {
        buffer.make_batch(sent, &mut desk[..fill]).unwrap();
        sent += fill as u64;
        buffer.send_batch(&[]).unwrap();
        if fill == depth {
            is_stuck(buffer.send_batch(&[Message::default()]));
        }
        // In two parts, where there are two: the second begins where the first has ended.
        let most = fill.div_ceil(2);
        for _ in 0..fill.div_ceil(most) {
            let count = buffer.receive_batch(&mut desk[..most]).unwrap();
            assert_eq!(Message::first_wrong(&desk[..count], received), None);
            received += count as u64;
        }
        assert_eq!(received, sent);
        is_stuck(buffer.receive_batch(&mut desk));
    }
}

#[test]
fn messages_come_out_as_they_went_in() {
    each_way::<1>(32_768);
    each_way::<3>(10_922);
    each_way::<8>(4096);
    each_way::<8192>(4);
    // Fewer than two would fit: two there are. Unoptimized, messages that long want a larger stack than tests have.
    let large = std::thread::Builder::new().stack_size(64 << 20).spawn(|| each_way::<20_000>(2));
    large.unwrap().join().unwrap();
}

#[test]
fn batches_come_out_as_they_went_in() {
    in_batches::<1>();
    in_batches::<3>();
    in_batches::<128>();
    in_batches::<8192>();
}

/// It has no other side, so it is not among the transports, and two sides of it are refused.
#[test]
fn it_is_no_transport_between_two() {
    assert!(!names().contains(&Memcpy::NAME));
    assert_eq!(Memcpy::SCOPE, Scope::OneThread);
    assert!(duet(Memcpy::SCOPE, Cores::Anywhere, || Ok(()), || Ok(())).is_err());
}
