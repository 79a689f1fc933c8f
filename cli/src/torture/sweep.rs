//! The names of segments: whose they are, and what is done with those whose owner has gone.

use std::io::ErrorKind;
use std::path::Path;
use std::process;

use rondel::segment::list;

const PREFIX: &str = "torture-";

/// The name for an episode's segment. An episode removes its own; what is left of one that was killed, together with the tool that would have
/// done it, the next run of the tool removes.
pub(super) fn name(seed: u64) -> String {
    format!("{PREFIX}{}-{seed}", process::id())
}

/// Removes what tools have left that are gone.
pub(super) fn sweep() {
    remove(|owner| owner != process::id() && is_gone(owner));
}

/// Removes what episodes of this tool have left.
pub(super) fn remove_own() {
    remove(|owner| owner == process::id());
}

fn remove(is_owner: impl Fn(u32) -> bool) {
    // Where nothing can be listed nothing was named. Whom the segment serves, in another pid namespace perhaps, keeps it.
    for segment in list().unwrap_or_default() {
        if owner(&segment.name).is_some_and(&is_owner) && !segment.is_in_use() {
            // One that is gone meanwhile was another tool's to remove, too.
            let _ = segment.unlink();
        }
    }
}

fn owner(name: &str) -> Option<u32> {
    let (owner, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    owner.parse().ok()
}

fn is_gone(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rondel::spsc::Ring;

    #[test]
    fn what_the_dead_left_is_removed_and_what_the_living_have_is_not() {
        let mut child = process::Command::new("true").spawn().expect("a child");
        child.wait().expect("ours to reap");
        let dead = format!("{PREFIX}{}-1", child.id());
        let used = format!("{PREFIX}{}-2", child.id());
        let own = name(1);
        let other = format!("tortured-{}", process::id());
        let create =
            |name: &String| Ring::<u64>::builder().capacity(1).unlink_on_drop(true).create(name.as_str()).expect("new");
        let rings = [&dead, &used, &own, &other].map(create);
        let _participant = rings[1].producer().expect("free");
        sweep();
        let exist = rings.each_ref().map(|ring| ring.segment().place().to_path().expect("a path").exists());
        assert_eq!(exist, [false, true, true, true], "dead, in use, of a living tool, of something else");
        remove_own();
        assert!(!rings[2].segment().place().to_path().expect("a path").exists());
    }
}
