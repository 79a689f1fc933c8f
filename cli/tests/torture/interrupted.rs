//! However it ends, nothing is left: no process, no name, no file.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::place::Temporary;
use super::{account, heed_signals, text, torture};

/// A run without end, which has participants.
fn start(place: &Temporary) -> Child {
    let mut command = torture(&["--for", "1h", "--jobs", "2", "--stall", "5s", "--json"]);
    let command = place.mark(heed_signals(&mut command)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let tool = command.spawn().expect("the tool starts");
    place.wait_for_participants();
    tool
}

fn signal(tool: &Child, signal: Signal) {
    kill_process(Pid::from_child(tool), signal).expect("the tool still runs");
}

#[test]
fn an_interrupted_run_gives_the_account_so_far() {
    let place = Temporary::new("interrupted");
    let tool = start(&place);
    let pid = tool.id();
    std::thread::sleep(Duration::from_millis(300));
    signal(&tool, Signal::INT);
    let output = tool.wait_with_output().expect("it ends");
    // As a shell has it: 130.
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()), "{}", text(&output.stderr));
    let account = account(&output);
    assert_eq!((&account["interrupted"], &account["clean"]), (&true.into(), &true.into()), "{account:#}");
    assert!(
        account["episodes"].as_u64().is_some_and(|episodes| episodes > 0),
        "those that were under way too: {account:#}"
    );
    place.assert_nothing_left(pid);
}

#[test]
fn whoever_is_in_a_hurry_leaves_nothing_either() {
    for moment in 0..3 {
        let place = Temporary::new(&format!("hurry-{moment}"));
        let mut tool = start(&place);
        let pid = tool.id();
        std::thread::sleep(Duration::from_millis(70 * moment));
        signal(&tool, Signal::INT);
        let begin = Instant::now();
        // The tool may be through with it before it hears of the second one.
        while tool.try_wait().expect("ours").is_none() && begin.elapsed() < Duration::from_secs(30) {
            signal(&tool, Signal::INT);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(tool.wait().expect("it ends").signal(), Some(Signal::INT.as_raw()));
        place.assert_nothing_left(pid);
    }
}

#[test]
fn a_tool_that_is_killed_leaves_nothing_either() {
    for moment in 0..3 {
        let place = Temporary::new(&format!("killed-{moment}"));
        let mut tool = start(&place);
        let pid = tool.id();
        std::thread::sleep(Duration::from_millis(70 * moment));
        signal(&tool, Signal::KILL);
        tool.wait().expect("it ends");
        place.assert_nothing_left(pid);
    }
}
