//! Real-time signals: queued by the kernel in order, each with a value, and read from a descriptor (`signalfd`).
//!
//! A message of 8 bytes travels in the value itself. A longer one lies in a ring in shared memory, and the value says where.
//!
//! # Whom a signal is sent to
//!
//! `sigqueue` sends to a process, and then the signal goes to any thread of it that does not block it; in a process with several
//! threads the default action would be taken there, which is the end of the process. So the signal is sent to the receiving thread
//! (`rt_tgsigqueueinfo`, of which glibc makes `pthread_sigqueue`). It is the same queue, with the same limit, one list a thread instead of one a process.
//!
//! Each connection has a signal of its own, from `SIGRTMIN` up, so that two connections in one thread are kept apart by the
//! kernel. A process and those it forks later do not use one for two; one for which the program has an action of
//! its own is passed over.
//!
//! # How no signal kills anybody
//!
//! Outside of a connection its signal ends the process, so it must arrive neither before the receiver blocks it nor after the receiver
//! unblocks it. The receiver blocks it and only then makes itself known; nobody can send before. At the end the
//! receiver closes the connection in shared memory, reads all that has been announced there, and only then puts its mask back. The
//! sender announces a message before it looks whether the connection is closed, and sends after: so what it sends has been announced
//! before the receiver stops looking. (A killed sender's last announcement may come to nothing; its lifeline tells.) If after a
//! long while a signal is still to come, from a sender that has been stopped, the signal stays blocked.
//!
//! As with everything that is sent to a number, a thread that has ended must not have been replaced by another with the same number.
//! The kernel gives numbers out in turn, and what a sender sends to a receiver that has gone is at most a ring full.
//!
//! # How a wait ends
//!
//! Who reads a `signalfd` that blocks does so without a limit of time. So the receiver has a timer, which sends it the same signal, marked as a
//! timer's, ten times a second; then it looks at its lifeline. A sender for which there is no room sleeps on a futex, until half of the ring is free.

use crate::error::check_wait;
use crate::lifeline::{Lifeline, lifelines};
use crate::patience::{LIMIT, poll_until};
use crate::progress::Progress;
use crate::shared::Shared;
use crate::slots::Slots;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use bytemuck::Zeroable;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};

mod system;
#[cfg(test)]
mod tests;

use system::{Came, Masked, Number, Post, Queue};

/// Signals with a value, sent to a thread and read from a signalfd.
#[derive(Clone, Copy, Debug)]
pub struct Signal;

impl Transport for Signal {
    const NAME: &'static str = "signal";
    const NOTE: &'static str = "a queued real-time signal a message, sent to the receiving thread (rt_tgsigqueueinfo) and read from a signalfd; \
         8 bytes in its value, longer messages in a ring in shared memory; who finds no room sleeps on a futex";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;

    fn granted() -> Option<String> {
        let most = room::<1>();
        Some(match getrlimit(Resource::Sigpending).current {
            Some(limit) => format!("up to {most} of {limit} pending signals (RLIMIT_SIGPENDING)"),
            None => format!("up to {most} pending signals, of any number (RLIMIT_SIGPENDING)"),
        })
    }
}

/// More signals under way would do no good: each takes some 80 bytes in the kernel.
const MOST: usize = 1024;

/// How many messages may be under way: a quarter of what the system lets this user's processes have pending, all
/// together, but no more than [`MOST`] and than fit into the ring. A power of two, so that positions may wrap.
fn room<const WORDS: usize>() -> usize {
    let limit = getrlimit(Resource::Sigpending).current.map_or(MOST, |limit| usize::try_from(limit).unwrap_or(MOST));
    let fit = (limit / 4).min(MOST).min(Slots::depth::<WORDS>());
    fit.checked_ilog2().map_or(0, |log| 1 << log)
}

/// Whether a message is the value itself.
const fn in_value<const WORDS: usize>() -> bool {
    WORDS == 1 && size_of::<libc::sigval>() >= 8
}

impl<const WORDS: usize> Carries<WORDS> for Signal {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        Slots::admit::<WORDS>(Self::NAME)?;
        let room = room::<WORDS>();
        if room < 2 {
            let why = "it allows fewer than 8 pending signals";
            return Err(Error::unavailable(Self::NAME, "asking for RLIMIT_SIGPENDING", why));
        }
        let shared: Shared<Line> =
            Shared::new().map_err(|error| Error::unavailable(Self::NAME, "mapping shared memory", error))?;
        let number = Number::claim().ok_or_else(|| {
            Error::unavailable(Self::NAME, "looking for a real-time signal", "all of them are in use")
        })?;
        // Once for nothing, so that a kernel or a filter that refuses a call is found out now.
        system::try_out(&number).map_err(|(what, error)| Error::unavailable(Self::NAME, what, error))?;
        let (here, there) =
            lifelines().map_err(|error| Error::unavailable(Self::NAME, "pipes to notice a peer's end", error))?;
        let one =
            Connection { shared: shared.clone(), number: number.clone(), wait, room: room as u32, lifeline: here };
        let other = Connection { shared, number, wait, room: room as u32, lifeline: there };
        Ok((Sending(one), Receiving(other)))
    }
}

/// What lies in shared memory.
#[derive(Zeroable)]
#[repr(C)]
struct Line {
    /// How many messages the sender has sent or is about to.
    announced: Progress,
    /// How many the receiver has received.
    taken: Progress,
    receiver: Thread,
    slots: Slots,
}

/// The thread that receives, once there is one.
#[derive(Zeroable)]
#[repr(C, align(128))]
struct Thread {
    process: AtomicI32,
    /// Not zero when both are known.
    thread: AtomicI32,
    /// The process that sends, in whose name signals come; not zero when it is known.
    sender: AtomicU32,
}

/// What both ends have.
struct Connection {
    shared: Shared<Line>,
    number: Number,
    wait: Wait,
    room: u32,
    lifeline: Lifeline,
}

/// The end that sends, before it is taken.
pub struct Sending<const WORDS: usize>(Connection);

/// The end that receives, before it is taken.
pub struct Receiving<const WORDS: usize>(Connection);

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = SignalSender<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        // Release: pairs with the load in `receive`. It comes before any signal of this process, and so is seen with the first.
        self.0.shared.receiver.sender.store(std::process::id(), Ordering::Release);
        Ok(SignalSender { connection: self.0, post: None, sent: 0, taken: 0 })
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = SignalReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let Receiving(connection) = self;
        let failed = |(what, error)| Error::system(Signal::NAME, what, error);
        let masked = Masked::new(&connection.number).map_err(failed)?;
        let queue = match Queue::open(&connection.number, connection.wait == Wait::Spin) {
            Ok(queue) => queue,
            Err(error) => {
                // Nobody knows of this thread yet, so nothing has been sent to it, and no timer has run.
                masked.put_back();
                return Err(failed(error));
            }
        };
        let (process, thread) = system::here();
        let known = &connection.shared.receiver;
        // Relaxed: published by the next store.
        known.process.store(process, Ordering::Relaxed);
        // Release: pairs with the load in `find`: the signal is blocked by now.
        known.thread.store(thread, Ordering::Release);
        Ok(SignalReceiver { connection, queue: Some(queue), masked: Some(masked), taken: 0, _stays: PhantomData })
    }
}

/// Sends signals.
pub struct SignalSender<const WORDS: usize> {
    connection: Connection,
    /// To the receiving thread, once it is known.
    post: Option<Post>,
    sent: u32,
    /// As seen last.
    taken: u32,
}

/// Reads signals. It stays in the thread whose signals they are.
pub struct SignalReceiver<const WORDS: usize> {
    connection: Connection,
    /// None when it has been closed.
    queue: Option<Queue>,
    /// None when the mask has been put back, or must not be.
    masked: Option<Masked>,
    taken: u32,
    _stays: PhantomData<*const ()>,
}

impl<const WORDS: usize> SignalSender<WORDS> {
    /// Waits for the receiver to make itself known: once, before the first message.
    #[cold]
    fn find(connection: &Connection) -> Result<Post> {
        let Connection { shared, number, lifeline, .. } = connection;
        let begin = Instant::now();
        loop {
            let gone = lifeline.other_is_gone();
            // Acquire: pairs with the store in `take`.
            match shared.receiver.thread.load(Ordering::Acquire) {
                0 if gone => return Err(peer_gone()),
                0 if begin.elapsed() >= LIMIT => return Err(stalled()),
                0 => std::thread::sleep(Duration::from_micros(50)),
                thread => {
                    // Relaxed: stored before the thread.
                    let process = shared.receiver.process.load(Ordering::Relaxed);
                    return Ok(Post::new(number, (process, thread)));
                }
            }
        }
    }

    /// Waits for room, until half is free if there is none.
    #[inline]
    fn wait_for_room(&mut self) -> Result<()> {
        let Connection { shared, wait, room, lifeline, .. } = &self.connection;
        if self.sent.wrapping_sub(self.taken) >= *room {
            let least = self.sent.wrapping_sub(*room).wrapping_add(1);
            let goal = least.wrapping_add(*room / 2 - 1);
            let seen = shared.taken.wait(Signal::NAME, *wait, least, goal, lifeline)?;
            self.taken = self.taken.wrapping_add_signed(seen.ahead_of(self.taken));
        }
        Ok(())
    }
}

/// The queue is the user's, and others may have filled it: tries again for a while.
#[cold]
fn post_again(post: &mut Post, value: u64) -> Result<()> {
    let begin = Instant::now();
    loop {
        std::thread::yield_now();
        match post.send(value) {
            Err(Errno::AGAIN) if begin.elapsed() < LIMIT => {}
            Err(error) => return Err(failure("rt_tgsigqueueinfo, within RLIMIT_SIGPENDING", error)),
            Ok(()) => return Ok(()),
        }
    }
}

impl<const WORDS: usize> Sender<WORDS> for SignalSender<WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.wait_for_room()?;
        let post = match &mut self.post {
            Some(post) => post,
            none => none.insert(Self::find(&self.connection)?),
        };
        let value = match message.words().first() {
            Some(word) if in_value::<WORDS>() => *word,
            _ => {
                let slot = self.sent % self.connection.room;
                // SAFETY: `WORDS` was admitted when the connection was opened. There is room, so the receiver has done with this slot, and
                // it does not read it again before it has the signal that is sent below.
                unsafe { self.connection.shared.slots.put(slot as usize, message) };
                slot.into()
            }
        };
        let announced = self.sent.wrapping_add(1);
        // These two, in this order, and the receiver's `close` before its look at what is announced: either this sees that the
        // receiver has closed, or the receiver sees what this announces, and waits for it.
        self.connection.shared.announced.announce(announced);
        if self.connection.shared.taken.seen().closed() {
            self.connection.shared.announced.announce(self.sent);
            return Err(peer_gone());
        }
        let posted = match post.send(value) {
            Err(Errno::AGAIN) => post_again(post, value),
            posted => posted.map_err(|error| failure("rt_tgsigqueueinfo", error)),
        };
        if posted.is_err() {
            self.connection.shared.announced.announce(self.sent);
            return posted;
        }
        self.sent = announced;
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for SignalReceiver<WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let value = self.next()?;
        match message.words_mut().first_mut() {
            Some(word) if in_value::<WORDS>() => *word = value,
            _ => {
                let slot = self.taken % self.connection.room;
                if value != u64::from(slot) {
                    return Err(Box::new(Error::Stranger { transport: Signal::NAME, found: value }));
                }
                // SAFETY: `WORDS` was admitted when the connection was opened. The signal says that the message is there: the sender wrote
                // it before the call that queued the signal, and the kernel's lock on the queue hands it over. The sender does not
                // write here again before `advance` below.
                unsafe { self.connection.shared.slots.get(slot as usize, message) };
            }
        }
        self.taken = self.taken.wrapping_add(1);
        self.connection.shared.taken.advance(self.taken, self.connection.wait);
        Ok(())
    }
}

impl<const WORDS: usize> SignalReceiver<WORDS> {
    /// The value of the next signal of the sender's.
    #[inline]
    fn next(&mut self) -> Result<u64> {
        let Connection { shared, wait, lifeline, .. } = &self.connection;
        let Some(queue) = &mut self.queue else {
            return Err(peer_gone());
        };
        // Acquire: pairs with the store in the sender's `take`. Until that has been seen nothing can have come.
        let is_ours = |process: u32| process == shared.receiver.sender.load(Ordering::Acquire);
        if *wait == Wait::Spin {
            return poll_until(
                Signal::NAME,
                queue,
                |queue| match queue.read() {
                    Ok(Came::Value { process, value }) if is_ours(process) => Some(Ok(value)),
                    Ok(_) => None,
                    Err(error) => Some(Err(failure("reading the signalfd", error))),
                },
                |_| lifeline.other_is_gone(),
            )?;
        }
        let mut begin = None;
        let mut gone = false;
        loop {
            match queue.read().map_err(|error| failure("reading the signalfd", error))? {
                Came::Value { process, value } if is_ours(process) => return Ok(value),
                // Not the sender's: somebody else's idea, and no message.
                Came::Value { .. } | Came::Other | Came::Nothing => {}
                // The timer's signal was queued behind all that a sender sent that had gone before.
                Came::Timer if gone => return Err(peer_gone()),
                Came::Timer => {
                    gone = lifeline.other_is_gone();
                    if begin.get_or_insert_with(Instant::now).elapsed() >= LIMIT {
                        return Err(stalled());
                    }
                }
            }
        }
    }

    /// Waits until all that was announced has come and has been thrown away; false when that takes too long.
    fn drain(&mut self) -> bool {
        let Connection { shared, lifeline, .. } = &self.connection;
        let Some(queue) = &mut self.queue else {
            return false;
        };
        if !queue.poll_only() {
            return false;
        }
        // Relaxed is enough for it: a sender that is not known yet has announced nothing.
        let sender = shared.receiver.sender.load(Ordering::Relaxed);
        let begin = Instant::now();
        let mut gone = false;
        loop {
            match queue.read() {
                Ok(Came::Value { process, .. }) if process == sender => self.taken = self.taken.wrapping_add(1),
                Ok(Came::Nothing) if gone || shared.announced.seen().ahead_of(self.taken) <= 0 => return true,
                Ok(Came::Nothing) => {
                    gone = lifeline.other_is_gone();
                    if begin.elapsed() >= LIMIT {
                        return false;
                    }
                    std::thread::yield_now();
                }
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

impl<const WORDS: usize> Drop for SignalReceiver<WORDS> {
    fn drop(&mut self) {
        self.connection.shared.taken.close();
        let drained = self.drain();
        self.queue = None;
        if let Some(masked) = self.masked.take() {
            if drained {
                masked.put_back();
            } else {
                self.connection.number.retire();
            }
        }
    }
}

#[cold]
fn failure(what: &'static str, error: Errno) -> Box<Error> {
    match error {
        // The receiving thread is no more.
        Errno::SRCH => peer_gone(),
        error => Error::system(Signal::NAME, what, error),
    }
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Signal::NAME })
}

#[cold]
fn stalled() -> Box<Error> {
    Box::new(Error::Stalled { transport: Signal::NAME, after: LIMIT })
}
