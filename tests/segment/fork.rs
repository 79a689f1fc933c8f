//! Roles and processes that fork, stop and are killed.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rondel::spsc::Ring;

use crate::child::{Running, command, tell, wait_for_parent};
use crate::common::{Directory, builder, wait_until};

/// Whether the role of producer can be taken; it is given back at once.
fn is_free(path: &Path) -> bool {
    Ring::<u64>::attach(path).expect("the ring").producer().is_ok()
}

/// A grandchild, killed at the end.
struct Orphan(libc::pid_t);

impl Orphan {
    fn lives(&self) -> bool {
        // SAFETY: signal 0 asks only.
        unsafe { libc::kill(self.0, 0) == 0 }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: a process that our child has told us to have started, and that ends only by this
        // signal.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// In a forked child of a program that may have threads: sleeps until it is killed.
fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

#[test]
fn a_role_falls_with_its_holder_and_not_when_it_is_stopped() {
    let directory = Directory::new("role");
    let path = directory.file("ring");
    let _ring = builder().create(&path).expect("a ring");
    let mut holder = Running::start(command("hold-role", &path));
    assert_eq!(holder.hear(), "holding");
    let error = Ring::<u64>::attach(&path).expect("the ring").producer().map(drop).expect_err("taken");
    assert_eq!(error.to_string(), format!("the role of producer is taken by process {}", holder.pid()));

    holder.signal(libc::SIGSTOP);
    wait_until("the holder to stop", || state_of(holder.pid()) == 'T');
    thread::sleep(Duration::from_millis(20));
    assert!(!is_free(&path), "a stopped process is not a dead one");
    holder.signal(libc::SIGCONT);
    holder.kill();
    assert!(is_free(&path), "reaped, and still holding a role");
}

/// The state of a process: the letter after its name.
fn state_of(pid: libc::pid_t) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it exists");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    rest.trim_start().chars().next().expect("a letter")
}

pub(crate) fn child_hold_role(path: &Path) {
    let _producer = Ring::<u64>::attach(path).expect("the ring").producer().expect("free");
    tell("holding");
    wait_for_parent();
}

/// The trap: without the handler the forked child would keep its dead parent's role.
#[test]
fn a_forked_child_does_not_keep_its_parents_role() {
    let directory = Directory::new("fork");
    let path = directory.file("ring");
    let _ring = builder().create(&path).expect("a ring");
    let mut holder = Running::start(command("hold-role-and-fork", &path));
    let orphan = Orphan(holder.hear().parse().expect("a pid"));
    assert!(!is_free(&path), "the fork has cost the parent its role");
    holder.kill();
    assert!(orphan.lives(), "the test means nothing");
    // A child that has not run yet since it was forked has not closed its copy yet.
    wait_until("the forked child to let go of the role", || is_free(&path));
}

pub(crate) fn child_hold_role_and_fork(path: &Path) {
    let producer = Ring::<u64>::attach(path).expect("the ring").producer().expect("free");
    // SAFETY: the child calls nothing but `pause`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        sleep_for_ever();
    }
    tell(child);
    wait_for_parent();
    drop(producer);
}

/// Forks of one thread fall into every step of another thread's taking of a role.
#[test]
fn no_fork_falls_into_the_gap_of_an_acquisition() {
    let directory = Directory::new("fork-gap");
    let path = directory.file("ring");
    let _ring = builder().create(&path).expect("a ring");
    for round in 0..5 {
        let mut holder = Running::start(command("fork-while-acquiring", &path));
        let mut orphans = Vec::new();
        loop {
            let told = holder.hear();
            if told == "holding" {
                break;
            }
            orphans.push(Orphan(told.parse().expect("a pid")));
        }
        assert!(!is_free(&path));
        holder.kill();
        assert!(orphans.iter().all(Orphan::lives), "the test means nothing");
        wait_until(&format!("round {round}: the forked children to let go"), || is_free(&path));
    }
}

pub(crate) fn child_fork_while_acquiring(path: &Path) {
    const CHILDREN: usize = 40;
    let (done, children) = (std::sync::atomic::AtomicBool::new(false), std::sync::Mutex::new(Vec::new()));
    let producer = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..CHILDREN {
                // SAFETY: the child calls nothing but `pause`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    sleep_for_ever();
                }
                children.lock().expect("no panic").push(child);
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let take = || Ring::<u64>::attach(path).expect("the ring").producer().expect("free");
        let mut producer = take();
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            drop(producer);
            producer = take();
        }
        producer
    });
    for child in children.lock().expect("no panic").iter() {
        tell(child);
    }
    tell("holding");
    wait_for_parent();
    drop(producer);
}

/// The copy of a handle that fork makes is dead, and its drop must hit nothing: neither its
/// parent's role nor a descriptor of the child's that has come into its place.
#[test]
fn the_forked_copy_of_a_handle_harms_nobody() {
    let directory = Directory::new("fork-copy");
    let path = directory.file("ring");
    let _ring = builder().create(&path).expect("a ring");
    Running::start(command("drop-forked-copy", &path)).succeed();
}

/// Forks and goes on in the child, so it needs a process without other threads that would be
/// missing there.
pub(crate) fn child_drop_forked_copy(path: &Path) {
    let attach = || Ring::<u64>::attach(path).expect("the ring");
    let producer = attach().producer().expect("free");
    // SAFETY: the harness's own thread only waits for this one.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let consumer = attach().consumer().expect("free");
        drop(producer);
        let keeps_its_own = attach().consumer().is_err();
        let spares_its_parents = attach().producer().is_err();
        drop(consumer);
        let gives_back = attach().consumer().is_ok();
        let code = i32::from(!keeps_its_own) | i32::from(!spares_its_parents) << 1 | i32::from(!gives_back) << 2;
        // SAFETY: ends the child without the harness's exit handlers.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` is alive and writable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child's account, as bits from 8 on: own role lost, parent's role lost, own role kept");
    assert!(attach().producer().is_err(), "the parent has lost its role");
    drop(producer);
    assert!(attach().producer().is_ok());
}
