//! What may be asked for, and what is said of what may not.

use super::{QUICK, alone, failure, run, stdout, two_cores, versus};
use serde_json::Value;
use std::os::unix::process::CommandExt;

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let told = failure(&run(versus(&QUICK).args(["--only", "pipe,pigeon"])));
    assert!(told.contains("pigeon"), "{told}");
    let known = "memcpy floor futex spsc mpmc bytes bytes-in-place rtrb array-queue crossbeam-channel pipe fifo unix-stream \
                 unix-datagram unix-seqpacket";
    for known in known.split_whitespace() {
        assert!(told.contains(known), "{known} is not told in {told}");
    }
    let told = failure(&run(versus(&QUICK).args(["--sizes", "64,100"])));
    assert!(told.contains("'100'") && told.contains("known are 8, 64, 256, 1024, 4096, 65536"), "{told}");
    let told = failure(&run(versus(&QUICK).args(["--wait", "park,sleep"])));
    assert!(told.contains("'sleep'") && told.contains("known are spin, yield, default, park"), "{told}");
}

#[test]
fn one_core_is_told_to_be_too_few() {
    let core = rondel_baselines::allowed_cores().expect("cores")[0];
    let on_one_core = |arguments: &[&str]| {
        let mut command = versus(&QUICK);
        let mut set = rustix::thread::CpuSet::new();
        set.set(core);
        // SAFETY: the closure makes one system call, which is all that is allowed between fork and exec.
        unsafe { command.pre_exec(move || Ok(rustix::thread::sched_setaffinity(None, &set)?)) };
        run(command.args(arguments))
    };
    let told = failure(&on_one_core(&[]));
    assert!(told.contains("two processors are needed") && told.contains(&format!("core {core}")), "{told}");
    let told = failure(&on_one_core(&["--cores", "same-l3"]));
    assert!(told.contains(&format!("no two of the cores {core} are same-l3; here are same-core")), "{told}");
    // Asked for, it is measured: what gives up its core, and nothing else.
    let _alone = alone();
    let text = stdout(&on_one_core(&["--cores", "same-core", "--only", "spsc,pipe,floor", "--sizes", "8", "--json"]));
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    assert_eq!(lines.next().expect("a line")["about"]["placement"], "same-core");
    let waits: Vec<_> = lines.map(|line| line["wait"].as_str().expect("a wait").to_owned()).collect();
    assert!(!waits.is_empty() && waits.iter().all(|wait| wait != "spin"), "{waits:?}");
}

#[test]
fn cores_that_cannot_be_are_told() {
    for (cores, why) in [("0", "two cores"), ("1,1", "must differ"), ("0,99999", "may not run on core 99999")] {
        let told = failure(&run(versus(&QUICK).args(["--cores", cores])));
        assert!(told.contains(why), "{cores}: {told}");
    }
}

#[test]
fn where_nothing_is_left_to_measure_that_is_told() {
    if !two_cores() {
        return;
    }
    let told = failure(&run(versus(&QUICK).args(["--only", "floor", "--wait", "park"])));
    assert!(told.contains("there is nothing to measure"), "{told}");
}

#[test]
fn what_is_asked_for_is_all_that_is_measured() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let text = stdout(&run(versus(&QUICK).args(["--json", "--sizes", "8,1024", "--wait", "park,default"])));
    let lines: Vec<Value> = text.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let has = |transport: &str, bytes: u64, wait: &str| {
        lines.iter().any(|l| l["transport"] == transport && l["payload_bytes"] == bytes && l["wait"] == wait)
    };
    assert!(has("spsc", 8, "default") && has("pipe", 1024, "park") && has("bytes", 1024, "default"), "{text}");
    for line in &lines {
        assert!([8, 1024].contains(&line["payload_bytes"].as_u64().expect("a size")), "{line}");
        assert!(["park", "default"].contains(&line["wait"].as_str().expect("a wait")), "{line}");
    }
}

/// Without a place for its FIFO one transport cannot be had; all others are measured all the same.
#[test]
fn a_transport_that_is_forbidden_is_a_line_and_no_failure() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let nowhere = "/nonexistent/place";
    let mut command = versus(&QUICK);
    let text = stdout(&run(command.args(["--json", "--only", "fifo,unix-stream"]).env("TMPDIR", nowhere)));
    let lines: Vec<Value> = text.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (fifo, unix): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["transport"] == "fifo");
    assert!(!fifo.is_empty() && !unix.is_empty());
    for line in fifo {
        let why = line["unavailable"].as_str().unwrap_or_else(|| panic!("{line}"));
        assert!(why.starts_with("fifo is not available here: ") && why.contains("No such file"), "{why}");
    }
    assert!(unix.iter().all(|line| line.get("unavailable").is_none()));
    let table = stdout(&run(versus(&QUICK).args(["--only", "fifo,unix-stream"]).env("TMPDIR", nowhere)));
    let why: Vec<&str> = table.lines().filter(|line| line.contains("is not available here")).collect();
    assert!(
        matches!(why[..], [line] if line.starts_with("fifo ")),
        "once, however much it kept from being measured: {table}"
    );
}
