//! Whether a peer has gone while we were there, or was gone before.

use rondel::Peer;

/// What was seen of the other side.
///
/// A ring keeps the record of who was there last. Whoever comes to a ring that a dead process has left waits for a
/// successor; whoever sees its own peer die has to say so.
pub(super) struct Watch {
    first: Peer,
    seen: bool,
}

impl Watch {
    /// Begins with what is known at the start.
    pub(super) fn new(first: Peer) -> Watch {
        Watch { first, seen: matches!(first, Peer::Attached { .. }) }
    }

    /// The process that has died on our watch, if it has, given what is known now.
    pub(super) fn dead(&mut self, now: Peer) -> Option<u32> {
        match now {
            Peer::Attached { .. } => self.seen = true,
            // Another than at the start came and went between two looks.
            Peer::Dead { pid } if self.seen || now != self.first => return Some(pid),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Peer::{Attached, Closed, Dead, NotAttached};

    fn dead(first: Peer, later: &[Peer]) -> Option<u32> {
        let mut watch = Watch::new(first);
        later.iter().find_map(|now| watch.dead(*now))
    }

    #[test]
    fn who_was_dead_before_is_not_mourned() {
        assert_eq!(dead(Dead { pid: 7 }, &[Dead { pid: 7 }, Dead { pid: 7 }]), None);
        assert_eq!(dead(NotAttached, &[NotAttached, Attached { pid: 7 }, Closed, NotAttached]), None);
    }

    #[test]
    fn who_was_there_and_died_is() {
        assert_eq!(dead(Attached { pid: 7 }, &[Dead { pid: 7 }]), Some(7));
        assert_eq!(dead(NotAttached, &[Attached { pid: 8 }, Dead { pid: 8 }]), Some(8));
        // The same process under the same number as the corpse at the start: it was seen alive.
        assert_eq!(dead(Dead { pid: 7 }, &[Attached { pid: 7 }, Dead { pid: 7 }]), Some(7));
    }

    #[test]
    fn so_is_who_came_and_died_between_two_looks() {
        assert_eq!(dead(NotAttached, &[Dead { pid: 7 }]), Some(7));
        assert_eq!(dead(Closed, &[Dead { pid: 7 }]), Some(7));
        assert_eq!(dead(Dead { pid: 7 }, &[Dead { pid: 8 }]), Some(8));
    }
}
