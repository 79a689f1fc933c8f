//! Who holds a role: what its record says, and what the kernel says, put together for people.

use std::sync::atomic::Ordering;

use super::kind::Roles;
use super::role::{RoleRecord, recorded_pid};
use crate::protocol::role::{Phase, decode};

/// A role of a ring.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RoleInfo {
    /// The role's name: `producer`, or `producer 7` for a participant in a table.
    pub name: String,
    /// What the role's record says.
    pub state: RoleState,
    /// The process that has recorded itself as the holder, by its number in its own pid namespace; only where `state` is
    /// `Attached`. Stale if `alive` is `false`.
    pub pid: Option<u32>,
    /// Whether anybody holds the role. This is the kernel's word, not the record's.
    pub alive: bool,
}

/// What a role's record says. Together with [`RoleInfo::alive`]: `Attached` and not alive means
/// that the holder was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleState {
    /// Nobody has held the role.
    NeverAttached,
    /// Somebody has taken the role and has not given it back.
    Attached,
    /// The last holder has given the role back.
    Closed,
    /// The record holds a number that means nothing.
    Unknown(u64),
}

/// The words of a role's record that say who holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    state: u64,
    pid: u64,
    side: u64,
}

impl Words {
    /// Bytes from the start of a record that hold them.
    pub(super) const BYTES: usize = 32;

    /// Takes them from the mapping.
    pub(super) fn load(record: &RoleRecord) -> Self {
        // Acquire: pairs with the holder's Release of the state, which follows the stores of the
        // others.
        let state = record.state.load(Ordering::Acquire);
        Self { state, pid: record.pid.load(Ordering::Relaxed), side: record.side.load(Ordering::Relaxed) }
    }

    /// Takes them from the file.
    pub(super) fn from_bytes(record: [u8; Self::BYTES]) -> Self {
        let [state, pid, _start_time, side]: [u64; 4] = bytemuck::cast(record);
        Self { state, pid, side }
    }
}

/// How often a record is read again that changes meanwhile.
const ROUNDS: u32 = 4;

/// Puts together what a record says and whether its lock is held.
///
/// The two cannot be had in one instant. A holder that gives its role back between the two looks
/// would seem to have been killed, so the record is read again after the question: the state counts
/// attachments, and if it is the same, nobody has given the role back or taken it meanwhile.
pub(super) fn look<E>(
    roles: Roles,
    role: usize,
    read: impl Fn() -> Result<Words, E>,
    is_held: impl Fn() -> Result<bool, E>,
) -> Result<RoleInfo, E> {
    let mut words = read()?;
    let mut alive = is_held()?;
    for _ in 0..ROUNDS {
        let now = read()?;
        if now.state == words.state {
            break;
        }
        words = now;
        alive = is_held()?;
    }
    let state = match decode(words.state) {
        Phase::Never => RoleState::NeverAttached,
        Phase::Attached => RoleState::Attached,
        Phase::Closed => RoleState::Closed,
        Phase::Invalid(word) => RoleState::Unknown(word),
    };
    // The lock without the record is somebody who is just about to attach; the side is that of the
    // one before.
    let side = if alive && state != RoleState::Attached { 0 } else { words.side };
    Ok(RoleInfo { name: name(roles, role, side), state, pid: recorded_pid(words.state, words.pid), alive })
}

fn name(roles: Roles, role: usize, side: u64) -> String {
    match (roles, side) {
        (Roles::Fixed(_), _) => roles.name(role).map_or_else(|| format!("role {role}"), str::to_owned),
        (Roles::Table { .. }, RoleRecord::PRODUCER) => format!("producer {role}"),
        (Roles::Table { .. }, RoleRecord::CONSUMER) => format!("consumer {role}"),
        (Roles::Table { .. }, _) => format!("participant {role}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const PRODUCER: u64 = RoleRecord::PRODUCER;
    const CONSUMER: u64 = RoleRecord::CONSUMER;
    const ROLES: Roles = Roles::Table { default: 8, most: 8 };
    const ATTACHED: u64 = 1 << 8 | 1;
    const CLOSED: u64 = 1 << 8 | 2;
    const ATTACHED_AGAIN: u64 = 2 << 8 | 1;

    /// What `look` makes of a role that shows these states, one after the other, and of which the
    /// kernel gives these answers; the last of each from then on.
    fn seen(states: &[u64], held: &[bool]) -> RoleInfo {
        fn next<A: Copy>(answers: &[A], asked: &Cell<usize>) -> A {
            let answer = answers.get(asked.get()).or(answers.last()).copied().expect("an answer");
            asked.set(asked.get() + 1);
            answer
        }
        let (reads, questions) = (Cell::new(0), Cell::new(0));
        let read = || Ok::<_, Infallible>(Words { state: next(states, &reads), pid: 4711, side: CONSUMER });
        let Ok(info) = look(ROLES, 3, read, || Ok(next(held, &questions)));
        info
    }

    #[test]
    fn a_role_given_back_between_the_looks_was_not_killed() {
        let info = seen(&[ATTACHED, CLOSED], &[false]);
        assert_eq!((info.state, info.pid, info.alive), (RoleState::Closed, None, false));
        let info = seen(&[ATTACHED, ATTACHED], &[false]);
        assert_eq!((info.state, info.pid, info.alive), (RoleState::Attached, Some(4711), false));
    }

    #[test]
    fn a_role_taken_between_the_looks_is_alive() {
        let info = seen(&[CLOSED, ATTACHED_AGAIN], &[false, true]);
        assert_eq!((info.state, info.pid, info.alive), (RoleState::Attached, Some(4711), true));
    }

    /// A hostile process can change the state without end.
    #[test]
    fn a_record_that_keeps_changing_is_not_read_for_ever() {
        let reads = Cell::new(0_u64);
        let read = || {
            reads.set(reads.get() + 1);
            Ok::<_, Infallible>(Words { state: reads.get() << 8 | 1, pid: 1, side: PRODUCER })
        };
        let Ok(info) = look(ROLES, 3, read, || Ok(false));
        assert_eq!((info.state, reads.get()), (RoleState::Attached, 1 + u64::from(ROUNDS)));
    }

    #[test]
    fn a_participant_is_named_by_its_side_where_that_is_its_own() {
        assert_eq!(seen(&[ATTACHED], &[true]).name, "consumer 3");
        assert_eq!(seen(&[ATTACHED], &[false]).name, "consumer 3");
        assert_eq!(seen(&[CLOSED], &[false]).name, "consumer 3");
        assert_eq!(seen(&[CLOSED], &[true]).name, "participant 3", "somebody else holds it by now");
        assert_eq!(name(ROLES, 7, PRODUCER), "producer 7");
        assert_eq!(name(ROLES, 7, 99), "participant 7");
        let fixed = Roles::Fixed(&["producer", "consumer"]);
        assert_eq!(
            (name(fixed, 0, 2), name(fixed, 1, 1), name(fixed, 2, 1)),
            ("producer".into(), "consumer".into(), "role 2".into())
        );
    }
}
