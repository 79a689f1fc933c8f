//! Sandboxes that refuse the system calls that rondel makes, one by one: it goes on by another way, or says which call was refused.
//! `docs/environment.md` has the list; it is the one below.

use std::fs;

use crate::agent::Agent;
use crate::rings::{KINDS, Kind};
use crate::scratch::{Directory, ring_path};

/// What fails where a call is refused: what was tried, by the words of the error. `None`: it succeeds.
#[derive(Clone, Copy, Default)]
struct Refusal {
    call: &'static str,
    create: Option<&'static str>,
    anonymous: Option<&'static str>,
    from_fd: Option<&'static str>,
    attach: Option<&'static str>,
    role: Option<&'static str>,
    unlink: Option<&'static str>,
}

const fn harmless(call: &'static str) -> Refusal {
    Refusal { call, create: None, anonymous: None, from_fd: None, attach: None, role: None, unlink: None }
}

const OPEN: Option<&str> = Some("tell apart from forked ones the process that opens");

/// What can be refused with whatever error.
const ALWAYS: [Refusal; 19] = [
    harmless("futex"),
    harmless("futex+sleeps"),
    harmless("membarrier-register"),
    harmless("membarrier-heavy"),
    harmless("membarrier"),
    Refusal { role: Some("lock a role of"), ..harmless("F_OFD_SETLK") },
    Refusal { role: Some("ask who holds a role of"), ..harmless("F_OFD_GETLK") },
    Refusal { anonymous: Some(SEAL), ..harmless("F_ADD_SEALS") },
    Refusal { from_fd: Some("read the seals of"), ..harmless("F_GET_SEALS") },
    Refusal { anonymous: Some("create"), ..harmless("memfd_create") },
    Refusal { create: Some("set the length of"), anonymous: Some("set the length of"), ..harmless("ftruncate") },
    harmless("fallocate"),
    Refusal { create: Some("set the mode of"), anonymous: Some("set the mode of"), ..harmless("fchmod") },
    Refusal { create: Some("give its name to"), ..harmless("linkat") },
    Refusal { create: Some("create a file for"), ..harmless("O_TMPFILE") },
    harmless("fstatfs"),
    harmless("prlimit64"),
    harmless("getrandom"),
    Refusal { create: OPEN, anonymous: OPEN, from_fd: OPEN, attach: OPEN, ..harmless("MADV_WIPEONFORK") },
];

/// For this there is an error of its own.
const SEAL: &str = "seal";

#[test]
fn calls_that_a_sandbox_does_not_know() {
    refuse_each("ENOSYS", &ALWAYS);
    // There is another way to do without.
    refuse_each("ENOSYS", &[harmless("renameat2"), harmless("statx")]);
}

#[test]
fn calls_that_a_sandbox_forbids() {
    refuse_each("EPERM", &ALWAYS);
    // Which is what a directory may say as well that is not to be changed.
    refuse_each("EPERM", &[Refusal { unlink: Some("unlink"), ..harmless("renameat2") }]);
    // The standard library goes on by `fstat` only where `statx` has been refused from the first time on.
    let (from_fd, attach) = (Some("inspect"), Some("inspect"));
    refuse_each("EPERM", &[Refusal { from_fd, attach, ..harmless("statx") }]);
}

/// What older kernels say of flags that they do not know.
#[test]
fn flags_that_a_kernel_does_not_know() {
    refuse_each("EINVAL", &[harmless("MFD_NOEXEC_SEAL"), harmless("O_TMPFILE"), harmless("renameat2")]);
}

/// So many cases are gone through at once: they mostly wait.
const AT_ONCE: usize = 4;

fn refuse_each(errno: &str, refusals: &[Refusal]) {
    let cases = refusals.iter().enumerate().flat_map(|(index, refusal)| {
        // Each call with one of the rings, by turns; those that waits and roles make, which differ, with all.
        let differ = index < 7;
        let kinds = KINDS.into_iter().enumerate().filter(move |&(at, _)| differ || at == index % KINDS.len());
        kinds.map(move |(_, kind)| (refusal, kind))
    });
    let cases: Vec<_> = cases.collect();
    for some in cases.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            for &(refusal, kind) in some {
                scope.spawn(move || refuse(errno, refusal, kind));
            }
        });
    }
}

#[track_caller]
fn meets(agent: &mut Agent, what: &str, refused: Option<&str>, case: &str) {
    let answer = agent.ask(what);
    match refused {
        None => assert_eq!(answer, "ok", "{case}: {what}"),
        Some(SEAL) => assert!(answer.starts_with("SealRefused {"), "{case}: {what}: {answer}"),
        Some(op) => assert!(answer.starts_with(&format!("Io {{ op: {op:?}")), "{case}: {what}: {answer}"),
    }
}

/// Two processes in such a sandbox go through everything that a ring does, as far as it is to be had.
fn refuse(errno: &str, refusal: &Refusal, kind: Kind) {
    let call = refusal.call;
    let case = format!("{call}, {errno}, {kind:?}");
    let directory = Directory::new(&format!("refused-{errno}-{}-{}", call.to_lowercase(), kind.name()));
    let path = ring_path(directory.path());
    let [mut a, mut b] = [(); 2].map(|()| Agent::start(kind, directory.path()));
    for agent in [&mut a, &mut b] {
        agent.does(&format!("refuse {call} {errno}"));
    }

    let without = Agent::start(Kind::Spsc, directory.path());
    let mut other = without;
    other.does(&format!("refuse {call} {errno}"));
    meets(&mut other, "anonymous", refusal.anonymous, &case);
    if refusal.anonymous.is_none() {
        meets(&mut other, "from-fd", refusal.from_fd, &case);
        meets(&mut other, "producer", refusal.role, &case);
    }

    meets(&mut a, "create", refusal.create, &case);
    let names = |what: &str| {
        let entries = fs::read_dir(directory.path()).expect("the directory");
        let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        let expected = if path.exists() { vec!["ring"] } else { vec![] };
        assert_eq!(names, expected, "{case}: {what} has left something behind");
    };
    names("create");
    assert_eq!(path.exists(), refusal.create.is_none(), "{case}");
    // One who is not refused it does what cannot be done in there.
    let mut outside = None;
    if refusal.create.is_some() {
        outside = Some(kind.create(&path).expect("a ring"));
    }
    if refusal.create.is_some() || refusal.attach.is_some() {
        meets(&mut a, "attach", refusal.attach, &case);
    }
    meets(&mut b, "attach", refusal.attach, &case);
    if refusal.attach.is_some() {
        return;
    }
    meets(&mut a, "consumer", refusal.role, &case);
    meets(&mut b, "producer", refusal.role, &case);
    if refusal.role.is_none() {
        // A whole exchange, through a ring that is much smaller, so that either side has to wait, and sleeps.
        a.begin("pop-many 200");
        assert_eq!(b.ask("push-many 200"), "ok", "{case}");
        assert_eq!(a.answer(), "ok", "{case}");
        a.begin("pop");
        b.kill();
        assert_eq!(a.answer(), "Dead", "{case}: a death");
        a.does("producer").pushes(3).pops(3).does("drop");
    }
    meets(&mut a, "unlink", refusal.unlink, &case);
    assert_eq!(path.exists(), refusal.unlink.is_some(), "{case}");
    names("unlink");
    meets(&mut a, "list", None, &case);
    drop(outside);
}

/// What is made only where it was asked for.
#[test]
fn what_was_asked_for_and_is_refused_is_an_error() {
    let directory = Directory::new("refused-options");
    for errno in ["ENOSYS", "EPERM"] {
        let mut agent = Agent::start(Kind::Spsc, directory.path());
        agent.does("anonymous-with prefault").does("anonymous-with lock");
        agent.does(&format!("refuse MADV_POPULATE_WRITE {errno}")).does(&format!("refuse mlock {errno}"));
        meets(&mut agent, "anonymous-with prefault", Some("prefault"), errno);
        agent.fails("anonymous-with lock", "MemoryLock { bytes: ").does("anonymous");
    }
    // A kernel that does not know the advice: the pages are touched instead.
    let mut agent = Agent::start(Kind::Spsc, directory.path());
    agent.does("refuse MADV_POPULATE_WRITE EINVAL").does("anonymous-with prefault");
}

/// A sandbox that is entered after attaching, and lets nobody ask who holds a lock: nobody is declared dead then, and a limit of time is a
/// limit all the same. Who closes is still heard.
#[test]
fn nobody_is_dead_where_nobody_may_be_asked() {
    for kind in KINDS {
        let directory = Directory::new(&format!("refused-later-{}", kind.name()));
        let mut consumer = Agent::start(kind, directory.path());
        consumer.does("create").does("consumer");
        let mut producer = Agent::start(kind, directory.path());
        producer.does("attach").does("producer").pushes(1);
        consumer.does("refuse F_OFD_GETLK EPERM").pops(1);
        producer.kill();
        assert_eq!(consumer.ask("pop 200"), "Timeout", "{kind:?}");
        if kind != Kind::Mpmc {
            let mut producer = Agent::start(kind, directory.path());
            producer.does("attach").does("producer").pushes(2);
            consumer.pops(2).begin("pop");
            producer.does("drop");
            assert_eq!(consumer.answer(), "Closed", "{kind:?}");
        }
    }
}
