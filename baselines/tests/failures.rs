//! Whatever happens to either side: the other learns of it, the cause is told, no child is left, nothing hangs.

mod common;

use common::{alone, assert_childless, open_descriptors};
use rondel_baselines::transports::{
    Bytes, BytesInPlace, EventFd, Fifo, Floor, Mpmc, Pipe, PosixMq, PosixSem, Rtrb, Spsc, SysvMq, SysvSem,
    UnixDatagram, UnixSeqpacket, UnixStream,
};
use rondel_baselines::{
    Carries, Cores, Error, Message, Receiver, Result, Scope, Seat, Sender, Stop, Transport, Wait, allowed_cores, duet,
    echo, pump,
};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use std::fs::File;
use std::io::{Read, Write};

/// Receives until that fails, from a far side that does `far` and nothing else. In each way of waiting that the transport knows; the
/// error is the same in all.
fn hear<T: Carries<1>>(far: impl Fn() -> Result<()> + Send + Copy) -> Box<Error> {
    let in_this_way = |wait: &Wait| {
        let (sending, receiving) = T::open(*wait).unwrap();
        let far = move || {
            let _sender = sending.take()?;
            far()
        };
        let near = move || receiving.take()?.receive(&mut Message::default());
        duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("nothing was sent")
    };
    let same = |one: Box<Error>, other: Box<Error>| {
        assert_eq!(one.to_string(), other.to_string(), "{}", T::NAME);
        other
    };
    T::WAITS.iter().map(in_this_way).reduce(same).expect("every transport can wait")
}

fn some_error() -> Result<()> {
    Message::<1>::numbered(3).verify("far", 4)
}

#[test]
fn an_error_of_the_far_side_is_told_as_the_cause() {
    let _alone = alone();
    let before = open_descriptors();
    for error in [
        hear::<Pipe>(some_error),
        hear::<Fifo>(some_error),
        hear::<UnixStream>(some_error),
        hear::<UnixDatagram>(some_error),
        hear::<UnixSeqpacket>(some_error),
        hear::<PosixMq>(some_error),
        hear::<SysvMq>(some_error),
        hear::<PosixSem>(some_error),
        hear::<SysvSem>(some_error),
        hear::<EventFd>(some_error),
        hear::<Spsc>(some_error),
        hear::<Mpmc>(some_error),
        hear::<Bytes>(some_error),
        hear::<BytesInPlace>(some_error),
        hear::<Rtrb>(some_error),
    ] {
        match &*error {
            Error::FarSide { message } => assert!(message.starts_with("far: message 4 arrived wrong"), "{message}"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(open_descriptors(), before);
    assert_childless();
}

#[test]
fn a_panic_of_the_far_side_ends_there() {
    let _alone = alone();
    for error in [hear::<Pipe>(|| panic!("out of luck")), hear::<Rtrb>(|| panic!("out of luck"))] {
        assert_eq!(error.to_string(), "the other side failed: panic: out of luck");
    }
    assert_childless();
}

#[test]
fn a_far_side_that_goes_silently_is_a_peer_that_is_gone() {
    let _alone = alone();
    for error in [
        hear::<Pipe>(|| Ok(())),
        hear::<Fifo>(|| Ok(())),
        hear::<UnixStream>(|| Ok(())),
        hear::<UnixDatagram>(|| Ok(())),
        hear::<UnixSeqpacket>(|| Ok(())),
        hear::<PosixMq>(|| Ok(())),
        hear::<SysvMq>(|| Ok(())),
        hear::<PosixSem>(|| Ok(())),
        hear::<SysvSem>(|| Ok(())),
        hear::<EventFd>(|| Ok(())),
        hear::<Spsc>(|| Ok(())),
        hear::<Mpmc>(|| Ok(())),
        hear::<Bytes>(|| Ok(())),
        hear::<BytesInPlace>(|| Ok(())),
        hear::<Rtrb>(|| Ok(())),
    ] {
        assert!(matches!(*error, Error::PeerGone { .. }), "{error}");
    }
    assert_childless();
}

/// The other way round: who sends learns of it too, however much is under way.
#[test]
fn a_receiver_that_goes_silently_is_a_peer_that_is_gone() {
    fn told<T: Carries<128>>() {
        T::WAITS.iter().for_each(|wait| told_in_this_way::<T>(*wait));
    }
    fn told_in_this_way<T: Carries<128>>(wait: Wait) {
        let (sending, receiving) = T::open(wait).unwrap();
        let far = move || {
            let mut receiver = receiving.take()?;
            (0..100).try_for_each(|_| receiver.receive(&mut Message::default()))
        };
        let near = move || {
            let mut sender = sending.take()?;
            (0..).try_for_each(|number| sender.send(&Message::numbered(number)))
        };
        let error = duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("nobody is there");
        assert!(matches!(*error, Error::PeerGone { transport } if transport == T::NAME), "{error}");
    }
    let _alone = alone();
    told::<Pipe>();
    told::<Fifo>();
    told::<UnixStream>();
    told::<UnixDatagram>();
    told::<UnixSeqpacket>();
    told::<PosixMq>();
    told::<SysvMq>();
    told::<PosixSem>();
    told::<SysvSem>();
    told::<EventFd>();
    told::<Spsc>();
    told::<Mpmc>();
    told::<Bytes>();
    told::<BytesInPlace>();
    told::<Rtrb>();
    assert_childless();
}

#[test]
fn a_killed_far_side_is_told_with_its_signal() {
    let _alone = alone();
    let suicide = || {
        let _ = kill_process(getpid(), Signal::KILL);
        Ok(())
    };
    for error in [
        hear::<Pipe>(suicide),
        hear::<Fifo>(suicide),
        hear::<UnixStream>(suicide),
        hear::<UnixDatagram>(suicide),
        hear::<UnixSeqpacket>(suicide),
        hear::<PosixMq>(suicide),
        hear::<SysvMq>(suicide),
        hear::<PosixSem>(suicide),
        hear::<SysvSem>(suicide),
        hear::<EventFd>(suicide),
        hear::<Spsc>(suicide),
        hear::<Mpmc>(suicide),
        hear::<Bytes>(suicide),
        hear::<BytesInPlace>(suicide),
    ] {
        assert!(matches!(*error, Error::FarSideKilled { signal: 9 }), "{error}");
    }
    assert_childless();
}

/// Even where no kernel object tells of the end of a peer: a poll of memory is bounded.
#[test]
fn a_far_side_that_never_answers_does_not_hang_the_near_side() {
    let _alone = alone();
    assert!(matches!(*hear::<Floor>(|| Ok(())), Error::Stalled { transport: "floor", .. }));
    assert_childless();
}

#[test]
fn an_error_of_the_near_side_ends_the_far_side() {
    let _alone = alone();
    let (sending, receiving) = <Pipe as Carries<1>>::open(Wait::Park).unwrap();
    let stop = Stop::new().unwrap();
    let far = move || pump::<1>(&mut sending.take()?, &stop);
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::<1>::default();
        receiver.receive(&mut message)?;
        message.verify("near", 1)
    };
    let error = duet(Pipe::SCOPE, Cores::Anywhere, far, near).expect_err("message 0 is not message 1");
    assert!(matches!(*error, Error::Corrupt { transport: "near", index: 1, .. }), "{error}");
    assert_childless();
}

#[test]
fn a_panic_of_the_near_side_leaves_no_child() {
    let _alone = alone();
    let before = open_descriptors();
    let (sending, receiving) = <Pipe as Carries<1>>::open(Wait::Park).unwrap();
    let far = move || {
        let sender = sending.take()?;
        std::thread::sleep(std::time::Duration::from_secs(3600));
        drop(sender);
        Ok(())
    };
    let near = move || -> Result<()> {
        let _receiver = receiving.take()?;
        panic!("in the midst of it")
    };
    let run = std::panic::AssertUnwindSafe(|| duet(Pipe::SCOPE, Cores::Anywhere, far, near));
    assert!(std::panic::catch_unwind(run).is_err());
    assert_childless();
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_wrong_message_is_noticed_by_the_echo_too() {
    let _alone = alone();
    let (asking, asked) = <UnixStream as Carries<8>>::open(Wait::Park).unwrap();
    let (answering, answered) = <UnixStream as Carries<8>>::open(Wait::Park).unwrap();
    let far = move || echo::<8>(UnixStream::NAME, &mut asked.take()?, &mut answering.take()?);
    let near = move || {
        let (mut to, mut from) = (asking.take()?, answered.take()?);
        let mut message = Message::<8>::numbered(0);
        message.words_mut()[7] ^= 1 << 63;
        to.send(&message)?;
        from.receive(&mut message)
    };
    let error = duet(UnixStream::SCOPE, Cores::Anywhere, far, near).expect_err("the message was wrong").to_string();
    assert!(error.contains("message 0 arrived wrong: its word 7"), "{error}");
    assert_childless();
}

#[test]
fn a_core_that_does_not_exist_is_an_error_of_either_side() {
    let _alone = alone();
    let core = allowed_cores().unwrap()[0];
    for scope in [Scope::Processes, Scope::Threads] {
        for none in [1023, usize::MAX] {
            let far = duet(scope, Cores::Pinned { near: core, far: none }, || Ok(()), || Ok(()));
            assert!(far.unwrap_err().to_string().contains(&format!("cannot pin to core {none}")));
            let near = duet(scope, Cores::Pinned { near: none, far: core }, || Ok(()), || Ok(()));
            assert!(matches!(*near.unwrap_err(), Error::Pin { core, .. } if core == none));
        }
    }
    assert_childless();
}

#[test]
fn the_two_sides_run_where_they_are_told_and_the_caller_is_free_again() {
    let _alone = alone();
    let before = allowed_cores().unwrap();
    let (near, far) = (before[0], before[before.len() - 1]);
    for scope in [Scope::Processes, Scope::Threads] {
        let is_on = |core| {
            if allowed_cores().ok() == Some(vec![core]) { Ok(()) } else { some_error() }
        };
        duet(scope, Cores::Pinned { near, far }, move || is_on(far), move || is_on(near)).unwrap();
        assert_eq!(allowed_cores().unwrap(), before);
    }
}

/// A parent that is killed has no time to clean up; the kernel does it.
#[test]
fn a_child_dies_with_its_parent() {
    let _alone = alone();
    let (mut told, tell) = pipe();
    // The process that will be killed is a child itself, and what is looked at is its child.
    let parent = move || {
        let near = || -> Result<()> {
            loop {
                std::thread::park()
            }
        };
        let far = move || -> Result<()> {
            let mut tell = tell;
            let _ = tell.write_all(&getpid().as_raw_nonzero().get().to_ne_bytes());
            let _ = tell.write_all(&getppid().map_or(0, |id| id.as_raw_nonzero().get()).to_ne_bytes());
            loop {
                std::thread::park()
            }
        };
        duet(Scope::Processes, Cores::Anywhere, far, near)
    };
    let near = move || {
        let mut ids = [[0; 4]; 2];
        for id in &mut ids {
            told.read_exact(id).unwrap();
        }
        let [child, parent] = ids.map(|id| Pid::from_raw(i32::from_ne_bytes(id)).unwrap());
        assert_ne!(child, getpid());
        kill_process(parent, Signal::KILL).unwrap();
        // The child holds the pipe: its end is the child's end.
        let wanted = rustix::event::PollFd::new(&told, rustix::event::PollFlags::IN);
        let limit = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        if rustix::event::poll(&mut [wanted], Some(&limit)) != Ok(1) {
            let _ = kill_process(child, Signal::KILL);
            panic!("the child has outlived its parent");
        }
        let mut rest = Vec::new();
        told.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
        Ok(())
    };
    let error = duet(Scope::Processes, Cores::Anywhere, parent, near).expect_err("the parent was killed");
    assert!(matches!(*error, Error::FarSideKilled { signal: 9 }), "{error}");
    assert_childless();
}

fn pipe() -> (File, File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (File::from(read), File::from(write))
}
