//! Other users: what they may not do is a typed error, and what they may works between users as it does within one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rondel::spsc::Ring;

use crate::agent::{Agent, NEVER};
use crate::apart::pass_over;
use crate::rings::{Answer, Kind};
use crate::scratch::{Directory, Message, message, ring_path};

const NOBODY: u32 = 65534;

/// Whether this process can become another user: root, and not one that is alone in its namespace.
fn can_become_another() -> bool {
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        pass_over("other users", "not root");
        return false;
    }
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let holds = |line: &str| {
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        first.zip(count).is_some_and(|(first, count)| (first..first + count).contains(&u64::from(NOBODY)))
    };
    if !map.lines().any(holds) {
        pass_over("other users", "there are none in this user namespace");
        return false;
    }
    true
}

/// An agent of another user, in a directory that may be entered.
fn nobody(directory: &Directory) -> Agent {
    let mut agent = Agent::start(Kind::Spsc, directory.path());
    agent.does(&format!("become {NOBODY}"));
    agent
}

#[test]
fn what_is_one_users_is_refused_to_others() {
    if !can_become_another() {
        return;
    }
    let directory = Directory::new("users-refused");
    let path = ring_path(directory.path());
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("ours");
    let ring = Kind::Spsc.create(&path).expect("a ring");
    let mut agent = nobody(&directory);
    let denied = |answer: &str| answer.contains("PermissionDenied") && answer.contains(path.to_str().expect("text"));
    for what in ["attach", "create-or-attach"] {
        let answer = agent.ask(what);
        assert!(answer.starts_with("Io { op: \"open\"") && denied(&answer), "{answer}");
    }
    agent.fails("create", "AlreadyExists");
    ring.unlink().expect("ours");
    // A directory in which others may not make files.
    let answer = agent.ask("create");
    assert!(answer.starts_with("Io { op: \"create a file for\"") && denied(&answer), "{answer}");
    // One that they may not even enter.
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).expect("ours");
    let answer = agent.ask("attach");
    assert!(answer.starts_with("Io { op: \"open\"") && denied(&answer), "{answer}");
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0);
}

/// Who may open the file is still told that it is another's, unless that is what it wants.
#[test]
fn a_ring_of_another_user_is_taken_only_on_demand() {
    if !can_become_another() {
        return;
    }
    let directory = Directory::new("users-owner");
    let path = ring_path(directory.path());
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).expect("ours");
    let ring = Ring::<Message>::builder().capacity(8).mode(0o666).create(&path).expect("a ring");
    let mut agent = nobody(&directory);
    agent.fails("attach", "Owner { expected_uid: 65534, found_uid: 0 }");
    let answer = agent.ask("attach-to 0 600");
    assert!(answer.starts_with("Mode { expected: 384, found: 438 }"), "{answer}");
    agent.does("attach-to 0 666");
    // Its name is not theirs to delete, in a directory like /tmp and /dev/shm.
    let answer = agent.ask("unlink");
    assert!(answer.starts_with("Io { op: \"unlink\"") && answer.contains("Operation not permitted"), "{answer}");
    assert!(path.exists());

    // From here on as within one user, a death included.
    let mut rx = ring.consumer().expect("free");
    agent.does("producer").begin("push-many 100");
    for number in 0..100 {
        assert_eq!(rx.pop_timeout(NEVER), Ok(message(number)));
    }
    assert_eq!(agent.answer(), "ok");
    let taken = ring.producer().map(drop).expect_err("taken").to_string();
    assert!(taken.contains(&agent.pid().to_string()), "{taken}");
    agent.kill();
    assert_eq!(rx.pop_timeout(NEVER), Err(rondel::spsc::PopTimeoutError::Dead));
    // And the other way round.
    let mut tx = ring.producer().expect("free");
    drop(rx);
    let mut agent = nobody(&directory);
    agent.does("attach-to 0 666").does("consumer");
    tx.push_timeout(message(0), NEVER).expect("room");
    // After the hundred that were there before.
    assert_eq!(agent.ask("pop"), format!("{:?}", Answer::Popped(0)));
    agent.kill();
    while tx.try_push(message(1)).is_ok() {}
    let full = tx.push_timeout(message(1), NEVER);
    assert!(matches!(full, Err(rondel::spsc::PushTimeoutError::Dead(_))), "{full:?}");
}

/// A program that gives its privileges away after it has attached keeps what it has, and may take no new roles of what it may no longer
/// open.
#[test]
fn who_gives_its_privileges_away_keeps_its_roles() {
    if !can_become_another() {
        return;
    }
    let directory = Directory::new("users-dropped");
    let path = ring_path(directory.path());
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("ours");
    let ring = Kind::Spsc.create(&path).expect("a ring");
    let mut rx = ring.consumer().expect("free");
    let mut agent = Agent::start(Kind::Spsc, directory.path());
    agent.does("attach").does("producer").does(&format!("become {NOBODY}")).pushes(1);
    assert_eq!(rx.pop(NEVER), Answer::Popped(1));
    agent.does("drop");
    assert_eq!(rx.pop(NEVER), Answer::Closed);
    let answer = agent.ask("producer");
    assert!(
        answer.starts_with("Io { op: \"reopen, to lock a role,\"") && answer.contains("PermissionDenied"),
        "{answer}"
    );
}
