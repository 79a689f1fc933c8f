//! `rondel send`: from stdin into a ring.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use rondel::bytes::{Producer, PushTimeoutError, Ring, TryPushError, WaitError};
use rondel::{Fault, Peer};

use super::framing::{Cutter, Framing, Records, Unfit};
use super::input::{Arrival, BLOCK, Buffer, arrive};
use super::interrupt::Interrupt;
use super::meter::Meter;
use super::place::Which;
use super::watch::Watch;
use super::{Ending, SLICE, Stop, who};

/// So many bytes of records are published together. Fewer, and each costs a store that the other core is waiting for; more,
/// and the receiver waits while we copy.
const PUBLISHED_AT_ONCE: usize = 32 * 1024;

/// How often an input that is silent is left alone to look for the receiver.
const SILENCE: Duration = Duration::from_secs(1);

/// Sends stdin through a named ring, to a `rondel recv` of the same name.
///
/// `producer | rondel send x` and `rondel recv x | consumer` take the place of a FIFO; what comes out is what went in, byte for
/// byte. Either may be started first: both make the ring if it is not there, and the sender waits for a receiver at the
/// latest at its end. Exit status 0 means that the receiver has written out everything. The ring's name is removed then.
///
/// Whatever is complete is published before the next read waits. If the receiver ends early, the exit status is 1 and the
/// message says how much is unread; that stays in the ring for another receiver. On SIGINT, SIGTERM or SIGHUP the complete records that
/// were read are published as far as there is room, and the receiver learns that the input was broken off.
#[derive(Args)]
pub(crate) struct Send {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    format: Format,

    /// When the receiver has ended early, wait for another instead of giving up.
    #[arg(long)]
    persist: bool,

    /// Show how far it is, also where stderr is not a terminal.
    #[arg(long, conflicts_with = "quiet")]
    progress: bool,

    /// Do not show how far it is, nor what an earlier sender has left.
    #[arg(long, short)]
    quiet: bool,
}

/// What a record is. A matter of the sender's only.
#[derive(Args)]
#[group(multiple = false)]
struct Format {
    /// A record is a line, with its newline. The default.
    #[arg(long)]
    lines: bool,

    /// A record ends with a zero byte, as of `find -print0`.
    #[arg(long, short = '0')]
    nul: bool,

    /// A record is 4 bytes with the length of what follows (little-endian), and so many bytes: any bytes.
    #[arg(long)]
    frames: bool,

    /// No records: bytes as they come, read straight into the ring.
    #[arg(long)]
    stream: bool,
}

impl Format {
    /// `None`: no records.
    fn framing(&self) -> Option<Framing> {
        match self {
            Format { stream: true, .. } => None,
            Format { frames: true, .. } => Some(Framing::Frames),
            Format { nul: true, .. } => Some(Framing::Delimited(0)),
            Format { lines: _, .. } => Some(Framing::Delimited(b'\n')),
        }
    }
}

pub(crate) fn run(arguments: &Send) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::listen()?;
    let (ring, producer) = arguments.which.enter(Ring::producer)?;
    let mut sender = Sender::new(arguments, ring, producer, interrupt)?;
    let sent = match arguments.format.framing() {
        Some(framing) => sender.send_records(framing),
        None => sender.send_stream(),
    };
    match sent.and_then(|()| sender.send_end()) {
        Ok(()) => sender.finish(),
        Err(stop) => sender.leave(stop),
    }
}

struct Sender<'a> {
    arguments: &'a Send,
    ring: Ring,
    /// Dropped, and so closed, only when everything has been taken.
    producer: ManuallyDrop<Producer>,
    interrupt: Interrupt,
    receiver: Watch,
    /// Up to where everything was consumed when last a receiver left, or we came.
    consumed: u64,
    meter: Meter,
}

impl<'a> Sender<'a> {
    fn new(arguments: &'a Send, ring: Ring, mut producer: Producer, interrupt: Interrupt) -> anyhow::Result<Self> {
        let receiver = Watch::new(producer.peer()?);
        let consumed = consumed(&mut producer)?;
        let unread = producer.used()?;
        if unread > 0 && !arguments.quiet {
            eprintln!(
                "rondel: {unread} bytes of records of an earlier sender are unread in the ring `{}` and come first",
                arguments.which.name
            );
        }
        let meter = Meter::new(arguments.quiet, arguments.progress, false);
        Ok(Sender { arguments, ring, producer: ManuallyDrop::new(producer), interrupt, receiver, consumed, meter })
    }

    fn send_records(&mut self, framing: Framing) -> Result<(), Stop> {
        let stdin = io::stdin();
        let mut buffer = Buffer::new();
        let mut cutter = Cutter::new(framing, self.producer.largest());
        loop {
            match arrive(stdin.as_fd(), buffer.room(), &self.interrupt, SILENCE)? {
                Arrival::Bytes(count) => buffer.add(count),
                Arrival::Nothing => {
                    self.look_for_receiver()?;
                    self.meter.show();
                    continue;
                }
                Arrival::Interrupted => return Err(self.interrupted()),
                Arrival::End => break,
            }
            let held = buffer.filled();
            let mut records = cutter.records(held);
            self.push_all(&mut records)?;
            let rest = records.rest();
            let done = held.len() - rest.len();
            cutter.check_rest(rest).map_err(|unfit| self.unfit(unfit))?;
            buffer.consume(done);
            self.look_for_receiver()?;
            self.meter.show();
        }
        match cutter.last(buffer.filled()).map_err(|unfit| self.unfit(unfit))? {
            Some(last) => self.push_waiting(last),
            None => Ok(()),
        }
    }

    /// Reads straight into the ring.
    fn send_stream(&mut self) -> Result<(), Stop> {
        let stdin = io::stdin();
        // Several fit, so that one is written out while the next is read.
        let piece = (self.producer.capacity() / 8).clamp(1, BLOCK).min(self.producer.largest());
        loop {
            self.look_for_receiver()?;
            self.meter.show();
            match self.producer.reserve_timeout(piece, SLICE) {
                Ok(mut reservation) => match arrive(stdin.as_fd(), &mut reservation, &self.interrupt, SILENCE)? {
                    Arrival::Bytes(count) => {
                        reservation.commit_len(count).map_err(anyhow::Error::new)?;
                        self.meter.count(1, count as u64);
                    }
                    Arrival::Nothing => {}
                    Arrival::Interrupted => {
                        drop(reservation);
                        return Err(self.interrupted());
                    }
                    Arrival::End => return Ok(()),
                },
                Err(refused) => self.not_pushed(refused)?,
            }
        }
    }

    /// Pushes all records, in batches, and publishes all that it pushes.
    fn push_all(&mut self, records: &mut Records<'_>) -> Result<(), Stop> {
        loop {
            let (waiting, more) = self.push_batch(records)?;
            if let Some(record) = waiting {
                self.push_waiting(record)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Publishes one batch. Answers with the record that found no room, and whether there may be more.
    fn push_batch<'r>(&mut self, records: &mut Records<'r>) -> Result<(Option<&'r [u8]>, bool), Stop> {
        let mut batch = self.producer.batch()?;
        let (mut count, mut bytes) = (0_u64, 0);
        let ended_by = loop {
            if bytes >= PUBLISHED_AT_ONCE {
                break Ok((None, true));
            }
            match records.next() {
                None => break Ok((None, false)),
                Some(Err(unfit)) => break Err(Refused::Unfit(unfit)),
                Some(Ok(record)) => match batch.try_push(record) {
                    Ok(()) => {
                        count += 1;
                        bytes += record.len();
                    }
                    Err(TryPushError::Full | TryPushError::Closed) => break Ok((Some(record), true)),
                    Err(TryPushError::TooLong(rondel::bytes::TooLong { len, largest })) => {
                        break Err(Refused::Unfit(Unfit::TooLong { len, largest }));
                    }
                    Err(TryPushError::Failed(fault)) => break Err(Refused::Failed(fault)),
                },
            }
        };
        // Also what came before a record that is refused.
        batch.publish()?;
        self.meter.count(count, bytes as u64);
        ended_by.map_err(|refused| match refused {
            Refused::Unfit(unfit) => self.unfit(unfit),
            Refused::Failed(fault) => fault.into(),
        })
    }

    /// Pushes one record, waiting for room and, if nobody is there, for a receiver. An empty one is the end.
    fn push_waiting(&mut self, record: &[u8]) -> Result<(), Stop> {
        loop {
            match self.producer.push_timeout(record, SLICE) {
                Ok(()) => {
                    self.meter.count(u64::from(!record.is_empty()), record.len() as u64);
                    return Ok(());
                }
                Err(refused) => self.not_pushed(refused)?,
            }
        }
    }

    /// Tells the receiver that the input has ended, and waits until that has been taken.
    fn send_end(&mut self) -> Result<(), Stop> {
        // Ctrl-C reaches whoever feeds us too: the end of that is no end of the input.
        if self.interrupt.signal().is_some() {
            return Err(self.interrupted());
        }
        self.push_waiting(b"")?;
        loop {
            match self.producer.wait_until_empty_timeout(SLICE) {
                Ok(()) => return Ok(()),
                Err(WaitError::Timeout) => self.still_waiting()?,
                Err(WaitError::Closed | WaitError::Dead) => self.wait_for_receiver()?,
                Err(WaitError::Failed(fault)) => return Err(fault.into()),
            }
        }
    }

    /// What to do about a push that has not come about in this slice of time: an error, or try again.
    fn not_pushed(&mut self, refused: PushTimeoutError) -> Result<(), Stop> {
        match refused {
            PushTimeoutError::Timeout => self.still_waiting(),
            PushTimeoutError::Closed | PushTimeoutError::Dead => self.wait_for_receiver(),
            PushTimeoutError::TooLong(rondel::bytes::TooLong { len, largest }) => {
                Err(self.unfit(Unfit::TooLong { len, largest }))
            }
            PushTimeoutError::Failed(fault) => Err(fault.into()),
        }
    }

    fn still_waiting(&mut self) -> Result<(), Stop> {
        self.look_for_receiver()?;
        self.meter.show();
        if self.interrupt.signal().is_some() { Err(self.interrupted()) } else { Ok(()) }
    }

    /// There is no receiver, and may never have been one of ours: a while passes.
    fn wait_for_receiver(&mut self) -> Result<(), Stop> {
        self.still_waiting()?;
        self.interrupt.sleep(SLICE).map_err(|error| anyhow::Error::new(error).into())
    }

    /// Asks whether the receiver has gone, and stops if that is so. One that goes without having consumed anything since we
    /// came, and has closed, was our predecessor's and had got what it wanted.
    fn look_for_receiver(&mut self) -> Result<(), Stop> {
        let peer = self.producer.peer()?;
        let dead = self.receiver.dead(peer);
        if dead.is_none() && peer != Peer::Closed {
            return Ok(());
        }
        let consumed = consumed(&mut self.producer)?;
        if dead.is_none() && consumed == self.consumed {
            return Ok(());
        }
        if !self.arguments.persist {
            return Err(Stop::Gone(dead));
        }
        eprintln!("rondel: {} has ended early; waiting for another", who("receiver", dead));
        self.receiver = Watch::new(peer);
        self.consumed = consumed;
        Ok(())
    }

    fn interrupted(&self) -> Stop {
        Stop::Signal(self.interrupt.signal().unwrap_or(0))
    }

    fn unfit(&self, unfit: Unfit) -> Stop {
        let number = self.meter.total().records + 1;
        Stop::Failed(anyhow::Error::new(unfit).context(format!("record {number} cannot be sent")))
    }

    /// Everything has been taken: the name goes, and the role.
    fn finish(self) -> anyhow::Result<Ending> {
        self.arguments.which.remove_unless_kept(&self.ring);
        drop(ManuallyDrop::into_inner(self.producer));
        Ok(Ending::Complete)
    }

    /// Not everything has been taken, or sent. The handle is not closed, so that the receiver sees that we broke off.
    fn leave(mut self, stop: Stop) -> anyhow::Result<Ending> {
        // A ring that has failed is left as it is: that is what is told of then.
        let unread = self.producer.used().unwrap_or(0);
        let nobody = self.producer.peer().is_ok_and(|peer| !matches!(peer, Peer::Attached { .. }));
        if unread == 0 && nobody {
            self.arguments.which.remove_unless_kept(&self.ring);
        }
        let name = &self.arguments.which.name;
        let stays = format!(
            "{unread} bytes of records are unread and stay in the ring `{name}` for another `rondel recv {name}`"
        );
        let tell = || {
            // A receiver that is there will take them.
            if unread > 0 && nobody {
                eprintln!("rondel: {stays}");
            }
        };
        match stop {
            Stop::Signal(signal) => {
                tell();
                Ok(Ending::Signal(signal))
            }
            Stop::Failed(error) => {
                tell();
                Err(error)
            }
            Stop::Gone(pid) if unread == 0 => bail!(
                "{} has ended before the end of the input; it has taken all that was sent, {}",
                who("receiver", pid),
                self.meter.total()
            ),
            Stop::Gone(pid) => bail!("{} has ended early; {stays}", who("receiver", pid)),
        }
    }
}

enum Refused {
    Unfit(Unfit),
    Failed(Fault),
}

/// Up to where everything has been consumed.
fn consumed(producer: &mut Producer) -> Result<u64, Fault> {
    Ok(producer.position().saturating_sub(producer.used()? as u64))
}
