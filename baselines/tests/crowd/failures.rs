//! Whatever happens to one of many, or to the one that leads them: the cause is told, nobody is left, nothing hangs.

use crate::common::{alone, assert_childless};
use crate::faulty::{AT, Fault, Faulty, TAKEN, TAKEN_AT_FIRST, Who, plan};
use crate::leaving_nothing;
use crate::pipe::SharedPipe;
#[cfg(feature = "peers")]
use rondel_baselines::transports::Kanal;
use rondel_baselines::transports::{ArrayQueue, Channel, Mpmc};
use rondel_baselines::{Cores, Crowd, Error, Meeting, Result, Scope, Shape, Wait, allowed_cores, duet, gather};
use rustix::process::{Pid, Signal, getpid, kill_process};
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

const SHAPE: Shape = Shape { producers: 3, consumers: 3 };

/// An hour, of which nothing passes unless the leader is not told of the end of a part.
fn long(meeting: &Meeting<'_>) -> Result<()> {
    meeting.pause(Duration::from_secs(3600))
}

fn run<T: Crowd>(who: Who, fault: Fault, lead: impl FnOnce(&Meeting<'_>) -> Result<()>) -> Box<Error> {
    leaving_nothing(|| {
        plan(who, fault);
        gather::<Faulty<T>, ()>(T::WAITS[0], SHAPE, None, &[], lead).expect_err("a fault")
    })
}

const WHO: [(Who, &str); 4] = [
    (Who::Producer(0), "producer 0"),
    (Who::Producer(2), "producer 2"),
    (Who::Consumer(0), "consumer 0"),
    (Who::Consumer(2), "consumer 2"),
];

fn everywhere(fault: Fault, told: &str) {
    for (who, name) in WHO {
        for error in [
            run::<SharedPipe>(who, fault, long),
            run::<Mpmc>(who, fault, long),
            run::<ArrayQueue>(who, fault, long),
            run::<Channel>(who, fault, long),
            #[cfg(feature = "peers")]
            run::<Kanal>(who, fault, long),
        ] {
            assert_eq!(error.to_string(), format!("the other side failed: {name}: {told}"));
        }
    }
}

#[test]
fn an_error_of_one_is_told_with_its_name() {
    everywhere(Fault::Error, "faulty: on purpose: a fault");
}

#[test]
fn a_seat_that_cannot_be_taken_keeps_nobody_waiting() {
    everywhere(Fault::NoSeat, "faulty: on purpose: a fault");
}

#[test]
fn a_panic_of_one_ends_there() {
    everywhere(Fault::Panic, "panic: out of luck");
}

/// Nothing is sent, and nothing measured, before the last has come.
#[test]
fn all_wait_for_one_that_is_late() {
    for (who, _) in WHO {
        leaving_nothing(|| {
            plan(who, Fault::Late);
            let lead = |meeting: &Meeting<'_>| {
                assert_eq!(TAKEN.load(Ordering::Relaxed), SHAPE.parts());
                meeting.pause(Duration::from_millis(5))
            };
            gather::<Faulty<ArrayQueue>, ()>(Wait::Yield, SHAPE, None, &[], lead).unwrap();
            assert_eq!(TAKEN_AT_FIRST.load(Ordering::Relaxed), SHAPE.parts());
        });
    }
}

/// That the others are gone is the end for a consumer only when they have been told to go.
#[test]
fn peers_that_are_gone_too_early_are_an_error() {
    everywhere(Fault::Deserts, "faulty: the other end is gone");
}

#[test]
fn one_that_is_killed_is_told_with_its_signal() {
    for (who, _) in WHO {
        for error in [run::<SharedPipe>(who, Fault::Kill, long), run::<Mpmc>(who, Fault::Kill, long)] {
            assert!(matches!(*error, Error::FarSideKilled { signal: 9 }), "{error}");
        }
    }
}

/// The one that hangs is killed; the leader's error is the cause.
#[test]
fn one_that_hangs_is_got_rid_of() {
    for who in [Who::Producer(1), Who::Consumer(1)] {
        let error = run::<SharedPipe>(who, Fault::Hangs, |meeting| {
            while meeting.received() < 20 * AT {
                meeting.pause(Duration::from_millis(1))?;
            }
            Err(Box::new(Error::System { transport: "leader", what: "enough", source: "of it".into() }))
        });
        assert_eq!(error.to_string(), "leader: enough: of it");
    }
}

#[test]
fn a_panic_of_the_leader_leaves_nobody() {
    fn panicking<T: Crowd>() {
        leaving_nothing(|| {
            let lead = |meeting: &Meeting<'_>| -> Result<()> {
                meeting.pause(Duration::from_millis(5))?;
                panic!("in the midst of it")
            };
            let run = std::panic::AssertUnwindSafe(|| gather::<T, ()>(T::WAITS[0], SHAPE, None, &[], lead));
            assert!(std::panic::catch_unwind(run).is_err());
        });
    }
    panicking::<SharedPipe>();
    panicking::<Mpmc>();
    panicking::<ArrayQueue>();
    panicking::<Channel>();
    #[cfg(feature = "peers")]
    panicking::<Kanal>();
}

#[test]
fn a_core_that_does_not_exist_is_an_error() {
    fn nowhere<T: Crowd>(core: usize) {
        for cores in [&[core, 1023][..], &[1023, core][..], &[usize::MAX][..]] {
            let error = leaving_nothing(|| gather::<T, ()>(T::WAITS[0], SHAPE, None, cores, long));
            let error = error.expect_err("no such core").to_string();
            assert!(error.contains("cannot pin to core"), "{error}");
        }
    }
    let core = allowed_cores().unwrap()[0];
    nowhere::<SharedPipe>(core);
    nowhere::<ArrayQueue>(core);
}

#[test]
fn the_leader_runs_where_it_is_told_and_the_caller_is_free_again() {
    let before = allowed_cores().unwrap();
    for core in [before[0], before[before.len() - 1]] {
        let lead = |_: &Meeting<'_>| Ok(allowed_cores().unwrap());
        let shape = Shape { producers: 1, consumers: 1 };
        let seen = leaving_nothing(|| gather::<ArrayQueue, _>(Wait::Yield, shape, None, &[core], lead)).unwrap();
        assert_eq!(seen.led, [core]);
        assert_eq!(allowed_cores().unwrap(), before);
    }
}

/// A parent that is killed has no time to clean up; the kernel does it, for each of its children.
#[test]
fn children_die_with_their_parent() {
    let _alone = alone();
    let (mut told, tell) = pipe();
    // The process that will be killed is a child itself, and what is looked at are its children.
    let parent = move || {
        // What the leader holds is dropped in the children, and this is not: they hold the pipe as long as they live.
        let mut tell = &tell;
        let lead = |meeting: &Meeting<'_>| {
            let _ = tell.write_all(&getpid().as_raw_nonzero().get().to_ne_bytes());
            long(meeting)
        };
        gather::<SharedPipe, ()>(Wait::Park, SHAPE, None, &[], lead).map(|_| ())
    };
    let near = move || {
        let mut id = [0; 4];
        told.read_exact(&mut id).unwrap();
        let parent = Pid::from_raw(i32::from_ne_bytes(id)).unwrap();
        let children = children_of(parent);
        assert_eq!(children.len(), SHAPE.parts(), "{children:?}");
        kill_process(parent, Signal::KILL).unwrap();
        // The end of the pipe is the end of them all.
        let wanted = rustix::event::PollFd::new(&told, rustix::event::PollFlags::IN);
        let limit = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        if rustix::event::poll(&mut [wanted], Some(&limit)) != Ok(1) {
            for child in children {
                let _ = kill_process(child, Signal::KILL);
            }
            panic!("a child has outlived its parent");
        }
        Ok(())
    };
    let error = duet(Scope::Processes, Cores::Anywhere, parent, near).expect_err("the parent was killed");
    assert!(matches!(*error, Error::FarSideKilled { signal: 9 }), "{error}");
    assert_childless();
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let line = format!("PPid:\t{}\n", parent.as_raw_nonzero());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let children = processes.filter(|process| {
        std::fs::read_to_string(process.path().join("status")).is_ok_and(|status| status.contains(&line))
    });
    children.filter_map(|child| child.file_name().to_str()?.parse().ok()).filter_map(Pid::from_raw).collect()
}

fn pipe() -> (File, File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (File::from(read), File::from(write))
}
