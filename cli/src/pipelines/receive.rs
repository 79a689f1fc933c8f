//! `rondel recv`: from a ring to stdout.

use std::io::{self, IsTerminal};
use std::mem::{self, ManuallyDrop};

use anyhow::{Context, bail};
use clap::Args;
use rondel::Peer;
use rondel::bytes::{Consumer, PopTimeoutError, Ring};
use signal_hook::consts::SIGPIPE;

use super::interrupt::Interrupt;
use super::meter::Meter;
use super::output::{Broken, Cause, Output};
use super::place::{self, Which};
use super::watch::Watch;
use super::{Ending, SLICE, Stop, who};

/// So many bytes are gathered at most before they are written and given back to the sender.
const GATHERED: usize = 64 * 1024;

/// A record of this length is written from where it lies; shorter ones are cheaper to copy than to list.
const WRITTEN_IN_PLACE: usize = 16 * 1024;

/// Receives on stdout what a `rondel send` of the same name sends.
///
/// Writes the very bytes that went in, whatever the sender's format. Either may be started first: both make the ring if it is
/// not there. Whatever is ready is written at once; nothing is held back to fill a block.
///
/// A record is taken out of the ring when it has been written out. If this process is killed, the next receiver begins with the first
/// record that was not taken: nothing is lost, and what was written last may be written again.
///
/// Exit status 0 means that this was all of the sender's input. If the sender ended before that (it was killed, or interrupted, or could not
/// read on), everything that it had published is written, and the exit status is 1. If nobody reads stdout any more, this ends
/// by SIGPIPE as other programs do, and what was not written stays in the ring.
#[derive(Args)]
pub(crate) struct Receive {
    #[command(flatten)]
    which: Which,

    /// When the sender has ended early, wait for another instead of giving up.
    #[arg(long)]
    persist: bool,

    /// Show how far it is, also where stderr is not a terminal, or stdout is one.
    #[arg(long, conflicts_with = "quiet")]
    progress: bool,

    /// Do not show how far it is.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(arguments: &Receive) -> anyhow::Result<Ending> {
    let mut terms = Terms {
        interrupt: Interrupt::listen()?,
        output: Output::new(),
        meter: Meter::new(arguments.quiet, arguments.progress, io::stdout().is_terminal()),
    };
    loop {
        let (ring, consumer) = arguments.which.enter(Ring::consumer)?;
        let mut receiver = Receiver::new(arguments, ring, consumer, terms)?;
        match receiver.receive_all() {
            Ok(Through::End) => return receiver.finish(),
            Ok(Through::Elsewhere) => terms = receiver.let_go(),
            Err(stop) => return receiver.leave(stop),
        }
    }
}

/// What a receiver has whatever its ring.
struct Terms {
    interrupt: Interrupt,
    output: Output,
    meter: Meter,
}

struct Receiver<'a> {
    arguments: &'a Receive,
    ring: Ring,
    /// Dropped, and so closed, only when the end has been received.
    consumer: ManuallyDrop<Consumer>,
    sender: Watch,
    /// Whether anything has been received since a sender ended, or we came.
    received: bool,
    gathered: Vec<u8>,
    terms: Terms,
}

/// How receiving came to an end.
enum Through {
    End,
    /// Nothing was received, and the name is another ring's by now, or nobody's.
    Elsewhere,
}

/// What one look into the ring has brought.
enum Chunk {
    Records,
    End,
    Nothing,
    /// Nothing, and nobody from whom something could come.
    NoSender,
}

impl<'a> Receiver<'a> {
    fn new(arguments: &'a Receive, ring: Ring, mut consumer: Consumer, terms: Terms) -> anyhow::Result<Self> {
        let sender = Watch::new(consumer.peer()?);
        let consumer = ManuallyDrop::new(consumer);
        let gathered = Vec::with_capacity(GATHERED + WRITTEN_IN_PLACE);
        Ok(Receiver { arguments, ring, consumer, sender, received: false, gathered, terms })
    }

    fn receive_all(&mut self) -> Result<Through, Stop> {
        loop {
            if let Some(signal) = self.terms.interrupt.signal() {
                return Err(Stop::Signal(signal));
            }
            match self.receive_chunk()? {
                Chunk::Records => self.received = true,
                Chunk::End => return Ok(Through::End),
                Chunk::Nothing => {
                    let peer = self.consumer.peer()?;
                    // It is only seen here. That it has died is acted on when the ring is known to be empty.
                    self.sender.dead(peer);
                    self.look_for_reader()?;
                    if self.is_elsewhere(peer) {
                        return Ok(Through::Elsewhere);
                    }
                }
                Chunk::NoSender => {
                    let peer = self.consumer.peer()?;
                    self.look_for_sender(peer)?;
                    self.look_for_reader()?;
                    if self.is_elsewhere(peer) {
                        return Ok(Through::Elsewhere);
                    }
                    self.terms.interrupt.sleep(SLICE).context("cannot sleep")?;
                }
            }
            self.terms.meter.show();
        }
    }

    /// Writes out what is ready, as far as it is one large write, and then takes it out of the ring.
    fn receive_chunk(&mut self) -> Result<Chunk, Stop> {
        let mut batch = match self.consumer.pop_batch_timeout(SLICE) {
            Ok(batch) => batch,
            Err(PopTimeoutError::Timeout) => return Ok(Chunk::Nothing),
            Err(PopTimeoutError::Closed | PopTimeoutError::Dead) => return Ok(Chunk::NoSender),
            Err(PopTimeoutError::Failed(fault)) => return Err(fault.into()),
        };
        self.gathered.clear();
        let (mut records, mut in_place, mut ended) = (0, &[][..], false);
        for record in &mut batch {
            if record.is_empty() {
                ended = true;
                break;
            }
            records += 1;
            if record.len() >= WRITTEN_IN_PLACE {
                in_place = record;
                break;
            }
            self.gathered.extend_from_slice(record);
            if self.gathered.len() >= GATHERED {
                break;
            }
        }
        let Terms { interrupt, output, .. } = &mut self.terms;
        let written = output.write_both(&self.gathered, in_place, interrupt);
        match written {
            Ok(()) => {
                let bytes = self.gathered.len() + in_place.len();
                drop(batch);
                self.terms.meter.count(records, bytes as u64);
                Ok(if ended { Chunk::End } else { Chunk::Records })
            }
            Err(broken) => {
                // Nothing is taken with it.
                mem::forget(batch);
                Err(self.broken(broken))
            }
        }
    }

    /// Takes out of the ring what was written whole.
    fn broken(&mut self, Broken { mut written, cause }: Broken) -> Stop {
        while let Some(len) = self.consumer.peek().ok().map(<[u8]>::len).filter(|len| (1..=written).contains(len)) {
            written -= len;
            drop(self.consumer.try_pop());
            self.terms.meter.count(1, len as u64);
        }
        match cause {
            Cause::Pipe => Stop::Signal(SIGPIPE),
            Cause::Interrupted => Stop::Signal(self.terms.interrupt.signal().unwrap_or(0)),
            Cause::Other(error) => Stop::Failed(anyhow::Error::new(error).context("cannot write to stdout")),
        }
    }

    /// The ring is empty, and nobody is there who could fill it. That is the end if it was ours; a sender that was gone before we
    /// came, and has left nothing, makes us wait for the next one.
    fn look_for_sender(&mut self, peer: Peer) -> Result<(), Stop> {
        let dead = self.sender.dead(peer);
        // One that has come since the ring was looked at.
        let there = matches!(peer, Peer::Attached { .. });
        if there || !(self.received || dead.is_some()) {
            return Ok(());
        }
        let pid = if let Peer::Dead { pid } = peer { Some(pid) } else { None };
        if !self.arguments.persist {
            return Err(Stop::Gone(pid));
        }
        eprintln!("rondel: {} has ended early; waiting for another", who("sender", pid));
        self.sender = Watch::new(peer);
        self.received = false;
        Ok(())
    }

    /// Whether those who come now would not find us: see `place`.
    fn is_elsewhere(&self, peer: Peer) -> bool {
        let nothing_yet = self.terms.meter.total().records == 0;
        nothing_yet && !matches!(peer, Peer::Attached { .. }) && !place::is_named(&self.ring)
    }

    /// Stops if nobody waits for what could be received. A write would say so; but there is nothing to write.
    fn look_for_reader(&self) -> Result<(), Stop> {
        if self.terms.output.has_no_reader() { Err(Stop::Signal(SIGPIPE)) } else { Ok(()) }
    }

    /// Leaves a ring that nobody else will find.
    fn let_go(self) -> Terms {
        drop(ManuallyDrop::into_inner(self.consumer));
        self.terms
    }

    /// The end has been received: the role is given back. The name is the sender's to remove, if that lives.
    fn finish(mut self) -> anyhow::Result<Ending> {
        self.tidy();
        drop(ManuallyDrop::into_inner(self.consumer));
        Ok(Ending::Complete)
    }

    /// The end has not been received. The handle is not closed, so that the sender sees that we broke off.
    fn leave(mut self, stop: Stop) -> anyhow::Result<Ending> {
        self.tidy();
        match stop {
            Stop::Signal(signal) => Ok(Ending::Signal(signal)),
            Stop::Gone(pid) => bail!(
                "{} has ended before the end of its input; all that it had published was received, {}",
                who("sender", pid),
                self.terms.meter.total()
            ),
            Stop::Failed(error) => Err(error),
        }
    }

    /// Removes the name of an empty ring whose sender has died, or never came.
    fn tidy(&mut self) {
        let alone = self.consumer.peer().is_ok_and(|peer| matches!(peer, Peer::Dead { .. } | Peer::NotAttached));
        if !alone || self.arguments.which.keep || !self.is_empty() {
            return;
        }
        // Its role keeps others away meanwhile. If it is taken, one has come, and the name is that one's to remove.
        let Ok(producer) = self.ring.producer() else { return };
        // Never closed: should another have come and died in between, and left something, it was not its end.
        let _producer = ManuallyDrop::new(producer);
        if self.is_empty() {
            self.arguments.which.remove_unless_kept(&self.ring);
        }
    }

    /// Of a ring that has failed it is not known.
    fn is_empty(&mut self) -> bool {
        self.consumer.is_empty().unwrap_or(false)
    }
}
