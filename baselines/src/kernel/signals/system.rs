//! The calls that signals are made of: a number of its own, a mask, a queue to read from, and a signal to send.

use crate::lifeline::SLICE;
use bytemuck::{Pod, Zeroable};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{getpid, getuid};
use rustix::thread::gettid;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A call that failed, and how.
type Failed = (&'static str, Errno);

/// Makes an error of what a call returns that is negative where it fails.
fn check(what: &'static str, returned: libc::c_int) -> Result<libc::c_int, Failed> {
    if returned >= 0 {
        return Ok(returned);
    }
    Err((what, Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)))
}

/// The calling thread, as its process's number and its own.
pub(super) fn here() -> (i32, i32) {
    (getpid().as_raw_nonzero().get(), gettid().as_raw_nonzero().get())
}

/// The signals that connections of this process have, by their distance from `SIGRTMIN`. A fork inherits it with the connections.
static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// A signal that no other connection of this process has, while a clone of this is left.
#[derive(Clone)]
pub(super) struct Number(Arc<Claim>);

struct Claim {
    signal: libc::c_int,
    bit: u64,
}

impl Number {
    /// Claims one; none when all are in use.
    pub(super) fn claim() -> Option<Self> {
        (libc::SIGRTMIN()..=libc::SIGRTMAX()).zip(0..u64::BITS).find_map(|(signal, distance)| {
            let bit = 1 << distance;
            // Relaxed: nothing but the bit itself is claimed.
            let was_free = is_default(signal) && CLAIMED.fetch_or(bit, Ordering::Relaxed) & bit == 0;
            was_free.then(|| Number(Arc::new(Claim { signal, bit })))
        })
    }

    /// Never to be claimed again by this process: a late signal might be taken for one of another connection.
    pub(super) fn retire(&self) {
        std::mem::forget(self.clone());
    }

    #[cfg(test)]
    pub(super) fn signal(&self) -> libc::c_int {
        self.0.signal
    }

    fn set(&self) -> libc::sigset_t {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` is room for a set.
        let _ = unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: the set has just been emptied, and the number is that of a signal, so this cannot fail.
        let _ = unsafe { libc::sigaddset(set.as_mut_ptr(), self.0.signal) };
        // SAFETY: emptying it has initialized it.
        unsafe { set.assume_init() }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Relaxed: as above.
        CLAIMED.fetch_and(!self.bit, Ordering::Relaxed);
    }
}

/// Whether the program has no action of its own for a signal.
fn is_default(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with no new action the call only writes the present one, for which there is room.
    if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call has succeeded, so it has written it.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_DFL
}

/// A signal that the calling thread blocks.
pub(super) struct Masked {
    set: libc::sigset_t,
    was_blocked: bool,
}

impl Masked {
    /// Blocks it in the calling thread.
    pub(super) fn new(number: &Number) -> Result<Self, Failed> {
        let set = number.set();
        let mut before = MaybeUninit::uninit();
        // SAFETY: `set` is a set, and there is room for the one before.
        let returned = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, before.as_mut_ptr()) };
        if returned != 0 {
            return Err(("blocking a signal", Errno::from_raw_os_error(returned)));
        }
        // SAFETY: the call has succeeded, so it has written a set.
        let was_blocked = unsafe { libc::sigismember(before.as_ptr(), number.0.signal) } == 1;
        Ok(Masked { set, was_blocked })
    }

    /// Unblocks it again, in the same thread. Nothing may be pending or still to come.
    pub(super) fn put_back(self) {
        if !self.was_blocked {
            // SAFETY: `set` is a set. A failure would leave the signal blocked, which harms nobody.
            let _ = unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &self.set, ptr::null_mut()) };
        }
    }
}

/// What is read of a signal. The kernel's layout, which is the same on all machines.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Record {
    signal: u32,
    error: i32,
    code: i32,
    process: u32,
    user: u32,
    _others: [u32; 7],
    value: u64,
    _rest: [u64; 9],
}

const _: () = assert!(size_of::<Record>() == size_of::<libc::signalfd_siginfo>());

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A signal that was queued with a value, in the name of a process.
    Value { process: u32, value: u64 },
    /// The signal of this queue's own timer.
    Timer,
    /// The same signal, sent in another way.
    Other,
    /// Nothing.
    Nothing,
}

/// The signals of one number that are pending for the thread that reads.
pub(super) struct Queue {
    descriptor: OwnedFd,
    timer: Option<Timer>,
}

impl Queue {
    /// For the calling thread, which has blocked the signal. Who does not poll has a timer, so that no read lasts for ever.
    pub(super) fn open(number: &Number, poll: bool) -> Result<Self, Failed> {
        let flags = libc::SFD_CLOEXEC | if poll { libc::SFD_NONBLOCK } else { 0 };
        // SAFETY: the set is one; a new descriptor is asked for.
        let descriptor = check("signalfd", unsafe { libc::signalfd(-1, &number.set(), flags) })?;
        // SAFETY: the kernel has just given it to us.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let timer = if poll { None } else { Some(Timer::start(number)?) };
        Ok(Queue { descriptor, timer })
    }

    /// From now on there is no timer, and nothing to wait for; false when that cannot be had.
    pub(super) fn poll_only(&mut self) -> bool {
        self.timer = None;
        let flags = fcntl_getfl(&self.descriptor);
        flags.and_then(|flags| fcntl_setfl(&self.descriptor, flags | OFlags::NONBLOCK)).is_ok()
    }

    /// Reads one signal.
    #[inline]
    pub(super) fn read(&mut self) -> Result<Came, Errno> {
        let mut record = Record::zeroed();
        match rustix::io::read(&self.descriptor, bytemuck::bytes_of_mut(&mut record)) {
            // One record is asked for, and the kernel gives whole ones.
            Ok(_) if record.code == libc::SI_QUEUE => Ok(Came::Value { process: record.process, value: record.value }),
            Ok(_) if record.code == libc::SI_TIMER => Ok(Came::Timer),
            // INTR: another signal, whose handler has run.
            Ok(_) | Err(Errno::INTR) => Ok(Came::Other),
            Err(Errno::AGAIN) => Ok(Came::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// A timer that sends a signal to the thread that started it, once a slice. A child does not inherit it. Its signal needs no room in
/// the queue: the kernel has kept it, and it is queued once at a time.
struct Timer(libc::timer_t);

impl Timer {
    fn start(number: &Number) -> Result<Self, Failed> {
        // SAFETY: the struct is made of integers and of pointers that may be null.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = number.0.signal;
        event.sigev_notify_thread_id = here().1;
        let mut timer = ptr::null_mut();
        // SAFETY: `event` is filled in, and there is room for the timer's name.
        check("timer_create", unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) })?;
        let timer = Timer(timer);
        let slice = libc::timespec { tv_sec: 0, tv_nsec: SLICE.subsec_nanos().into() };
        let times = libc::itimerspec { it_interval: slice, it_value: slice };
        // SAFETY: the timer exists, and `times` lives on.
        check("timer_settime", unsafe { libc::timer_settime(timer.0, 0, &times, ptr::null_mut()) })?;
        Ok(timer)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the timer exists, and is not used after this.
        let _ = unsafe { libc::timer_delete(self.0) };
    }
}

/// What is sent with a signal: the kernel's `siginfo_t`, as it is for a signal that is queued with a value.
#[derive(Clone, Copy)]
#[repr(C)]
struct Info {
    signal: libc::c_int,
    error: libc::c_int,
    code: libc::c_int,
    body: Body,
}

/// It begins where a pointer may lie.
#[derive(Clone, Copy)]
#[repr(C)]
struct Body {
    process: libc::pid_t,
    user: libc::uid_t,
    value: usize,
    /// The rest is not looked at; it is there because the kernel copies a whole `siginfo_t`.
    _rest: [usize; REST],
}

const REST: usize = (128 - 16 - 8) / size_of::<usize>() - 1;

const _: () = assert!(size_of::<Info>() >= size_of::<libc::siginfo_t>());

/// Signals of one number, from this process to one thread.
pub(super) struct Post {
    process: i32,
    thread: i32,
    info: Info,
}

impl Post {
    pub(super) fn new(number: &Number, (process, thread): (i32, i32)) -> Self {
        let sender = getpid().as_raw_nonzero().get();
        let body = Body { process: sender, user: getuid().as_raw(), value: 0, _rest: [0; REST] };
        let info = Info { signal: number.0.signal, error: 0, code: libc::SI_QUEUE, body };
        Post { process, thread, info }
    }

    /// Sends in the name of another process from now on.
    #[cfg(test)]
    pub(super) fn pretend(&mut self, process: i32) {
        self.info.body.process = process;
    }

    /// Sends one with a value, of which as many of the lower bits arrive as a pointer has.
    #[inline]
    pub(super) fn send(&mut self, value: u64) -> Result<(), Errno> {
        self.info.body.value = value as usize;
        let info: *const Info = &self.info;
        // SAFETY: the kernel reads a `siginfo_t` from `info`, which is as long, and writes nothing here.
        let returned =
            unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, self.process, self.thread, self.info.signal, info) };
        if returned == 0 {
            return Ok(());
        }
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}

/// Sends one signal from this thread to itself, and reads it.
pub(super) fn try_out(number: &Number) -> Result<(), Failed> {
    let masked = Masked::new(number)?;
    let sent = Queue::open(number, true).and_then(|queue| {
        Post::new(number, here()).send(TRIAL).map_err(|error| ("rt_tgsigqueueinfo", error))?;
        Ok(queue)
    });
    let came = match sent {
        Ok(mut queue) => queue.read().map_err(|error| ("reading a signalfd", error)),
        Err(failed) => {
            masked.put_back();
            return Err(failed);
        }
    };
    let process = getpid().as_raw_nonzero().get() as u32;
    if came == Ok(Came::Value { process, value: TRIAL }) {
        masked.put_back();
        return Ok(());
    }
    // What was sent may be pending, so it stays blocked, and nobody else gets its number.
    number.retire();
    Err(came.err().unwrap_or(("reading from a signalfd what was sent", Errno::IO)))
}

const TRIAL: u64 = 0x7ab1_e5ee;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_claimed_once_and_can_be_claimed_again() {
        // Other tests of this process claim numbers too, so only these two are compared.
        let one = Number::claim().unwrap();
        let other = Number::claim().unwrap();
        assert_ne!(one.0.signal, other.0.signal);
        let (bit, clone) = (one.0.bit, one.clone());
        drop(one);
        assert_ne!(CLAIMED.load(Ordering::Relaxed) & bit, 0, "a clone is left");
        drop(clone);
    }

    #[test]
    fn a_signal_with_a_handler_is_passed_over() {
        extern "C" fn handler(_: libc::c_int) {}
        let last = libc::SIGRTMAX();
        assert!(is_default(last));
        let handler = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler does nothing, which is safe at any time.
        assert_ne!(unsafe { libc::signal(last, handler) }, libc::SIG_ERR);
        assert!(!is_default(last));
        // SAFETY: puts back what was there.
        unsafe { libc::signal(last, libc::SIG_DFL) };
    }
}
