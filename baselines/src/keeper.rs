//! What outlives a process that is killed, and who removes it all the same.
//!
//! A System V queue, a set of semaphores, the name of a queue or of a FIFO: the kernel keeps each until somebody removes it, and
//! a process that is killed removes nothing. So another makes it: the keeper, a small process that does nothing else. It tells its
//! maker what it has made, sleeps until all whom it keeps it for have gone, removes it and ends. That they have gone
//! it learns from the kernel, which closes the pipe that each holds open, in whatever way they end.
//!
//! What may befall the users must not befall the keeper:
//!
//! - It is in a session of its own, so that neither a terminal nor a signal to a group of processes reaches it, and all signals
//!   are blocked in it from its first instruction to its last.
//! - It holds nothing open but its ends of those pipes. Whoever reads the output of the program finds its end when the
//!   program ends, and no end of another connection is held open here.
//! - It is nobody's child: its parent, which lives for a moment only, has been reaped when the object is there. So it
//!   is no concern of a program that waits for its own children.
//!
//! A keeper that is itself killed, by SIGKILL, leaves its object behind; that is the one case.
//!
//! A keeper is forked, and there may be other threads that hold locks at that moment. What runs in it allocates nothing and
//! takes no lock: it makes system calls.

use crate::child::wait_readable;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::LIMIT;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, WaitOptions, getrlimit, setsid, waitpid};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What a keeper keeps. All of it runs in the keeper, where nothing may be allocated and no lock taken.
pub(crate) trait Charge {
    /// Makes it. The number is told to the maker.
    fn make(&mut self) -> Result<i32, Errno>;

    /// Somebody has gone. Says what to do now.
    fn left(&mut self, left: Left) -> Next {
        if left.sender && left.receiver { Next::Remove } else { Next::Sleep }
    }

    /// Removes it.
    fn remove(&mut self);
}

/// Who has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) sender: bool,
    pub(crate) receiver: bool,
}

/// What a keeper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Sleeps until somebody else goes.
    Sleep,
    /// Removes its charge and ends.
    Remove,
}

/// A keeper of what only its maker needs, and only for as long as it has this; dropped, it waits until it is removed.
pub(crate) struct Keeper {
    lifeline: Option<OwnedFd>,
    removal: OwnedFd,
}

impl Keeper {
    /// Has a keeper make something, and returns its number.
    pub(crate) fn new(charge: impl Charge) -> io::Result<(Self, i32)> {
        let (watched, lifeline) = pipe_with(PipeFlags::CLOEXEC)?;
        let (number, removal) = start(charge, watched.as_fd(), watched.as_fd())?;
        Ok((Keeper { lifeline: Some(lifeline), removal }, number))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        wait_readable(&self.removal, LIMIT);
    }
}

/// Has a keeper make something for the two ends of a connection, and returns its number and their lifelines: the sender's, and the
/// receiver's. The end that is dropped last waits until it is removed.
pub(crate) fn keep_between(charge: impl Charge) -> io::Result<(i32, Lifeline, Lifeline)> {
    let (mut sender, mut receiver) = lifelines()?;
    let (number, removal) = start(charge, receiver.other(), sender.other())?;
    sender.await_removal(removal.try_clone()?);
    receiver.await_removal(removal);
    Ok((number, sender, receiver))
}

/// Starts a keeper that watches two pipes, the sender's and the receiver's, which may be one. Returns the number that it tells, and the pipe
/// whose end tells that it has removed its charge.
fn start(charge: impl Charge, sender: BorrowedFd<'_>, receiver: BorrowedFd<'_>) -> io::Result<(i32, OwnedFd)> {
    let (hear, tell) = pipe_with(PipeFlags::CLOEXEC)?;
    let blocked = Blocked::all()?;
    // SAFETY: the child makes system calls and ends in `_exit`, as does the one that it forks.
    let parent = match unsafe { libc::fork() } {
        0 => be_parent_of_keeper(charge, &tell, sender, receiver),
        id => match if id > 0 { Pid::from_raw(id) } else { None } {
            Some(id) => id,
            None => return Err(io::Error::last_os_error()),
        },
    };
    drop(blocked);
    drop(tell);
    // An error can only be that somebody else has reaped it, for instance because SIGCHLD is ignored.
    while matches!(waitpid(Some(parent), WaitOptions::empty()), Err(Errno::INTR)) {}
    // What it makes may lie where a system call does not come back, as in a directory of a server that does not answer.
    if !wait_readable(&hear, LIMIT) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the keeper has told nothing for long"));
    }
    let mut word = [0; 8];
    let mut told = File::from(hear);
    told.read_exact(&mut word).map_err(|_| io::Error::other("the keeper has ended before its time"))?;
    let [a, b, c, d, e, f, g, h] = word;
    match (i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])) {
        (0, number) => Ok((number, told.into())),
        (errno, _) => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// The life of the process between: it forks the keeper, and by its own end makes it nobody's child.
fn be_parent_of_keeper(charge: impl Charge, tell: &OwnedFd, sender: BorrowedFd<'_>, receiver: BorrowedFd<'_>) -> ! {
    // Always granted: a process that has just been forked leads no group.
    let _ = setsid();
    // SAFETY: as in `start`. This process has one thread.
    match unsafe { libc::fork() } {
        0 => be_keeper(charge, tell, sender, receiver),
        // No process: no word either, which is an error to whoever waits for it.
        _ => exit(),
    }
}

/// The life of the keeper.
fn be_keeper(mut charge: impl Charge, tell: &OwnedFd, sender: BorrowedFd<'_>, receiver: BorrowedFd<'_>) -> ! {
    // For whoever looks at a list of processes. A name that cannot be set is none.
    let _ = rustix::thread::set_name(c"rondel-keeper");
    close_all_but([tell.as_raw_fd(), sender.as_raw_fd(), receiver.as_raw_fd()]);
    match charge.make() {
        Ok(number) => {
            // A maker that has gone meanwhile is no reason to stay: its pipes have ended too.
            let _ = report(tell, 0, number);
            watch(&mut charge, sender, receiver);
            charge.remove();
        }
        Err(errno) => {
            let _ = report(tell, errno.raw_os_error(), 0);
        }
    }
    exit()
}

fn report(tell: &OwnedFd, errno: i32, number: i32) -> Result<usize, Errno> {
    let [a, b, c, d] = errno.to_ne_bytes();
    let [e, f, g, h] = number.to_ne_bytes();
    // Whole: a pipe takes eight bytes at once or not at all, and this one is empty.
    rustix::io::write(tell, &[a, b, c, d, e, f, g, h])
}

/// Sleeps until the charge is to be removed.
fn watch(charge: &mut impl Charge, sender: BorrowedFd<'_>, receiver: BorrowedFd<'_>) {
    let mut left = Left { sender: false, receiver: false };
    loop {
        // A pipe that has ended is always ready, so it is looked at no more: the other takes its place.
        let first = if left.sender { receiver } else { sender };
        let second = if left.receiver { sender } else { receiver };
        let mut pipes = [first, second].map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::empty()));
        match poll(&mut pipes, None) {
            Ok(_) | Err(Errno::INTR) => {}
            // Cannot be. If it is, nobody would learn of it, and what is kept must not be kept for ever.
            Err(_) => return,
        }
        let [first, second] = pipes.map(|pipe| !pipe.revents().is_empty());
        let before = left;
        left = match left {
            Left { sender: true, .. } => Left { sender: true, receiver: first || second },
            Left { receiver: true, .. } => Left { receiver: true, sender: first || second },
            _ => Left { sender: first, receiver: second },
        };
        if left != before && charge.left(left) == Next::Remove {
            return;
        }
    }
}

/// Closes every descriptor but these.
fn close_all_but(mut kept: [RawFd; 3]) {
    kept.sort_unstable();
    let mut from = 0;
    for keep in kept {
        if keep > from {
            close_range(from, keep - 1);
        }
        from = keep + 1;
    }
    close_range(from, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: in this process nobody uses any of them, and nothing that owns one is ever dropped.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result != 0 {
        close_one_by_one(first, last);
    }
}

/// For a kernel before 5.9, or a filter that does not know the call.
#[cold]
fn close_one_by_one(first: RawFd, last: RawFd) {
    /// Where a process may have more, it has hardly used so many; and each takes a call.
    const MOST: RawFd = 1 << 16;
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| RawFd::try_from(limit).ok()).unwrap_or(MOST);
    for descriptor in first..=last.min(limit.min(MOST)) {
        // By the C library, which answers for a number that is not open; rustix takes it for a fault of the program.
        // SAFETY: as in `close_range`.
        unsafe { libc::close(descriptor) };
    }
}

/// Ends the process; what the maker's memory holds is neither dropped nor flushed.
fn exit() -> ! {
    // SAFETY: `_exit` ends the process and touches no memory of it.
    unsafe { libc::_exit(0) }
}

/// All signals blocked in this thread; on drop those are again that were before. A fork's child begins with those of its parent's.
struct Blocked {
    before: libc::sigset_t,
}

impl Blocked {
    fn all() -> io::Result<Self> {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: it writes a set to the given place, and knows no failure but a bad address.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the first set has been written above, the second has room for one, and both live through the call.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: the call has succeeded, and has written the set that was in force before.
        let before = unsafe { before.assume_init() };
        Ok(Blocked { before })
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is one that the system has written; no place for the old one is given. It cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};
    use std::ffi::CString;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    /// A file as what is kept; its number is the keeper's own.
    struct Marker(CString);

    impl Charge for Marker {
        fn make(&mut self) -> Result<i32, Errno> {
            use rustix::fs::{Mode, OFlags, open};
            drop(open(&self.0, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, Mode::RUSR)?);
            Ok(getpid().as_raw_nonzero().get())
        }

        fn remove(&mut self) {
            let _ = rustix::fs::unlink(&self.0);
        }
    }

    fn marker(name: &str) -> (PathBuf, Marker) {
        let path = std::env::temp_dir().join(format!("baselines-keeper-{name}-{}", std::process::id()));
        let marker = Marker(CString::new(path.to_str().unwrap()).unwrap());
        (path, marker)
    }

    /// Other tests fork at the same time, and their children hold copies of all ends for a moment.
    pub(crate) fn soon(what: &str, condition: impl Fn() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether a process is there, and not merely unreaped by whoever adopts orphans here.
    fn lives(id: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    #[test]
    fn a_dropped_keeper_has_removed_its_charge() {
        let (path, marker) = marker("dropped");
        let (keeper, id) = Keeper::new(marker).unwrap();
        assert!(path.exists() && lives(id));
        drop(keeper);
        assert!(!path.exists());
        soon("the keeper ends", || !lives(id));
    }

    #[test]
    fn a_charge_that_cannot_be_made_is_an_error_and_leaves_no_keeper() {
        let (path, marker) = marker("refused");
        std::fs::write(&path, "").unwrap();
        let error = Keeper::new(marker).err().expect("the name is taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        std::fs::remove_file(&path).expect("what was there before is still there");
    }

    /// As in a system call that does not come back. Its maker does not wait with it. (It removes what it makes in the end, all the same: all
    /// whom it keeps it for have gone.)
    #[test]
    fn a_keeper_that_does_not_tell_keeps_nobody_waiting() {
        struct Slow(Marker);

        impl Charge for Slow {
            fn make(&mut self) -> Result<i32, Errno> {
                std::thread::sleep(LIMIT * 3 / 2);
                self.0.make()
            }

            fn remove(&mut self) {
                self.0.remove();
            }
        }

        let (path, marker) = marker("slow");
        let error = Keeper::new(Slow(marker)).err().expect("it has told nothing");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!path.exists(), "it is still at it");
    }

    #[test]
    fn what_two_ends_need_stays_for_the_last_of_them() {
        for sender_first in [false, true] {
            let (path, marker) = marker(&format!("between-{sender_first}"));
            let (id, sender, receiver) = keep_between(marker).unwrap();
            let (first, second) = if sender_first { (sender, receiver) } else { (receiver, sender) };
            drop(first);
            std::thread::sleep(Duration::from_millis(20));
            assert!(path.exists() && lives(id));
            drop(second);
            soon("the charge is removed", || !path.exists());
        }
    }

    #[test]
    fn a_keeper_holds_nothing_open_and_no_signal_but_kill_ends_it() {
        let (path, marker) = marker("signals");
        let _open = std::fs::File::open("/dev/null").unwrap();
        let (id, sender, receiver) = keep_between(marker).unwrap();
        let keeper = Pid::from_raw(id).unwrap();
        let mut held: Vec<_> = std::fs::read_dir(format!("/proc/{id}/fd"))
            .unwrap()
            .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap())
            .collect();
        held.sort();
        held.dedup();
        assert_eq!(held.len(), 3, "{held:?}");
        assert!(held.iter().all(|held| held.to_str().unwrap().starts_with("pipe:")), "{held:?}");
        // As /proc tells it: the maker's is 0 where it was made outside of this namespace, which `getsid` of rustix forbids.
        let session = |id: i32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned()
        };
        assert_ne!(session(id), session(getpid().as_raw_nonzero().get()));
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::ALARM, Signal::USR1] {
            kill_process(keeper, signal).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        assert!(path.exists() && lives(id));
        drop((sender, receiver));
        soon("the charge is removed", || !path.exists());
    }

    /// A signal that arrives later finds the thread as it was.
    #[test]
    fn the_signals_of_the_maker_are_unblocked_again() {
        let blocked = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned()
        };
        let before = blocked();
        let (_, marker) = marker("mask");
        drop(Keeper::new(marker).unwrap());
        assert_eq!(blocked(), before);
    }

    /// With the descriptors closed one after another, as where the kernel knows no better, those that are kept stay open.
    #[test]
    fn a_range_of_descriptors_is_closed_one_by_one() {
        let file = std::fs::File::open("/dev/null").unwrap();
        // Far above what any other test has open.
        let copy = rustix::io::fcntl_dupfd_cloexec(&file, 900).unwrap();
        let number = std::os::fd::IntoRawFd::into_raw_fd(copy);
        let open = || std::fs::exists(format!("/proc/self/fd/{number}")).unwrap();
        close_one_by_one(number + 1, number + 20);
        assert!(open());
        close_one_by_one(number, number);
        assert!(!open());
    }
}
