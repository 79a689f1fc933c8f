//! A run that is clean, and its account.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::place::Temporary;
use super::{account, run, text, torture};

fn number(account: &Value, name: &str) -> u64 {
    account[name].as_u64().unwrap_or_else(|| panic!("no {name} in {account}"))
}

#[track_caller]
fn is_clean(account: &Value) {
    assert_eq!(account["clean"], true, "{account:#}");
    assert_eq!(account["faults"].as_array().map(Vec::len), Some(0), "{account:#}");
    assert_eq!(number(account, "leaks"), 0);
}

#[test]
fn three_seconds_of_all_rings_are_clean_and_the_account_adds_up() {
    let place = Temporary::new("clean");
    // A stall is the machine's as long as other tests run: only what never ends is one here.
    let mut command = torture(&["--for", "3s", "--jobs", "3", "--stall", "5s", "--json"]);
    let child = place.mark(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the tool starts");
    let pid = child.id();
    let output = child.wait_with_output().expect("it ends");
    let account = account(&output);
    is_clean(&account);
    assert!(output.status.success() && output.stderr.is_empty(), "quiet where nobody looks: {}", text(&output.stderr));
    for name in ["messages", "bytes", "kills", "stops", "successions", "episodes"] {
        assert!(number(&account, name) > 0, "{name}: {account:#}");
    }
    assert!(number(&account, "bytes") >= 8 * number(&account, "messages"));
    let sum = |name: &str| account[name].as_object().expect("by name").values().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(sum("kills_while"), number(&account, "kills"));
    assert_eq!(sum("rings"), number(&account, "episodes"));
    // Each of those that were killed or left had come, and nobody else had.
    assert!(number(&account, "successions") <= number(&account, "kills") + number(&account, "closed"));
    assert!(number(&account, "first_seed") <= number(&account, "last_seed"));
    place.assert_nothing_left(pid);
}

#[test]
fn only_the_rings_that_were_asked_for() {
    let account =
        account(&run(&mut torture(&["--for", "1s", "--jobs", "1", "--stall", "5s", "--rings", "bytes", "--json"])));
    is_clean(&account);
    let rings: Vec<&String> = account["rings"].as_object().expect("by name").keys().collect();
    assert_eq!(rings, ["bytes"]);
}

#[test]
fn a_seed_is_one_episode_over_and_over_and_people_are_told_in_words() {
    let output = run(&mut torture(&["--for", "1s", "--jobs", "1", "--stall", "5s", "--seed", "7"]));
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for part in ["clean: ", "seeds                 7 to 7", "kills", "longest stall", "leaks                 0"] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
}

/// A participant that ends as none should is a fault like any other, and one that a test can make: it is told with all that is needed to see
/// it again.
#[test]
fn a_fault_is_told_with_its_seed_and_the_bytes_of_the_segment() {
    let place = Temporary::new("fault");
    let mut command = torture(&["--for", "1h", "--jobs", "1", "--stall", "5s", "--json"]);
    let command = place.mark(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = command.spawn().expect("the tool starts");
    // Once as a rule; those of a second round may be the sleepers that an episode has at its end.
    for round in 0.. {
        if tool.try_wait().expect("ours").is_some() {
            break;
        }
        if round % 200 == 0 {
            for participant in place.participants(tool.id()) {
                // It may have been killed, and replaced, meanwhile.
                let _ = kill_process(participant, Signal::TERM);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = tool.id();
    let output = tool.wait_with_output().expect("it has ended");
    let account = account(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(account["clean"], false, "{account:#}");
    let fault = &account["faults"][0];
    let seed = number(fault, "seed");
    assert!(fault["faults"][0].as_str().is_some_and(|fault| fault.contains("ended by signal 15")), "{fault:#}");
    assert!(fault["setup"].as_str().is_some_and(|setup| setup.starts_with(&format!("seed {seed}: "))), "{fault:#}");
    assert_eq!(fault["replay"], format!("rondel torture --seed {seed}"));
    let kept = fault["segment"].as_str().expect("a path");
    assert_eq!(&std::fs::read(kept).expect("a file")[..6], b"RONDEL", "a segment begins so");
    // An episode that was begun before the tool knew may have met the same fate.
    for fault in account["faults"].as_array().expect("a list") {
        std::fs::remove_file(fault["segment"].as_str().expect("a path")).expect("ours");
    }
    assert!(text(&output.stderr).contains("not clean"), "{}", text(&output.stderr));
    place.assert_nothing_left(pid);
}
