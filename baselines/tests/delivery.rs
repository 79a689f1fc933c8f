//! Every transport in the list, present and future, delivers every message intact and in order, and leaves nothing open.

mod common;

use common::{alone, assert_childless, open_descriptors};
use rondel_baselines::{
    Arrival, Carries, Cores, Error, EverySize, FewSizes, Kind, Message, Receiver, Result, STOP, Seat, Sender, Stop,
    Transport, Visitor, Wait, duet, echo, names, pump, pump_batches, pump_prepared, visit,
};

const ALL_WAITS: [Wait; 4] = [Wait::Spin, Wait::Yield, Wait::Park, Wait::Default];

/// Messages of a stream: more than a megabyte of them, so that every transport that has a size of its own is filled and
/// emptied many times. A tenth of it where both sides poll the kernel: on a machine that is busy with other things, or has one core, each
/// would poll for a whole time slice of the scheduler's whenever a short queue is empty or full.
fn stream_length<T: Transport, const WORDS: usize>(wait: Wait) -> u64 {
    let polls = wait == Wait::Spin && matches!(T::KIND, Kind::Kernel | Kind::Guarded);
    let length = match WORDS {
        0..=8 => 200_000,
        9..=128 => 5_000,
        _ => 250,
    };
    if polls { length / 10 } else { length }
}

fn stream<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let length = stream_length::<T, WORDS>(wait);
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
            if number >= stream_length::<T, WORDS>(wait) {
                stop.request();
            }
        }
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(received % 37, 0, "{}: part of a batch is missing", T::NAME);
    assert!(received >= stream_length::<T, WORDS>(wait));
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
            if number == HEARD {
                stop.request();
            }
        }
        Ok(0)
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert!(received > HEARD, "{}: {received}", T::NAME);
}

/// How many messages are heard of one that pumps.
const HEARD: u64 = 200;

const ROUND_TRIPS: u64 = 200;

/// The sides of the measurement of what lies ready: between the first and the last word nothing changes.
fn prepared<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let stop = Stop::new().unwrap();
    let far_stop = stop.clone();
    let far = move || pump_prepared(&mut sending.take()?, &far_stop);
    let near = move || {
        let mut receiver = receiving.take()?;
        let (mut message, mut expected) = (Message::<WORDS>::default(), Message::<WORDS>::numbered(0));
        for number in 0.. {
            receiver.receive(&mut message)?;
            if message.stamped(T::NAME, number)? == Arrival::Stop {
                return Ok(number);
            }
            expected.stamp(number);
            assert!(message == expected, "{}: message {number} is another", T::NAME);
            if number == HEARD {
                stop.request();
            }
        }
        Ok(0)
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert!(received > HEARD, "{}: {received}", T::NAME);
}

/// The sides of the measurement itself, in batches: both halves of it, and the two ways of one transport mixed.
fn checked_batches<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let (sending, receiving) = T::open(wait).unwrap();
    let length = stream_length::<T, WORDS>(wait) / 8;
    let far = move || {
        let mut sender = sending.take()?;
        let mut desk = vec![Message::<WORDS>::default(); 3];
        let mut one = Message::<WORDS>::default();
        for first in (0..length).step_by(5) {
            sender.make_batch(first, &mut desk)?;
            sender.make(first + 3, &mut one)?;
            sender.send(&Message::numbered(first + 4))?;
        }
        sender.make(STOP, &mut one)
    };
    let near = move || -> Result<u64> {
        let mut receiver = receiving.take()?;
        let mut desk = vec![Message::<WORDS>::default(); 7];
        let mut one = Message::<WORDS>::default();
        assert_eq!(receiver.check_batch(T::NAME, 0, &mut [])?, (0, Arrival::Due), "nothing fits into nothing");
        let mut number = 0;
        loop {
            let (received, arrival) = receiver.check_batch(T::NAME, number, &mut desk)?;
            assert!(received <= 7, "{received}");
            number += received as u64;
            if arrival == Arrival::Stop || receiver.check(T::NAME, number, &mut one)? == Arrival::Stop {
                return Ok(number);
            }
            number += 1;
        }
    };
    let received = duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(received, length.next_multiple_of(5), "{}", T::NAME);
}

/// What the halves of the measurement must not let pass: a message that is not the one that is due.
fn wrong_ones_are_noticed<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let wrong = |send: fn(&mut <T::Sending as Seat>::Taken) -> Result<()>, batches: bool| {
        let (sending, receiving) = T::open(wait).unwrap();
        let far = move || send(&mut sending.take()?);
        let near = move || {
            let mut receiver = receiving.take()?;
            let mut desk = vec![Message::<WORDS>::default(); 4];
            let mut number = 0;
            for _ in 0..4 {
                if batches {
                    number += receiver.check_batch(T::NAME, number, &mut desk)?.0 as u64;
                } else {
                    receiver.check(T::NAME, number, &mut desk[0])?;
                    number += 1;
                }
            }
            Ok(())
        };
        *duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("one was wrong")
    };
    for batches in [false, true] {
        let skipped =
            wrong(|sender| [0, 1, 3, 4].iter().try_for_each(|n| sender.send(&Message::numbered(*n))), batches);
        assert!(matches!(skipped, Error::Corrupt { index: 2, word: 0, .. }), "{}: {skipped}", T::NAME);
        let torn = |sender: &mut <T::Sending as Seat>::Taken| {
            sender.send(&Message::numbered(0))?;
            let mut torn = Message::<WORDS>::numbered(1);
            torn.words_mut()[WORDS / 2] ^= 1 << 40;
            sender.send(&torn)?;
            (2..4).try_for_each(|n| sender.send(&Message::numbered(n)))
        };
        let torn = wrong(torn, batches);
        assert!(matches!(torn, Error::Corrupt { index: 1, word, .. } if word == WORDS / 2), "{}: {torn}", T::NAME);
    }
}

/// The sides of the measurement itself: one echoes until the other has heard enough.
fn round_trips<T: Carries<WORDS>, const WORDS: usize>(wait: Wait) {
    let ((asking, asked), (answering, answered)) = T::converse(wait).unwrap();
    let far = move || echo(T::NAME, &mut asked.take()?, &mut answering.take()?);
    let near = move || {
        let (mut to, mut from) = (asking.take()?, answered.take()?);
        let mut desk = Message::<WORDS>::default();
        for number in 0..ROUND_TRIPS {
            to.make(number, &mut desk)?;
            assert_eq!(from.check(T::NAME, number, &mut desk)?, Arrival::Due);
        }
        to.make(STOP, &mut desk)
    };
    duet(T::SCOPE, Cores::Anywhere, far, near).unwrap_or_else(|error| panic!("{error}"));
}

struct Everything;

impl Visitor for Everything {
    type Output = ();

    fn visit<T: FewSizes>(self) {
        with_size::<T, 1>();
        with_size::<T, 8>();
        with_size::<T, 128>();
    }

    fn visit_any_length<T: EverySize>(self) {
        self.visit::<T>();
        with_size::<T, 32>();
        with_size::<T, 512>();
        with_size::<T, 8192>();
    }
}

/// Whether messages of this length are too long for the transport. Then it says so at once; those of a page it carries everywhere.
fn refused<T: Carries<WORDS>, const WORDS: usize>() -> bool {
    match T::open(T::WAITS[0]).map_err(|error| *error) {
        Ok(_) => false,
        Err(Error::Unavailable { source, .. }) => {
            assert!(WORDS > 512, "{}: {source}", T::NAME);
            let length = (8 * WORDS).to_string();
            assert!(source.to_string().contains(&length), "{}: not even the length is told: {source}", T::NAME);
            true
        }
        Err(error) => panic!("{error}"),
    }
}

fn with_size<T: Carries<WORDS>, const WORDS: usize>() {
    assert!(!T::WAITS.is_empty());
    if refused::<T, WORDS>() {
        return;
    }
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
            prepared::<T, WORDS>(wait);
            checked_batches::<T, WORDS>(wait);
            wrong_ones_are_noticed::<T, WORDS>(wait);
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
    ($($(#[$when:meta])? $test:ident: $name:literal),* $(,)?) => {
        $($(#[$when])? #[test] fn $test() { deliver($name); })*

        #[test]
        fn no_transport_is_forgotten() {
            assert_eq!(names(), [$($(#[$when])? $name),*]);
        }
    };
}

delivered!(
    floor: "floor",
    floor_one_line: "floor-one-line",
    futex: "futex",
    spsc: "spsc",
    mpmc: "mpmc",
    rtrb: "rtrb",
    array_queue: "array-queue",
    crossbeam_channel: "crossbeam-channel",
    std_mpsc: "std-mpsc",
    #[cfg(feature = "peers")]
    kanal: "kanal",
    #[cfg(feature = "peers")]
    shaq: "shaq",
    #[cfg(feature = "peers")]
    ringfire: "ringfire",
    #[cfg(feature = "peers")]
    shmem_ipc: "shmem-ipc",
    bytes: "bytes",
    bytes_in_place: "bytes-in-place",
    #[cfg(feature = "peers")]
    iceoryx: "iceoryx2",
    #[cfg(feature = "peers")]
    ipc_channel: "ipc-channel",
    mutex_condvar: "mutex-condvar",
    posix_sem: "posix-sem",
    sysv_sem: "sysv-sem",
    pipe: "pipe",
    fifo: "fifo",
    vmsplice: "vmsplice",
    unix_stream: "unix-stream",
    unix_datagram: "unix-datagram",
    unix_seqpacket: "unix-seqpacket",
    tcp: "tcp",
    udp: "udp",
    posix_mq: "posix-mq",
    sysv_mq: "sysv-mq",
    eventfd: "eventfd",
    signal: "signal",
    process_vm_readv: "process-vm-readv",
);

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = visit("carrier pigeon", Everything).unwrap_err().to_string();
    assert!(error.contains("carrier pigeon"), "{error}");
    assert!(names().iter().all(|name| error.contains(name)), "{error}");
}
