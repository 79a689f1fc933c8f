//! Creating, attaching, handing on, detaching, deleting: what there is of a segment besides its ring.
//!
//! After each kill a name holds a whole segment or nothing, whatever the victim was about; what may lie beside it is what the
//! documentation says, and is told from a segment. Whoever has the segment goes on, whether it still has its name or not.
//!
//! Operations that read `/proc` or a directory are longer or shorter from run to run: a victim is led past as many system calls as
//! were made before this instruction in the run that was looked at, and so stands at most some instructions beside it.

mod acts;
mod refusal;
mod site;
mod survivors;
mod users;
pub(super) mod workplace;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use self::acts::Act;
use self::site::Site;
use self::survivors::Left;
use super::clock::now;
use super::page::Page;
use super::scenario::{Played, Scenario};
use super::victim::Victim;
use super::walk::Walk;

/// What there is before the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A whole segment, in use.
    Whole,
    /// A file of no bytes …
    HalfMade,
    /// … or of as many as a segment has, all zero.
    Blank,
}

/// Where the segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Name,
    Path,
    /// Nowhere: a memfd.
    Nowhere,
}

/// Who comes first after the kill. The others follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// Somebody who attaches or, if there is nothing, creates.
    Attacher,
    /// Somebody who creates under the same name.
    Creator,
    /// The same, while the victim still lives and stands still.
    Rival,
    /// Likewise; and then the victim goes on to its end, and is killed there.
    Overtaker,
    /// Somebody who lists what there is, and deletes it.
    Unlinker,
    /// Those who have it.
    Users,
}

/// One operation, from one state, in one company.
struct SegmentScenario {
    name: String,
    act: Act,
    before: Before,
    place: Where,
    first: First,
}

/// What the victim answers when its operation is over: whether a name was given or taken away by it, or a descriptor moved.
type Said = AtomicU64;

impl SegmentScenario {
    fn new(act: Act, before: Before, place: Where, first: First) -> Self {
        let state = match before {
            Before::Nothing => "nothing",
            Before::Whole => "whole",
            Before::HalfMade => "no-bytes",
            Before::Blank => "blank",
        };
        let place_name = match place {
            Where::Name => "name",
            Where::Path => "path",
            Where::Nowhere => "memfd",
        };
        let company = match first {
            First::Attacher => "attacher",
            First::Creator => "creator",
            First::Rival => "rival",
            First::Overtaker => "overtaker",
            First::Unlinker => "unlinker",
            First::Users => "users",
        };
        let name = format!("segments/{}/{state}-{place_name}/{company}", act.name());
        Self { name, act, before, place, first }
    }
}

impl Scenario for SegmentScenario {
    fn name(&self) -> &str {
        &self.name
    }

    fn play(&self, walks: &mut [Walk<'_>]) -> Played {
        let [walk] = walks else { unreachable!("one victim") };
        let site = Site::new(self.place);
        let said = Page::<Said>::new().expect("a page of memory");
        let mut users = users::before(&site, self.act, self.before);
        let victim_life = users.victims();
        let mut victim = Victim::start(|| self.act.live(&site, &victim_life, &said));
        users.join(&site, self.act);
        walk.lead(&mut victim);
        let seen = self.look_at_frozen(&site);
        let mut over = walk.is_over();
        if self.first == First::Overtaker && !over {
            victim.go_to_pause();
            over = true;
        }
        let killed = now();
        let pid = victim.pid();
        victim.kill();
        drop(victim_life);
        let left = Left { pid, over, seen };
        let progress = self.outlive(&site, users, &left);
        if over {
            assert_eq!(progress, said.load(Relaxed), "the operation was over, and had answered");
        }
        let stall = now().saturating_sub(killed);
        site.end();
        Played { progress, stall, kills: 1 }
    }
}

/// Every operation, from every state, in every company that makes sense.
pub(crate) fn scenarios() -> Vec<Box<dyn Scenario>> {
    use Act::{
        Anonymous, Attach, Create, CreateOrAttach, CreateSibling, Detach, DetachUnlinking, FromFd, Inherit, Inherited,
        List, Receive, Send, Unlink, UnlinkListed,
    };
    use Before::{Blank, HalfMade, Nothing, Whole};
    use First::{Attacher, Creator, Overtaker, Rival, Unlinker, Users};
    use Where::{Name, Nowhere, Path};
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    let mut add = |act, before, place, first| all.push(Box::new(SegmentScenario::new(act, before, place, first)));
    for first in [Attacher, Creator, Rival, Overtaker, Unlinker] {
        add(Create, Nothing, Name, first);
        add(CreateOrAttach, Nothing, Name, first);
    }
    add(Create, Nothing, Path, Attacher);
    add(Create, Nothing, Path, Creator);
    add(CreateSibling, Nothing, Path, Attacher);
    add(CreateSibling, Nothing, Path, Creator);
    add(Anonymous, Nothing, Nowhere, Users);
    for place in [Name, Path] {
        add(CreateOrAttach, Whole, place, Users);
        add(Attach, Whole, place, Users);
        add(Detach, Whole, place, Users);
        for act in [DetachUnlinking, Unlink] {
            add(act, Whole, place, Users);
            add(act, Whole, place, Creator);
            add(act, Whole, place, Unlinker);
        }
    }
    for before in [HalfMade, Blank] {
        add(CreateOrAttach, before, Name, Users);
        add(Attach, before, Path, Users);
    }
    for first in [Users, Creator, Unlinker] {
        add(UnlinkListed, Whole, Name, first);
    }
    add(List, Whole, Name, Users);
    for act in [FromFd, Send, Receive, Inherit, Inherited] {
        add(act, Whole, Nowhere, Users);
    }
    all
}
