//! Peers that do nothing: they hold a role, and are killed or stopped. For rings between two, whatever they carry.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{Running, Task, start, tell, wait_for_parent};
use crate::scratch::{Directory, attach, wait_until, within};

/// How long the peer lives: past a slice of sleep, so that the sleeper has asked after it once in vain.
const LIFE: Duration = Duration::from_millis(120);
/// What means "never": a hundred times what is promised, for machines under any load.
const NEVER: Duration = Duration::from_secs(10);

pub(crate) fn child_hold_role(task: &Task) {
    let ring = attach(&task.path);
    match task.word(0) {
        "producer" => {
            let _tx = ring.producer().expect("free");
            tell("holding");
            wait_for_parent();
        }
        _ => {
            let _rx = ring.consumer().expect("free");
            tell("holding");
            wait_for_parent();
        }
    }
}

/// A child that holds a role and does nothing.
pub(crate) fn holder(directory: &Directory, role: &str) -> Running {
    let mut holder = start("hold-role", directory.path(), &[role]);
    holder.expect("holding");
    holder
}

/// Kills `victim` while `blocked` is in its call; says how long the call went on.
pub(crate) fn killed_during(what: &str, victim: Running, blocked: impl FnOnce()) {
    let (sender, receiver) = mpsc::channel();
    let killer = thread::spawn(move || {
        thread::sleep(LIFE);
        victim.signal(libc::SIGKILL);
        sender.send(Instant::now()).expect("somebody listens");
        victim.kill();
    });
    within(NEVER, what, blocked);
    let end = Instant::now();
    let killed = receiver.recv().expect("the killer's time");
    // Reported and not asserted: 100 ms are promised, to a machine that is not overloaded.
    println!("{what}: noticed after {} ms", end.saturating_duration_since(killed).as_millis());
    killer.join().expect("killed");
}

pub(crate) fn stop(child: &Running) {
    child.signal(libc::SIGSTOP);
    wait_until("the child to stop", || state_of(child.pid()) == 'T');
}

/// The state of a process: the letter after its name.
fn state_of(pid: libc::pid_t) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it exists");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    rest.trim_start().chars().next().expect("a letter")
}
