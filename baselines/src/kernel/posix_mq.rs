//! The POSIX message queue: `mq_timedsend` and `mq_timedreceive`.
//!
//! The kernel does not tell an end of a queue that nobody has the other end open. So a call that blocks has a timeout, after which
//! the end asks (see `lifeline.rs`). The timeouts of these calls are points in time on the clock of the day: if somebody sets that back while an
//! end waits, it asks later.
//!
//! A queue has a name, which a keeper removes as soon as both ends are open: the queue itself then goes with them.

use super::sysv::last_error;
use crate::error::check_wait;
use crate::keeper::{Charge, Keeper};
use crate::lifeline::{Lifeline, Sleep, SliceEnd, lifelines, sleep_until};
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, display_bytes};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// A POSIX message queue: one `mq_timedsend` and one `mq_timedreceive` a message.
#[derive(Clone, Copy, Debug)]
pub struct PosixMq;

impl Transport for PosixMq {
    const NAME: &'static str = "posix-mq";
    const NOTE: &'static str = "POSIX message queue of up to 1 MiB, all messages of one priority; one mq_timedsend and one mq_timedreceive a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;

    fn granted() -> Option<String> {
        let (small, large) = (Queue::open(8, false).ok()?.length, Queue::open(8192, false).ok()?.length);
        let longest = match Queue::open(65_536, false) {
            Ok(_) => String::new(),
            Err(_) => format!(", none longer than {} (fs.mqueue.msgsize_max)", display_bytes(limit("msgsize_max")?)),
        };
        let by = match small {
            _ if small == wanted(8) => "as asked for",
            _ if small == limit("msg_max")? => "fs.mqueue.msg_max",
            _ => "RLIMIT_MSGQUEUE",
        };
        Some(format!("{small} messages of 8 B or {large} of 8 KiB ({by}){longest}"))
    }
}

impl<const WORDS: usize> Carries<WORDS> for PosixMq {
    type Sending = MqSender;
    type Receiving = MqReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let queue = Queue::open(Message::<WORDS>::BYTES, wait == Wait::Spin)
            .map_err(|error| Error::unavailable(Self::NAME, "mq_open", error))?;
        let (sending, receiving) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes to notice a peer's end", error))?;
        Ok((MqSender(End::new(queue.write, sending, wait)), MqReceiver(End::new(queue.read, receiving, wait))))
    }
}

/// What a queue is to hold, with what the kernel adds to each message. As much as the largest pipe by default: more under way
/// would leave the processor's caches.
const ROOM: usize = 1 << 20;

/// What the kernel takes for the head of a message, in bytes, or a little more.
const HEAD: usize = 64;

/// The longest that a queue is asked to be, in messages of a length.
fn wanted(bytes: usize) -> usize {
    (ROOM / (bytes + HEAD)).max(2)
}

/// The limit of this name that the system sets to whom it does not trust.
fn limit(name: &str) -> Option<usize> {
    std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}")).ok()?.trim().parse().ok()
}

/// Both ends of a queue, which has no name any more.
struct Queue {
    write: OwnedFd,
    read: OwnedFd,
    /// How many messages it holds.
    length: usize,
}

impl Queue {
    /// A queue for messages of so many bytes, as long as the system grants.
    ///
    /// Each end is a description of its own, as it is where two processes open the queue by its name. Polling ends do not block.
    fn open(bytes: usize, polling: bool) -> io::Result<Self> {
        let (_keeper, length, name) = make(bytes).map_err(|error| why(error, bytes))?;
        let polling = if polling { libc::O_NONBLOCK } else { 0 };
        let write = mq_open(&name, libc::O_WRONLY | polling)?;
        let read = mq_open(&name, libc::O_RDONLY | polling)?;
        Ok(Queue { write, read, length: usize::try_from(length).unwrap_or(0) })
    }
}

/// How many names are tried, should some be taken: by a keeper that was killed, or from within another space of process numbers.
const TRIES: u32 = 16;

/// The number of the next name.
static NAMED: AtomicU64 = AtomicU64::new(0);

/// The name with this number.
fn name(number: u64) -> String {
    format!("/rondel-mq-{}-{number}", std::process::id())
}

/// Has a queue made for messages of so many bytes, and tells how many it holds, and its name for as long as the keeper is held.
fn make(bytes: usize) -> io::Result<(Keeper, i32, CString)> {
    let (wanted, most) = (wanted(bytes), limit("msg_max").unwrap_or(DEFAULT_MOST));
    let mut tries = TRIES;
    loop {
        // Relaxed: nothing but a number that no other queue of this process has; nothing is handed over with it.
        let name = CString::new(name(NAMED.fetch_add(1, Ordering::Relaxed)))?;
        tries -= 1;
        match Keeper::new(Name { name: name.clone(), bytes, wanted, most }) {
            Ok((keeper, length)) => return Ok((keeper, length, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// `msg_max`, unless somebody has changed it.
const DEFAULT_MOST: usize = 10;

/// Puts the limit that forbids a queue in the place of a number that says little.
fn why(error: io::Error, bytes: usize) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::INVAL) => {
            let longest = limit("msgsize_max").map_or("unknown".to_owned(), |bytes| bytes.to_string());
            io::Error::other(format!("a message of {bytes} bytes exceeds fs.mqueue.msgsize_max ({longest})"))
        }
        Some(Errno::MFILE) => {
            io::Error::other(format!("two messages of {bytes} bytes exceed RLIMIT_MSGQUEUE, or what is left of it"))
        }
        Some(Errno::NOSPC) => io::Error::other("there are as many queues as fs.mqueue.queues_max allows"),
        _ => error,
    }
}

/// The name of a queue, as a keeper keeps it, and what the queue is to be.
struct Name {
    name: CString,
    bytes: usize,
    wanted: usize,
    /// The most messages that the system allows in a queue whose maker has no privileges.
    most: usize,
}

impl Charge for Name {
    /// Makes the queue as long as is granted: halves it until it is. Tells its length.
    fn make(&mut self) -> std::result::Result<i32, Errno> {
        raise_limit();
        let mut length = self.wanted;
        loop {
            match self.create(length) {
                // Too long for a maker without privileges, or too much for what its user may have in all queues together.
                Err(Errno::INVAL) if length > self.most => length = self.most.min(length / 2),
                Err(Errno::INVAL | Errno::MFILE) if length > 2 => length = (length / 2).max(2),
                Err(error) => return Err(error),
                Ok(()) => return Ok(i32::try_from(length).unwrap_or(i32::MAX)),
            }
        }
    }

    fn remove(&mut self) {
        // SAFETY: the name ends in a zero, and the call only reads it.
        unsafe { libc::mq_unlink(self.name.as_ptr()) };
    }
}

impl Name {
    fn create(&self, length: usize) -> std::result::Result<(), Errno> {
        let mut attributes = no_attributes();
        attributes.mq_maxmsg = length as _;
        attributes.mq_msgsize = self.bytes as _;
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR | libc::O_CLOEXEC;
        let mode: libc::mode_t = 0o600;
        // SAFETY: the name ends in a zero; with O_CREAT the call takes a mode and the address of attributes, which it reads.
        let queue = unsafe { libc::mq_open(self.name.as_ptr(), flags, mode, &raw const attributes) };
        if queue < 0 {
            return Err(last_error());
        }
        // SAFETY: it has just been opened, and nobody else knows of it. The queue stays as long as its name.
        unsafe { libc::close(queue) };
        Ok(())
    }
}

/// Raises what this process, the keeper, may put into queues: the soft limit to the hard one, and where that is allowed
/// both to none at all. The maker's own limits stay.
fn raise_limit() {
    let none = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Msgqueue, none).is_err() {
        let maximum = getrlimit(Resource::Msgqueue).maximum;
        // A refusal leaves the limit as it is.
        let _ = setrlimit(Resource::Msgqueue, Rlimit { current: maximum, maximum });
    }
}

fn no_attributes() -> libc::mq_attr {
    // SAFETY: the struct is made of integers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

fn mq_open(name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the name ends in a zero; without O_CREAT the call takes no more arguments.
    let queue = unsafe { libc::mq_open(name.as_ptr(), flags | libc::O_CLOEXEC) };
    if queue < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: on Linux a queue's number is that of a descriptor, which has just been opened, and which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(queue) })
}

/// The priority of all messages.
const PRIORITY: u32 = 0;

/// Sends within the time, or at once if the queue does not block.
#[inline]
fn send(queue: &OwnedFd, bytes: &[u8], priority: u32, end: libc::timespec) -> std::result::Result<(), Errno> {
    let (start, length) = (bytes.as_ptr().cast(), bytes.len());
    // SAFETY: the call reads that many bytes from there and the time, all of which live through it.
    let result = unsafe { libc::mq_timedsend(queue.as_raw_fd(), start, length, priority, &raw const end) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Receives within the time, or at once if the queue does not block, and says how long the message is and its priority.
#[inline]
fn receive(queue: &OwnedFd, bytes: &mut [u8], end: libc::timespec) -> std::result::Result<(usize, u32), Errno> {
    let (start, length) = (bytes.as_mut_ptr().cast(), bytes.len());
    let mut priority = 0;
    // SAFETY: the call writes no more than that many bytes to there, writes the priority and reads the time; all live through it.
    let result = unsafe { libc::mq_timedreceive(queue.as_raw_fd(), start, length, &raw mut priority, &raw const end) };
    usize::try_from(result).map(|length| (length, priority)).map_err(|_| last_error())
}

/// What both ends are made of.
struct End {
    queue: OwnedFd,
    wait: Wait,
    end: SliceEnd,
    lifeline: Lifeline,
}

/// The end that sends.
pub struct MqSender(End);

/// The end that receives.
pub struct MqReceiver(End);

impl End {
    fn new(queue: OwnedFd, lifeline: Lifeline, wait: Wait) -> Self {
        End { queue, wait, end: SliceEnd::new(rustix::time::ClockId::Realtime), lifeline }
    }

    /// Makes a call in this end's way of waiting, until it does not find the queue full or empty.
    #[inline]
    fn until<R>(
        &mut self,
        what: &'static str,
        mut call: impl FnMut(&OwnedFd, libc::timespec) -> std::result::Result<R, Errno>,
    ) -> Result<R> {
        let End { queue, wait, end, lifeline } = self;
        let mut attempt = |end: &mut SliceEnd, sleep| match call(queue, end.get(sleep)) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(Errno::TIMEDOUT) => {
                end.renew();
                Ok(None)
            }
            Err(error) => Err(Error::system(PosixMq::NAME, what, error)),
        };
        if *wait == Wait::Spin {
            poll_until(PosixMq::NAME, end, |end| attempt(end, Sleep::Never).transpose(), |_| lifeline.other_is_gone())?
        } else {
            sleep_until(PosixMq::NAME, end, lifeline, attempt)
        }
    }
}

its_own_seat!(MqSender, MqReceiver);

impl<const WORDS: usize> Sender<WORDS> for MqSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        let bytes = bytemuck::bytes_of(message);
        self.0.until("mq_timedsend", |queue, end| send(queue, bytes, PRIORITY, end))
    }
}

impl<const WORDS: usize> Receiver<WORDS> for MqReceiver {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let bytes = bytemuck::bytes_of_mut(message);
        // Every message of the queue has the queue's length: there is one kind of sender.
        self.0.until("mq_timedreceive", |queue, end| receive(queue, bytes, end)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

    /// What a queue can do that no pipe can: a message of a higher priority overtakes those of lower ones; among those of one
    /// priority the first comes first.
    #[test]
    fn priorities_overtake_and_equals_stay_in_order() {
        let queue = Queue::open(2, true).unwrap();
        let sent: [(u8, u32); 6] = [(0, 1), (1, 5), (2, 1), (3, 9), (4, 5), (5, 0)];
        for (number, priority) in sent {
            send(&queue.write, &[number, 0], priority, NEVER).unwrap();
        }
        let mut bytes = [0; 2];
        let received = sent.map(|_| {
            let (length, priority) = receive(&queue.read, &mut bytes, NEVER).unwrap();
            assert_eq!(length, 2);
            (bytes[0], priority)
        });
        assert_eq!(received, [(3, 9), (1, 5), (4, 5), (0, 1), (2, 1), (5, 0)]);
        assert_eq!(receive(&queue.read, &mut bytes, NEVER), Err(Errno::AGAIN));
    }

    #[test]
    fn a_queue_holds_as_many_as_were_granted_and_no_more() {
        for bytes in [8, 8192] {
            let queue = Queue::open(bytes, true).unwrap();
            let message = vec![0; bytes];
            for _ in 0..queue.length {
                send(&queue.write, &message, PRIORITY, NEVER).unwrap();
            }
            assert_eq!(send(&queue.write, &message, PRIORITY, NEVER), Err(Errno::AGAIN));
        }
    }

    /// As long as is wanted, if that is granted; if not, as long as the system allows everybody.
    #[test]
    fn a_queue_is_no_shorter_than_it_must_be() {
        // The most that anybody may have is 65,536 messages.
        for (number, wanted, granted) in [(0, 4, 4), (1, 1 << 20, 10)] {
            let name = CString::new(format!("/rondel-mq-test-{}-{number}", std::process::id())).unwrap();
            let (_keeper, length) = Keeper::new(Name { name, bytes: 8, wanted, most: 10 }).unwrap();
            assert_eq!(length, granted);
        }
    }

    #[test]
    fn the_keepers_limit_is_raised_and_only_that() {
        let before = getrlimit(Resource::Msgqueue);
        // Lower than it may be, and enough for nothing: what is granted is granted because the keeper raises it.
        let lower = Rlimit { current: Some(1), maximum: before.maximum };
        setrlimit(Resource::Msgqueue, lower).unwrap();
        let made = Queue::open(8, false);
        let after = getrlimit(Resource::Msgqueue);
        setrlimit(Resource::Msgqueue, before).unwrap();
        made.unwrap();
        assert_eq!(after, lower);
    }

    /// Other tests take numbers too, so the next few are taken.
    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let next = NAMED.load(Ordering::Relaxed);
        let keepers = [0, 1, 2].map(|ahead| {
            let name = CString::new(name(next + ahead)).unwrap();
            Keeper::new(Name { name, bytes: 8, wanted: 2, most: 10 })
        });
        // At most one of them was taken by another test in the meantime.
        assert!(keepers.iter().any(|made| made.is_ok()));
        Queue::open(8, false).unwrap();
    }

    /// The sleep of one slice is over in vain, and the next is slept as long.
    #[test]
    fn a_receiver_waits_for_a_sender_that_is_late() {
        let (mut from, mut to) = <PosixMq as Carries<1>>::open(Wait::Park).unwrap();
        let sending = std::thread::spawn(move || {
            std::thread::sleep(crate::lifeline::SLICE * 3);
            from.send(&Message::<1>::numbered(5))
        });
        let mut message = Message::<1>::default();
        to.receive(&mut message).unwrap();
        assert!(message.is(5));
        sending.join().unwrap().unwrap();
        assert!(matches!(*Receiver::<1>::receive(&mut to, &mut message).unwrap_err(), Error::PeerGone { .. }));
    }
}
