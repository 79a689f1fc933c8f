//! Several messages in one call: `sendmmsg` and `recvmmsg`.

use crate::Message;
use rustix::io::{self, Errno};
use std::ffi::{c_int, c_uint};
use std::os::fd::{AsRawFd, OwnedFd};

/// How many messages one call moves at the most. To describe so many takes 5 KiB of stack; of what a call costs, a 64th is left
/// on each message.
pub(crate) const MOST: usize = 64;

/// What the calls are told: where each message lies, and which of these places makes up which message.
struct Description {
    places: [libc::iovec; MOST],
    headers: [libc::mmsghdr; MOST],
}

impl Description {
    fn new() -> Self {
        // SAFETY: the structs hold integers and pointers that may be null, of all of which zero is a value.
        unsafe { std::mem::zeroed() }
    }

    /// Describes up to [`MOST`] messages of one length that lie one behind the other, and says how many these are. The
    /// description points into itself: it must stay where it is until the call.
    fn describe(&mut self, start: *mut u8, length: usize, count: usize) -> c_uint {
        let count = count.min(MOST);
        for (index, (place, header)) in self.places.iter_mut().zip(&mut self.headers).take(count).enumerate() {
            place.iov_base = start.wrapping_add(index * length).cast();
            place.iov_len = length;
            header.msg_hdr.msg_iov = place;
            header.msg_hdr.msg_iovlen = 1;
        }
        count as c_uint
    }
}

/// Sends as many of the messages as one call can, each as a packet of its own, and says how many.
#[inline]
pub(crate) fn send_many<const WORDS: usize>(socket: &OwnedFd, messages: &[Message<WORDS>]) -> io::Result<usize> {
    let mut description = Description::new();
    let start = messages.as_ptr().cast_mut().cast();
    let count = description.describe(start, Message::<WORDS>::BYTES, messages.len());
    let (socket, headers) = (socket.as_raw_fd(), description.headers.as_mut_ptr());
    // SAFETY: the first `count` headers are initialized and describe `messages`, which is borrowed until the call is over and
    // is only read from; they and the places that they refer to lie in `description`, which has not moved since.
    done(unsafe { libc::sendmmsg(socket, headers, count, libc::MSG_NOSIGNAL as _) })
}

/// Waits for a message, if the socket blocks, and receives as many as are there and one call can; says how many, and how long each
/// was, even if that is more than there is room for.
#[inline]
pub(crate) fn receive_many<const WORDS: usize>(
    socket: &OwnedFd,
    messages: &mut [Message<WORDS>],
    lengths: &mut [usize; MOST],
) -> io::Result<usize> {
    let mut description = Description::new();
    let start = messages.as_mut_ptr().cast();
    let count = description.describe(start, Message::<WORDS>::BYTES, messages.len());
    let (socket, headers) = (socket.as_raw_fd(), description.headers.as_mut_ptr());
    let flags = libc::MSG_WAITFORONE | libc::MSG_TRUNC;
    // SAFETY: the first `count` headers are initialized and describe `messages`, which is borrowed mutably until the call is
    // over and in which any bytes are a value; they and the places that they refer to lie in `description`, which has not moved.
    let received = done(unsafe { libc::recvmmsg(socket, headers, count, flags as _, std::ptr::null_mut()) })?;
    for (length, header) in lengths.iter_mut().zip(&description.headers).take(received) {
        *length = header.msg_len as usize;
    }
    Ok(received)
}

/// What a call has done, from what it returned.
#[inline(always)]
fn done(returned: c_int) -> io::Result<usize> {
    usize::try_from(returned)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
