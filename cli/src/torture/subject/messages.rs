//! The ring of messages: `bytes`.

use std::io::IoSlice;
use std::sync::Arc;

use rondel::bytes::{
    CommitError, Consumer, PopBatch, PopError, PopIntoError, PopTimeoutError, Producer, PushError, PushTimeoutError,
    Reservation, Ring, TryPopError, TryPushError,
};
use rondel::segment::Segment;
use rondel::{SegmentError, Wait};

use super::{Answer, Outcome, Patience, Receiver, Sender, Subject, place_of};
use crate::torture::doing::Doing;
use crate::torture::pen::{BATCH, Consuming, Producing};
use crate::torture::setup::Setup;

pub(in crate::torture) struct Messages(Ring);

impl Subject for Messages {
    type Sender = Producer;
    type Receiver = Consumer;

    fn create(setup: &Setup, name: Option<&str>) -> Result<Self, SegmentError> {
        let builder = Ring::builder().capacity(setup.capacity).largest(setup.size).schema(setup.seed);
        name.map_or_else(|| builder.anonymous(), |name| builder.create(name)).map(Messages)
    }

    fn again(&self) -> Result<Self, SegmentError> {
        let builder = Ring::builder().schema(self.0.segment().schema());
        match place_of(self.0.segment()) {
            Some(place) => builder.attach(place),
            None => builder.from_fd(self.0.try_clone_fd()?),
        }
        .map(Messages)
    }

    fn sender(&self) -> Result<Producer, SegmentError> {
        self.0.producer()
    }

    fn receiver(&self) -> Result<Consumer, SegmentError> {
        self.0.consumer()
    }

    fn segment(&self) -> &Arc<Segment> {
        self.0.segment()
    }

    fn recover(&self) -> Result<bool, SegmentError> {
        Ok(true)
    }

    fn tail(&self) -> Option<u64> {
        None
    }

    fn places(&self) -> usize {
        2
    }

    fn room(&self) -> u64 {
        self.0.capacity() as u64
    }

    /// Bytes of a record: its length word, and the message, filled up.
    fn weight(&self, len: usize) -> u64 {
        8 + (len as u64).next_multiple_of(8)
    }
}

/// What a refusal means.
trait Meaning {
    fn meaning(self) -> Answer;
}

macro_rules! meanings {
    ($($error:ident: [$($nothing:ident)?], [$($told:ident)*];)*) => {
        $(impl Meaning for $error {
            fn meaning(self) -> Answer {
                match self {
                    $($error::$nothing => Ok(Outcome::Nothing),)?
                    $($error::$told => Ok(Outcome::Told),)*
                    other => Err(other.to_string()),
                }
            }
        })*
    };
}

meanings! {
    TryPushError: [Full], [Closed];
    PushError: [], [Closed Dead];
    PushTimeoutError: [Timeout], [Closed Dead];
    TryPopError: [Empty], [Closed];
    PopError: [], [Closed Dead];
    PopTimeoutError: [Timeout], [Closed Dead];
}

impl<E: Meaning> Meaning for PopIntoError<E> {
    fn meaning(self) -> Answer {
        match self {
            PopIntoError::Pop(error) => error.meaning(),
            PopIntoError::TooShort { message, buffer } => {
                Err(format!("a message of {message} bytes, where the longest has {buffer}"))
            }
        }
    }
}

fn reserve(tx: &mut Producer, len: usize, patience: Patience) -> Result<Reservation<'_>, Answer> {
    match patience {
        Patience::Never => tx.try_reserve(len).map_err(Meaning::meaning),
        Patience::For(time) => tx.reserve_timeout(len, time).map_err(Meaning::meaning),
        Patience::Always => tx.reserve(len).map_err(Meaning::meaning),
    }
}

impl Sender for Producer {
    fn set_wait(&mut self, wait: Wait) {
        self.set_wait(wait);
    }

    fn act(&mut self, pen: &mut Producing<'_>) -> Answer {
        match pen.random().u32(..3) {
            0 => copy(self, pen),
            1 => write_in_place(self, pen),
            _ => publish_batch(self, pen),
        }
    }

    fn push(&mut self, message: &[u8], patience: Patience) -> Answer {
        match patience {
            Patience::Never => self.try_push(message).map_or_else(Meaning::meaning, |()| Ok(Outcome::Done)),
            Patience::For(time) => {
                self.push_timeout(message, time).map_or_else(Meaning::meaning, |()| Ok(Outcome::Done))
            }
            Patience::Always => self.push(message).map_or_else(Meaning::meaning, |()| Ok(Outcome::Done)),
        }
    }
}

fn copy(tx: &mut Producer, pen: &mut Producing<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    let message = pen.message(0);
    let in_two = pen.random().usize(..=4 * message.len());
    pen.begin(Doing::Pushing, 1, true);
    let pushed = match message.split_at_checked(in_two) {
        Some((begin, end)) => {
            let pushed = tx.push_vectored(&[IoSlice::new(begin), IoSlice::new(end)]);
            pushed.map_or_else(Meaning::meaning, |()| Ok(Outcome::Done))
        }
        None => Sender::push(tx, &message, patience),
    }?;
    pen.end(u64::from(pushed == Outcome::Done));
    Ok(pushed)
}

fn write_in_place(tx: &mut Producer, pen: &mut Producing<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    let message = pen.message(0);
    let longer = tx.largest().min(message.len() + [0, pen.random().usize(..100)][pen.random().usize(..2)]);
    let abandon = pen.random().u32(..8) == 0;
    pen.does(Doing::Reserving);
    let mut reservation = match reserve(tx, longer, patience) {
        Ok(reservation) => reservation,
        Err(answer) => return pen.nothing(answer),
    };
    pen.does(Doing::Writing);
    // In two steps, so that more kills fall between.
    let middle = pen.random().usize(..=message.len());
    reservation[..middle].copy_from_slice(&message[..middle]);
    pen.linger();
    reservation[middle..message.len()].copy_from_slice(&message[middle..]);
    if abandon {
        drop(reservation);
        pen.end(0);
        return Ok(Outcome::Done);
    }
    pen.begin(Doing::Committing, 1, true);
    let committed = if longer == message.len() {
        reservation.commit().map_err(CommitError::from)
    } else {
        reservation.commit_len(message.len())
    };
    committed.map_err(|error| error.to_string())?;
    pen.end(1);
    Ok(Outcome::Done)
}

fn publish_batch(tx: &mut Producer, pen: &mut Producing<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    // Batches do not wait: here is where this side sleeps.
    pen.does(Doing::Reserving);
    let len = pen.message(0).len();
    if let Err(answer) = reserve(tx, len, patience).map(drop) {
        return pen.nothing(answer);
    }
    let most = 1 + pen.random().u64(..BATCH);
    let abandon = pen.random().u32(..8) == 0;
    pen.does(Doing::Writing);
    let mut batch = tx.batch().map_err(|fault| fault.to_string())?;
    for index in 0..most {
        let message = pen.message(index);
        let added = if pen.random().bool() {
            batch.try_push(&message)
        } else {
            batch.try_reserve(message.len()).and_then(|mut reservation| {
                reservation.copy_from_slice(&message);
                Ok(reservation.commit()?)
            })
        };
        match added.map_or_else(Meaning::meaning, |()| Ok(Outcome::Done))? {
            Outcome::Done => {}
            Outcome::Nothing | Outcome::Told => break,
        }
    }
    let count = batch.len() as u64;
    if count == 0 {
        return Err("there was room for a message, and a batch has none for it".into());
    }
    pen.linger();
    if abandon {
        drop(batch);
        pen.end(0);
        return Ok(Outcome::Done);
    }
    pen.begin(Doing::Committing, count, true);
    batch.publish().map_err(|fault| fault.to_string())?;
    pen.end(count);
    Ok(Outcome::Done)
}

impl Receiver for Consumer {
    fn set_wait(&mut self, wait: Wait) {
        self.set_wait(wait);
    }

    fn act(&mut self, pen: &mut Consuming<'_>) -> Answer {
        match if pen.guards_only() { pen.random().u32(1..3) } else { pen.random().u32(..3) } {
            0 => copy_out(self, pen),
            1 => read_in_place(self, pen),
            _ => take_batch(self, pen),
        }
    }

    fn pop(&mut self, message: &mut Vec<u8>, patience: Patience) -> Result<Option<bool>, String> {
        message.resize(self.largest(), 0);
        let popped = pop_into(self, message, patience);
        message.truncate(*popped.as_ref().unwrap_or(&0));
        popped.map_or_else(|answer| answer.map(|_| None), |_| Ok(Some(false)))
    }
}

fn pop_into(rx: &mut Consumer, buffer: &mut [u8], patience: Patience) -> Result<usize, Answer> {
    match patience {
        Patience::Never => rx.try_pop_into(buffer).map_err(Meaning::meaning),
        Patience::For(time) => rx.pop_into_timeout(buffer, time).map_err(Meaning::meaning),
        Patience::Always => rx.pop_into(buffer).map_err(Meaning::meaning),
    }
}

fn copy_out(rx: &mut Consumer, pen: &mut Consuming<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    let mut buffer = pen.buffer(rx.largest());
    pen.begin(Doing::Popping, 1);
    let answer = match pop_into(rx, &mut buffer, patience) {
        Ok(len) => {
            let whole = pen.list(0, &buffer[..len], false);
            pen.end(1);
            whole.map(|()| Outcome::Done)
        }
        Err(answer) => pen.nothing(answer),
    };
    pen.give_back(buffer);
    answer
}

fn read_in_place(rx: &mut Consumer, pen: &mut Consuming<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    pen.begin(Doing::Reaching, 1);
    let popped = match patience {
        Patience::Never => rx.try_pop().map_err(Meaning::meaning),
        Patience::For(time) => rx.pop_timeout(time).map_err(Meaning::meaning),
        Patience::Always => rx.pop().map_err(Meaning::meaning),
    };
    let message = match popped {
        Ok(message) => message,
        Err(answer) => return pen.nothing(answer),
    };
    let whole = pen.list(0, &message, false);
    pen.hold(1);
    pen.linger();
    if pen.random().u32(..16) == 0 {
        message.keep();
        pen.end(0);
    } else {
        pen.let_go(1);
        drop(message);
        pen.end(1);
    }
    whole.map(|()| Outcome::Done)
}

fn take_batch(rx: &mut Consumer, pen: &mut Consuming<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    let most = 1 + pen.random().usize(..BATCH as usize);
    pen.begin(Doing::Reaching, most as u64);
    let popped = match patience {
        Patience::Never => rx.try_pop_batch().map_err(Meaning::meaning),
        Patience::For(time) => rx.pop_batch_timeout(time).map_err(Meaning::meaning),
        Patience::Always => rx.pop_batch().map_err(Meaning::meaning),
    };
    let mut batch: PopBatch<'_> = match popped {
        Ok(batch) => batch,
        Err(answer) => return pen.nothing(answer),
    };
    let listed: Result<Vec<()>, String> = (0..)
        .zip((&mut batch).into_iter().take(most))
        .map(|(index, message)| pen.list(index, message, false))
        .collect();
    let count = batch.given() as u64;
    pen.hold(count);
    pen.linger();
    pen.let_go(count);
    drop(batch);
    pen.end(count);
    listed.map(|_| Outcome::Done)
}
