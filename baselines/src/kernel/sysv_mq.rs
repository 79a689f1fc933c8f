//! The System V message queue: `msgsnd` and `msgrcv`.
//!
//! These calls have no timeout, and the kernel does not know who uses a queue: an end that sleeps in one sleeps until a message or room
//! comes, or the queue is removed. So the keeper, which removes the queue in any case, tells the going of an end on:
//!
//! - When the receiver has gone, it removes the queue. A sender that sleeps is woken, with EIDRM.
//! - When the sender has gone, it sends a last message, empty and of a type of its own. A receiver finds that behind everything that
//!   the sender has left.
//!
//! Both hold for an end that is killed as for one that is dropped, and neither costs an ordinary message anything. An end
//! hangs only if its peer *and* the keeper are killed.

use super::sysv::{last_error, system_limit};
use crate::error::check_wait;
use crate::keeper::{Charge, Left, Next, keep_between};
use crate::lifeline::Lifeline;
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::{Arrival, Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait, display_bytes};
use rustix::io::Errno;
use std::mem::MaybeUninit;

/// A System V message queue: one `msgsnd` and one `msgrcv` a message.
#[derive(Clone, Copy, Debug)]
pub struct SysvMq;

impl Transport for SysvMq {
    const NAME: &'static str = "sysv-mq";
    const NOTE: &'static str =
        "System V message queue of up to 1 MiB, all messages of one type; one msgsnd and one msgrcv a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;

    fn granted() -> Option<String> {
        let (id, _sender, _receiver) = keep_between(Queue::default()).ok()?;
        let room = room(id).ok()?;
        let by = if room < ROOM { "kernel.msgmnb" } else { "as asked for; kernel.msgmnb does not bind the privileged" };
        let longest = display_bytes(longest()?);
        Some(format!("{} ({by}), no message longer than {longest} (kernel.msgmax)", display_bytes(room)))
    }
}

impl<const WORDS: usize> Carries<WORDS> for SysvMq {
    type Sending = MsgSender<WORDS>;
    type Receiving = MsgReceiver<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        // The kernel says EINVAL to a message that is too long, and only when it is sent.
        let bytes = Message::<WORDS>::BYTES;
        if let Some(longest) = longest().filter(|longest| *longest < bytes) {
            let reason = format!("a message of {bytes} bytes exceeds kernel.msgmax ({longest})");
            return Err(Error::unavailable(Self::NAME, "msgsnd", reason));
        }
        let (id, sending, receiving) = keep_between(Queue::default())
            .map_err(|error| Error::unavailable(Self::NAME, "making a queue by msgget", error))?;
        match room(id) {
            Ok(room) if room < 2 * bytes => {
                let reason = format!("two messages of {bytes} bytes exceed kernel.msgmnb ({room})");
                return Err(Error::unavailable(Self::NAME, "IPC_SET", reason));
            }
            Ok(_) => {}
            Err(error) => return Err(Error::unavailable(Self::NAME, "IPC_STAT", error)),
        }
        let flags = if wait == Wait::Spin { libc::IPC_NOWAIT } else { 0 };
        Ok((
            MsgSender { id, flags, desk: Envelope::default(), _lifeline: sending },
            MsgReceiver { id, flags, desk: Envelope::default(), ended: false, _lifeline: receiving },
        ))
    }
}

/// Bytes that a queue is to hold, as many as the largest pipe by default: more under way would leave the processor's caches.
const ROOM: usize = 1 << 20;

/// The longest message that any queue takes.
fn longest() -> Option<usize> {
    system_limit("msgmax")
}

/// What `msgsnd` and `msgrcv` take the address of.
#[repr(C)]
struct Envelope<const WORDS: usize> {
    kind: libc::c_long,
    message: Message<WORDS>,
}

impl<const WORDS: usize> Default for Envelope<WORDS> {
    fn default() -> Self {
        Envelope { kind: MESSAGE, message: Message::default() }
    }
}

/// The type of all messages.
const MESSAGE: libc::c_long = 1;

/// The type of what the keeper sends when the sender has gone.
const END: libc::c_long = 2;

/// The queue, as a keeper keeps it.
#[derive(Default)]
struct Queue {
    id: i32,
}

impl Charge for Queue {
    fn make(&mut self) -> std::result::Result<i32, Errno> {
        // SAFETY: the call takes no address.
        self.id = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
        if self.id < 0 {
            return Err(last_error());
        }
        // Above kernel.msgmnb only for those who may. To others it is refused, and the queue is as large as that says.
        let _ = widen(self.id);
        Ok(self.id)
    }

    fn left(&mut self, left: Left) -> Next {
        if left.receiver {
            return Next::Remove;
        }
        let end = Envelope::<0> { kind: END, message: Message::default() };
        // An empty message finds room in a full queue: the kernel counts bytes, and messages only up to as many as bytes fit. What goes
        // wrong all the same can only be that somebody else has removed the queue.
        match send(self.id, &end, libc::IPC_NOWAIT) {
            Ok(()) => Next::Sleep,
            Err(_) => Next::Remove,
        }
    }

    fn remove(&mut self) {
        // SAFETY: this command takes no address, so a null one is as good as any.
        unsafe { libc::msgctl(self.id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

fn state(id: i32) -> std::result::Result<libc::msqid_ds, Errno> {
    let mut state = MaybeUninit::<libc::msqid_ds>::uninit();
    // SAFETY: the command writes the queue's state to the given place.
    let result = unsafe { libc::msgctl(id, libc::IPC_STAT, state.as_mut_ptr()) };
    if result < 0 {
        return Err(last_error());
    }
    // SAFETY: the call has succeeded, so it has written the state.
    Ok(unsafe { state.assume_init() })
}

/// Makes a queue as large as we want it.
fn widen(id: i32) -> std::result::Result<(), Errno> {
    let mut state = state(id)?;
    if state.msg_qbytes as usize >= ROOM {
        return Ok(());
    }
    state.msg_qbytes = ROOM as _;
    // SAFETY: the command reads a state from the given place, which holds one that the kernel has written.
    let result = unsafe { libc::msgctl(id, libc::IPC_SET, &raw mut state) };
    if result < 0 { Err(last_error()) } else { Ok(()) }
}

/// How many bytes a queue holds.
fn room(id: i32) -> std::result::Result<usize, Errno> {
    state(id).map(|state| state.msg_qbytes as usize)
}

#[inline]
fn send<const WORDS: usize>(id: i32, envelope: &Envelope<WORDS>, flags: libc::c_int) -> std::result::Result<(), Errno> {
    let start = std::ptr::from_ref(envelope).cast();
    // SAFETY: the call reads the type, which stands first, and as many bytes behind it as a message has.
    let result = unsafe { libc::msgsnd(id, start, Message::<WORDS>::BYTES, flags) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Receives whatever comes first, and says how long it is.
#[inline]
fn receive<const WORDS: usize>(
    id: i32,
    envelope: &mut Envelope<WORDS>,
    flags: libc::c_int,
) -> std::result::Result<usize, Errno> {
    let start = std::ptr::from_mut(envelope).cast();
    // SAFETY: the call writes the type, which stands first, and no more bytes behind it than a message has; all bits are a message.
    let result = unsafe { libc::msgrcv(id, start, Message::<WORDS>::BYTES, 0, flags) };
    usize::try_from(result).map_err(|_| last_error())
}

/// The end that sends. It makes messages in its own envelope, where `msgsnd` takes them from.
pub struct MsgSender<const WORDS: usize> {
    id: i32,
    flags: libc::c_int,
    desk: Envelope<WORDS>,
    _lifeline: Lifeline,
}

/// The end that receives. It has an envelope of its own too, in which `msgrcv` puts messages, and they are checked.
pub struct MsgReceiver<const WORDS: usize> {
    id: i32,
    flags: libc::c_int,
    desk: Envelope<WORDS>,
    /// The keeper's last message has come.
    ended: bool,
    _lifeline: Lifeline,
}

its_own_seat!(MsgSender<WORDS>, MsgReceiver<WORDS>);

/// Makes a call in the way of waiting that `flags` says, until it does not find the queue full or empty.
#[inline]
fn until<S, R>(
    what: &'static str,
    flags: libc::c_int,
    end: &mut S,
    mut call: impl FnMut(&mut S) -> std::result::Result<R, Errno>,
) -> Result<R> {
    let mut attempt = |end: &mut S| match call(end) {
        Ok(done) => Some(Ok(done)),
        Err(Errno::AGAIN | Errno::NOMSG | Errno::INTR) => None,
        // EINVAL: it was removed before the call. (The lengths have been looked at when the queue was made.)
        Err(Errno::IDRM | Errno::INVAL) => Some(Err(Box::new(Error::PeerGone { transport: SysvMq::NAME }))),
        Err(error) => Some(Err(Error::system(SysvMq::NAME, what, error))),
    };
    if flags & libc::IPC_NOWAIT != 0 {
        // Nobody need be asked: the end of the other side is told as when the calls block.
        return poll_until(SysvMq::NAME, end, attempt, |_| false)?;
    }
    loop {
        if let Some(result) = attempt(end) {
            return result;
        }
    }
}

impl<const WORDS: usize> MsgSender<WORDS> {
    #[inline]
    fn send_desk(&mut self) -> Result<()> {
        until("msgsnd", self.flags, self, |end| send(end.id, &end.desk, end.flags))
    }
}

impl<const WORDS: usize> Sender<WORDS> for MsgSender<WORDS> {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.desk.message = *message;
        self.send_desk()
    }

    #[inline]
    fn make(&mut self, number: u64, _desk: &mut Message<WORDS>) -> Result<()> {
        self.desk.message.renumber(number);
        self.send_desk()
    }
}

impl<const WORDS: usize> MsgReceiver<WORDS> {
    #[inline]
    fn receive_desk(&mut self) -> Result<()> {
        if self.ended {
            return Err(Box::new(Error::PeerGone { transport: SysvMq::NAME }));
        }
        let length = until("msgrcv", self.flags, self, |end| receive(end.id, &mut end.desk, end.flags))?;
        if self.desk.kind == MESSAGE && length == Message::<WORDS>::BYTES { Ok(()) } else { Err(self.other(length)) }
    }

    #[cold]
    fn other(&mut self, length: usize) -> Box<Error> {
        if self.desk.kind == END {
            self.ended = true;
            return Box::new(Error::PeerGone { transport: SysvMq::NAME });
        }
        let (kind, expected) = (self.desk.kind, Message::<WORDS>::BYTES);
        let what = format!("a message of type {kind} and {length} bytes arrived, and not of {expected}");
        Error::system(SysvMq::NAME, "msgrcv", what)
    }
}

impl<const WORDS: usize> Receiver<WORDS> for MsgReceiver<WORDS> {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        self.receive_desk()?;
        *message = self.desk.message;
        Ok(())
    }

    #[inline]
    fn check(&mut self, transport: &'static str, number: u64, _desk: &mut Message<WORDS>) -> Result<Arrival> {
        self.receive_desk()?;
        self.desk.message.arrived(transport, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keeper's last message finds room, and comes last.
    #[test]
    fn the_end_comes_behind_a_full_queue() {
        for wait in [Wait::Spin, Wait::Park] {
            let (mut from, mut to) = <SysvMq as Carries<128>>::open(wait).unwrap();
            let mut sent = 0;
            from.desk.message.renumber(sent);
            while send(from.id, &from.desk, libc::IPC_NOWAIT).is_ok() {
                sent += 1;
                from.desk.message.renumber(sent);
            }
            assert!(sent >= 16, "{sent}");
            drop(from);
            let mut message = Message::default();
            for number in 0..sent {
                to.receive(&mut message).unwrap();
                assert!(message.is(number));
            }
            for _ in 0..2 {
                assert!(matches!(*to.receive(&mut message).unwrap_err(), Error::PeerGone { .. }));
            }
        }
    }

    #[test]
    fn the_last_to_go_leaves_no_queue() {
        let (from, to) = <SysvMq as Carries<1>>::open(Wait::Park).unwrap();
        let id = to.id;
        drop(from);
        assert!(state(id).is_ok());
        drop(to);
        crate::keeper::tests::soon("the queue is removed", || matches!(state(id), Err(Errno::INVAL | Errno::IDRM)));
    }
}
