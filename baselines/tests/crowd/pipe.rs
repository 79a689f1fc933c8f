//! One pipe with many writers and many readers: the simplest transport between many processes that there is, so that the
//! machinery around them can be tried with one that is known to be right.
//!
//! The kernel writes up to 4096 bytes at once or not at all, and everything here is a multiple of 8 bytes, so no message is
//! ever in two parts.

use rondel_baselines::{
    Crowd, Error, Kind, Message, Receiver, Result, Scope, Seat, Seats, Sender, Shape, Transport, Wait,
};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};

pub(crate) struct SharedPipe;

impl Transport for SharedPipe {
    const NAME: &'static str = "shared pipe";
    const NOTE: &'static str = "for tests";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;
}

pub(crate) struct End(File);

impl Crowd for SharedPipe {
    type Sending = End;
    type Receiving = End;

    fn open_crowd(_: Wait, shape: Shape) -> Result<Seats<End, End>> {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let (read, write) = (File::from(read), File::from(write));
        let clones = |file: &File, count| (0..count).map(|_| End(file.try_clone().expect("a clone"))).collect();
        Ok((clones(&write, shape.producers), clones(&read, shape.consumers)))
    }
}

impl Seat for End {
    type Taken = Self;
    fn take(self) -> Result<Self> {
        Ok(self)
    }
}

impl Sender<1> for End {
    fn send(&mut self, message: &Message<1>) -> Result<()> {
        self.send_batch(std::slice::from_ref(message))
    }

    fn send_batch(&mut self, messages: &[Message<1>]) -> Result<()> {
        self.0.write_all(bytemuck::cast_slice(messages)).map_err(failure)
    }
}

impl Receiver<1> for End {
    fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
        self.receive_batch(std::slice::from_mut(message)).map(|_| ())
    }

    fn receive_batch(&mut self, messages: &mut [Message<1>]) -> Result<usize> {
        match self.0.read(bytemuck::cast_slice_mut(messages)).map_err(failure)? {
            0 => Err(failure(ErrorKind::UnexpectedEof.into())),
            read => Ok(read / 8),
        }
    }
}

fn failure(error: std::io::Error) -> Box<Error> {
    let transport = SharedPipe::NAME;
    Box::new(match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => Error::PeerGone { transport },
        _ => Error::System { transport, what: "pipe", source: error.into() },
    })
}
