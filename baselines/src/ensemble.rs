//! Any number of parts, each in a process or a thread of its own, and one that leads them.

use crate::child::{Child, End, Failure, Fork, fork, is_echo, panic_text};
use crate::duet::{FAREWELL, LAST_WORDS};
use crate::pin::{Pinned, pin};
use crate::{Error, Result, Scope, Stop};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What one of many does.
pub(crate) struct Part<'a> {
    /// What it is called in errors.
    pub(crate) name: String,
    /// The core that it runs on, or wherever the scheduler puts it.
    pub(crate) core: Option<usize>,
    /// Called once, in the process or thread of the part; dropped at once in every other process. It must come to an end
    /// when the sign to stop is given, and may come to one before only by failing.
    pub(crate) play: Box<dyn FnOnce() -> Result<()> + Send + 'a>,
}

/// Runs each part in a process or a thread of its own, as `scope` says, and `lead` here, and returns what `lead` returns.
///
/// When `lead` has returned, `stop` is given, and the parts are waited for. Processes are forks of this one, with the
/// same conditions and promises as those of a [`duet`](crate::duet): whatever happens, none is left. Threads cannot be
/// killed; that they end rests on the sign, and on nobody waiting for ever for those who have gone.
///
/// # Errors
///
/// The cause, if there is one among the errors of all, and not its echoes.
pub(crate) fn ensemble<R>(
    scope: Scope,
    core: Option<usize>,
    stop: &Stop,
    parts: Vec<Part<'_>>,
    lead: impl FnOnce(&Watch<'_>) -> Result<R>,
) -> Result<R> {
    match scope {
        Scope::Processes => processes(core, stop, parts, lead),
        Scope::Threads => threads(core, stop, parts, lead),
        Scope::OneThread => Err(Error::one_thread("ensemble")),
    }
}

/// What the leader sees of the parts.
pub(crate) struct Watch<'a> {
    /// The name of each, and what becomes readable when it has ended.
    parts: Vec<(&'a str, BorrowedFd<'a>)>,
}

impl Watch<'_> {
    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// [`Error::Early`] as soon as a part has ended.
    pub(crate) fn pause(&self, length: Duration) -> Result<()> {
        let until = Instant::now() + length;
        let mut wanted: Vec<_> =
            self.parts.iter().map(|(_, ear)| PollFd::from_borrowed_fd(*ear, PollFlags::IN)).collect();
        loop {
            let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))
                .map_err(|error| Error::system("ensemble", "a pause of that length", error))?;
            match poll(&mut wanted, Some(&left)) {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    let ended = self.parts.iter().zip(&wanted).find(|(_, asked)| !asked.revents().is_empty());
                    let part = ended.map_or("a part", |((name, _), _)| name).to_owned();
                    return Err(Box::new(Error::Early { part }));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::system("ensemble", "waiting", error)),
            }
        }
    }
}

/// Gives the sign when it is dropped, so that a leader that panics leaves no thread playing on.
struct StopAtLast<'a>(&'a Stop);

impl Drop for StopAtLast<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

fn threads<R>(
    core: Option<usize>,
    stop: &Stop,
    parts: Vec<Part<'_>>,
    lead: impl FnOnce(&Watch<'_>) -> Result<R>,
) -> Result<R> {
    std::thread::scope(|scope| {
        // Dropped before the scope waits for its threads, on whatever way out.
        let stop = StopAtLast(stop);
        let mut playing = Vec::with_capacity(parts.len());
        for Part { name, core, play } in parts {
            let (ear, playing_on) =
                pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::system("ensemble", "pipe", error))?;
            let body = move || {
                let _playing_on: OwnedFd = playing_on;
                catch_unwind(AssertUnwindSafe(|| pin(core).and_then(|()| play())))
            };
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .spawn_scoped(scope, body)
                .map_err(|error| Error::system("ensemble", "starting a thread", error))?;
            playing.push((name, ear, thread));
        }
        let watch = Watch { parts: playing.iter().map(|(name, ear, _)| (name.as_str(), ear.as_fd())).collect() };
        let result = Pinned::to(core).and_then(|_pinned| lead(&watch));
        drop((watch, stop));
        let ends = playing.into_iter().map(|(name, _, thread)| {
            let failure = match thread.join() {
                Ok(Ok(Ok(()))) => return Ok(()),
                Ok(Ok(Err(error))) => {
                    Failure { echo: is_echo(&error), error: Box::new(Error::FarSide { message: error.to_string() }) }
                }
                // What a panic inside leaves is caught there; nothing can panic outside.
                Ok(Err(panic)) | Err(panic) => {
                    Failure { echo: false, error: Box::new(Error::FarSide { message: panic_text(panic.as_ref()) }) }
                }
            };
            Err(named(failure, &name))
        });
        settle(result, ends.collect())
    })
}

fn processes<R>(
    core: Option<usize>,
    stop: &Stop,
    parts: Vec<Part<'_>>,
    lead: impl FnOnce(&Watch<'_>) -> Result<R>,
) -> Result<R> {
    // Dropped on the way out, they are killed.
    let mut children: Vec<(String, Child)> = Vec::with_capacity(parts.len());
    let mut parts = parts.into_iter();
    while let Some(Part { name, core, play }) = parts.next() {
        match fork("ensemble")? {
            Fork::There(newborn) => {
                drop((parts, lead));
                children.into_iter().for_each(|(_, elder)| elder.disown());
                newborn.live(move || pin(core).and_then(|()| play()))
            }
            Fork::Here(child) => {
                drop(play);
                children.push((name, child));
            }
        }
    }
    let watch =
        Watch { parts: children.iter().filter_map(|(name, child)| Some((name.as_str(), child.ear()?))).collect() };
    let result = Pinned::to(core).and_then(|_pinned| lead(&watch));
    drop(watch);
    stop.request();
    let lost = result.is_err();
    let until = Instant::now() + if lost { LAST_WORDS } else { FAREWELL };
    let ends = children.into_iter().map(|(name, child)| {
        child.join(until.saturating_duration_since(Instant::now()), lost).map_err(|failure| named(failure, &name))
    });
    settle(result, ends.collect())
}

/// Puts the name of a part to what it has said.
fn named(mut failure: Failure, name: &str) -> Failure {
    if let Error::FarSide { message } = &mut *failure.error {
        *message = format!("{name}: {message}");
    }
    failure
}

/// Decides whose error is told: a cause before an echo, the leader's before a part's, but of echoes a part's, which says
/// more than that a part has ended.
fn settle<R>(leader: Result<R>, parts: Vec<End>) -> Result<R> {
    let mut failures: Vec<Failure> = parts.into_iter().filter_map(End::err).collect();
    // Stable: among equals, the order of the parts.
    failures.sort_by_key(|failure| failure.echo);
    match (leader, failures.into_iter().next()) {
        (result, None) => result,
        (Err(leader), Some(_)) if !is_echo(&leader) => Err(leader),
        (_, Some(part)) => Err(part.error),
    }
}
