//! Those who have the segment: they go on, whatever becomes of its name and of whom it was handed to.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;

use rondel::SegmentError;
use rondel::segment::handoff;
use rondel::spsc::{Consumer, Peer, Producer};

use super::acts::{Act, INHERITED};
use super::site::{CAPACITY, Ring, Site};
use super::{Before, Where};

/// A segment, its handles, and who else is to get it.
pub(super) struct Users {
    ring: Option<Ring>,
    tx: Option<Producer<u64>>,
    rx: Option<Consumer<u64>>,
    /// The next element to be pushed, and to be popped.
    pushed: u64,
    popped: u64,
    /// Whose ends the victim has.
    sockets: Option<(UnixStream, UnixStream)>,
    act: Act,
}

/// What the victim is given.
pub(super) struct Victims {
    ring: Option<Ring>,
    socket: Option<UnixStream>,
    passed: Option<OwnedFd>,
}

/// Bytes of a segment of this size, or about: a file without a header.
const BLANK_BYTES: u64 = 8192;
/// Elements that are in the ring when the victim begins.
const WAITING: u64 = 3;

/// What there is before the victim is.
pub(super) fn before(site: &Site, act: Act, before: Before) -> Users {
    let mut users = Users { ring: None, tx: None, rx: None, pushed: 0, popped: 0, sockets: None, act };
    match before {
        Before::Nothing => {}
        Before::HalfMade | Before::Blank => {
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(site.path()).expect("a file");
            file.set_len(if before == Before::Blank { BLANK_BYTES } else { 0 }).expect("room");
        }
        // Made by the victim.
        Before::Whole if act == Act::DetachUnlinking => {}
        Before::Whole => {
            let ring = site.create().expect("nothing was there");
            users.rx = Some(ring.consumer().expect("the role is free"));
            if act != Act::Detach {
                let mut tx = ring.producer().expect("the role is free");
                (0..WAITING).for_each(|number| tx.try_push(number).expect("there is room"));
                users.pushed = WAITING;
                users.tx = Some(tx);
            }
            users.ring = Some(ring);
        }
    }
    if matches!(act, Act::Send | Act::Receive) {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        if act == Act::Receive {
            handoff::send(&ours, users.ring().as_fd()).expect("sent");
        }
        users.sockets = Some((ours, theirs));
    }
    users
}

impl Users {
    /// What the victim is to have, too.
    pub(super) fn victims(&mut self) -> Victims {
        let (socket, kept) = match (self.act, self.sockets.take()) {
            // The sender's end is the victim's alone.
            (Act::Send, Some((ours, theirs))) => {
                (Some(ours), Some((theirs.try_clone().expect("a descriptor"), theirs)))
            }
            (_, Some((ours, theirs))) => (Some(theirs.try_clone().expect("a descriptor")), Some((ours, theirs))),
            (_, None) => (None, None),
        };
        self.sockets = kept;
        let passed = (self.act == Act::Inherited).then(|| inheritable(self.ring()));
        Victims { ring: self.ring.clone(), socket, passed }
    }

    /// Who comes when the victim is there.
    pub(super) fn join(&mut self, site: &Site, act: Act) {
        if act == Act::DetachUnlinking {
            let ring = site.attach().expect("the victim has made it");
            self.rx = Some(ring.consumer().expect("the role is free"));
            self.ring = Some(ring);
        }
        if matches!(act, Act::Detach | Act::DetachUnlinking) {
            // The victim has pushed one.
            self.pushed = 1;
        }
    }

    fn ring(&self) -> &Ring {
        self.ring.as_ref().expect("a segment")
    }

    /// Whether this is their segment.
    pub(super) fn have(&self, other: &Ring) -> bool {
        self.ring.as_ref().is_some_and(|own| identity(own.as_fd()) == identity(other.as_fd()))
    }

    /// The victim is dead: they go on, and whoever gets the segment from them can go on in their place.
    pub(super) fn go_on(&mut self, site: &Site, over: bool) {
        let Some(ring) = self.ring.clone() else { return };
        let rx = self.rx.as_mut().expect("a consumer");
        while self.popped < self.pushed {
            assert_eq!(rx.try_pop(), Ok(self.popped), "what was pushed");
            self.popped += 1;
        }
        if self.tx.is_none() {
            match rx.peer().expect("intact") {
                Peer::Closed => {}
                Peer::Dead { .. } if !over => {}
                other => panic!("the victim is {other:?}"),
            }
            self.tx = Some(ring.producer().expect("the victim's role is free"));
        }
        self.pass_on();
        let again = match site.place {
            Where::Nowhere => site.builder().from_fd(ring.try_clone_fd().expect("a descriptor")).expect("the same"),
            Where::Name | Where::Path => ring,
        };
        match again.producer() {
            Err(SegmentError::RoleTaken { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("a second producer: {:?}", other.map(drop)),
        }
        self.tx = None;
        self.tx = Some(again.producer().expect("the role is free again"));
        self.pass_on();
    }

    /// Fills the ring and drains it, for some laps.
    fn pass_on(&mut self) {
        let (Some(tx), Some(rx)) = (&mut self.tx, &mut self.rx) else { unreachable!("both roles are theirs") };
        pass(tx, rx, &mut self.pushed);
        self.popped = self.pushed;
    }

    /// How many descriptors come out at the other end. Each is the segment's.
    pub(super) fn receive_all(&mut self, site: &Site) -> u64 {
        let Some((_, theirs)) = &self.sockets else { return 0 };
        theirs.set_nonblocking(true).expect("a socket");
        let mut received = 0;
        while let Ok(fd) = handoff::receive(theirs) {
            let ring = site.builder().from_fd(fd).expect("a whole segment");
            assert!(self.have(&ring), "another segment");
            received += 1;
        }
        received
    }

    /// Sends the segment once more.
    pub(super) fn send(&self) {
        let Some((ours, _)) = &self.sockets else { unreachable!("there are sockets") };
        handoff::send(ours, self.ring().as_fd()).expect("sent");
    }
}

impl Victims {
    pub(super) fn ring(&self) -> &Ring {
        self.ring.as_ref().expect("the victim has been given it")
    }

    pub(super) fn socket(&self) -> &UnixStream {
        self.socket.as_ref().expect("the victim has been given it")
    }

    /// Makes this process one that has been started with a segment.
    pub(super) fn put_into_environment(&self) {
        let fd = self.passed.as_ref().expect("the victim has been given it");
        let (device, inode) = identity(fd);
        let value = format!("{}:{device}:{inode}", fd.as_raw_fd());
        // SAFETY: this process has one thread, so that nobody reads the environment meanwhile.
        unsafe { std::env::set_var(format!("RONDEL_FD_{INHERITED}"), value) };
    }
}

/// A descriptor that is not closed on exec, as an inherited one.
fn inheritable(ring: &Ring) -> OwnedFd {
    let fd = ring.try_clone_fd().expect("a descriptor");
    // SAFETY: takes integers; the descriptor is open.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    fd
}

/// Which file it is.
pub(super) fn identity(fd: impl AsFd) -> (u64, u64) {
    let file = File::from(fd.as_fd().try_clone_to_owned().expect("a descriptor"));
    let data = file.metadata().expect("a file");
    (data.dev(), data.ino())
}

/// How many laps are gone through.
const LAPS: u64 = 3;

fn pass(tx: &mut Producer<u64>, rx: &mut Consumer<u64>, next: &mut u64) {
    for _ in 0..LAPS {
        let first = *next;
        (first..first + CAPACITY).for_each(|number| tx.try_push(number).expect("a capacity always fits"));
        (first..first + CAPACITY).for_each(|number| assert_eq!(rx.try_pop(), Ok(number)));
        *next += CAPACITY;
    }
}

/// A segment that nobody else has is whole: it takes all that it is made for.
pub(super) fn is_whole(ring: &Ring) {
    let mut tx = ring.producer().expect("the role is free");
    let mut rx = ring.consumer().expect("the role is free");
    pass(&mut tx, &mut rx, &mut 0);
}
