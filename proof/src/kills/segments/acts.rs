//! What the victim does to a segment.

use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use rondel::SegmentError;
use rondel::segment::{handoff, list};

use super::Said;
use super::refusal::refuse_nameless_files;
use super::site::{Ring, Site};
use super::users::Victims;
use crate::kills::victim::pause;

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    /// On a file system without nameless files.
    CreateSibling,
    CreateOrAttach,
    Anonymous,
    Attach,
    FromFd,
    /// Over a socket.
    Send,
    Receive,
    /// Across exec: what the parent does before it …
    Inherit,
    /// … and the child behind it.
    Inherited,
    /// Drops a handle and the ring.
    Detach,
    /// The same, of a segment that is then to lose its name.
    DetachUnlinking,
    Unlink,
    List,
    /// Deletes what a listing has found.
    UnlinkListed,
}

/// Under this name a descriptor is handed on across exec.
pub(super) const INHERITED: &str = "proof";

impl Act {
    pub(super) fn name(self) -> &'static str {
        match self {
            Act::Create => "create",
            Act::CreateSibling => "create-without-nameless-files",
            Act::CreateOrAttach => "create-or-attach",
            Act::Anonymous => "anonymous",
            Act::Attach => "attach",
            Act::FromFd => "from-fd",
            Act::Send => "send",
            Act::Receive => "receive",
            Act::Inherit => "inherit",
            Act::Inherited => "inherited",
            Act::Detach => "detach",
            Act::DetachUnlinking => "detach-and-unlink",
            Act::Unlink => "unlink",
            Act::List => "list",
            Act::UnlinkListed => "unlink-listed",
        }
    }

    pub(super) fn unlinks(self) -> bool {
        matches!(self, Act::Unlink | Act::UnlinkListed | Act::DetachUnlinking)
    }

    /// The victim's life: what it needs, a pause, the operation, and its answer.
    pub(super) fn live(self, site: &Site, with: &Victims, said: &Said) {
        let builder = site.builder();
        // Relaxed: read by the parent, which has seen this process stop.
        let say = |done: bool| said.store(done.into(), Relaxed);
        match self {
            Act::Create | Act::CreateSibling => {
                if self == Act::CreateSibling {
                    refuse_nameless_files();
                }
                pause();
                let ring = builder.create(site.place());
                say(ring.is_ok());
                stay(ring);
            }
            Act::CreateOrAttach => {
                pause();
                let ring = builder.create_or_attach(site.place());
                say(matches!(&ring, Ok(ring) if ring.segment().is_creator()));
                stay(ring);
            }
            Act::Anonymous => {
                pause();
                stay(builder.anonymous());
            }
            Act::Attach => {
                pause();
                stay(builder.attach(site.place()));
            }
            Act::FromFd => {
                let fd = with.ring().try_clone_fd().expect("a descriptor");
                pause();
                stay(builder.from_fd(fd));
            }
            Act::Send => {
                pause();
                say(handoff::send(with.socket(), with.ring().as_fd()).is_ok());
                pause();
            }
            Act::Receive => {
                pause();
                let fd = handoff::receive(with.socket());
                say(fd.is_ok());
                stay(fd);
            }
            Act::Inherit => {
                pause();
                let mut command = Command::new("/bin/true");
                let result = handoff::inherit(&mut command, INHERITED, with.ring().as_fd());
                stay((result, command));
            }
            Act::Inherited => {
                with.put_into_environment();
                pause();
                stay(handoff::inherited(INHERITED).and_then(|fd| builder.from_fd(fd)));
            }
            Act::Detach => {
                let ring = builder.attach(site.place()).expect("it is there");
                detach(ring);
                pause();
            }
            Act::DetachUnlinking => {
                let ring = builder.unlink_on_drop(true).create(site.place()).expect("nothing is there");
                detach(ring);
                say(true);
                pause();
            }
            Act::Unlink => {
                pause();
                say(with.ring().unlink().is_ok());
                pause();
            }
            Act::List => {
                pause();
                stay(list());
            }
            Act::UnlinkListed => {
                pause();
                say(unlink_listed(site).is_ok());
                pause();
            }
        }
    }
}

/// The operation is over; what came of it is dropped by nobody.
fn stay<T>(result: T) {
    pause();
    std::mem::forget(result);
}

/// Stepped: the end of a producer that has pushed a message, and of its ring.
fn detach(ring: Ring) {
    let mut tx = ring.producer().expect("the producer's role is free");
    tx.try_push(0).expect("there is room");
    pause();
    drop(tx);
    drop(ring);
}

fn unlink_listed(site: &Site) -> Result<(), SegmentError> {
    let found = list()?.into_iter().find(|info| info.path == *site.path());
    found.map_or(Ok(()), |info| info.unlink())
}
