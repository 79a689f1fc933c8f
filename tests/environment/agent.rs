//! A process that does what it is told, one word at a time: it creates or attaches, takes roles, pushes and pops, and meanwhile becomes
//! another user, is put into a sandbox, forks, or executes another program.

use std::io::BufRead;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rondel::{SegmentError, Wait};

use crate::child::{self, Running, Task, tell};
use crate::rings::{Answer, Kind, Ring, Rx, Tx};
use crate::scratch::ring_path;
use crate::{circumstances, sandbox};

/// What means "never" to one who waits. Many times what is promised, for machines under any load.
pub(crate) const NEVER: Duration = Duration::from_secs(20);

/// A running agent.
pub(crate) struct Agent(pub(crate) Running);

impl Agent {
    /// One whose ring is in the directory.
    pub(crate) fn start(kind: Kind, directory: &Path) -> Agent {
        Agent::launch(command(kind, directory))
    }

    pub(crate) fn launch(command: Command) -> Agent {
        let mut agent = Agent(child::launch(command));
        agent.0.expect("ready");
        agent
    }

    /// Tells it to do something, without waiting for the answer.
    pub(crate) fn begin(&mut self, what: &str) {
        self.0.say(what);
    }

    pub(crate) fn answer(&mut self) -> String {
        self.0.hear()
    }

    pub(crate) fn ask(&mut self, what: &str) -> String {
        self.begin(what);
        self.answer()
    }

    /// Tells it to do what has to succeed.
    #[track_caller]
    pub(crate) fn does(&mut self, what: &str) -> &mut Agent {
        let answer = self.ask(what);
        assert_eq!(answer, "ok", "{what}");
        self
    }

    #[track_caller]
    pub(crate) fn pops(&mut self, number: u64) -> &mut Agent {
        let answer = self.ask("pop");
        assert_eq!(answer, format!("Popped({number})"));
        self
    }

    #[track_caller]
    pub(crate) fn pushes(&mut self, number: u64) -> &mut Agent {
        let answer = self.ask(&format!("push {number}"));
        assert_eq!(answer, "Pushed");
        self
    }

    /// The error has to begin like this in its debugging form.
    #[track_caller]
    pub(crate) fn fails(&mut self, what: &str, error: &str) -> &mut Agent {
        let answer = self.ask(what);
        assert!(answer.starts_with(error), "{what}: {answer}, expected {error}");
        self
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        self.0.pid()
    }

    /// Kills it. It has to have been alive.
    #[track_caller]
    pub(crate) fn kill(self) {
        self.0.kill();
    }
}

/// The command that starts an agent.
pub(crate) fn command(kind: Kind, directory: &Path) -> Command {
    child::command("agent", directory, &[kind.name()])
}

/// What an agent has.
struct State {
    kind: Kind,
    path: std::path::PathBuf,
    ring: Option<Ring>,
    tx: Option<Tx>,
    rx: Option<Rx>,
}

/// The agent's side.
pub(crate) fn child(task: &Task) {
    let kind = Kind::of(task.word(0));
    let mut state = State { kind, path: ring_path(&task.path), ring: None, tx: None, rx: None };
    // What the standard library learns of the kernel at the first call of its kind, it has learnt before any sandbox.
    std::fs::metadata("/").expect("a root");
    // The default action of some signals would leave a file.
    circumstances::dump_no_core();
    tell("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("readable");
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(answer) = state.obey(&words) {
            tell(answer);
        }
    }
}

fn said<T>(result: Result<T, SegmentError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{error:?}: {error}"),
    }
}

impl State {
    /// `None` where the answer has been given already.
    fn obey(&mut self, words: &[&str]) -> Option<String> {
        let kind = self.kind;
        Some(match *words {
            ["create"] => self.keep(kind.create(&self.path)),
            ["attach"] => self.keep(kind.attach(&self.path)),
            ["create-or-attach"] => self.keep(kind.create_or_attach(&self.path)),
            ["anonymous"] => self.keep(kind.anonymous()),
            ["anonymous-with", what] => {
                let builder = rondel::spsc::Ring::<crate::scratch::Message>::builder().capacity(8);
                let (prefault, lock) = (what == "prefault", what == "lock");
                said(builder.prefault(prefault).lock_memory(lock).anonymous())
            }
            // Another user's, which grants others so much; a ring of `spsc`.
            ["attach-to", owner, mode] => {
                let mode = u32::from_str_radix(mode, 8).expect("a mode");
                let builder = rondel::spsc::Ring::<crate::scratch::Message>::builder();
                let ring = builder.owner(owner.parse().expect("a user")).mode(mode).attach(&self.path);
                self.keep(ring.map(Ring::Spsc))
            }
            // The segment that it has, by a descriptor: as if that had been handed on.
            ["from-fd"] => {
                let fd = self.ring().file().into();
                let ring = rondel::spsc::Ring::<crate::scratch::Message>::from_fd(fd);
                said(ring)
            }
            ["unlink"] => said(self.ring().unlink()),
            ["list"] => said(rondel::segment::list()),
            ["producer"] => {
                let tx = self.ring().producer();
                said(tx.map(|mut tx| {
                    tx.set_wait(Wait::Park);
                    self.tx = Some(tx);
                }))
            }
            ["consumer"] => {
                let rx = self.ring().consumer();
                said(rx.map(|mut rx| {
                    rx.set_wait(Wait::Park);
                    self.rx = Some(rx);
                }))
            }
            ["push", number] => {
                format!("{:?}", self.tx().push(number.parse().expect("a number"), NEVER))
            }
            ["pop"] => format!("{:?}", self.rx().pop(NEVER)),
            ["pop", limit] => format!("{:?}", self.rx().pop(Duration::from_millis(limit.parse().expect("a number")))),
            ["fill"] => {
                let next = self.tx().fill(0);
                next.to_string()
            }
            // A stream that makes both sides sleep now and then: the ring is smaller than the stream.
            ["push-many", count] => {
                let count: u64 = count.parse().expect("a number");
                let bad = (0..count).map(|number| self.tx().push(number, NEVER)).find(|&a| a != Answer::Pushed);
                bad.map_or("ok".to_owned(), |answer| format!("{answer:?}"))
            }
            ["pop-many", count] => {
                let count: u64 = count.parse().expect("a number");
                let mut bad = (0..count).map(|number| (number, self.rx().pop(NEVER)));
                let bad = bad.find(|&(number, answer)| answer != Answer::Popped(number));
                bad.map_or("ok".to_owned(), |(number, answer)| format!("{number}: {answer:?}"))
            }
            ["drop"] => {
                (self.tx, self.rx) = (None, None);
                "ok".to_owned()
            }
            ["drop-all"] => {
                (self.tx, self.rx, self.ring) = (None, None, None);
                "ok".to_owned()
            }
            ["refuse", call, errno] => sandbox::refuse_named(call, errno),
            _ => return circumstances::change(words),
        })
    }

    fn keep(&mut self, ring: Result<Ring, SegmentError>) -> String {
        said(ring.map(|ring| self.ring = Some(ring)))
    }

    fn ring(&self) -> &Ring {
        self.ring.as_ref().expect("a ring, first")
    }

    fn tx(&mut self) -> &mut Tx {
        self.tx.as_mut().expect("a producer, first")
    }

    fn rx(&mut self) -> &mut Rx {
        self.rx.as_mut().expect("a consumer, first")
    }
}
