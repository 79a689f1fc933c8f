//! Descriptors over a Unix socket (`SCM_RIGHTS`).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use super::Descriptors;
use crate::error::{MessageProblem, SegmentError};
use crate::segment::{Place, Segment};

/// The byte that a descriptor travels with: a stream carries no descriptor without data.
const CARRIER: u8 = 0xd1;
/// The same for the two descriptors of a segment in two parts.
const CARRIER_OF_TWO: u8 = 0xd2;

/// Room for what comes with a message, in words: one descriptor or two, some more that must not be left
/// open unnoticed, and what the receiver may have asked the kernel for besides (credentials, a
/// security label). What does not fit is closed by the kernel, and reported.
const CONTROL_WORDS: usize = 64;

// Control messages are read and written in arrays of words.
const _: () = assert!(align_of::<libc::cmsghdr>() <= align_of::<u64>());

/// Sends a descriptor, with one byte of data. The sender keeps its own.
///
/// Blocks while the socket's buffer is full, unless the socket is non-blocking.
///
/// # Errors
/// [`SegmentError::Io`]; a peer that has closed the connection is `EPIPE`, and no signal.
pub fn send(socket: &UnixStream, fd: BorrowedFd<'_>) -> Result<(), SegmentError> {
    send_all(socket, &[fd.as_raw_fd()], CARRIER).map_err(|error| failed("send", error))
}

/// Sends all descriptors of an anonymous segment, one or two, with one byte of data. The sender keeps its own.
///
/// Blocks while the socket's buffer is full, unless the socket is non-blocking.
///
/// # Errors
/// As [`send`].
///
/// # Examples
/// ```
/// use std::os::unix::net::UnixStream;
/// use rondel::{handoff, spsc};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = spsc::Ring::<u64>::builder().capacity(64).read_only_consumers().anonymous()?;
/// let (ours, theirs) = UnixStream::pair()?;
/// handoff::send_segment(&ours, ring.segment())?;
/// // In the process at the other end:
/// let same_ring = spsc::Ring::<u64>::from_fds(handoff::receive_segment(&theirs)?)?;
/// assert!(!same_ring.segment().is_writable());
/// # Ok(())
/// # }
/// ```
pub fn send_segment(socket: &UnixStream, segment: &Segment) -> Result<(), SegmentError> {
    let whole = segment.as_fd().as_raw_fd();
    let sent = match segment.control_fd() {
        Some(control) => send_all(socket, &[whole, control.as_raw_fd()], CARRIER_OF_TWO),
        None => send_all(socket, &[whole], CARRIER),
    };
    sent.map_err(|error| failed("send", error))
}

/// Sends descriptors in one message with one byte. Apart for the tests, which send what [`send`]
/// does not.
fn send_all(socket: &UnixStream, fds: &[RawFd], mut carrier: u8) -> io::Result<()> {
    let payload = u32::try_from(size_of_val(fds)).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: only computes a length.
    let space = unsafe { libc::CMSG_SPACE(payload) } as usize;
    let mut control = vec![0_u64; space.div_ceil(size_of::<u64>())];
    let mut data = libc::iovec { iov_base: ptr::from_mut(&mut carrier).cast(), iov_len: 1 };
    let message = message(&mut data, &mut control);
    // SAFETY: `message` describes `control`, which is zeroed, aligned, alive, and has room for one
    // header.
    let header = unsafe { libc::CMSG_FIRSTHDR(&message) };
    // SAFETY: integers, for which all bytes zero is a value. (Some C libraries have private padding
    // in it.)
    let mut rights: libc::cmsghdr = unsafe { std::mem::zeroed() };
    rights.cmsg_level = libc::SOL_SOCKET;
    rights.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: only computes a length.
    rights.cmsg_len = unsafe { libc::CMSG_LEN(payload) } as _;
    // SAFETY: not null, because there is room for a header; inside `control`, and aligned as that
    // is.
    unsafe { header.write(rights) };
    // SAFETY: only computes an address, inside `control`, right after the header.
    let room = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: the `space` bytes of `control` have room for the descriptors behind the header; the
    // two do not overlap, and bytes need no alignment.
    unsafe { ptr::copy_nonoverlapping(fds.as_ptr().cast::<u8>(), room, size_of_val(fds)) };
    loop {
        // SAFETY: `message` and all it points to (the byte, the control message) are alive and
        // describe their own lengths.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) };
        match sent {
            1 => return Ok(()),
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ => return Err(io::Error::from(io::ErrorKind::WriteZero)),
        }
    }
}

/// Receives a descriptor that [`send`] has sent. It is closed on exec.
///
/// Takes exactly the one byte that `send` writes from the stream, so that the socket can be used
/// for other things before and after. Blocks until something arrives, unless the socket is
/// non-blocking or has a read timeout.
///
/// # Errors
/// - [`SegmentError::Message`] if the peer has closed the connection, or sent something else;
///   superfluous descriptors are closed;
/// - [`SegmentError::DescriptorLimit`] if this process has no descriptor left: what was sent is
///   lost then;
/// - [`SegmentError::Io`], with `WouldBlock` where the socket is non-blocking or its timeout has
///   passed.
pub fn receive(socket: &UnixStream) -> Result<OwnedFd, SegmentError> {
    let (mut fds, byte, truncated) = receive_all(socket)?;
    let problem = |problem| Err(SegmentError::Message { problem });
    match (fds.pop(), fds.len()) {
        (None, _) => problem(MessageProblem::NoDescriptor),
        (Some(_), 0) if byte != CARRIER => problem(MessageProblem::Foreign { found: byte }),
        (Some(fd), 0) if !truncated => Ok(fd),
        (Some(_), others) => problem(MessageProblem::TooMany { found: others + 1 }),
    }
}

/// Receives what [`send_segment`] has sent, or [`send`]. All are closed on exec.
///
/// Takes exactly one byte from the stream, as [`receive`] does.
///
/// # Errors
/// As [`receive`].
pub fn receive_segment(socket: &UnixStream) -> Result<Descriptors, SegmentError> {
    let (fds, byte, truncated) = receive_all(socket)?;
    let problem = |problem| Err(SegmentError::Message { problem });
    let found = fds.len();
    let mut fds = fds.into_iter();
    match (fds.next(), fds.next(), fds.next()) {
        (None, ..) => problem(MessageProblem::NoDescriptor),
        (Some(segment), None, _) if byte == CARRIER && !truncated => Ok(Descriptors::from(segment)),
        (Some(segment), Some(control), None) if byte == CARRIER_OF_TWO && !truncated => {
            Ok(Descriptors { segment, control: Some(control) })
        }
        _ if found > 2 || truncated || byte == CARRIER => problem(MessageProblem::TooMany { found }),
        _ => problem(MessageProblem::Foreign { found: byte }),
    }
}

/// Receives a message with its descriptors; its byte; and whether there were more than could be received.
fn receive_all(socket: &UnixStream) -> Result<(Vec<OwnedFd>, u8, bool), SegmentError> {
    let mut byte = 0_u8;
    let mut control = [0_u64; CONTROL_WORDS];
    let mut data = libc::iovec { iov_base: ptr::from_mut(&mut byte).cast(), iov_len: 1 };
    let mut message = message(&mut data, &mut control);
    let received = loop {
        // SAFETY: `message` and all it points to (the byte, the control buffer) are alive,
        // writable, and describe their own lengths.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) };
        if received != -1 {
            break received;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(failed("receive", error));
        }
    };
    // From here on every descriptor that has arrived has an owner, and is closed unless it is
    // returned.
    let fds = descriptors(&message);
    let truncated = message.msg_flags & libc::MSG_CTRUNC != 0;
    if received == 0 {
        return Err(SegmentError::Message { problem: MessageProblem::Closed });
    }
    // Control data was there and the kernel could not deliver it: our buffer is large enough for two
    // descriptors, and a message of two with room for one left is one of which the second is missing.
    if truncated && (fds.is_empty() || fds.len() == 1 && byte == CARRIER_OF_TWO) {
        return Err(SegmentError::DescriptorLimit {
            op: "receive a segment",
            source: io::Error::from_raw_os_error(libc::EMFILE),
        });
    }
    Ok((fds, byte, truncated))
}

/// Takes all descriptors out of a received message.
fn descriptors(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel has filled the control buffer and set its length; the buffer is aligned
    // and alive.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: null, or a header inside the buffer, written by the kernel.
    while let Some(header) = unsafe { next.as_ref() } {
        if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: only computes a length.
            let before = unsafe { libc::CMSG_LEN(0) } as usize;
            #[allow(clippy::unnecessary_cast, reason = "the field is narrower in some C libraries")]
            let count = (header.cmsg_len as usize).saturating_sub(before) / size_of::<RawFd>();
            // SAFETY: only computes an address, inside the buffer.
            let first = unsafe { libc::CMSG_DATA(next) }.cast::<RawFd>();
            for index in 0..count {
                // SAFETY: the kernel has written `count` descriptors there; they need not be
                // aligned for a plain read.
                let fd = unsafe { first.wrapping_add(index).read_unaligned() };
                // SAFETY: the kernel has installed this descriptor for us, and nobody else knows of
                // it.
                fds.push(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
        // SAFETY: `message` and `next` are as above.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    fds
}

/// A message of one piece of data and the whole control buffer. Points to both.
fn message(data: &mut libc::iovec, control: &mut [u64]) -> libc::msghdr {
    // SAFETY: integers and pointers, for which all bytes zero is a value. (Some C libraries have
    // private padding in it.)
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = data;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(control) as _;
    message
}

fn failed(op: &'static str, error: io::Error) -> SegmentError {
    SegmentError::io(op, &Place::anonymous(), error)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Receives a message with so many copies of one end of a stream; the other end tells
    /// whether all were closed.
    fn receive_copies(copies: usize, carrier: u8) -> (Result<OwnedFd, SegmentError>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (reader, copied) = UnixStream::pair().expect("a pair");
        send_all(&ours, &vec![copied.as_raw_fd(); copies], carrier).expect("sends");
        drop(copied);
        (receive(&theirs), reader)
    }

    /// The end of the stream is only seen once nobody has a copy any more.
    fn all_are_closed(mut reader: UnixStream) -> bool {
        let mut waiting = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive.
        let ready = unsafe { libc::poll(&mut waiting, 1, 5000) };
        ready == 1 && reader.read(&mut [0]).expect("readable") == 0
    }

    #[test]
    fn one_descriptor_arrives() {
        let (received, reader) = receive_copies(1, CARRIER);
        drop(received.expect("a descriptor"));
        assert!(all_are_closed(reader));
    }

    #[test]
    fn superfluous_descriptors_are_closed() {
        // 100 fit the buffer; 253 do not, and are the most that a message may carry.
        for copies in [2, 3, 100, 253] {
            let (received, reader) = receive_copies(copies, CARRIER);
            match received {
                Err(SegmentError::Message { problem: MessageProblem::TooMany { found } }) => {
                    let room = (CONTROL_WORDS * size_of::<u64>() - size_of::<libc::cmsghdr>()) / size_of::<RawFd>();
                    assert_eq!(found, copies.min(room));
                }
                other => panic!("{copies}: {other:?}"),
            }
            assert!(all_are_closed(reader), "{copies}");
        }
    }

    #[test]
    fn a_descriptor_with_other_data_is_closed() {
        let (received, reader) = receive_copies(1, b'x');
        let expected = MessageProblem::Foreign { found: b'x' };
        assert!(matches!(received, Err(SegmentError::Message { problem }) if problem == expected));
        assert!(all_are_closed(reader));
    }
}
