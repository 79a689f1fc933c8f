//! A transport around another, of which one end does something wrong at one message.

use rondel_baselines::{
    Crowd, Error, Kind, Message, Receiver, Result, Scope, Seat, Seats, Sender, Shape, Transport, Wait,
};
use rustix::process::{Signal, getpid, kill_process};
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Producer(usize),
    Consumer(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Fails when it is to take its seat.
    NoSeat,
    /// Takes its seat long after the others.
    Late,
    /// Fails of its own.
    Error,
    Panic,
    Kill,
    /// Says that its peers are gone, which is not true.
    Deserts,
    /// Never returns. Only for processes.
    Hangs,
    /// Receives a message and does not hand it on, or pretends to send one.
    Loses,
    /// Hands a message on twice.
    Doubles,
    /// Hands two messages on in the wrong order.
    Swaps,
    /// Changes a message.
    Forges,
}

/// The number of messages after which it happens, and before which nothing has gone wrong.
pub(crate) const AT: u64 = 1000;

/// The fault of the next transport that is opened. (The tests run one at a time.)
static NEXT: Mutex<Option<(Who, Fault)>> = Mutex::new(None);

/// How many have taken their seats since the last fault was planned, and how many had at the first message. Only threads
/// count together.
pub(crate) static TAKEN: AtomicUsize = AtomicUsize::new(0);
pub(crate) static TAKEN_AT_FIRST: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn plan(who: Who, fault: Fault) {
    *NEXT.lock().unwrap() = Some((who, fault));
    TAKEN.store(0, Ordering::Relaxed);
    TAKEN_AT_FIRST.store(0, Ordering::Relaxed);
}

pub(crate) struct Faulty<T>(PhantomData<T>);

impl<T: Transport> Transport for Faulty<T> {
    const NAME: &'static str = T::NAME;
    const NOTE: &'static str = T::NOTE;
    const KIND: Kind = T::KIND;
    const SCOPE: Scope = T::SCOPE;
    const WAITS: &'static [Wait] = T::WAITS;
    const QUEUES: bool = T::QUEUES;
    const BATCHES: bool = T::BATCHES;
}

pub(crate) struct End<E> {
    inner: E,
    fault: Option<Fault>,
    done: u64,
    kept: Option<Message<1>>,
}

impl<T: Crowd> Crowd for Faulty<T> {
    type Sending = End<T::Sending>;
    type Receiving = End<T::Receiving>;

    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Self::Sending, Self::Receiving>> {
        let (sending, receiving) = T::open_crowd(wait, shape)?;
        let planned = NEXT.lock().unwrap().take();
        let fault = |who| planned.filter(|(planned, _)| *planned == who).map(|(_, fault)| fault);
        let sending = (0..).zip(sending).map(|(i, inner)| End::new(inner, fault(Who::Producer(i)))).collect();
        let receiving = (0..).zip(receiving).map(|(i, inner)| End::new(inner, fault(Who::Consumer(i)))).collect();
        Ok((sending, receiving))
    }
}

impl<E> End<E> {
    fn new(inner: E, fault: Option<Fault>) -> Self {
        End { inner, fault, done: 0, kept: None }
    }

    /// The fault, if it is to happen now.
    fn now(&mut self) -> Option<Fault> {
        self.done += 1;
        if self.done == AT { self.fault } else { None }
    }
}

impl<E: Seat> Seat for End<E> {
    type Taken = End<E::Taken>;

    fn take(self) -> Result<Self::Taken> {
        if matches!(self.fault, Some(Fault::NoSeat)) {
            return Err(own_failure());
        }
        if matches!(self.fault, Some(Fault::Late)) {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        TAKEN.fetch_add(1, Ordering::Relaxed);
        Ok(End { inner: self.inner.take()?, fault: self.fault, done: 0, kept: None })
    }
}

fn own_failure() -> Box<Error> {
    Box::new(Error::System { transport: "faulty", what: "on purpose", source: "a fault".into() })
}

/// What either end does for the faults that have nothing to do with messages.
fn go_wrong(fault: Fault) -> Result<()> {
    match fault {
        Fault::Error => Err(own_failure()),
        Fault::Panic => panic!("out of luck"),
        Fault::Deserts => Err(Box::new(Error::PeerGone { transport: "faulty" })),
        Fault::Kill => {
            let _ = kill_process(getpid(), Signal::KILL);
            Ok(())
        }
        Fault::Hangs => loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        },
        _ => Ok(()),
    }
}

impl<E: Sender<1>> Sender<1> for End<E> {
    fn send(&mut self, message: &Message<1>) -> Result<()> {
        let taken = TAKEN.load(Ordering::Relaxed);
        let _ = TAKEN_AT_FIRST.compare_exchange(0, taken, Ordering::Relaxed, Ordering::Relaxed);
        if let Some(kept) = self.kept.take() {
            self.inner.send(message)?;
            return self.inner.send(&kept);
        }
        match self.now() {
            None => self.inner.send(message),
            Some(Fault::Loses) => Ok(()),
            Some(Fault::Doubles) => {
                self.inner.send(message)?;
                self.inner.send(message)
            }
            Some(Fault::Swaps) => {
                self.kept = Some(*message);
                Ok(())
            }
            Some(Fault::Forges) => self.inner.send(&Message::numbered(message.number() + 77)),
            Some(fault) => {
                go_wrong(fault)?;
                self.inner.send(message)
            }
        }
    }
}

impl<E: Receiver<1>> Receiver<1> for End<E> {
    fn receive(&mut self, message: &mut Message<1>) -> Result<()> {
        if let Some(kept) = self.kept.take() {
            *message = kept;
            return Ok(());
        }
        self.inner.receive(message)?;
        match self.now() {
            Some(Fault::Loses) => self.inner.receive(message),
            Some(Fault::Doubles) => {
                self.kept = Some(*message);
                Ok(())
            }
            Some(Fault::Swaps) => {
                self.kept = Some(*message);
                self.inner.receive(message)
            }
            Some(Fault::Forges) => {
                *message = Message::numbered(message.number() + 77);
                Ok(())
            }
            Some(fault) => go_wrong(fault),
            None => Ok(()),
        }
    }
}
