//! Two sides of a conversation, each in a process or a thread of its own.

use crate::child::{Failure, Fork, fork, is_echo, panic_text};
use crate::pin::{Cores, Pinned, pin};
use crate::{Error, Result, Scope};
use std::time::Duration;

/// How long the near side waits, when it has finished, for the far side to finish too: longer than any wait of the far
/// side's own.
pub(crate) const FAREWELL: Duration = Duration::from_secs(10);

/// The same when the near side has failed, and only wants to know whether the far side has the cause to tell: a far side
/// that failed first has told it by now.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

type Far<'a> = dyn FnOnce() -> Result<()> + Send + 'a;
type Near<'a, R> = dyn FnOnce() -> Result<R> + 'a;

/// Runs `far` in another process or thread, as `scope` says, and `near` here, and returns what `near` returns.
///
/// Each side runs on its core; the caller's thread may afterwards run where it could before. Each closure is dropped at
/// once in the process in which it does not run, and with it the end that is of no use there.
///
/// The other process is a fork of this one. It is always gone when this function returns, whatever happened; it is
/// killed when the calling thread ends first, even by SIGKILL. To fork is sound only while no other thread of
/// this process holds a lock that the child needs, so programs call this function while they have one thread. (The
/// allocator's locks are safe: the C library looks after them.)
///
/// # Errors
///
/// Where both sides fail, the far side's error ([`Error::FarSide`], [`Error::FarSideKilled`]) if the near side's is merely
/// that its peer has gone or fallen silent, else the near side's; [`Error::Pin`] when a core is not allowed;
/// [`Error::System`] when there can be no other process; [`Error::Stalled`] when the far side does not come to an end.
pub fn duet<R, F, N>(scope: Scope, cores: Cores, far: F, near: N) -> Result<R>
where
    F: FnOnce() -> Result<()> + Send,
    N: FnOnce() -> Result<R>,
{
    match scope {
        Scope::Processes => processes(cores, Box::new(far), Box::new(near)),
        Scope::Threads => threads(cores, Box::new(far), Box::new(near)),
        Scope::OneThread => Err(Error::one_thread("duet")),
    }
}

// Each side is called once, so it is called through a table: what is below need not be compiled for every conversation.

fn threads<R>(cores: Cores, far: Box<Far<'_>>, near: Box<Near<'_, R>>) -> Result<R> {
    std::thread::scope(|scope| {
        let far = std::thread::Builder::new()
            .name("far side".to_owned())
            .spawn_scoped(scope, move || pin(cores.far()).and_then(|()| far()))
            .map_err(|error| Error::system("duet", "starting a thread", error))?;
        let result = Pinned::to(cores.near()).and_then(|_pinned| near());
        let far = match far.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Box::new(Error::FarSide { message: error.to_string() })),
            Err(panic) => Err(Box::new(Error::FarSide { message: panic_text(panic.as_ref()) })),
        };
        settle(result, far)
    })
}

fn processes<R>(cores: Cores, far: Box<Far<'_>>, near: Box<Near<'_, R>>) -> Result<R> {
    match fork("duet")? {
        Fork::There(newborn) => {
            drop(near);
            newborn.live(move || pin(cores.far()).and_then(|()| far()))
        }
        Fork::Here(child) => {
            drop(far);
            let result = Pinned::to(cores.near()).and_then(|_pinned| near());
            let lost = result.is_err();
            let far = child.join(if lost { LAST_WORDS } else { FAREWELL }, lost);
            settle(result, far.map_err(|Failure { error, .. }| error))
        }
    }
}

/// Decides whose error is told when both sides have one: the cause, not its echo.
fn settle<R>(near: Result<R>, far: Result<()>) -> Result<R> {
    match (near, far) {
        (Ok(result), Ok(())) => Ok(result),
        (Ok(_), Err(far)) => Err(far),
        (Err(near), Err(far)) if is_echo(&near) => Err(far),
        (Err(near), _) => Err(near),
    }
}
