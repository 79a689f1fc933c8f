//! iceoryx2: middleware for messages in shared memory that are never copied, by publishers and subscribers.
//!
//! A publisher lends a place in its memory, the message is made there, and `send` hands its position over; a subscriber reads it where it
//! lies. Publisher and subscriber find each other by the name of a service. All that belongs to it lies in files: in `/dev/shm`, and in a
//! directory. Here each connection has a directory and a prefix of its own, so nothing has to do with another program's services, and
//! a keeper removes whatever is left there when both ends have gone ([`Traces`]).
//!
//! Unless told otherwise a publisher overwrites what a slow subscriber has not read. Here it waits for room (`enable_safe_overflow(false)`,
//! and the strategy `RetryUntilDelivered`), in the crate's own way: it yields, and after some time sleeps. The end of a peer is
//! noticed by a lifeline.

use super::traces::Traces;
use crate::error::check_wait;
use crate::lifeline::Lifeline;
use crate::patience::{LIMIT, poll_until};
use crate::shared::Shared;
use crate::{Arrival, Carries, Error, Kind, Message, Receiver, Result, Scope, Seat, Sender, Transport, Wait};
use iceoryx2::config::Config;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::{BackpressureAction, BackpressureInfo, SendError};
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::sample_mut_uninit::SampleMutUninit;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory as PubSub;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// iceoryx2's publish-subscribe between two processes.
#[derive(Clone, Copy, Debug)]
pub struct Iceoryx;

impl Transport for Iceoryx {
    const NAME: &'static str = "iceoryx2";
    const NOTE: &'static str = "publish-subscribe of the crate iceoryx2 between processes; made in what loan_uninit lends, checked where it lies, never copied; 256 KiB of messages, at least 4; the receiver polls, a sender without room yields and then sleeps; without overflow, which is not its default";
    const KIND: Kind = Kind::Peer;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = true;
    const BATCHES: bool = false;
    const IN_PLACE: bool = true;
}

/// A message as the crate wants it: of a type that says that it may be shared.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Payload<const WORDS: usize>(Message<WORDS>);

// SAFETY: a message is numbers and nothing else, without a pointer, in an order that its representation prescribes; it is the same in
// every process, and needs not be dropped.
unsafe impl<const WORDS: usize> ZeroCopySend for Payload<WORDS> {}

/// One of the two ports, with all that it hangs on.
type Service = ipc::Service;
type Port<const WORDS: usize> = PubSub<Service, Payload<WORDS>, ()>;

/// Room for as many messages as other rings of this size hold, but for four of the largest.
const fn room<const WORDS: usize>() -> usize {
    let fit = (256 << 10) / Message::<WORDS>::BYTES;
    if fit < 4 { 4 } else { fit }
}

impl<const WORDS: usize> Carries<WORDS> for Iceoryx {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let unavailable = |what| move |error: io::Error| Error::unavailable(Self::NAME, what, error);
        let (traces, here, there) = Traces::kept().map_err(unavailable("making a directory with a keeper"))?;
        let met: Shared<AtomicU32> = Shared::new().map_err(unavailable("mapping shared memory"))?;
        let place = |lifeline| Place { traces: traces.clone(), met: met.clone(), lifeline };
        Ok((Sending(place(here)), Receiving(place(there))))
    }
}

/// Where the ends find each other. Neither has begun with anything of the crate's: a node belongs to the process that makes it.
struct Place {
    traces: Traces,
    /// Whether the subscriber has connected: not 0 if so.
    met: Shared<AtomicU32>,
    lifeline: Lifeline,
}

/// The end that sends, before its node has been made.
pub struct Sending<const WORDS: usize>(Place);

/// The end that receives, before its node has been made.
pub struct Receiving<const WORDS: usize>(Place);

impl Place {
    /// Makes a node, and opens or creates the service, whichever end is the first.
    fn enter<const WORDS: usize>(&self) -> Result<(Port<WORDS>, Node<Service>)> {
        let node = NodeBuilder::new()
            .config(&self.config()?)
            // Signals are the program's business.
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<Service>()
            .map_err(|error| failed("creating a node", error))?;
        let name = ServiceName::new("messages").map_err(|error| failed("naming the service", error))?;
        let service = node
            .service_builder(&name)
            .publish_subscribe::<Payload<WORDS>>()
            .max_publishers(1)
            .max_subscribers(1)
            .max_nodes(2)
            .history_size(0)
            .subscriber_max_buffer_size(room::<WORDS>())
            .subscriber_max_borrowed_samples(1)
            .enable_safe_overflow(false)
            .open_or_create()
            .map_err(|error| failed("opening the service", error))?;
        Ok((service, node))
    }

    /// The crate's own settings, in a place of ours.
    fn config(&self) -> Result<Config> {
        let root = Path::new(self.traces.directory()).map_err(|error| failed("naming a directory", error))?;
        let prefix = FileName::new(self.traces.prefix()).map_err(|error| failed("naming a prefix", error))?;
        let mut config = Config::default();
        config.global.set_root_path(&root);
        config.global.prefix = prefix;
        Ok(config)
    }
}

/// What the word says that both ends share: that the subscriber has connected, and that the publisher would like to leave.
const MET: u32 = 1;
const LEAVING: u32 = 2;

/// How long a publisher that would like to leave waits for its subscriber to have received what there is.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a sender waits for room before it asks whether anybody is left.
const PATIENCE: Duration = Duration::from_millis(50);

impl<const WORDS: usize> Seat for Sending<WORDS> {
    type Taken = IceoryxSender<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let (service, node) = self.0.enter::<WORDS>()?;
        let Place { met, lifeline, .. } = self.0;
        let lifeline = Arc::new(lifeline);
        let asked = Arc::clone(&lifeline);
        let no_room = move |info: &BackpressureInfo| {
            if info.elapsed_time >= LIMIT || info.elapsed_time >= PATIENCE && asked.other_is_gone() {
                BackpressureAction::DiscardDataAndFail
            } else {
                BackpressureAction::Retry
            }
        };
        let publisher = service
            .publisher_builder()
            .max_loaned_samples(1)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .set_backpressure_handler(no_room)
            .create()
            .map_err(|error| failed("creating a publisher", error))?;
        Ok(IceoryxSender { lent: None, publisher, _service: service, _node: node, met, has_met: false, lifeline })
    }
}

impl<const WORDS: usize> Seat for Receiving<WORDS> {
    type Taken = IceoryxReceiver<WORDS>;

    fn take(self) -> Result<Self::Taken> {
        let (service, node) = self.0.enter::<WORDS>()?;
        let subscriber = service
            .subscriber_builder()
            .buffer_size(room::<WORDS>())
            .create()
            .map_err(|error| failed("creating a subscriber", error))?;
        let Place { met, lifeline, .. } = self.0;
        Ok(IceoryxReceiver { subscriber, service, _node: node, met, has_met: false, lifeline })
    }
}

type Lent<const WORDS: usize> = SampleMutUninit<Service, MaybeUninit<Payload<WORDS>>, ()>;

/// The publisher. Dropped in this order: what it lends, itself, its service, its node.
pub struct IceoryxSender<const WORDS: usize> {
    /// The place for the next message, borrowed when the last had gone, while the other side was at work on it.
    lent: Option<Lent<WORDS>>,
    publisher: Publisher<Service, Payload<WORDS>, ()>,
    _service: Port<WORDS>,
    _node: Node<Service>,
    met: Shared<AtomicU32>,
    has_met: bool,
    lifeline: Arc<Lifeline>,
}

/// The subscriber, dropped before its service and its node.
pub struct IceoryxReceiver<const WORDS: usize> {
    subscriber: Subscriber<Service, Payload<WORDS>, ()>,
    service: Port<WORDS>,
    _node: Node<Service>,
    met: Shared<AtomicU32>,
    has_met: bool,
    lifeline: Lifeline,
}

impl<const WORDS: usize> IceoryxSender<WORDS> {
    /// Waits until the subscriber has connected. What a publisher sends to nobody is lost, and so is what it has sent when it goes before
    /// the subscriber has connected.
    #[cold]
    fn meet(&mut self) -> Result<()> {
        // Acquire: pairs with the Release in the subscriber's `meet`. What it has done to connect, this end finds.
        let met = |end: &mut Self| (end.met.load(Ordering::Acquire) == MET).then_some(());
        poll_until(Iceoryx::NAME, self, met, |end| end.lifeline.other_is_gone())?;
        self.has_met = true;
        Ok(())
    }

    /// Makes a message where it is lent a place, and hands it over.
    #[inline(always)]
    fn publish(&mut self, fill: impl FnOnce(&mut MaybeUninit<Payload<WORDS>>)) -> Result<()> {
        if !self.has_met {
            self.meet()?;
        }
        let mut lent = match self.lent.take() {
            Some(lent) => lent,
            None => self.publisher.loan_uninit().map_err(|error| failed("loan_uninit", error))?,
        };
        fill(lent.payload_mut());
        // SAFETY: `fill` has written the whole message, as both of its callers do; and any bytes are one.
        let sample = unsafe { lent.assume_init() };
        match sample.send() {
            Ok(1..) => {}
            Ok(0) => return Err(peer_gone()),
            Err(error) => return Err(self.not_sent(error)),
        }
        // There may be none left for the moment; then it is asked for when it is needed.
        self.lent = self.publisher.loan_uninit().ok();
        Ok(())
    }

    #[cold]
    fn not_sent(&self, error: SendError) -> Box<Error> {
        match error {
            SendError::UnableToDeliver if self.lifeline.other_is_gone() => peer_gone(),
            SendError::UnableToDeliver => Box::new(Error::Stalled { transport: Iceoryx::NAME, after: LIMIT }),
            error => failed("send", error),
        }
    }
}

/// What a publisher has sent and its subscriber has not yet received when it goes is now and then lost. So it stays until the subscriber
/// has found that there is no more, and has gone.
impl<const WORDS: usize> Drop for IceoryxSender<WORDS> {
    fn drop(&mut self) {
        if !self.has_met {
            return;
        }
        // Release: pairs with the Acquire in `is_abandoned`.
        self.met.store(LEAVING, Ordering::Release);
        let begin = Instant::now();
        while !self.lifeline.other_is_gone() && begin.elapsed() < FAREWELL {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

impl<const WORDS: usize> IceoryxReceiver<WORDS> {
    /// Waits for the publisher, connects with it, and says so.
    #[cold]
    fn meet(&mut self) -> Result<()> {
        let there = |end: &mut Self| (end.service.dynamic_config().number_of_publishers() > 0).then_some(());
        poll_until(Iceoryx::NAME, self, there, |end| end.lifeline.other_is_gone())?;
        // Any question about messages connects first.
        self.subscriber.has_samples().map_err(|error| failed("connecting", error))?;
        // Release: pairs with the Acquire in the publisher's `meet`.
        self.met.store(MET, Ordering::Release);
        self.has_met = true;
        Ok(())
    }

    /// Whether the publisher has gone, or would like to: then all that it has sent can be received.
    fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release of the publisher's drop, so that what it sent before is found.
        self.met.load(Ordering::Acquire) == LEAVING || self.lifeline.other_is_gone()
    }

    /// The next message, where it lies.
    #[inline(always)]
    fn next(&mut self) -> Result<Sample<Service, Payload<WORDS>, ()>> {
        if !self.has_met {
            self.meet()?;
        }
        poll_until(Iceoryx::NAME, self, |end| end.subscriber.receive().transpose(), |end| end.is_abandoned())?
            .map_err(|error| failed("receive", error))
    }
}

impl<const WORDS: usize> Sender<WORDS> for IceoryxSender<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.publish(|place| {
            place.write(Payload(*message));
        })
    }

    #[inline(always)]
    fn make(&mut self, number: u64, _desk: &mut Message<WORDS>) -> Result<()> {
        self.publish(|place| {
            // SAFETY: what is lent lies in memory that the system has mapped: it holds zeroes, or an earlier message, and either is a
            // message.
            let place = unsafe { place.assume_init_mut() };
            place.0.renumber(number);
        })
    }
}

impl<const WORDS: usize> Receiver<WORDS> for IceoryxReceiver<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        *message = self.next()?.payload().0;
        Ok(())
    }

    #[inline(always)]
    fn check(&mut self, transport: &'static str, number: u64, _desk: &mut Message<WORDS>) -> Result<Arrival> {
        self.next()?.payload().0.arrived(transport, number)
    }
}

#[cold]
fn failed(what: &'static str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Box<Error> {
    Error::system(Iceoryx::NAME, what, error)
}

#[cold]
fn peer_gone() -> Box<Error> {
    Box::new(Error::PeerGone { transport: Iceoryx::NAME })
}
