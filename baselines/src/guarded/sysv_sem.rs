//! Shared memory guarded by two System V semaphores, which are one set of two.
//!
//! Every operation is a system call. It changes a count by as much as is wanted, so one call hands over a whole batch. One that sleeps has a timeout, after which the end asks for its peer (see `lifeline.rs`). A set stays
//! until it is removed, so a keeper makes it.
//!
//! `SEM_UNDO` is not used. It would take back, when a process ends, all that the process has given: the messages that a sender
//! has sent and that nobody has received yet, and the room for those that a receiver has received. It is made for locks, which a process gives back
//! that it has taken; here each end gives what the other takes.

use super::semaphore::{Guarded, GuardedReceiver, GuardedSender, Pair, Pairs, Semaphore, open};
use crate::keeper::{Charge, keep_between};
use crate::kernel::last_error;
use crate::lifeline::{SLICE, Sleep};
use crate::{Carries, Error, Kind, Result, Scope, Transport, Wait};
use rustix::io::Errno;

/// A ring in shared memory and two System V semaphores.
#[derive(Clone, Copy, Debug)]
pub struct SysvSem;

impl Transport for SysvSem {
    const NAME: &'static str = "sysv-sem";
    const NOTE: &'static str = "ring in shared memory of up to 256 KiB of messages, guarded by two System V semaphores; two semtimedop at either end of a message, or of a batch if it finds all that it takes";
    const KIND: Kind = Kind::Guarded;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

impl<const WORDS: usize> Carries<WORDS> for SysvSem {
    type Sending = GuardedSender<Self, WORDS>;
    type Receiving = GuardedReceiver<Self, WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        open::<Self, WORDS>(wait)
    }
}

/// The places of the two in their set.
const MESSAGES: u16 = 0;
const ROOM: u16 = 1;

impl Guarded for SysvSem {
    type Semaphore = Member;
    const CALLS: (&'static str, &'static str) = ("semtimedop", "semtimedop");

    fn semaphores(room: usize) -> Result<Pairs<Member>> {
        let count = libc::c_int::try_from(room).unwrap_or(libc::c_int::MAX);
        let (set, sending, receiving) = keep_between(Set { id: -1, room: count })
            .map_err(|error| Error::unavailable(Self::NAME, "making semaphores by semget", error))?;
        let [messages, room] = [MESSAGES, ROOM].map(|number| Member { set, number });
        Ok((
            Pair { takes: room, gives: messages, lifeline: sending },
            Pair { takes: messages, gives: room, lifeline: receiving },
        ))
    }
}

/// The set, as a keeper keeps it.
struct Set {
    id: i32,
    room: libc::c_int,
}

/// What `semctl` takes for its last argument, as the system demands that its callers declare.
#[repr(C)]
union Argument {
    value: libc::c_int,
    _address: *mut libc::c_void,
}

impl Charge for Set {
    fn make(&mut self) -> std::result::Result<i32, Errno> {
        // On Linux the counts of a new set are zero. SAFETY: the call takes no address.
        self.id = unsafe { libc::semget(libc::IPC_PRIVATE, 2, 0o600) };
        if self.id < 0 {
            return Err(last_error());
        }
        let room = Argument { value: self.room };
        // SAFETY: the command takes a value, and no address.
        let result = unsafe { libc::semctl(self.id, libc::c_int::from(ROOM), libc::SETVAL, room) };
        if result < 0 {
            let error = last_error();
            self.remove();
            return Err(error);
        }
        Ok(self.id)
    }

    fn remove(&mut self) {
        // SAFETY: the command takes no argument.
        unsafe { libc::semctl(self.id, 0, libc::IPC_RMID) };
    }
}

unsafe extern "C" {
    // In every C library of Linux, but not declared by the crate libc.
    fn semtimedop(
        set: libc::c_int,
        operations: *mut libc::sembuf,
        count: libc::size_t,
        timeout: *const libc::timespec,
    ) -> libc::c_int;
}

/// A semaphore of a set, in one end's hands.
#[derive(Clone, Copy)]
pub struct Member {
    set: i32,
    number: u16,
}

impl Member {
    #[inline]
    fn operate(self, change: i16, sleep: Sleep) -> std::result::Result<(), Errno> {
        static TIMEOUT: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: SLICE.subsec_nanos() as _ };
        const { assert!(SLICE.as_secs() == 0) };
        let flags = if sleep == Sleep::Never { libc::IPC_NOWAIT as i16 } else { 0 };
        let mut operation = libc::sembuf { sem_num: self.number, sem_op: change, sem_flg: flags };
        // SAFETY: the call reads one operation and the timeout, both of which live through it.
        let result = unsafe { semtimedop(self.set, &raw mut operation, 1, &raw const TIMEOUT) };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }
}

impl Semaphore for Member {
    #[inline]
    fn take(&mut self, sleep: Sleep) -> std::result::Result<bool, Errno> {
        match self.operate(-1, sleep) {
            Ok(()) => Ok(true),
            // AGAIN: the time is over, or there was none.
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn give(&mut self) -> std::result::Result<(), Errno> {
        self.operate(1, Sleep::Never)
    }

    #[inline]
    fn take_some(&mut self, most: usize, sleep: Sleep) -> std::result::Result<usize, Errno> {
        let most = change(most);
        // All that is wanted is there as a rule, where batches are worth while.
        match self.operate(-most, Sleep::Never) {
            Ok(()) => return Ok(most as usize),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let mut taken = 0;
        let mut there = self.count()?;
        if there == 0 {
            if sleep == Sleep::Never || !self.take(sleep)? {
                return Ok(0);
            }
            taken = 1;
            there = self.count()?;
        }
        // Nobody else takes, so what has been counted is still there.
        let rest = there.min(most - taken);
        if rest > 0 {
            self.operate(-rest, Sleep::Never)?;
        }
        Ok((taken + rest) as usize)
    }

    #[inline]
    fn give_some(&mut self, count: usize) -> std::result::Result<(), Errno> {
        self.operate(change(count), Sleep::Never)
    }
}

/// So many, as an operation counts. No more than the ring has slots are ever given.
fn change(count: usize) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}

impl Member {
    /// How many there are.
    fn count(self) -> std::result::Result<i16, Errno> {
        // SAFETY: the command takes no argument.
        let count = unsafe { libc::semctl(self.set, libc::c_int::from(self.number), libc::GETVAL) };
        if count < 0 { Err(last_error()) } else { Ok(change(count as usize)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Receiver, Sender};

    fn exists(set: i32) -> bool {
        Member { set, number: MESSAGES }.count().is_ok()
    }

    #[test]
    fn what_is_there_is_taken_at_once_and_never_more_than_is_wanted() {
        let (sending, _receiving) = SysvSem::semaphores(10).unwrap();
        let Pair { takes: mut room, gives: mut messages, .. } = sending;
        assert_eq!(room.take_some(4, Sleep::Never), Ok(4));
        assert_eq!(room.take_some(16, Sleep::Slice), Ok(6));
        assert_eq!(room.take_some(1, Sleep::Never), Ok(0));
        assert_eq!((room.count(), messages.count()), (Ok(0), Ok(0)));
        messages.give_some(3).unwrap();
        assert_eq!((room.count(), messages.count()), (Ok(0), Ok(3)));
    }

    /// While it sleeps for one, more are given than it wants.
    #[test]
    fn who_has_slept_takes_no_more_than_is_wanted_either() {
        let (sending, receiving) = SysvSem::semaphores(10).unwrap();
        let (mut given, mut taken) = (sending.gives, receiving.takes);
        let giving = std::thread::spawn(move || {
            std::thread::sleep(SLICE / 4);
            given.give_some(10)
        });
        // On a busy machine more than one slice may pass.
        let first =
            (0..).find_map(|_| taken.take_some(4, Sleep::Slice).map(|some| (some > 0).then_some(some)).transpose());
        assert_eq!(first, Some(Ok(4)));
        giving.join().unwrap().unwrap();
        assert_eq!(taken.count(), Ok(6));
    }

    #[test]
    fn the_set_stays_until_both_ends_have_gone() {
        let (mut sending, mut receiving) = <SysvSem as Carries<1>>::open(Wait::Park).unwrap();
        let set = sending.set();
        sending.send(&Message::numbered(3)).unwrap();
        drop(sending);
        let mut message = Message::<1>::default();
        receiving.receive(&mut message).unwrap();
        assert!(message.is(3));
        assert!(exists(set));
        drop(receiving);
        crate::keeper::tests::soon("the set is removed", || !exists(set));
    }

    impl<const WORDS: usize> GuardedSender<SysvSem, WORDS> {
        fn set(&self) -> i32 {
            self.semaphores().takes.set
        }
    }
}
