//! Rings of elements: `spsc` and `mpmc`, whose handles have the same operations.

use std::ops::Deref;
use std::sync::Arc;

use bytemuck::{Pod, bytes_of, bytes_of_mut};
use rondel::mpmc::{OnConsumerDeath, PopError, PopTimeoutError, PushError, PushSliceError, PushTimeoutError};
use rondel::segment::Segment;
use rondel::{SegmentError, Wait, mpmc, spsc};

use super::{Answer, Outcome, Patience, Receiver, Sender, Subject, place_of};
use crate::torture::doing::Doing;
use crate::torture::pen::{BATCH, Consuming, Producing};
use crate::torture::setup::Setup;

/// Between two.
pub(in crate::torture) struct Pair<T>(spsc::Ring<T>);

/// Between many.
pub(in crate::torture) struct Crowd<T>(mpmc::Ring<T>);

impl<T: Pod> Subject for Pair<T> {
    type Sender = Handle<spsc::Producer<T>>;
    type Receiver = Handle<spsc::Consumer<T>>;

    fn create(setup: &Setup, name: Option<&str>) -> Result<Self, SegmentError> {
        let builder = spsc::Ring::builder().capacity(setup.capacity).schema(setup.seed);
        name.map_or_else(|| builder.anonymous(), |name| builder.create(name)).map(Pair)
    }

    fn again(&self) -> Result<Self, SegmentError> {
        let builder = spsc::Ring::builder().schema(self.0.segment().schema());
        match place_of(self.0.segment()) {
            Some(place) => builder.attach(place),
            None => builder.from_fd(self.0.try_clone_fd()?),
        }
        .map(Pair)
    }

    fn sender(&self) -> Result<Self::Sender, SegmentError> {
        self.0.producer().map(Handle)
    }

    fn receiver(&self) -> Result<Self::Receiver, SegmentError> {
        self.0.consumer().map(Handle)
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

    fn weight(&self, _: usize) -> u64 {
        1
    }
}

impl<T: Pod> Subject for Crowd<T> {
    type Sender = Handle<mpmc::Producer<T>>;
    type Receiver = Handle<mpmc::Consumer<T>>;

    fn create(setup: &Setup, name: Option<&str>) -> Result<Self, SegmentError> {
        let policy = if setup.discard { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver };
        let builder = mpmc::Ring::builder()
            .capacity(setup.capacity)
            .schema(setup.seed)
            .participants(setup.places as u32)
            .on_consumer_death(policy)
            .ends_with_producers(setup.ends)
            .ends_with_consumers(setup.ends);
        name.map_or_else(|| builder.anonymous(), |name| builder.create(name)).map(Crowd)
    }

    fn again(&self) -> Result<Self, SegmentError> {
        let builder = mpmc::Ring::builder().schema(self.0.segment().schema());
        match place_of(self.0.segment()) {
            Some(place) => builder.attach(place),
            None => builder.from_fd(self.0.try_clone_fd()?),
        }
        .map(Crowd)
    }

    fn sender(&self) -> Result<Self::Sender, SegmentError> {
        self.0.producer().map(Handle)
    }

    fn receiver(&self) -> Result<Self::Receiver, SegmentError> {
        self.0.consumer().map(Handle)
    }

    fn segment(&self) -> &Arc<Segment> {
        self.0.segment()
    }

    fn recover(&self) -> Result<bool, SegmentError> {
        Ok(self.0.recover()? == mpmc::Recovery::default())
    }

    /// The first word behind the table: docs/layout.md.
    fn tail(&self) -> Option<u64> {
        Some(4096 + 128 * self.0.places() as u64)
    }

    fn places(&self) -> usize {
        self.0.places()
    }

    fn room(&self) -> u64 {
        self.0.capacity().next_power_of_two() as u64
    }

    fn weight(&self, _: usize) -> u64 {
        1
    }
}

/// A handle of either ring.
pub(in crate::torture) struct Handle<H>(H);

/// What a refused push or a pop in vain means, of all the errors that there are for it.
trait Meaning {
    fn meaning(self) -> Answer;
}

/// What these do, whichever ring it is.
trait Push<T> {
    fn set_wait(&mut self, wait: Wait);
    fn push_one(&mut self, element: T, patience: Patience) -> Answer;
    /// And how many elements were pushed.
    fn push_slice(&mut self, elements: &[T], patience: Patience) -> (usize, Answer);
}

trait Pop<T> {
    type Guard<'a>: Deref<Target = T>
    where
        Self: 'a;

    fn set_wait(&mut self, wait: Wait);
    fn pop_one(&mut self, patience: Patience) -> Result<T, Answer>;
    fn pop_slice(&mut self, elements: &mut [T], patience: Patience) -> Result<usize, Answer>;
    fn pop_guard(&mut self, patience: Patience) -> Result<Self::Guard<'_>, Answer>;
    /// Whether what was popped last had been delivered before; of a guard, whether it had.
    fn was_again(&self) -> bool;
    fn is_again(guard: &Self::Guard<'_>) -> bool;
    /// Whether a guard can leave the element where it is; and lets it. One that cannot is dropped.
    const KEEPS: bool;
    fn keep(guard: Self::Guard<'_>);
}

macro_rules! handles {
    ($ring:ident, $again:expr, $is_again:expr, $keeps:literal, $keep:expr) => {
        impl<T: Pod> Push<T> for $ring::Producer<T> {
            fn set_wait(&mut self, wait: Wait) {
                self.set_wait(wait);
            }

            fn push_one(&mut self, element: T, patience: Patience) -> Answer {
                match patience {
                    Patience::Never => self.try_push(element).map_or_else(Meaning::meaning, done),
                    Patience::For(time) => self.push_timeout(element, time).map_or_else(Meaning::meaning, done),
                    Patience::Always => self.push(element).map_or_else(Meaning::meaning, done),
                }
            }

            fn push_slice(&mut self, elements: &[T], patience: Patience) -> (usize, Answer) {
                let pushed = match patience {
                    Patience::Never => match self.try_push_slice(elements) {
                        Ok(count) => return (count, Ok(Outcome::Done)),
                        Err(error) => return (0, error.meaning()),
                    },
                    Patience::For(time) => self.push_slice_timeout(elements, time),
                    Patience::Always => self.push_slice(elements),
                };
                match pushed {
                    Ok(()) => (elements.len(), Ok(Outcome::Done)),
                    Err(PushSliceError { pushed, cause, .. }) => (pushed, cause.meaning()),
                }
            }
        }

        impl<T: Pod> Pop<T> for $ring::Consumer<T> {
            type Guard<'a>
                = $ring::PopGuard<'a, T>
            where
                Self: 'a;

            fn set_wait(&mut self, wait: Wait) {
                self.set_wait(wait);
            }

            fn pop_one(&mut self, patience: Patience) -> Result<T, Answer> {
                match patience {
                    Patience::Never => self.try_pop().map_err(Meaning::meaning),
                    Patience::For(time) => self.pop_timeout(time).map_err(Meaning::meaning),
                    Patience::Always => self.pop().map_err(Meaning::meaning),
                }
            }

            fn pop_slice(&mut self, elements: &mut [T], patience: Patience) -> Result<usize, Answer> {
                match patience {
                    Patience::Never => self.try_pop_slice(elements).map_err(Meaning::meaning),
                    Patience::For(time) => self.pop_slice_timeout(elements, time).map_err(Meaning::meaning),
                    Patience::Always => self.pop_slice(elements).map_err(Meaning::meaning),
                }
            }

            fn pop_guard(&mut self, patience: Patience) -> Result<Self::Guard<'_>, Answer> {
                match patience {
                    Patience::Never => self.try_pop_guard().map_err(Meaning::meaning),
                    Patience::For(time) => self.pop_guard_timeout(time).map_err(Meaning::meaning),
                    Patience::Always => self.pop_guard().map_err(Meaning::meaning),
                }
            }

            fn was_again(&self) -> bool {
                ($again)(self)
            }

            fn is_again(guard: &Self::Guard<'_>) -> bool {
                ($is_again)(guard)
            }

            const KEEPS: bool = $keeps;

            fn keep(guard: Self::Guard<'_>) {
                ($keep)(guard);
            }
        }

        impl<E> Meaning for $ring::TryPushError<E> {
            fn meaning(self) -> Answer {
                match self {
                    $ring::TryPushError::Closed(_) => Ok(Outcome::Told),
                    $ring::TryPushError::Failed(_, fault) => Err(fault.to_string()),
                    _ => Ok(Outcome::Nothing),
                }
            }
        }

        impl Meaning for $ring::TryPopError {
            fn meaning(self) -> Answer {
                match self {
                    $ring::TryPopError::Closed => Ok(Outcome::Told),
                    $ring::TryPopError::Failed(fault) => Err(fault.to_string()),
                    _ => Ok(Outcome::Nothing),
                }
            }
        }
    };
}

handles!(spsc, |_| false, |_| false, true, spsc::PopGuard::keep);
handles!(mpmc, mpmc::Consumer::redelivered, mpmc::PopGuard::is_redelivered, false, drop);

fn done((): ()) -> Answer {
    Ok(Outcome::Done)
}

impl<E> Meaning for PushError<E> {
    fn meaning(self) -> Answer {
        match self {
            PushError::Closed(_) | PushError::Dead(_) => Ok(Outcome::Told),
            PushError::Failed(_, fault) => Err(fault.to_string()),
        }
    }
}

impl<E> Meaning for PushTimeoutError<E> {
    fn meaning(self) -> Answer {
        match self {
            PushTimeoutError::Timeout(_) => Ok(Outcome::Nothing),
            PushTimeoutError::Closed(_) | PushTimeoutError::Dead(_) => Ok(Outcome::Told),
            PushTimeoutError::Failed(_, fault) => Err(fault.to_string()),
        }
    }
}

impl Meaning for PopError {
    fn meaning(self) -> Answer {
        match self {
            PopError::Closed | PopError::Dead => Ok(Outcome::Told),
            PopError::Failed(fault) => Err(fault.to_string()),
        }
    }
}

impl Meaning for PopTimeoutError {
    fn meaning(self) -> Answer {
        match self {
            PopTimeoutError::Timeout => Ok(Outcome::Nothing),
            PopTimeoutError::Closed | PopTimeoutError::Dead => Ok(Outcome::Told),
            PopTimeoutError::Failed(fault) => Err(fault.to_string()),
        }
    }
}

macro_rules! actors {
    ($ring:ident) => {
        impl<T: Pod> Sender for Handle<$ring::Producer<T>> {
            fn set_wait(&mut self, wait: Wait) {
                Push::<T>::set_wait(&mut self.0, wait);
            }

            fn act(&mut self, pen: &mut Producing<'_>) -> Answer {
                push(&mut self.0, pen)
            }

            fn push(&mut self, message: &[u8], patience: Patience) -> Answer {
                self.0.push_one(bytemuck::pod_read_unaligned::<T>(message), patience)
            }
        }

        impl<T: Pod> Receiver for Handle<$ring::Consumer<T>> {
            fn set_wait(&mut self, wait: Wait) {
                Pop::<T>::set_wait(&mut self.0, wait);
            }

            fn act(&mut self, pen: &mut Consuming<'_>) -> Answer {
                pop(&mut self.0, pen)
            }

            fn pop(&mut self, message: &mut Vec<u8>, patience: Patience) -> Result<Option<bool>, String> {
                match self.0.pop_one(patience) {
                    Ok(element) => {
                        message.clear();
                        message.extend_from_slice(bytes_of(&element));
                        Ok(Some(self.0.was_again()))
                    }
                    Err(answer) => answer.map(|_| None),
                }
            }
        }
    };
}

actors!(spsc);
actors!(mpmc);

fn push<T: Pod>(tx: &mut impl Push<T>, pen: &mut Producing<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    if pen.random().u32(..3) > 0 {
        let mut element = T::zeroed();
        pen.write(0, bytes_of_mut(&mut element));
        pen.begin(Doing::Pushing, 1, true);
        let pushed = tx.push_one(element, patience)?;
        pen.end(u64::from(pushed == Outcome::Done));
        return Ok(pushed);
    }
    let mut elements = [T::zeroed(); BATCH as usize];
    let len = 1 + pen.random().usize(..BATCH as usize);
    for (index, element) in (0..).zip(&mut elements[..len]) {
        pen.write(index, bytes_of_mut(element));
    }
    pen.begin(Doing::PushingSlice, len as u64, false);
    let (pushed, answer) = tx.push_slice(&elements[..len], patience);
    pen.end(pushed as u64);
    // Some of them are better than none.
    if pushed > 0 { answer.map(|_| Outcome::Done) } else { answer }
}

fn pop<T: Pod, P: Pop<T>>(rx: &mut P, pen: &mut Consuming<'_>) -> Answer {
    let patience = Patience::drawn(pen.random());
    match if pen.guards_only() { 2 } else { pen.random().u32(..3) } {
        0 => {
            pen.begin(Doing::Popping, 1);
            let element = match rx.pop_one(patience) {
                Ok(element) => element,
                Err(answer) => return pen.nothing(answer),
            };
            let whole = pen.list(0, bytes_of(&element), rx.was_again());
            pen.end(1);
            whole.map(|()| Outcome::Done)
        }
        1 => {
            let mut elements = [T::zeroed(); BATCH as usize];
            let most = 1 + pen.random().usize(..BATCH as usize);
            pen.begin(Doing::PoppingSlice, most as u64);
            let popped = match rx.pop_slice(&mut elements[..most], patience) {
                Ok(popped) => popped,
                Err(answer) => return pen.nothing(answer),
            };
            let again = rx.was_again();
            let listed: Result<Vec<()>, String> = (0..)
                .zip(&elements[..popped])
                .map(|(index, element)| pen.list(index, bytes_of(element), again))
                .collect();
            pen.end(popped as u64);
            listed.map(|_| Outcome::Done)
        }
        _ => {
            pen.begin(Doing::Reaching, 1);
            let guard = match rx.pop_guard(patience) {
                Ok(guard) => guard,
                Err(answer) => return pen.nothing(answer),
            };
            let whole = pen.list(0, bytes_of(&*guard), P::is_again(&guard));
            pen.hold(1);
            pen.linger();
            if P::KEEPS && pen.random().u32(..16) == 0 {
                P::keep(guard);
                pen.end(0);
            } else {
                pen.let_go(1);
                drop(guard);
                pen.end(1);
            }
            whole.map(|()| Outcome::Done)
        }
    }
}
