//! Whatever happens to either side: the other learns of it, the cause is told, no child is left, nothing hangs.

mod common;

use common::{alone, assert_childless, open_descriptors};
use rondel_baselines::transports::{
    self, Bytes, Floor, MutexCondvar, Pipe, ProcessVmReadv, Rtrb, UnixDatagram, UnixStream,
};
use rondel_baselines::{
    Carries, Cores, Error, EverySize, FewSizes, Message, Receiver, Result, Scope, Seat, Sender, Stop, Transport,
    Visitor, Wait, allowed_cores, duet, echo, names, pump, visit,
};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use std::fs::File;
use std::io::{Read, Write};

/// Something that is to be seen of every transport between two.
trait Everywhere {
    fn with<T: FewSizes>(&self);

    fn seen(self)
    where
        Self: Sized,
    {
        struct One<'a, E>(&'a E);
        impl<E: Everywhere> Visitor for One<'_, E> {
            type Output = ();
            fn visit<T: FewSizes>(self) {
                // What overwrites a message that has not been read has no notion of an end either.
                if T::QUEUES {
                    self.0.with::<T>();
                }
            }
            fn visit_any_length<T: EverySize>(self) {
                self.visit::<T>();
            }
        }
        let _alone = alone();
        let before = open_descriptors();
        names().iter().for_each(|name| visit(name, One(&self)).unwrap());
        assert_eq!(open_descriptors(), before);
        assert_childless();
    }
}

/// Receives until that fails, from a far side that does `far` and nothing else: the errors, one for each way of waiting.
fn hear<T: Carries<1>>(far: impl Fn() -> Result<()> + Send + Sync) -> Vec<Error> {
    let heard = T::WAITS.iter().map(|wait| {
        let (sending, receiving) = T::open(*wait).unwrap();
        let far = || {
            let _sender = sending.take()?;
            far()
        };
        let near = || receiving.take()?.receive(&mut Message::default());
        *duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("nothing was sent")
    });
    heard.collect()
}

fn some_error() -> Result<()> {
    Message::<1>::numbered(3).verify("far", 4)
}

#[test]
fn an_error_of_the_far_side_is_told_as_the_cause() {
    struct Told;
    impl Everywhere for Told {
        fn with<T: FewSizes>(&self) {
            for error in hear::<T>(some_error) {
                assert!(
                    matches!(&error, Error::FarSide { message } if message.starts_with("far: message 4 arrived wrong")),
                    "{}: {error}",
                    T::NAME
                );
            }
        }
    }
    Told.seen();
}

#[test]
fn a_panic_of_the_far_side_ends_there() {
    let _alone = alone();
    for error in [hear::<Pipe>(|| panic!("out of luck")), hear::<Rtrb>(|| panic!("out of luck"))].into_iter().flatten()
    {
        assert_eq!(error.to_string(), "the other side failed: panic: out of luck");
    }
    assert_childless();
}

#[test]
fn a_far_side_that_goes_silently_is_a_peer_that_is_gone() {
    struct Gone;
    impl Everywhere for Gone {
        fn with<T: FewSizes>(&self) {
            for error in hear::<T>(|| Ok(())) {
                assert!(matches!(error, Error::PeerGone { .. }), "{}: {error}", T::NAME);
            }
        }
    }
    Gone.seen();
}

/// The other way round: who sends learns of it too, however much is under way.
#[test]
fn a_receiver_that_goes_silently_is_a_peer_that_is_gone() {
    struct Gone;
    impl Everywhere for Gone {
        fn with<T: FewSizes>(&self) {
            for wait in T::WAITS {
                let (sending, receiving) = <T as Carries<128>>::open(*wait).unwrap();
                let far = move || {
                    let mut receiver = receiving.take()?;
                    (0..100).try_for_each(|_| receiver.receive(&mut Message::default()))
                };
                let near = move || {
                    let mut sender = sending.take()?;
                    (0..).try_for_each(|number| sender.send(&Message::numbered(number)))
                };
                let error = duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("nobody is there");
                assert!(
                    matches!(*error, Error::PeerGone { transport } if transport == T::NAME),
                    "{}, {wait:?}: {error}",
                    T::NAME
                );
            }
        }
    }
    Gone.seen();
}

#[test]
fn a_killed_far_side_is_told_with_its_signal() {
    struct Killed;
    impl Everywhere for Killed {
        fn with<T: FewSizes>(&self) {
            let suicide = || {
                let _ = kill_process(getpid(), Signal::KILL);
                Ok(())
            };
            if T::SCOPE == Scope::Processes {
                for error in hear::<T>(suicide) {
                    assert!(matches!(error, Error::FarSideKilled { signal: 9 }), "{}: {error}", T::NAME);
                }
            }
        }
    }
    Killed.seen();
}

/// A process that is killed in the midst of it says nothing any more. The other side learns of it all the same, and not by running into its
/// limit: after all that was sent has been received, and however much is under way.
#[test]
fn a_side_that_is_killed_in_the_midst_of_it_is_a_peer_that_is_gone() {
    struct Killed;
    impl Everywhere for Killed {
        fn with<T: FewSizes>(&self) {
            if T::SCOPE != Scope::Processes {
                return;
            }
            for wait in T::WAITS {
                let told = [killed_sender::<T>(*wait), killed_receiver::<T>(*wait)];
                for error in told {
                    // Had it not been noticed that the other has gone, that this side is stuck would be told.
                    assert!(matches!(*error, Error::FarSideKilled { signal: 9 }), "{}, {wait:?}: {error}", T::NAME);
                }
            }
        }
    }
    Killed.seen();
}

fn killed_sender<T: FewSizes>(wait: Wait) -> Box<Error> {
    let (sending, receiving) = <T as Carries<1>>::open(wait).unwrap();
    let far = move || {
        let mut sender = sending.take()?;
        (0..100).try_for_each(|number| sender.send(&Message::numbered(number)))?;
        let _ = kill_process(getpid(), Signal::KILL);
        Ok(())
    };
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::default();
        let mut received = 0;
        let error = loop {
            match receiver.receive(&mut message) {
                Ok(()) => message.verify(T::NAME, received)?,
                Err(error) => break error,
            }
            received += 1;
        };
        // What lies in the private memory of its sender goes with it.
        assert!(received == 100 || T::NAME == ProcessVmReadv::NAME, "{}, {wait:?}: {received}", T::NAME);
        assert!(matches!(*error, Error::PeerGone { .. }), "{}, {wait:?}: {error}", T::NAME);
        Err::<(), _>(error)
    };
    duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("the sender was killed")
}

fn killed_receiver<T: FewSizes>(wait: Wait) -> Box<Error> {
    let (sending, receiving) = <T as Carries<1>>::open(wait).unwrap();
    let far = move || {
        let mut receiver = receiving.take()?;
        (0..100).try_for_each(|_| receiver.receive(&mut Message::default()))?;
        let _ = kill_process(getpid(), Signal::KILL);
        Ok(())
    };
    let near = move || {
        let mut sender = sending.take()?;
        (0..).try_for_each(|number| sender.send(&Message::numbered(number)))
    };
    duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("the receiver was killed")
}

/// However it waits, and whatever it was at: who is left learns of it. The other's wait is one of those that memory cannot end.
#[test]
fn a_peer_that_is_killed_while_it_waits_is_a_peer_that_is_gone() {
    /// Ends this process by SIGALRM in a moment, when it is in the midst of its wait.
    fn doom() {
        let moment = libc::timeval { tv_sec: 0, tv_usec: 50_000 };
        let timer = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: moment };
        // SAFETY: `timer` is one, and nothing is asked for of the one before.
        assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
    }
    fn either_way<T: Carries<128>>() {
        for wait in T::WAITS {
            let (sending, receiving) = T::open(*wait).unwrap();
            let far = move || {
                let mut receiver = receiving.take()?;
                doom();
                (0..5).try_for_each(|_| receiver.receive(&mut Message::default()))
            };
            let near = move || {
                let mut sender = sending.take()?;
                (0..3).try_for_each(|number| sender.send(&Message::numbered(number)))?;
                // By now it waits for more, or has been killed before it has taken the three; the rest must not be taken.
                std::thread::sleep(std::time::Duration::from_millis(150));
                let gone = (3..).try_for_each(|number| sender.send(&Message::numbered(number)));
                let gone = gone.expect_err("nobody is there");
                assert!(matches!(*gone, Error::PeerGone { transport } if transport == T::NAME), "{gone}");
                Ok(())
            };
            let killed = duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("it was killed");
            assert!(matches!(*killed, Error::FarSideKilled { signal: libc::SIGALRM }), "{killed}");

            let (sending, receiving) = T::open(*wait).unwrap();
            let far = move || {
                let mut sender = sending.take()?;
                doom();
                (0..).try_for_each(|number| sender.send(&Message::numbered(number)))
            };
            let near = move || {
                let mut receiver = receiving.take()?;
                std::thread::sleep(std::time::Duration::from_millis(150));
                let mut message = Message::default();
                let mut number = 0;
                let gone = loop {
                    match receiver.receive(&mut message) {
                        Ok(()) => message.verify(T::NAME, number)?,
                        Err(gone) => break gone,
                    }
                    number += 1;
                };
                assert!(matches!(*gone, Error::PeerGone { transport } if transport == T::NAME), "{gone}");
                Ok(())
            };
            let killed = duet(T::SCOPE, Cores::Anywhere, far, near).expect_err("it was killed");
            assert!(matches!(*killed, Error::FarSideKilled { signal: libc::SIGALRM }), "{killed}");
        }
    }
    let _alone = alone();
    either_way::<MutexCondvar>();
    either_way::<transports::Signal>();
    either_way::<ProcessVmReadv>();
    either_way::<Pipe>();
    either_way::<UnixDatagram>();
    either_way::<Bytes>();
    assert_childless();
}

/// Even where no kernel object tells of the end of a peer: a poll of memory is bounded.
#[test]
fn a_far_side_that_never_answers_does_not_hang_the_near_side() {
    let _alone = alone();
    for error in hear::<Floor>(|| Ok(())) {
        assert!(matches!(error, Error::Stalled { transport: "floor", .. }), "{error}");
    }
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
