//! The crate ipc-channel, of the Servo browser: channels between processes, of messages of any length.
//!
//! On Linux its channels are pairs of Unix sockets with sequenced packets; a message that is longer than a packet may be travels in several,
//! through a socket of its own. Typed channels serialize; a channel of bytes, which is used here, hands over what it is given, and
//! returns each message in a vector of its own.

use crate::error::check_wait;
use crate::seat::its_own_seat;
use crate::{Carries, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use ipc_channel::IpcError;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use std::io::{self, ErrorKind};

/// A channel of bytes of the crate ipc-channel between two processes.
#[derive(Clone, Copy, Debug)]
pub struct IpcChannel;

impl Transport for IpcChannel {
    const NAME: &'static str = "ipc-channel";
    const NOTE: &'static str = "bytes_channel of the crate ipc-channel between processes, which does not serialize; Unix sequenced packets underneath; recv allocates a vector for each message, which is copied out";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Processes;
    // `try_recv` there is, but nothing like it for `send`.
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for IpcChannel {
    type Sending = Sending;
    type Receiving = Receiving;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let (sender, receiver) =
            bytes_channel().map_err(|error| Error::unavailable(Self::NAME, "bytes_channel", error))?;
        Ok((Sending { sender }, Receiving { receiver }))
    }
}

/// The end that sends.
pub struct Sending {
    sender: IpcBytesSender,
}

/// The end that receives.
pub struct Receiving {
    receiver: IpcBytesReceiver,
}

its_own_seat!(Sending, Receiving);

impl<const WORDS: usize> Sender<WORDS> for Sending {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        loop {
            match self.sender.send(bytemuck::bytes_of(message)) {
                Ok(()) => return Ok(()),
                Err(error) => not_sent(error)?,
            }
        }
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving {
    #[inline]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        loop {
            match self.receiver.recv() {
                Ok(bytes) if bytes.len() == Message::<WORDS>::BYTES => {
                    bytemuck::bytes_of_mut(message).copy_from_slice(&bytes);
                    return Ok(());
                }
                Ok(bytes) => return Err(wrong_length(bytes.len(), Message::<WORDS>::BYTES)),
                Err(error) => not_received(error)?,
            }
        }
    }
}

/// What a failure of `send` means; nothing, if it is worth another try.
#[cold]
fn not_sent(error: io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected => Err(peer_gone()),
        _ => Err(Error::system(IpcChannel::NAME, "send", error)),
    }
}

/// The same of `recv`.
#[cold]
fn not_received(error: IpcError) -> Result<()> {
    match error {
        IpcError::Disconnected => Err(peer_gone()),
        IpcError::Io(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        IpcError::Io(error) if error.kind() == ErrorKind::ConnectionReset => Err(peer_gone()),
        error => Err(Error::system(IpcChannel::NAME, "recv", error)),
    }
}

#[cold]
fn wrong_length(found: usize, expected: usize) -> Box<Error> {
    Error::system(IpcChannel::NAME, "recv", format!("a message of {found} bytes arrived, and not of {expected}"))
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: IpcChannel::NAME })
}
