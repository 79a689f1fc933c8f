//! What survivors find, and can do, behind a kill.

use std::fs;

use rondel::SegmentError;

use super::acts::Act;
use super::site::{Ring, Site};
use super::users::{Users, identity, is_whole};
use super::{Before, First, SegmentScenario, Where};

/// What there was when the victim died.
pub(super) struct Left {
    pub(super) pid: libc::pid_t,
    /// The operation was over.
    pub(super) over: bool,
    pub(super) seen: Seen,
}

/// What somebody saw, or did, while the victim stood still and lived.
pub(super) enum Seen {
    NotLooked,
    /// Whether there was a segment.
    Segment(bool),
    /// It has created under the same name, or was told that the victim had.
    Rival(Result<Ring, SegmentError>),
}

impl SegmentScenario {
    /// Nobody has to wait for the victim, dead or alive.
    pub(super) fn look_at_frozen(&self, site: &Site) -> Seen {
        match self.first {
            First::Attacher => Seen::Segment(site.find().is_some()),
            First::Rival | First::Overtaker => Seen::Rival(site.create()),
            _ => Seen::NotLooked,
        }
    }

    /// Everything that has to hold. Whether the operation has taken place.
    pub(super) fn outlive(&self, site: &Site, users: Users, left: &Left) -> u64 {
        let progress = match (self.before, self.act) {
            (_, Act::Anonymous) => {
                is_whole(&site.create().expect("as if nothing had been"));
                false
            }
            (Before::Nothing, _) => self.outlive_creator(site, left),
            (Before::HalfMade | Before::Blank, _) => {
                self.find_file_as_it_was(site);
                false
            }
            (Before::Whole, act) if act.unlinks() => self.outlive_unlinker(site, users, left),
            (Before::Whole, _) => self.outlive_other(site, users, left),
        };
        self.delete_leftovers(site, left, progress);
        progress.into()
    }

    /// What lies beside the name is what may, and can be deleted.
    fn delete_leftovers(&self, site: &Site, left: &Left, progress: bool) {
        let leftovers = site.leftovers(left.pid);
        let purpose = match self.act {
            Act::CreateSibling => "new",
            // What is moved aside has no other name.
            act if act.unlinks() && progress => "old",
            _ => "",
        };
        let most = usize::from(!left.over && !purpose.is_empty());
        assert!(leftovers.len() <= most, "left beside the name: {leftovers:?}");
        for leftover in leftovers {
            assert!(leftover.is_of(purpose, left.pid), "{leftover:?}");
            leftover.delete();
        }
        assert!(site.leftovers(left.pid).is_empty());
    }

    /// The victim was to make the segment. Whether it has.
    fn outlive_creator(&self, site: &Site, left: &Left) -> bool {
        let (ring, made) = match (self.first, &left.seen) {
            (_, Seen::Rival(Ok(rival))) => {
                is_whole(rival);
                let found = site.find().expect("the rival's");
                assert_eq!(identity(&found), identity(rival), "the victim has taken the rival's name");
                (found, false)
            }
            (_, Seen::Rival(Err(error))) => {
                assert!(matches!(error, SegmentError::AlreadyExists { .. }), "{error:?}");
                (site.find().expect("the victim's"), true)
            }
            (First::Attacher, Seen::Segment(seen)) => {
                let ring = site.builder().create_or_attach(site.place()).expect("one or the other");
                let made = !ring.segment().is_creator();
                assert_eq!(made, *seen, "what there is does not change by a kill");
                (ring, made)
            }
            (First::Creator, _) => match site.create() {
                Ok(ring) => (ring, false),
                Err(SegmentError::AlreadyExists { .. }) => (site.find().expect("who exists is whole"), true),
                Err(error) => panic!("{error:?}"),
            },
            (First::Unlinker, _) => {
                let made = delete_listed(site);
                assert!(site.find().is_none(), "it was deleted, or never there");
                (site.create().expect("nothing is there"), made)
            }
            _ => unreachable!("nobody uses what is not there"),
        };
        is_whole(&ring);
        if site.place == Where::Name {
            let listed = site.listed().expect("it has a name");
            let detail = listed.detail.as_ref().expect("it is whole");
            assert_eq!((detail.schema, listed.is_in_use()), (ring.segment().schema(), false));
        }
        ring.unlink().expect("it has a name");
        make_and_delete(site);
        made
    }

    /// The victim was to take the name away. Whether it has.
    fn outlive_unlinker(&self, site: &Site, mut users: Users, left: &Left) -> bool {
        if self.first == First::Users {
            users.go_on(site, left.over);
        }
        let gone = match self.first {
            First::Users => match site.find() {
                Some(ring) => {
                    assert!(users.have(&ring), "another segment");
                    ring.unlink().expect("nobody else is at it");
                    false
                }
                None => true,
            },
            First::Creator => match site.create() {
                Ok(ring) => {
                    assert!(!users.have(&ring), "a new one has nothing to do with the old one");
                    is_whole(&ring);
                    ring.unlink().expect("it has a name");
                    true
                }
                Err(SegmentError::AlreadyExists { .. }) => {
                    site.find().expect("who exists is whole").unlink().expect("nobody else is at it");
                    false
                }
                Err(error) => panic!("{error:?}"),
            },
            First::Unlinker if site.place == Where::Name => !delete_listed(site),
            _ => match site.find() {
                Some(ring) => {
                    ring.unlink().expect("nobody else is at it");
                    false
                }
                None => true,
            },
        };
        assert!(site.find().is_none());
        make_and_delete(site);
        if self.first != First::Users {
            users.go_on(site, left.over);
        }
        gone
    }

    /// The victim had to do with the segment, but was not to change anything. Whether a descriptor has moved.
    fn outlive_other(&self, site: &Site, mut users: Users, left: &Left) -> bool {
        users.go_on(site, left.over);
        let moved = match self.act {
            Act::Send => users.receive_all(site) == 1,
            Act::Receive => {
                users.send();
                let received = users.receive_all(site);
                assert!((1..=2).contains(&received), "{received} of 2 descriptors arrive");
                received == 1
            }
            _ => false,
        };
        if site.place == Where::Nowhere {
            return moved;
        }
        let ring = site.find().expect("its name is as it was");
        assert!(users.have(&ring), "another segment");
        match site.create() {
            Err(SegmentError::AlreadyExists { .. }) => {}
            other => panic!("created over it: {other:?}"),
        }
        users.go_on(site, left.over);
        ring.unlink().expect("it has a name");
        make_and_delete(site);
        moved
    }

    /// A file that is no segment stays as it is, and everybody is told so.
    fn find_file_as_it_was(&self, site: &Site) {
        let is_told = |error: &SegmentError| match self.before {
            Before::Blank => matches!(error, SegmentError::NotInitialised),
            _ => matches!(error, SegmentError::TooShort { .. } | SegmentError::NotInitialised),
        };
        let attached = site.attach().map(drop).expect_err("it is no segment");
        assert!(is_told(&attached), "{attached:?}");
        match site.create() {
            Err(SegmentError::AlreadyExists { .. }) => {}
            other => panic!("created over it: {other:?}"),
        }
        let bytes = fs::read(site.path()).expect("the file");
        assert!(bytes.iter().all(|byte| *byte == 0), "somebody wrote to it");
        assert_eq!(bytes.is_empty(), self.before == Before::HalfMade);
        if site.place == Where::Name {
            let listed = site.listed().expect("a listing shows it");
            assert!(listed.detail.as_ref().is_err_and(is_told), "{:?}", listed.detail);
            listed.unlink().expect("it can be deleted");
        } else {
            fs::remove_file(site.path()).expect("it can be deleted");
        }
        make_and_delete(site);
    }
}

/// Deletes what a listing shows under the name; whether there was something.
fn delete_listed(site: &Site) -> bool {
    let Some(listed) = site.listed() else { return false };
    assert!(listed.detail.is_ok(), "a listing shows {:?}", listed.detail);
    listed.unlink().expect("nobody else is at it");
    true
}

/// The name can be used again.
fn make_and_delete(site: &Site) {
    let ring = site.create().expect("the name is free");
    is_whole(&ring);
    ring.unlink().expect("it has a name");
    assert!(site.find().is_none());
}
